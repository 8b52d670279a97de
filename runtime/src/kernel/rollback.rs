//! What is undone, in which order, and what remains (C1, C4, C11).

use std::time::Duration;

use super::{Cause, Definition, Finish, Finished, Kind, Phase, Residual, State, Timestamp};

/// A late success is waited for at least this long (C8).
const LATE_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Longer than a host that lost its lease goes on.
const LEASE: Duration = Duration::from_secs(60);

/// The stage to undo next: the last one with a step whose effect is not disproved. Strictly
/// backwards, the members of a group together; `None` when nothing is left.
pub(super) fn next_stage(definition: &Definition, state: &State) -> Option<usize> {
    let last =
        (0..definition.steps.len()).rev().find(|step| needs_undo(definition, state, *step))?;
    Some(definition.steps[last].stage)
}

/// A compensable step with an intent whose absence of effect is not proven (C1): also the one
/// that failed.
pub(super) fn needs_undo(definition: &Definition, state: &State, step: usize) -> bool {
    definition.steps[step].kind == Kind::Compensable
        && matches!(
            state.steps[step].phase,
            Phase::Done | Phase::Partial | Phase::Unknown | Phase::Intended
        )
}

/// The end of a saga that went back.
pub(super) fn finished(
    definition: &Definition,
    state: &State,
    cause: &Cause,
    now: Timestamp,
) -> Finished {
    // Undone, and nobody knew whether it had happened: twice its limit covers the attempt and one
    // that began at its very end.
    let doubtful =
        definition.steps.iter().zip(&state.steps).filter(|(step, at)| {
            at.phase == Phase::Undone && at.output.is_none() && !step.ephemeral
        });
    let window = doubtful.map(|(step, _)| (2 * step.timeout + LEASE).max(LATE_WINDOW)).max();
    Finished {
        finish: match cause {
            Cause::Cancelled { reason } => Finish::Cancelled { reason: reason.clone() },
            other => Finish::Compensated(other.clone()),
        },
        residual: residual(definition, state),
        late_until: window.map(|window| now.plus(window)),
    }
}

/// Effects known or feared to remain.
pub(super) fn residual(definition: &Definition, state: &State) -> Vec<Residual> {
    definition
        .steps
        .iter()
        .zip(&state.steps)
        .enumerate()
        .filter_map(|(step, (definition, state))| {
            let reason = match (&definition.kind, state.phase) {
                (Kind::ReadOnly, _) => return None,
                (
                    Kind::NoUndo(reason),
                    Phase::Done | Phase::Partial | Phase::Unknown | Phase::Intended,
                ) => reason.to_string(),
                (_, Phase::UndoWaived) => {
                    state.trouble().waived.as_deref().unwrap_or("waived").to_owned()
                }
                (_, Phase::Done) => "done and not undone".to_owned(),
                (_, Phase::Partial) => "done in part and not undone".to_owned(),
                (_, Phase::Unknown | Phase::Intended) => "may have happened".to_owned(),
                (_, Phase::Undoing | Phase::UndoFailed) => "not undone".to_owned(),
                // By an execution before this one.
                (_, Phase::Pending | Phase::Refused | Phase::Withdrawn) if state.partial => {
                    "done in part and not undone".to_owned()
                }
                _ => return None,
            };
            Some(Residual { step, reason })
        })
        .collect()
}
