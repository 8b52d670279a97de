//! What a key says in the next process of a start that went wrong.

use std::{path::Path, sync::Arc, time::Duration};

use distributed_task::{SubmitError, backend::sqlite::SqliteJournal, prelude::*};
use tokio::{
    runtime::{Builder, Runtime},
    sync::Notify,
    time::sleep,
};

use crate::orders::kill;

/// Refused where it arrives, and undone for a minute.
#[distributed_task(request = (), response = ())]
struct Receive {
    undoing: Arc<Notify>,
}

#[steps]
impl Receive {
    #[step(host = "api", compensate = undo_accept)]
    async fn accept(&self) {}

    async fn undo_accept(&self) {
        self.undoing.notify_one();
        sleep(Duration::from_secs(60)).await;
    }

    #[step(host = "api", read_only)]
    async fn check(&self) -> StepResult<()> {
        Err(StepError::refuse(Refusal::new("bad", "not like this")))
    }

    #[step(read_only)]
    async fn work(&self) {}

    #[response]
    fn respond(&self) {}
}

/// A process on this file, and what it says to a start under the key.
fn started(
    path: &Path,
    undoing: &Arc<Notify>,
) -> (Runtime, Task<Receive>, Result<SagaHandle<Receive>, SubmitError>) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (task, saga) = runtime.block_on(async {
        let journal = SqliteJournal::open(path).expect("nobody else has it");
        let task = Receive::builder().undoing(Arc::clone(undoing)).use_in_process_mode();
        let task = task.override_journal(journal).build().await.expect("a task");
        let saga = task.submit_with_key("17", ()).await;
        (task, saga)
    });
    (runtime, task, saga)
}

#[test]
fn i2_a_start_that_was_turned_back_is_known_as_such_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, undoing) = (folder.path().join("journal.db"), Arc::new(Notify::new()));
    let (runtime, task, saga) = started(&path, &undoing);
    let saga = saga.expect("it is accepted, and goes back").id();
    runtime.block_on(undoing.notified());
    kill(&path, (runtime, task));

    let (runtime, _task, again) = started(&path, &undoing);
    let again = again.expect("its key is not held by a start that is under way");
    assert_eq!(again.id(), saga);
    let outcome = runtime.block_on(again.outcome()).expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
}
