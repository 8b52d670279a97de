//! Saying something to a saga: first look whether it would mean anything, then tell.
//!
//! The look asks the kernel itself: it folds the letter into a copy of the records, and sees what
//! changes. What is told is folded again by the owner, who may know more by then.

use uuid::Uuid;

use super::{Operator, OperatorAnswer, OperatorError, cancel_id};
use crate::{
    journal::Told,
    kernel::{
        Encoded, EntryId, Fence, Letter, Mail, ParkReason, Phase, Record, SagaId, SagaStatus,
        Stamped, State, Value,
    },
    orchestrator::{look::Look, task::StatusError},
    task::{Slot, TaskSteps},
};

/// What an operator says, as far as it is checked.
pub(super) enum Verb<'a> {
    Retry,
    MarkDone { step: &'a str, evidence: &'a str },
    MarkDoneWith { step: &'a str, evidence: &'a str },
    MarkNotDone { step: &'a str, evidence: &'a str },
    Waive { step: &'a str, reason: &'a str },
    Kill { reason: &'a str },
    Cancel { reason: &'a str },
}

impl Verb<'_> {
    /// What an audit will ask for, and what is said.
    fn said(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Retry => None,
            Self::MarkDone { evidence, .. }
            | Self::MarkDoneWith { evidence, .. }
            | Self::MarkNotDone { evidence, .. } => Some(("evidence", evidence)),
            Self::Waive { reason, .. } | Self::Kill { reason } | Self::Cancel { reason } => {
                Some(("a reason", reason))
            }
        }
    }

    fn step(&self) -> Option<&str> {
        match self {
            Self::MarkDone { step, .. }
            | Self::MarkDoneWith { step, .. }
            | Self::MarkNotDone { step, .. }
            | Self::Waive { step, .. } => Some(step),
            Self::Retry | Self::Kill { .. } | Self::Cancel { .. } => None,
        }
    }

    /// The entry under which it is told, when the saga has so many records: what is said twice of
    /// the same state is said once. A saga can be cancelled once.
    fn entry(&self, saga: SagaId, step: usize, seq: u64) -> EntryId {
        let word = match self {
            Self::Cancel { .. } => return cancel_id(saga),
            Self::Retry => b"again",
            Self::MarkDone { .. } => b"undo ",
            Self::MarkDoneWith { .. } => b"done ",
            Self::MarkNotDone { .. } => b"not  ",
            Self::Waive { .. } => b"waive",
            Self::Kill { .. } => b"kill ",
        };
        let mut id = [0; 16];
        id[..5].copy_from_slice(word);
        id[5..8].copy_from_slice(&(step as u32).to_be_bytes()[1..]);
        id[8..].copy_from_slice(&seq.to_be_bytes());
        EntryId(Uuid::from_u128(saga.0.as_u128() ^ u128::from_be_bytes(id)))
    }

    /// The steps that it may be said of, in words.
    fn fits(&self) -> &'static str {
        match self {
            Self::MarkDone { .. } | Self::Waive { .. } => "steps whose undo failed",
            Self::MarkDoneWith { .. } => {
                "a pivot of which nobody knows, steps behind the pivot that cannot succeed, and \
                 parked steps that used up their tries"
            }
            Self::MarkNotDone { .. } => {
                "a pivot of which nobody knows, and parked steps that used up their tries"
            }
            Self::Retry | Self::Kill { .. } | Self::Cancel { .. } => "sagas",
        }
    }
}

impl<T: TaskSteps> Operator<T> {
    /// Says something to a saga, if it means anything to it now.
    pub(super) async fn say(
        &self,
        saga: SagaId,
        verb: &Verb<'_>,
        letter: impl FnOnce(String, usize) -> Letter,
    ) -> Result<OperatorAnswer, OperatorError> {
        self.check(verb)?;
        let look = match self.look(saga).await? {
            Ok(look) => look,
            Err(ended) => return Ok(OperatorAnswer::TooLate(ended)),
        };
        let step = verb.step().map_or(Ok(0), |step| look.step(saga, step))?;
        let letter = letter(self.by.clone(), step);
        look.takes(saga, verb, step, &letter)?;
        self.tell(saga, &look, (verb, step), letter).await
    }

