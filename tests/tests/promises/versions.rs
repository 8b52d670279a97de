//! Two versions of a task on one journal: a saga follows the graph that it began with (V1), on any
//! host that has code for it (V2, V3).

use std::{sync::Arc, time::Duration};

use distributed_task::{
    OperatorAnswer, OutcomeError,
    backend::memory::MemoryJournal,
    journal::Journal,
    kernel::{Place, SagaId, SagaStatus},
    prelude::*,
};
use tokio::time::{sleep, timeout};

use crate::recorder::Recorder;

/// Yesterday's release.
mod old {
    use super::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            request * 2
        }

        #[step(read_only, retry(max = 9, delay = "1h", max_delay = "1h", jitter = "none"))]
        async fn wait(&self) -> StepResult<()> {
            Err("not in this release")?
        }

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("old {price}")
        }
    }
}

/// Today's: `tax` is new, and in the middle; the others stand elsewhere than they did.
mod new {
    use super::*;

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
        async fn wait(&self) {}

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("new {price}")
        }
    }
}

/// Tomorrow's: `wait` is gone, which an open saga still needs.
mod without {
    use super::*;

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

/// `label` needs what the older graph does not give it.
mod greedy {
    use super::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            request * 7
        }

        #[step(read_only)]
        async fn wait(&self) {}

        #[step(read_only)]
        async fn label(&self, price: &u32, wait: &()) -> String {
            format!("greedy {price} {wait:?}")
        }
    }
}

/// `price` is called `cost` now.
mod renamed {
    use super::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only, was = "price")]
        async fn cost(&self, request: &u32) -> u32 {
            request * 11
        }

        #[step(read_only)]
        async fn wait(&self) {}

        #[step(read_only)]
        async fn label(&self, cost: &u32) -> String {
            format!("renamed {cost}")
        }
    }
}

/// Yesterday's on a slow day: `price` takes its time.
mod slow {
    use super::*;

    #[distributed_task(name = "order", request = u32, response = String)]
    pub struct Order;

    #[steps]
    impl Order {
        #[step(read_only)]
        async fn price(&self, request: &u32) -> u32 {
            sleep(Duration::from_secs(5)).await;
            request * 2
        }

        #[step(read_only)]
        async fn wait(&self) {}

        #[step(read_only)]
        async fn label(&self, price: &u32) -> String {
            format!("slow {price}")
        }
    }
}

macro_rules! build {
    ($version:ident, $journal:expr) => {
        $version::Order::builder()
            .use_in_process_mode()
            .override_journal(Arc::clone(&$journal))
            .build()
            .await
            .expect("it builds")
    };
}

/// A saga of yesterday that waits, after its first step, and whose host has left.
async fn waiting(journal: &Arc<MemoryJournal>) -> SagaId {
    let old = build!(old, *journal);
    let saga = old.submit(21).await.expect("submitted");
    sleep(Duration::from_secs(60)).await;
    assert!(old.shutdown(Duration::from_secs(1)).await.in_time);
    saga.id()
}

#[tokio::test(start_paused = true)]
async fn v1_v2_v3_o3_a_new_release_finishes_what_an_old_one_began_along_the_old_graph() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let new = build!(new, journal);
    let saga = new.handle(id).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(7200), saga.outcome()).await.expect("it is claimed");
    // `price` was journaled by the old release, and is not run again (O3); `tax` is not in the graph; the code is new.
    let SagaOutcome::Completed(label) = outcome.expect("an outcome") else { panic!("completed") };
    assert_eq!(label, "new 42");
}

#[tokio::test(start_paused = true)]
async fn v2_a_step_that_says_what_it_was_called_does_the_work_of_that_one() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let renamed = build!(renamed, journal);
    let saga = renamed.handle(id).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(7200), saga.outcome()).await.expect("it is claimed");
    let SagaOutcome::Completed(label) = outcome.expect("an outcome") else { panic!("completed") };
    assert_eq!(label, "renamed 42");
}

/// Asks a release for the outcome of a saga of yesterday, in the hours after it is due.
macro_rules! outcome_in {
    ($release:expr, $id:expr) => {{
        let saga = $release.handle($id).await.expect("the journal has it");
        // Until the wait of the old release is over, there is nothing to claim.
        sleep(Duration::from_secs(3600)).await;
        timeout(Duration::from_secs(120), saga.outcome()).await.expect("it does not wait for ever")
    }};
}

