//! What a test expects of a saga on the desk.

use std::time::Duration;

use super::{
    script::{SAGA, Script},
    words::Words,
};
use crate::kernel::{Cause, Fence, Host, Machine, Place, SagaStatus, State};

impl Script {
    pub(super) fn is_unowned(&self) -> bool {
        self.owner.is_none()
    }

    /// The last decision wrote exactly these records.
    #[track_caller]
    pub(super) fn writes<const N: usize>(self, records: [&str; N]) -> Self {
        assert_eq!(self.wrote, records);
        self
    }

    /// The last record of the journal.
    #[track_caller]
    pub(super) fn ends_with(self, record: &str) -> Self {
        let words = Words { definition: &self.definition, now: self.now };
        let last = self.journal.last().map(|last| words.record(&last.record));
        assert_eq!(last.as_deref(), Some(record));
        self
    }

    /// After the last decision exactly this was started.
    #[track_caller]
    pub(super) fn starts<const N: usize>(self, commands: [&str; N]) -> Self {
        assert_eq!(self.started, commands);
        self
    }

    #[track_caller]
    pub(super) fn starts_nothing(self) -> Self {
        self.starts([])
    }

    /// The last decision must not be written while mail waits that it does not fold.
    #[track_caller]
    pub(super) fn guarded(self) -> Self {
        assert!(self.guarded, "it would be written beside unread mail");
        self
    }

    #[track_caller]
    pub(super) fn not_guarded(self) -> Self {
        assert!(!self.guarded, "mail would hold it up for nothing");
        self
    }

    #[track_caller]
    pub(super) fn becomes_ready(self) -> Self {
        assert_eq!(self.place, Place::Ready);
        self
    }

    /// It is in the journal's hands until some time.
    #[track_caller]
    pub(super) fn waits(self) -> Self {
        assert!(matches!(self.place, Place::Timed(due) if due > self.now), "{:?}", self.place);
        self
    }

    #[track_caller]
    pub(super) fn waits_for_somebody(self) -> Self {
        assert_eq!(self.place, Place::Parked);
        self
    }

    #[track_caller]
    pub(super) fn ends_for_good(self) -> Self {
        assert_eq!(self.place, Place::Ended);
        self
    }

    #[track_caller]
    pub(super) fn stays_owned(self) -> Self {
        assert_eq!(self.place, Place::Owned);
        self
    }

    #[track_caller]
    pub(super) fn waits_for(self, seconds: u64) -> Self {
        assert_eq!(self.place, Place::Timed(self.now.plus(Duration::from_secs(seconds))));
        self
    }

    /// The status that its records tell.
    #[track_caller]
    pub(super) fn is(self, status: SagaStatus) -> Self {
        let machine =
            Machine::resume(self.definition.clone(), SAGA, Host::Worker, Fence(0), &self.journal);
        let machine = machine.expect("the journal begins with `Started`");
        assert_eq!(machine.state().status(&self.definition), status);
        self
    }

    /// What its undo would be told of the step.
    #[track_caller]
    pub(super) fn undo_gets(self, step: &str, outcome: &str) -> Self {
        let step = self.step(step);
        let machine =
            Machine::resume(self.definition.clone(), SAGA, Host::Worker, Fence(0), &self.journal);
        let machine = machine.expect("the journal begins with `Started`");
        let said = match machine.output(step).map(|value| value.get::<String>()) {
            None => "nothing".to_owned(),
            Some(value) => {
                let how = if machine.state().steps()[step].partial { "part" } else { "done" };
                format!("{how}: {}", value.expect("every value of a script is a string"))
            }
        };
        assert_eq!(said, outcome);
        self
    }

    /// The cause of its way back, and every failure that was final.
    #[track_caller]
    pub(super) fn failed_for<const N: usize>(self, failures: [(&str, &str); N]) -> Self {
        let state = State::fold(&self.definition, &self.journal).expect("it was started");
        let name = |step: usize| &*self.definition.steps[step].name;
        let said: Vec<(&str, String)> =
            state.failures().iter().map(|(step, why)| (name(*step), why.to_string())).collect();
        assert_eq!(said, failures.map(|(step, why)| (step, why.to_owned())));
        self
    }

    /// How it stands: its steps, its place and its status, in words.
    pub(super) fn standing(&self) -> (Vec<String>, Place, SagaStatus) {
        let state = State::fold(&self.definition, &self.journal).expect("it was started");
        let steps = state.steps().iter().map(|step| format!("{step:?}")).collect();
        (steps, self.place, state.status(&self.definition))
    }

    /// Why it goes back.
    #[track_caller]
    pub(super) fn causes(self, cause: &str) -> Self {
        let state = State::fold(&self.definition, &self.journal).expect("it was started");
        let words = Words { definition: &self.definition, now: self.now };
        let said = match state.cause() {
            Some(cause @ Cause::Failed { why, .. }) => format!("{}: {why}", words.cause(cause)),
            Some(cause) => words.cause(cause),
            None => "nothing".to_owned(),
        };
        assert_eq!(said, cause);
        self
    }

    #[track_caller]
    pub(super) fn commits(self, commits: usize) -> Self {
        assert_eq!(self.commits, commits);
        self
    }
}
