//! From records to what watchers see.

use crate::{
    kernel::{Definition, SagaId, SagaStatus, State, StepState},
    progress::{CurrentStep, Progress, ProgressStatus},
};

/// The progress that the records tell.
pub(super) fn progress_of(saga: SagaId, definition: &Definition, state: &State) -> Progress {
    let open = state.steps().iter().position(StepState::is_open);
    Progress {
        seq: state.seq(),
        status: word(state.status(definition)),
        step: open.map(|step| CurrentStep {
            name: definition.steps[step].name.clone(),
            number: step + 1,
        }),
        ..Progress::new(saga, definition.steps.len())
    }
}

fn word(status: SagaStatus) -> ProgressStatus {
    match status {
        SagaStatus::Running | SagaStatus::Waiting => ProgressStatus::Running,
        SagaStatus::Compensating => ProgressStatus::Compensating,
        SagaStatus::Parked => ProgressStatus::Parked,
        SagaStatus::Stuck => ProgressStatus::Stuck,
        SagaStatus::Completed => ProgressStatus::Completed,
        SagaStatus::Compensated => ProgressStatus::Compensated,
        SagaStatus::Cancelled => ProgressStatus::Cancelled,
        SagaStatus::Killed => ProgressStatus::Killed,
    }
}