#[tokio::test(start_paused = true)]
async fn v3_who_waits_for_a_saga_whose_code_is_nowhere_is_told_after_a_minute() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let (recorder, guard) = Recorder::start();
    let incapable = build!(without, journal);
    drop(guard);
    let said = recorder.with(|all| {
        let messages = all.events.iter().map(|event| event.fields.get("message").to_owned());
        messages.filter(|message| message.starts_with("this host has no code")).count()
    });
    assert_eq!(said, 1, "the host itself says so");
    let error = outcome_in!(incapable, id).expect_err("nobody claims it");
    let OutcomeError::Unclaimable { saga, definition } = error else { panic!("{error}") };
    let lying = incapable.operator("alice").unclaimable().await.expect("answered");
    assert_eq!((saga, definition), (id, lying[0].definition));

    // Code has come: asking again waits again.
    let _capable = build!(new, journal);
    let outcome = outcome_in!(incapable, id);
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn v3_a_saga_that_another_host_claims_meanwhile_is_waited_for() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let incapable = build!(without, journal);
    let later = tokio::spawn({
        let journal = Arc::clone(&journal);
        async move {
            sleep(Duration::from_secs(3600 + 50)).await;
            build!(new, journal)
        }
    });
    let outcome = outcome_in!(incapable, id);
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(_))), "{outcome:?}");
    later.await.expect("no panic");
}

/// For a day nobody touches it; then a capable worker comes, and it goes on at once.
async fn waits_for_its_code(journal: &Arc<MemoryJournal>, id: SagaId) {
    let records = journal.read(id, 0).await.expect("memory").expect("it is there").records.len();
    sleep(Duration::from_secs(24 * 3600)).await;
    let history = journal.read(id, 0).await.expect("memory").expect("it is there");
    assert_eq!((history.records.len(), history.place), (records, Place::Ready), "untouched");

    let capable = build!(new, *journal);
    let saga = capable.handle(id).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(60), saga.outcome()).await.expect("it is claimed");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(_))), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn v3_a_release_that_has_no_code_for_a_step_leaves_the_saga_alone() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let _incapable = build!(without, journal);
    waits_for_its_code(&journal, id).await;
}

#[tokio::test(start_paused = true)]
async fn v3_a_release_whose_code_reads_what_the_graph_does_not_give_leaves_the_saga_alone() {
    let journal = Arc::new(MemoryJournal::new());
    let id = waiting(&journal).await;
    let _incapable = build!(greedy, journal);
    waits_for_its_code(&journal, id).await;
}

#[tokio::test(start_paused = true)]
async fn schedule_b10_a_host_without_the_code_does_what_needs_none() {
    for kill in [true, false] {
        let journal = Arc::new(MemoryJournal::new());
        let id = waiting(&journal).await;
        let incapable = build!(without, journal);
        let operator = incapable.operator("alice");
        let (told, ended) = match kill {
            true => (operator.kill(id, "not wanted any more").await, SagaStatus::Killed),
            // Nothing is to be undone: its steps change nothing.
            false => (operator.cancel(id, "not wanted any more").await, SagaStatus::Cancelled),
        };
        assert_eq!(told.expect("told"), OperatorAnswer::Recorded);
        let saga = incapable.handle(id).await.expect("the journal has it");
        assert_eq!(saga.status().await.expect("known"), ended);
    }
}

#[tokio::test(start_paused = true)]
async fn v3_a_host_that_was_there_first_hears_of_a_definition_that_it_covers() {
    let journal = Arc::new(MemoryJournal::new());
    // It has no lease and no timers: nothing else would wake it.
    let new = build!(new, journal);
    sleep(Duration::from_secs(1)).await;
    let slow = build!(slow, journal);
    let id = slow.submit(3).await.expect("submitted").id();
    sleep(Duration::from_secs(1)).await;
    slow.shutdown(Duration::ZERO).await;
    let saga = new.handle(id).await.expect("it is there");
    let outcome = timeout(Duration::from_secs(86_400), saga.outcome()).await.expect("it ends");
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(label)) if label == "new 9"));
}
