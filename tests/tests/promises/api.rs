//! Steps that run where the request arrives.

use distributed_task::{CompensationCause, kernel::SagaStatus, prelude::*};

use crate::log::Log;

#[distributed_task(request = u32, response = u32)]
struct Upload {
    log: Log,
}

#[steps]
impl Upload {
    #[step(host = "api", compensate = undo_accept)]
    async fn accept(&self, request: &u32) -> u32 {
        self.log.note("accept");
        request + 1
    }

    async fn undo_accept(&self) -> StepResult<()> {
        self.log.note("undo accept");
        Ok(())
    }

    #[step(host = "api", read_only)]
    async fn check(&self, accept: &u32) -> StepResult<u32> {
        self.log.note("check");
        match accept {
            13 => Err(StepError::refuse(Refusal::new("unlucky", "thirteen"))),
            accept => Ok(accept + 1),
        }
    }

    #[step(read_only)]
    async fn process(&self, check: &u32) -> u32 {
        self.log.note("process");
        check + 1
    }
}

async fn upload() -> (Task<Upload>, Log) {
    let log = Log::default();
    let task = Upload::builder().log(log.clone()).use_in_process_mode().build().await;
    (task.expect("it builds"), log)
}

#[tokio::test(start_paused = true)]
async fn s3_submit_resolves_when_the_api_steps_are_done() {
    let (task, log) = upload().await;
    let saga = task.submit(1).await.expect("submitted");
    assert_eq!(log.entries()[..2], ["accept", "check"]);
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(4)), "{outcome:?}");
    assert_eq!(log.entries(), ["accept", "check", "process"]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_api_step_is_a_compensated_saga_not_an_error() {
    let (task, log) = upload().await;
    let saga = task.submit(12).await.expect("not an error");
    let outcome = saga.outcome().await.expect("an outcome");
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("{outcome:?}") };
    assert!(matches!(cause, CompensationCause::Refused { step, .. } if step == "check"));
    assert_eq!(log.entries(), ["accept", "check", "undo accept"]);
    assert_eq!(saga.status().await.expect("it is known"), SagaStatus::Compensated);
}