    /// Says that a step is done with this output.
    pub(super) async fn say_done(
        &self,
        saga: SagaId,
        step: &str,
        output: Result<Encoded, String>,
        evidence: &str,
    ) -> Result<OperatorAnswer, OperatorError> {
        let verb = Verb::MarkDoneWith { step, evidence };
        self.check(&verb)?;
        let look = match self.look(saga).await? {
            Ok(look) => look,
            Err(ended) => return Ok(OperatorAnswer::TooLate(ended)),
        };
        let number = look.step(saga, step)?;
        let letter = |output| Letter::MarkDone {
            step: number,
            output: Some(output),
            evidence: evidence.to_owned(),
            by: self.by.clone(),
        };
        look.takes(saga, &verb, number, &letter(Value::journaled(())))?;
        let output = self.typed(saga, &look, number, output)?;
        self.tell(saga, &look, (&verb, number), letter(output)).await
    }

    fn check(&self, verb: &Verb<'_>) -> Result<(), OperatorError> {
        let who = Some(("the name of the operator", self.by.as_str()));
        for (what, said) in [who, verb.said()].into_iter().flatten() {
            if said.trim().is_empty() {
                return Err(OperatorError::Empty { what });
            }
        }
        Ok(())
    }

    /// The saga, or how it ended.
    async fn look(&self, saga: SagaId) -> Result<Result<Look, SagaStatus>, OperatorError> {
        match self.inner.host.look(saga).await {
            Ok(look) if look.status().is_terminal() => Ok(Err(look.status())),
            Ok(look) => Ok(Ok(look)),
            Err(StatusError::Forgotten { status, .. }) => Ok(Err(status)),
            Err(error) => Err(error.into()),
        }
    }

    /// The output as the code takes it: what has the same JSON is the same.
    fn typed(
        &self,
        saga: SagaId,
        look: &Look,
        step: usize,
        output: Result<Encoded, String>,
    ) -> Result<Value, OperatorError> {
        let covers = self.inner.host.covers();
        let covered = covers.iter().find(|covered| covered.hash == look.hash);
        let covered = covered.ok_or_else(|| OperatorError::NotCovered {
            saga,
            task: look.definition.task.to_string(),
            definition: look.hash,
        })?;
        let live = |json| covered.handlers.live(Slot::Output(step), &Value::encoded(json));
        output
            .and_then(live)
            .map_err(|error| OperatorError::WrongOutput { step: look.name(step), error })
    }

    async fn tell(
        &self,
        saga: SagaId,
        look: &Look,
        (verb, step): (&Verb<'_>, usize),
        letter: Letter,
    ) -> Result<OperatorAnswer, OperatorError> {
        let host = &self.inner.host;
        let mail = Mail { id: verb.entry(saga, step, look.state.seq()), letter };
        match host.journal.tell(saga, mail).await? {
            Told::Told => {
                if !host.covers().iter().any(|covered| covered.hash == look.hash)
                    && let Err(error) = host.administer(saga, &look.definition).await
                {
                    // It is in the inbox: whoever claims the saga next folds it (B10).
                    tracing::warn!(%saga, %error, "recorded, and not folded here");
                }
                Ok(OperatorAnswer::Recorded)
            }
            Told::Already => Ok(OperatorAnswer::Already),
            Told::TooLate(status) => Ok(OperatorAnswer::TooLate(status)),
            Told::NoSuch => match host.without_records(saga).await {
                StatusError::Forgotten { status, .. } => Ok(OperatorAnswer::TooLate(status)),
                error => Err(error.into()),
            },
        }
    }
}

impl Look {
    /// The number of a step.
    fn step(&self, saga: SagaId, name: &str) -> Result<usize, OperatorError> {
        let steps = &self.definition.steps;
        steps.iter().position(|step| step.name == name).ok_or_else(|| OperatorError::NoSuchStep {
            saga,
            step: name.to_owned(),
            steps: steps.iter().map(|step| step.name.to_string()).collect(),
        })
    }

    fn name(&self, step: usize) -> String {
        self.definition.steps[step].name.to_string()
    }

