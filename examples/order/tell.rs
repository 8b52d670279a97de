//! Orders in words.

use std::fmt;

use distributed_task::{
    Effect, SagaEvent, SagaEventKind, SagaRow, SagaStatus,
    kernel::{SagaId, Timestamp},
};
use serde::{Serialize, Serializer};

use crate::{task::Shipped, world::Money};

/// An order as it is now.
#[derive(Serialize)]
pub(crate) struct Now {
    pub(crate) id: SagaId,
    #[serde(serialize_with = "in_words")]
    pub(crate) status: SagaStatus,
    /// The steps at which it is stuck.
    pub(crate) steps: Vec<String>,
    /// Why it waits for somebody, if it does.
    pub(crate) why: Option<String>,
}

impl Now {
    pub(crate) fn of(row: SagaRow) -> Self {
        Self { id: row.id, status: row.status, steps: row.steps, why: row.reason }
    }

    /// The same from what happened to it.
    pub(crate) fn seen(id: SagaId, status: SagaStatus, history: &[SagaEvent]) -> Self {
        let stopped = |event: &&SagaEvent| match status {
            SagaStatus::Stuck => !event.stuck.is_empty(),
            SagaStatus::Parked => matches!(event.kind, SagaEventKind::Parked { .. }),
            _ => false,
        };
        let event = history.iter().rev().find(stopped);
        let steps = event.map(|event| event.stuck.clone()).unwrap_or_default();
        Self { id, status, steps, why: event.map(|event| event.kind.to_string()) }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.status.is_terminal()
    }

    /// What somebody may write.
    pub(crate) fn advice(&self) -> Vec<String> {
        let id = self.id;
        let mut lines = Vec::new();
        if self.status.needs_operator() {
            lines.push(format!("order retry {id} # when the reason is gone"));
        }
        if self.status == SagaStatus::Parked {
            lines.push(format!("order cancel {id} # to take it back"));
        }
        if self.status == SagaStatus::Stuck {
            for step in &self.steps {
                lines.push(format!(
                    "order done {id} --step {step} --evidence TEXT # somebody took it back by hand"
                ));
                lines.push(format!(
                    "order waive {id} --step {step} --reason TEXT # its effect may remain"
                ));
            }
        }
        lines
    }
}

impl fmt::Display for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.status)?;
        if !self.steps.is_empty() {
            write!(f, " at {}", self.steps.join(", "))?;
        }
        self.why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
    }
}

fn in_words<S: Serializer>(status: &SagaStatus, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(status)
}

/// An event, and how long after the first one it was.
pub(crate) fn timed(event: &SagaEvent, begin: Option<Timestamp>) -> String {
    let after = begin.map_or(0.0, |begin| event.at.since(begin).as_secs_f64());
    format!("{after:9.3} s  {event}")
}

pub(crate) fn completed(shipped: &Shipped) -> String {
    format!("the order is completed: {} paid, parcel {}", Money(shipped.cents), shipped.parcel)
}

/// What is left of an order that went back.
pub(crate) fn remains(effects: &[Effect]) -> String {
    let effects: Vec<_> = effects.iter().map(ToString::to_string).collect();
    if effects.is_empty() {
        String::new()
    } else {
        format!("; what remains: {}", effects.join(", "))
    }
}
