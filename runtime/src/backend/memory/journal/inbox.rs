//! The inbox: telling a saga something without owning it.

use super::{
    super::{
        ready::End,
        shard::{At, Entry, lock},
    },
    MemoryJournal,
};
use crate::{
    journal::{Signal, Told},
    kernel::{End as Ended, Letter, Mail, Record, SagaId, SagaStatus, Stamped, Way},
};

impl MemoryJournal {
    pub(super) fn tell_now(&self, saga: SagaId, mail: Mail) -> Told {
        let mut shard = self.shards.of(saga);
        let Some(entry) = shard.sagas.get_mut(&saga) else { return Told::NoSuch };
        if let (At::Ended, Some(finished)) = (&entry.at, entry.finished()) {
            return Told::TooLate(SagaStatus::of(&finished));
        }
        if let Letter::Cancel { .. } = mail.letter
            && let Some(answer) = self.cancel_is_void(entry)
        {
            return answer;
        }
        let told = |known: &Mail| known.id == mail.id;
        let folded = |stamped: &Stamped| matches!(&stamped.record, Record::Received(m) if told(m));
        if entry.inbox.iter().any(told) || entry.records.iter().any(folded) {
            return Told::Already;
        }
        entry.inbox.push(mail);
        let definition = entry.definition;
        let (signal, timer, ticket) = match entry.at {
            At::Owned { ref seat, .. } => (Some(seat.listener), None, false),
            At::Timed(due) => (None, Some(due), true),
            At::Parked => (None, None, true),
            At::Ready | At::Carried(_) | At::Ended => (None, None, false),
        };
        if ticket {
            entry.at = At::Ready;
        }
        drop(shard);
        if let Some(listener) = signal {
            self.signal(listener, Signal::Mail(saga));
        }
        if let Some(due) = timer {
            lock(&self.timers).remove(due, saga);
        }
        if ticket {
            self.ticket(definition, saga, End::Front);
        }
        Told::Told
    }

    /// A cancel that comes while the saga goes back, or past its pivot (K3).
    fn cancel_is_void(&self, entry: &Entry) -> Option<Told> {
        let definitions = self.definitions.read().expect("no writer panics");
        let pivot = definitions.get(&entry.definition)?.pivot();
        entry.records.iter().find_map(|stamped| match &stamped.record {
            Record::Compensating(_) => Some(Told::Already),
            Record::Ended { step, way: Way::Do, end: Ended::Done(_), .. }
                if Some(*step) == pivot =>
            {
                Some(Told::TooLate(SagaStatus::Running))
            }
            _ => None,
        })
    }
}
