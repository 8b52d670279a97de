//! The inbox: telling a saga something without owning it.

use super::{
    super::{
        ready::End,
        shard::{At, Entry, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{Known, Signal, Stage, Told},
    kernel::{AttemptEnd, Direction, Letter, Mail, Record, SagaId, SagaStatus, Stamped, Way},
};

/// Late successes that are kept.
const LATE: usize = 1_000;

impl MemoryJournal {
    pub(super) fn tell_now(&self, saga: SagaId, mail: Mail) -> Told {
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else {
            let known = self.known(&mut shard, saga);
            drop(shard);
            // A start whose key was used again was abandoned.
            let stage = |known: Known| match known.id == saga {
                true => known.stage,
                false => Stage::Abandoned,
            };
            return self.gone(saga, mail, known.map(stage));
        };
        if let Some(answer) = self.is_void(entry, &mail) {
            drop(shard);
            if let Told::TooLate(status) = answer {
                self.note_late(saga, mail, Some(status));
            }
            return answer;
        }
        entry.inbox.push(mail);
        let signal = match entry.at {
            At::Owned { ref seat, .. } => Some((seat.listener, Signal::Mail(saga))),
            At::Timed(_) | At::Parked => {
                if let At::Timed(due) = std::mem::replace(&mut entry.at, At::Ready) {
                    lock(&self.timers).remove(due, saga);
                }
                let idle = self.ticket(entry.definition, saga, End::Front);
                idle.map(|listener| (listener, Signal::Ready))
            }
            At::Ready | At::Carried(_) | At::Ended => None,
        };
        drop(shard);
        if let Some((listener, signal)) = signal {
            self.signal(listener, signal);
        }
        Told::Told
    }

    /// The answer to what needs no folding: it comes too late, or once more.
    fn is_void(&self, entry: &Entry, mail: &Mail) -> Option<Told> {
        if let Some(finished) = entry.over() {
            // Only an effect that nobody knew of is still news, until the saga is settled (C8).
            let settled = matches!(entry.at, At::Ended);
            if success(mail).is_none() || settled && !entry.knows(mail) {
                return Some(Told::TooLate(SagaStatus::of(finished)));
            }
        }
        if let Letter::Cancel { .. } = mail.letter
            && let Some(answer) = self.cancel_is_void(entry)
        {
            return Some(answer);
        }
        entry.knows(mail).then_some(Told::Already)
    }

    /// A cancel that comes while the saga goes back, or past its pivot (K3).
    fn cancel_is_void(&self, entry: &Entry) -> Option<Told> {
        let definitions = self.definitions.read().expect("no writer panics");
        let definition = definitions.get(&entry.definition)?;
        match Direction::of(definition, &entry.records) {
            Direction::Forward => None,
            Direction::PastPivot => Some(Told::TooLate(SagaStatus::Running)),
            Direction::Back => Some(Told::Already),
        }
    }

    /// The answer when the records are gone.
    fn gone(&self, saga: SagaId, mail: Mail, stage: Option<Stage>) -> Told {
        let status = match stage {
            Some(Stage::Ended(status)) => Some(status),
            // What is gone is over, and an abandoned start was undone.
            Some(_) => Some(SagaStatus::Compensated),
            None => None,
        };
        self.note_late(saga, mail, status);
        status.map_or(Told::NoSuch, Told::TooLate)
    }

    /// Lists a success that no saga will ever hear of, unless its saga completed: then its effect is
    /// what was asked for.
    fn note_late(&self, saga: SagaId, mail: Mail, status: Option<SagaStatus>) {
        let Some((step, attempt)) = success(&mail) else { return };
        let mut late = lock(&self.late);
        if status == Some(SagaStatus::Completed) || late.iter().any(|(_, told)| told.id == mail.id)
        {
            return;
        }
        tracing::error!(%saga, ?status, step, attempt, "a success came too late to be undone");
        if late.len() == LATE {
            late.pop_front();
        }
        late.push_back((saga, mail));
    }
}

impl Entry {
    /// Whether it was told this before.
    fn knows(&self, mail: &Mail) -> bool {
        let told = |known: &Mail| known.id == mail.id;
        let folded = |stamped: &Stamped| matches!(&stamped.record, Record::Received(m) if told(m));
        self.inbox.iter().any(told) || self.records.iter().any(folded)
    }
}

/// The step and the attempt that succeeded, if that is what the letter says.
fn success(mail: &Mail) -> Option<(usize, u32)> {
    match mail.letter {
        Letter::Late { step, attempt, way: Way::Do, end: AttemptEnd::Done(_), .. } => {
            Some((step, attempt))
        }
        _ => None,
    }
}
