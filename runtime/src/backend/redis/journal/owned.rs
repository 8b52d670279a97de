//! What a seat knows of a saga that it owns: enough to write its next group without reading it.

use std::sync::Arc;

use bytes::Bytes;

use super::chunk::{FULL, GROUP_HEAD, HEADER, Header, Records, push};
use crate::{
    journal::{Admission, Item, ListenerId},
    kernel::{
        Cause, Definition, End, Fence, Finish, Finished, Letter, Place, Record, SagaStatus,
        Timestamp, Way,
    },
};

/// Which way a saga goes, as its letters stand beside it in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Forward,
    PastPivot,
    Back,
    /// Over, settled or not.
    Over(Ending),
}

/// How a saga is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Abandoned,
    As(SagaStatus),
}

impl Ending {
    pub(super) fn of(finished: &Finished) -> Self {
        match &finished.finish {
            Finish::Compensated(Cause::Abandoned) => Self::Abandoned,
            _ => Self::As(SagaStatus::of(finished)),
        }
    }

    pub(super) fn letter(self) -> u8 {
        match self {
            Self::Abandoned => b'X',
            Self::As(SagaStatus::Completed) => b'C',
            Self::As(SagaStatus::Cancelled) => b'K',
            Self::As(SagaStatus::Killed) => b'Z',
            Self::As(_) => b'U',
        }
    }

    pub(super) fn read(letter: u8) -> Option<Self> {
        Some(match letter {
            b'X' => Self::Abandoned,
            b'C' => Self::As(SagaStatus::Completed),
            b'K' => Self::As(SagaStatus::Cancelled),
            b'Z' => Self::As(SagaStatus::Killed),
            b'U' => Self::As(SagaStatus::Compensated),
            _ => return None,
        })
    }

    pub(super) fn status(self) -> SagaStatus {
        match self {
            // What is abandoned is undone.
            Self::Abandoned => SagaStatus::Compensated,
            Self::As(status) => status,
        }
    }
}

impl Course {
    fn letter(self) -> u8 {
        match self {
            Self::Forward => b'f',
            Self::PastPivot => b'p',
            Self::Back => b'b',
            Self::Over(ending) => ending.letter(),
        }
    }

    fn read(letter: u8) -> Self {
        match letter {
            b'p' => Self::PastPivot,
            b'b' => Self::Back,
            other => Ending::read(other).map_or(Self::Forward, Self::Over),
        }
    }
}

/// Course, and whether its start was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) course: Course,
    pub(super) starting: bool,
}

impl Phase {
    /// That of nearly all sagas: nothing stands beside them.
    pub(super) const PLAIN: Self = Self { course: Course::Forward, starting: false };

    pub(super) fn write(self) -> [u8; 2] {
        [self.course.letter(), if self.starting { b'S' } else { b'A' }]
    }

    /// Nothing stands for forward and accepted.
    pub(super) fn read(written: &[u8]) -> Self {
        match written {
            [course, start] => Self { course: Course::read(*course), starting: *start == b'S' },
            _ => Self { course: Course::Forward, starting: false },
        }
    }
}

/// A saga in the hands of a seat.
#[derive(Clone)]
pub(super) struct Owned {
    pub(super) header: Header,
    pub(super) fence: Fence,
    pub(super) seq: u64,
    pub(super) phase: Phase,
    /// It began here, under this fence.
    pub(super) begun_here: bool,
    pub(super) reply_to: Option<ListenerId>,
    /// The room that it takes until it leaves its first owner, or that one loses it.
    pub(super) admission: Option<Arc<Admission>>,
    /// What is to be kept of earlier crashes while nothing was written.
    pub(super) crashes: Vec<u8>,
    last_at: Timestamp,
    /// The first chunk, unless it is long: what is over is written in one piece.
    pub(super) first: Option<Bytes>,
    last: (u32, Bytes),
}

impl Owned {
    /// A saga that was claimed, and the text of its records.
    pub(super) fn claimed(
        records: &Records,
        text: &[u8],
        fence: Fence,
        phase: Phase,
        crashes: Vec<u8>,
    ) -> Self {
        let first = &text[..records.first];
        let reply_to = records.records.first().and_then(|first| reply_to(&first.record));
        Self {
            header: records.header,
            fence,
            seq: records.records.len() as u64,
            phase,
            begun_here: false,
            reply_to,
            admission: None,
            crashes,
            last_at: records.records.last().map_or(Timestamp(0), |last| last.at),
            first: (first.len() < FULL).then(|| Bytes::copy_from_slice(first)),
            last: (records.last.0, Bytes::copy_from_slice(&records.last.1)),
        }
    }

