//! What may happen to a saga, in a word each.

use std::time::Duration;

use crate::kernel::{AttemptEnd, Doubt, Letter, Refused, Value, Way};

/// How an attempt ends.
pub(super) struct Ended(pub(super) &'static str, pub(super) Way, pub(super) AttemptEnd);

pub(super) fn done(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Done(Value::journaled(step.to_owned())))
}

pub(super) fn fails(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Retry { error: "no reply".into(), after: None })
}

pub(super) fn asks_to_wait(step: &'static str, seconds: u64) -> Ended {
    let after = Some(Duration::from_secs(seconds));
    Ended(step, Way::Do, AttemptEnd::Retry { error: "too busy".into(), after })
}

pub(super) fn refuses(step: &'static str) -> Ended {
    let error = Value::journaled("no".to_owned());
    Ended(step, Way::Do, AttemptEnd::Refused(Refused { error, message: "no".into() }))
}

pub(super) fn times_out(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Unknown(Doubt::TimedOut))
}

pub(super) fn panics(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Unknown(Doubt::Panicked("oh".into())))
}

pub(super) fn is_interrupted(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Unknown(Doubt::Interrupted))
}

/// Its host ends, and nobody knows what its thread does.
pub(super) fn is_aborted(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Unknown(Doubt::HostLost))
}

pub(super) fn cannot_be_written(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Undecodable("not a string".into()))
}

/// It did a part of its work.
pub(super) fn refuses_midway(step: &'static str) -> Ended {
    let (error, part) = (Value::journaled("no".to_owned()), Value::journaled("half".to_owned()));
    Ended(step, Way::Do, AttemptEnd::Partial(Refused { error, message: "no".into() }, part))
}

/// Its time is up, and its thread goes on.
pub(super) fn outlives_its_time(step: &'static str) -> Ended {
    Ended(step, Way::Do, AttemptEnd::Unknown(Doubt::StillRuns))
}

/// Its probe says that no attempt had an effect.
pub(super) fn did_not_happen(step: &'static str) -> Ended {
    Ended(step, Way::Probe, AttemptEnd::DidNot)
}

/// Its probe cannot say it.
pub(super) fn cannot_tell(step: &'static str) -> Ended {
    Ended(step, Way::Probe, AttemptEnd::CannotTell)
}

/// Its probe says that an attempt happened.
pub(super) fn happened(step: &'static str) -> Ended {
    probe(done(step))
}

/// The same, of the probe of the step.
pub(super) fn probe(Ended(step, _, end): Ended) -> Ended {
    Ended(step, Way::Probe, end)
}

/// The same, of the undo of the step.
pub(super) fn undo(Ended(step, _, end): Ended) -> Ended {
    Ended(step, Way::Undo, end)
}

pub(super) fn cancel() -> Letter {
    Letter::Cancel { reason: "changed my mind".into() }
}

pub(super) fn kill() -> Letter {
    Letter::Kill { reason: "enough".into(), by: "alice".into() }
}

pub(super) fn unpark() -> Letter {
    Letter::Unpark { by: "alice".into() }
}
