//! From records to what watchers see.

use crate::{
    kernel::{Definition, SagaId, State, StepState},
    progress::{CurrentStep, Progress},
};

/// The progress that the records tell.
pub(super) fn progress_of(saga: SagaId, definition: &Definition, state: &State) -> Progress {
    let open = state.steps().iter().position(StepState::is_open);
    Progress {
        seq: state.seq(),
        status: state.status(definition),
        step: open.map(|step| CurrentStep {
            name: definition.steps[step].name.clone(),
            number: step + 1,
        }),
        ..Progress::new(saga, definition.steps.len())
    }
}
