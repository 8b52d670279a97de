//! Values that are larger than a journal is for.

use std::time::Duration;

use distributed_task::{OutcomeError, SagaOutcome, builder::Distributed, prelude::*};

use crate::shop::server;

/// Repeats a word so often.
#[distributed_task(request = usize, response = usize, durability = "process")]
struct Echo;

#[steps]
impl Echo {
    #[step(read_only)]
    async fn say(&self, request: &usize) -> String {
        "tea ".repeat(*request)
    }

    #[step(read_only)]
    async fn count(&self, say: &str) -> usize {
        say.len()
    }
}

async fn host(shared: &Distributed) -> Task<Echo> {
    let shared = shared.clone();
    Echo::builder().use_distributed_mode(|_| shared).build().await.expect("it is built")
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b18_large_values_and_small_ones_go_beside_each_other() {
    let (_server, shared) = server();
    let host = host(&shared).await;
    let mut sagas = Vec::new();
    for words in (0..40).map(|n| if n % 10 == 0 { 1 << 20 } else { n }) {
        sagas.push((words, host.submit(words).await.expect("it is accepted")));
    }
    for (words, saga) in sagas {
        let outcome = saga.outcome().await.expect("it ends");
        assert!(matches!(outcome, SagaOutcome::Completed(bytes) if bytes == 4 * words));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b18_what_is_too_large_parks_its_saga_and_says_where_it_belongs() {
    let (_server, shared) = server();
    let host = host(&shared).await;
    let saga = host.submit(5 << 20).await.expect("it is accepted");
    let parked = tokio::time::timeout(Duration::from_secs(60), saga.outcome()).await;
    let error = parked.expect("in time").expect_err("it is parked");
    let OutcomeError::Parked { reason, .. } = error else { panic!("{error}") };
    let reason = reason.to_string();
    assert!(reason.contains("20971522 bytes"), "{reason}");
    assert!(reason.contains("values of up to 16777216: keep it in a file"), "{reason}");
}
