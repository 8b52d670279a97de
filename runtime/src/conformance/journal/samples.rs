//! What checks write and tell: a definition of two steps, records, letters.

use std::{sync::Arc, time::Duration};

use crate::kernel::{
    AttemptEnd, Cause, Definition, Doubt, End, Fence, Finish, Finished, Host, Kind, Letter, Mail,
    OnExhausted, ParkReason, Record, Retry, Stamped, Step, Timestamp, Value, Way,
};

/// `reserve`, then the pivot `charge`.
pub(super) fn order(task: &'static str) -> Definition {
    let step = |name: &'static str, stage, kind| Step {
        name: name.into(),
        host: Host::Worker,
        stage,
        group: None,
        await_all: false,
        kind,
        conditional: false,
        ephemeral: false,
        inputs: Vec::new(),
        when_inputs: Vec::new(),
        undo_inputs: Vec::new(),
        probe_inputs: Vec::new(),
        at_most_once: false,
        probe: false,
        on_exhausted: OnExhausted::Compensate,
        retry: Retry::DEFAULT,
        timeout: Duration::from_secs(60),
    };
    Definition {
        task: task.into(),
        queue: "orders".into(),
        steps: vec![step("reserve", 0, Kind::Compensable), step("charge", 1, Kind::Pivot)],
        timeout: None,
        cancellable: true,
    }
}

pub(super) fn intended(step: usize) -> Record {
    Record::Intended { step, generation: 0, way: Way::Do }
}

pub(super) fn done(step: usize) -> Record {
    let end = End::Done(Value::journaled("done".to_owned()));
    Record::Ended { step, generation: 0, attempt: 1, way: Way::Do, end }
}

pub(super) fn received(mail: &Mail) -> Record {
    Record::Received(Box::new(mail.clone()))
}

pub(super) fn parked() -> Record {
    Record::Parked(Box::new(ParkReason::CrashLoop(5)))
}

/// The journal's word for a step of which nobody knows.
pub(super) fn unknown(step: usize) -> Record {
    let end = End::Unknown(Doubt::TimedOut);
    Record::Ended { step, generation: 0, attempt: 1, way: Way::Do, end }
}

pub(super) fn back(cause: Cause) -> Record {
    Record::Compensating(Box::new(cause))
}

pub(super) fn compensated(cause: Cause, late_until: Option<Timestamp>) -> Record {
    let finish = Finish::Compensated(cause);
    Record::Finished(Arc::new(Finished { finish, residual: Vec::new(), late_until }))
}

/// What a stale owner tells of the first step.
pub(super) fn late(end: AttemptEnd) -> Letter {
    Letter::Late { step: 0, generation: 0, attempt: 1, way: Way::Do, end }
}

pub(super) fn late_success() -> Letter {
    late(AttemptEnd::Done(Value::journaled("done".to_owned())))
}

pub(super) fn completed() -> Record {
    Record::Finished(Arc::new(Finished {
        finish: Finish::Completed(Value::journaled("receipt".to_owned())),
        residual: Vec::new(),
        late_until: None,
    }))
}

/// Group by their kinds. Values are left out: a store may have encoded them.
pub(super) fn kinds(records: &[Stamped]) -> String {
    let kinds: Vec<&str> = records
        .iter()
        .map(|stamped| match stamped.record {
            Record::Started(_) => "started",
            Record::Evaluated { .. } => "evaluated",
            Record::Intended { .. } => "intended",
            Record::Ended { .. } => "ended",
            Record::Received(_) => "received",
            Record::Compensating(_) => "compensating",
            Record::Parked(_) => "parked",
            Record::Finished(_) => "finished",
        })
        .collect();
    kinds.join(" ")
}

pub(super) fn fences(records: &[Stamped]) -> Vec<Fence> {
    records.iter().map(|stamped| stamped.fence).collect()
}
