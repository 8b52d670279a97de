//! An item on its way: from what a host wants to be written to what the scripts are told.

use bytes::Bytes;
use futures_util::future::join_all;

use super::{
    Inner,
    batch::{Entry, field},
    chunk::{BoxError, Header, group, without_outputs},
    create::{ended, fingerprint, key},
    messages::Tales,
    owned::{Course, Ending, Owned, Phase},
    partition::{LATEST, Partition},
    reply::List,
    seat::Seat,
};
use crate::{
    journal::{Item, ListenerId, Signal},
    kernel::{Direction, Fence, Place, Record, SagaId, Stamped},
};

/// An item, and its records as they are kept.
pub(super) struct Draft {
    pub(super) item: Item,
    pub(super) text: Vec<u8>,
}

/// An item on its way.
pub(super) struct Part {
    pub(super) entry: Entry,
    /// Under which the seat owned it.
    pub(super) fence: Fence,
    /// The saga as it is when this is written; `None` when it has left.
    pub(super) after: Option<Owned>,
    /// Who of this process hears of it then.
    pub(super) told: Option<(ListenerId, Signal)>,
}

/// An item, and what became of it here: on its way, or refused.
pub(super) enum Ready {
    Part(Box<Part>),
    NotOwner,
}

impl Ready {
    pub(super) fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Part(part) => Some(&part.entry),
            Self::NotOwner => None,
        }
    }
}

impl Inner {
    pub(super) fn draft(&self, mut item: Item) -> Result<Box<Draft>, BoxError> {
        let text = group(&mut item.records)?;
        Ok(Box::new(Draft { item, text }))
    }

    pub(super) async fn prepare(
        &self,
        partition: &Partition,
        seat: &Seat,
        mut draft: Box<Draft>,
    ) -> Ready {
        let Draft { item, text } = &mut *draft;
        let create = item.create.take();
        let begins = create.is_some();
        let owned = match create {
            Some(create) if item.seq == 0 => {
                let fingerprint = item.records.first().and_then(fingerprint);
                let header = Header { definition: create.definition, fingerprint, key: create.key };
                Owned::begun(item, header, create.admission)
            }
            Some(_) => return Ready::NotOwner,
            None => match seat.owned().get(&item.saga) {
                Some(owned) if owned.fence == item.fence && owned.seq == item.seq => owned.clone(),
                _ => return Ready::NotOwner,
            },
        };
        let course = match owned.is_hard_to_tell(&item.records) {
            true => self.course_behind(partition, &owned, item).await,
            false => None,
        };
        Ready::Part(Box::new(self.part(owned, item, (text, begins), course)))
    }

    /// Which way a saga goes behind a group, by all its records.
    async fn course_behind(
        &self,
        partition: &Partition,
        owned: &Owned,
        item: &Item,
    ) -> Option<Course> {
        let definition = self.known_definition(owned.header.definition)?;
        let mut records = self.read_in(partition, item.saga).await.ok()??.records;
        let stamp =
            |record: &Record| Stamped { fence: item.fence, at: item.at, record: record.clone() };
        records.extend(item.records.iter().map(stamp));
        Some(match Direction::of(&definition, &records) {
            Direction::Forward => Course::Forward,
            Direction::PastPivot => Course::PastPivot,
            Direction::Back => Course::Back,
        })
    }

    fn part(
        &self,
        mut owned: Owned,
        item: &Item,
        (text, begins): (&[u8], bool),
        course: Option<Course>,
    ) -> Part {
        let (saga, place, header) = (item.saga, item.place, owned.header);
        let (before, is_admitted) = (owned.phase, owned.admission.is_some());
        let end = owned.end(&item.records).cloned();
        let definition = self.known_definition(header.definition);
        let chunk = owned.grow(item, text);
        owned.follow(item, definition.as_deref());
        if let (Some(course), Course::Forward | Course::PastPivot) = (course, owned.phase.course) {
            owned.phase.course = course;
        }
        let (due, letter) = match place {
            Place::Owned => (None, b'o'),
            // It comes from the API phase, and no worker has seen it.
            Place::Ready if is_admitted => (None, b'r'),
            Place::Ready => (None, b'f'),
            Place::Timed(due) => (Some(due.0.min(LATEST)), b't'),
            Place::Parked => (None, b'p'),
            Place::Ended => (None, b'e'),
        };
        let crashes = if begins { Vec::new() } else { owned.crashes.clone() };
        let over = match (place, owned.phase.course) {
            (Place::Ended, Course::Over(ending)) => ended(ending, header.fingerprint),
            (Place::Ended, _) => ended(Ending::Abandoned, header.fingerprint),
            _ => Bytes::new(),
        };
        let Tales { here: told, there: (listener, tale) } =
            self.tales(owned.reply_to, saga, place, end);
        let folded: Vec<u8> = item.folded.iter().flat_map(|entry| *entry.0.as_bytes()).collect();
        let entry = Entry {
            saga,
            place: letter,
            guarded: item.guarded,
            begins: begins.then_some(item.fence),
            keyed: header.fingerprint.is_some(),
            phase: (begins || owned.phase != before).then(|| owned.phase.write()),
            has_phase: before != Phase::PLAIN,
            definition: header.definition,
            folded,
            due,
            crashes,
            key: key(header.key),
            over,
            listener,
            tale,
            first: owned.first.clone().filter(|_| place == Place::Ended),
            behind: owned.chunks_behind(),
            chunk,
        };
        let after = (place == Place::Owned).then_some(owned);
        Part { entry, fence: item.fence, after, told }
    }
}

/// Takes what steps returned out of what is over: out of all chunks behind the first one, which are one
/// from then on.
pub(super) async fn shorten(partition: &Partition, ready: &mut [Ready]) {
    let over = ready.iter_mut().filter_map(|ready| match ready {
        Ready::Part(part) if part.entry.place == b'e' => Some(&mut part.entry),
        _ => None,
    });
    join_all(over.map(async |entry| {
        let Some((number @ 1.., last)) = &mut entry.chunk else { return };
        let saga = entry.saga;
        match chunks_behind(partition, &saga, entry.behind).await {
            Ok(behind) => (*number, *last) = (1, [&behind, &**last].concat().into()),
            Err(error) => tracing::warn!(%saga, error, "only the last outputs are taken out"),
        }
        match without_outputs(last) {
            Ok(shorter) => *last = shorter.into(),
            Err(error) => tracing::warn!(%saga, error, "all outputs are kept"),
        }
    }))
    .await;
}

/// So many chunks between the first and the last one.
async fn chunks_behind(
    partition: &Partition,
    saga: &SagaId,
    behind: u32,
) -> Result<Vec<u8>, BoxError> {
    let mut text = Vec::new();
    if behind > 0 {
        let mut command = redis::cmd("HMGET");
        command.arg(partition.key(b"j", b""));
        for number in 1..=behind {
            command.arg(&*field(saga, number));
        }
        let mut chunks = List::of(partition.call(command).await?)?;
        while !chunks.is_empty() {
            text.extend_from_slice(&chunks.bytes()?);
        }
    }
    Ok(text)
}
