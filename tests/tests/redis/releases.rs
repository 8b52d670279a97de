//! Two releases of a task side by side over one Redis, and two codecs.

use std::time::Duration;

use distributed_task::{OutcomeError, SagaOutcome, codec::MessagePack};

use crate::shop::{server, shared};

/// Yesterday's release.
mod old {
    use distributed_task::prelude::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            request * 2
        }

        #[step(read_only)]
        async fn wrap(&self) {}

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("old {price}")
        }
    }
}

/// Today's: `tax` is new.
mod new {
    use distributed_task::prelude::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn tax(&self) -> u32 {
            19
        }

        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            request * 3
        }

        #[step(read_only)]
        async fn wrap(&self) {}

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("new {price}")
        }
    }
}

/// Tomorrow's: `wrap` is gone, which an open saga may still need.
mod without {
    use distributed_task::prelude::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            request * 5
        }

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("tomorrow {price}")
        }
    }
}

/// A host of a release, before it is built.
macro_rules! host {
    ($release:ident, $shared:expr) => {
        $release::Order::builder().use_distributed_mode(|_| $shared.clone())
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_the_new_release_finishes_what_the_old_one_starts_and_not_the_reverse() {
    let (server, here) = server();
    let there = shared(&server);
    let old_api = host!(old, here).build_api().await.expect("it is built");
    let new_api = host!(new, here).build_api().await.expect("it is built");
    let old_worker = host!(old, there).build_worker().await.expect("it is built");

    let (first, second) = (old_api.submit(7).await, new_api.submit(7).await);
    let (first, second) = (first.expect("accepted"), second.expect("accepted"));
    let outcome = first.outcome().await.expect("it ends");
    assert!(matches!(&outcome, SagaOutcome::Completed(label) if label == "old 14"), "{outcome:?}");
    // The old worker has no code for `tax`, and leaves it where it is.
    let waits = tokio::time::timeout(Duration::from_secs(2), second.outcome()).await;
    assert!(waits.is_err(), "{waits:?}");

    let new_worker = host!(new, there).build_worker().await.expect("it is built");
    let outcome = second.outcome().await.expect("it ends");
    assert!(matches!(&outcome, SagaOutcome::Completed(label) if label == "new 21"), "{outcome:?}");
    // Now the old worker goes, and what yesterday's API host still starts goes on.
    old_worker.shutdown(Duration::from_secs(5)).await;
    let third = old_api.submit(8).await.expect("accepted").outcome().await.expect("it ends");
    assert!(matches!(&third, SagaOutcome::Completed(label) if label == "new 24"), "{third:?}");
    drop(new_worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_worker_has_code_for_is_seen_and_waits() {
    let (server, here) = server();
    let (there, elsewhere) = (shared(&server), shared(&server));
    let api = host!(old, here).build_api().await.expect("it is built");
    let worker = host!(without, there).build_worker().await.expect("it is built");
    let saga = api.submit(7).await.expect("accepted");
    let waits = tokio::time::timeout(Duration::from_secs(2), saga.outcome()).await;
    assert!(waits.is_err(), "{waits:?}");
    let unclaimable = worker.operator("alice").unclaimable().await.expect("it answers");
    assert_eq!(unclaimable.len(), 1, "{unclaimable:?}");
    let _old = host!(old, elsewhere).build_worker().await.expect("it is built");
    let outcome = saga.outcome().await.expect("it ends");
    assert!(matches!(&outcome, SagaOutcome::Completed(label) if label == "old 14"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_codec_rolls() {
    let (server, here) = server();
    let there = shared(&server);
    let json = host!(old, here).build_api().await.expect("it is built");
    let packed = host!(old, here).override_codec(MessagePack);
    let packed = packed.build_api().await.expect("it is built");
    let worker = host!(old, there).override_codec(MessagePack);
    let _worker = worker.build_worker().await.expect("it is built");
    for api in [&json, &packed] {
        let outcome: Result<_, OutcomeError> =
            api.submit(7).await.expect("accepted").outcome().await;
        let outcome = outcome.expect("it ends");
        assert!(matches!(&outcome, SagaOutcome::Completed(is) if is == "old 14"), "{outcome:?}");
    }
}
