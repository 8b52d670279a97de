//! Values: what may be handed over, and code that must not fail.

use distributed_task::{OutcomeError, SubmitError, prelude::*};
use serde::{Deserialize, Serialize};

/// Writes fine and cannot be read back.
#[derive(Clone, Serialize, Deserialize)]
struct OneWay {
    #[serde(skip_serializing)]
    id: u32,
}

#[distributed_task(request = OneWay, response = u32)]
struct TakesOneWay;

#[steps]
impl TakesOneWay {
    #[step(read_only)]
    async fn read(&self, request: &OneWay) -> u32 {
        request.id
    }
}

#[distributed_task(request = (), response = u32)]
struct MakesOneWay;

#[steps]
impl MakesOneWay {
    #[step(read_only)]
    async fn make(&self) -> OneWay {
        OneWay { id: 7 }
    }

    #[response]
    fn respond(&self, make: &OneWay) -> u32 {
        make.id
    }
}

#[cfg(debug_assertions)]
#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_come_back_from_a_journal_is_refused_in_debug_builds() {
    let task = TakesOneWay::builder().build().await.expect("it builds");
    let error = task.submit(OneWay { id: 7 }).await.expect_err("refused");
    assert!(
        matches!(&error, SubmitError::Undecodable { error, .. } if error.contains("OneWay")),
        "{error}"
    );
}

#[cfg(debug_assertions)]
#[tokio::test(start_paused = true)]
async fn e2_an_output_that_cannot_come_back_parks_the_saga_in_debug_builds() {
    let task = MakesOneWay::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let error = saga.outcome().await.expect_err("parked");
    assert!(
        matches!(&error, OutcomeError::Parked { reason, .. } if reason.step() == Some("make")),
        "{error}"
    );
}

#[distributed_task(request = bool, response = u32)]
struct Clumsy;

#[steps]
impl Clumsy {
    #[step(read_only, when = decide)]
    async fn maybe(&self) -> u32 {
        1
    }

    fn decide(&self, request: &bool) -> bool {
        assert!(!request, "cannot decide");
        false
    }

    #[response]
    fn respond(&self, maybe: Option<&u32>) -> u32 {
        *maybe.expect("there is always one")
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_condition_or_in_the_response_parks_the_saga() {
    let task = Clumsy::builder().build().await.expect("it builds");
    for (request, what) in [(true, "when of `maybe` panicked"), (false, "response panicked")] {
        let saga = task.submit(request).await.expect("submitted");
        let error = saga.outcome().await.expect_err("parked");
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// No serde at all.
struct Workspace(String);

#[distributed_task(request = (), response = String)]
struct Pack;

#[steps]
impl Pack {
    #[step(read_only, ephemeral)]
    async fn workspace(&self) -> Workspace {
        Workspace("scratch".to_owned())
    }

    #[step(read_only)]
    async fn name(&self, workspace: &Workspace) -> String {
        workspace.0.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn an_ephemeral_output_needs_no_serde_and_is_read_by_the_next_step() {
    let task = Pack::builder().build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(&outcome, SagaOutcome::Completed(name) if name == "scratch"), "{outcome:?}");
}