    /// Whether a letter means anything to the saga now.
    fn takes(
        &self,
        saga: SagaId,
        verb: &Verb<'_>,
        step: usize,
        letter: &Letter,
    ) -> Result<(), OperatorError> {
        let status = self.status();
        let why = match verb {
            Verb::Cancel { .. } if status.needs_operator() && self.state.was_told_to_go_back() => {
                self.why_no_cancel()
            }
            Verb::Kill { .. } | Verb::Cancel { .. } => return Ok(()),
            Verb::Retry if status.needs_operator() => return Ok(()),
            Verb::Retry => "only a parked or a stuck saga is tried again".to_owned(),
            _ if self.settles(letter, step) => return Ok(()),
            _ => self.why_not(verb, step, letter),
        };
        Err(OperatorError::NotNow { saga, status, why })
    }

    /// Whether a letter changes what became of a step.
    fn settles(&self, letter: &Letter, step: usize) -> bool {
        let mail = Mail { id: EntryId(Uuid::nil()), letter: letter.clone() };
        let mut records = self.records.clone();
        let at = records.last().map(|stamped| stamped.at).unwrap_or_default();
        let record = Record::Received(Box::new(mail));
        records.push(Stamped { fence: Fence::NONE, at, record });
        let after = State::fold(&self.definition, &records);
        after.is_some_and(|after| after.steps()[step].phase != self.state.steps()[step].phase)
    }

    /// A saga that was told to go back waits for something else.
    fn why_no_cancel(&self) -> String {
        let steps = self.waiting_steps().iter().fold(String::new(), |all, step| {
            format!("{all}{} `{step}`", if all.is_empty() { " at" } else { "," })
        });
        format!(
            "it was told to go back before, and waits{steps}: `retry` tries that again, the other \
             verbs say what became of it"
        )
    }

    /// What does not fit, and what would.
    fn why_not(&self, verb: &Verb<'_>, step: usize, letter: &Letter) -> String {
        let is = word(&self.state, step);
        let mut why = format!("`{}` {is}, and this is for {}", self.name(step), verb.fits());
        let all = 0..self.definition.steps.len();
        let others = all.filter(|other| self.settles(&about(letter, *other), *other));
        let others: Vec<String> = others.map(|other| format!("`{}`", self.name(other))).collect();
        if !others.is_empty() {
            why = format!("{why}: here {}", others.join(", "));
        }
        if let Some((instead, letter)) = instead(verb, step)
            && self.settles(&letter, step)
        {
            why = format!("{why}; for it there is `{instead}`");
        }
        why
    }
}

/// The same letter about another step.
fn about(letter: &Letter, other: usize) -> Letter {
    let mut letter = letter.clone();
    match &mut letter {
        Letter::MarkDone { step, .. }
        | Letter::MarkNotDone { step, .. }
        | Letter::Waive { step, .. } => *step = other,
        _ => {}
    }
    letter
}

/// What one may have meant.
fn instead(verb: &Verb<'_>, step: usize) -> Option<(&'static str, Letter)> {
    let (instead, output) = match verb {
        Verb::MarkDone { .. } => ("mark_done_with", Some(Value::journaled(()))),
        Verb::MarkDoneWith { .. } => ("mark_done", None),
        _ => return None,
    };
    let (evidence, by) = (String::new(), String::new());
    Some((instead, Letter::MarkDone { step, output, evidence, by }))
}

/// What became of a step, as far as it got.
fn word(state: &State, step: usize) -> &'static str {
    let at = &state.steps()[step];
    match at.phase {
        _ if matches!(at.halted(), Some(ParkReason::Exhausted { .. })) => "used up its tries",
        _ if at.halted().is_some() => "has a value that cannot be written or read",
        Phase::Pending => "has not started",
        // Nothing is under way while it is parked.
        Phase::Intended if state.parked().is_some() => "was begun, and may have happened",
        Phase::Undoing if state.parked().is_some() => "was being undone",
        Phase::Intended => "is under way",
        Phase::Done => "is done",
        Phase::Refused => "refused",
        Phase::Partial => "refused after a part of its work",
        Phase::Unknown => "may have happened",
        Phase::Skipped => "was skipped",
        Phase::Withdrawn => "has not happened",
        Phase::Undoing => "is being undone",
        Phase::Undone => "is undone",
        Phase::UndoFailed => "could not be undone",
        Phase::UndoWaived => "was waived",
    }
}