    /// A saga that begins with this item.
    pub(super) fn begun(item: &Item, header: Header, admission: Option<Admission>) -> Self {
        Self {
            header,
            fence: item.fence,
            seq: 0,
            phase: Phase { course: Course::Forward, starting: admission.is_some() },
            begun_here: true,
            reply_to: item.records.first().and_then(reply_to),
            admission: admission.map(Arc::new),
            crashes: Vec::new(),
            last_at: Timestamp(0),
            first: None,
            last: (0, Bytes::new()),
        }
    }

    /// Full chunks behind the first, which do not change any more.
    pub(super) fn chunks_behind(&self) -> u32 {
        self.last.0.saturating_sub(1)
    }

    /// Adds a group. Answers the number of the chunk to write, and what it holds then; `None` for an
    /// empty group.
    pub(super) fn grow(&mut self, item: &Item, group: &[u8]) -> Option<(u32, Bytes)> {
        if item.records.is_empty() {
            return None;
        }
        let at = self.last_at.max(item.at);
        let (number, last) = (self.last.0, &self.last.1[..]);
        let mut chunk = Vec::with_capacity(last.len() + GROUP_HEAD + HEADER + group.len());
        let number = if self.seq == 0 {
            self.header.write(&mut chunk);
            0
        } else if number == 0 || last.len() >= FULL {
            number + 1
        } else {
            chunk.extend_from_slice(last);
            number
        };
        push(&mut chunk, item.fence, at, group);
        self.last = (number, chunk.into());
        if self.seq == 0 {
            self.first = Some(self.last.1.clone()).filter(|first| first.len() < FULL);
        }
        self.last_at = at;
        self.seq += item.records.len() as u64;
        self.crashes.clear();
        Some(self.last.clone())
    }

    /// Whether only all records tell which way the saga goes behind this group.
    pub(super) fn is_hard_to_tell(&self, records: &[Record]) -> bool {
        self.phase.course == Course::Forward
            && records.iter().any(|record| match record {
                Record::Received(mail) => matches!(mail.letter, Letter::MarkDone { .. }),
                Record::Ended { end: End::Late(_), .. } => true,
                _ => false,
            })
    }

    /// Notes what the group means for the direction and the stage of the saga.
    pub(super) fn follow(&mut self, item: &Item, definition: Option<&Definition>) {
        self.phase.starting &= !self.is_handed_over(item);
        for record in &item.records {
            let course = &mut self.phase.course;
            *course = match (record, *course) {
                (Record::Finished(finished), _) => Course::Over(Ending::of(finished)),
                // What is only received does not open it again.
                (Record::Received(_), course) => course,
                // A success that came late does: it goes on going back (C8).
                (_, Course::Over(_)) => Course::Back,
                (Record::Compensating(_), _) => Course::Back,
                (
                    Record::Ended { step, way: Way::Do | Way::Probe, end: End::Done(_), .. },
                    Course::Forward,
                ) if definition.and_then(Definition::pivot) == Some(*step) => Course::PastPivot,
                (_, course) => course,
            };
        }
    }

    /// How the saga ends with this group. A group that only says again that it is over, now for good,
    /// ends nothing: its listener heard of it (C8).
    pub(super) fn end<'a>(&self, records: &'a [Record]) -> Option<&'a Arc<Finished>> {
        let Some(Record::Finished(finished)) = records.last() else { return None };
        let quiet = |record: &Record| matches!(record, Record::Finished(_) | Record::Received(_));
        let again = matches!(self.phase.course, Course::Over(_)) && records.iter().all(quiet);
        (!again).then_some(finished)
    }

    /// Whether its first owner hands the saga over with this group: it goes on to workers, goes back,
    /// waits for somebody, or ends. What that owner only gives back in the middle of its API phase was
    /// not accepted; nor was what others move after it died (A6).
    fn is_handed_over(&self, item: &Item) -> bool {
        let has = |what: fn(&Record) -> bool| item.records.iter().any(what);
        let turn = item.records.iter().find_map(|record| match record {
            Record::Compensating(cause) => Some(&**cause),
            _ => None,
        });
        let accepted = match (turn, item.place) {
            (Some(cause), _) => !matches!(cause, Cause::Abandoned),
            (None, Place::Parked | Place::Ended) => true,
            (None, _) if has(|record| matches!(record, Record::Parked(_))) => true,
            (None, Place::Owned) => false,
            (None, _) => has(|record| matches!(record, Record::Intended { .. })),
        };
        self.begun_here && accepted
    }
}

pub(super) fn reply_to(first: &Record) -> Option<ListenerId> {
    match first {
        Record::Started(started) => started.reply_to.map(ListenerId),
        _ => None,
    }
}
