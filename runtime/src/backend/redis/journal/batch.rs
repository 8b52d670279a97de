//! A batch as the scripts read it.
//!
//! Nearly all groups are plain: of a saga that was told nothing, did not lose an owner, has no key and
//! less than 4 KiB behind its first chunk. A batch of these is lists of arguments that a script
//! hands on as they are. One that is not goes saga by saga, through another script.

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    partition::{Partition, Request},
    scripts::Call,
    seat::Seat,
};
use crate::kernel::{DefinitionHash, Fence, SagaId};

/// What one saga has to write, and where it goes.
pub(super) struct Entry {
    pub(super) saga: SagaId,
    /// o, r: back of the list, f: front, t, p or e.
    pub(super) place: u8,
    pub(super) guarded: bool,
    /// It begins, under this fence.
    pub(super) begins: Option<Fence>,
    pub(super) keyed: bool,
    /// Which way it goes, and whether it is accepted, if that changes.
    pub(super) phase: Option<[u8; 2]>,
    /// Whether anything stands beside it on that now.
    pub(super) has_phase: bool,
    pub(super) definition: DefinitionHash,
    pub(super) folded: Vec<u8>,
    pub(super) due: Option<u64>,
    /// What is kept of crashes.
    pub(super) crashes: Vec<u8>,
    pub(super) key: Bytes,
    /// Stage and fingerprint of one that is over.
    pub(super) over: Bytes,
    pub(super) listener: Bytes,
    pub(super) tale: Bytes,
    /// The first chunk of one that is over, if it is short.
    pub(super) first: Option<Bytes>,
    /// So many chunks lie between the first and the last one.
    pub(super) behind: u32,
    /// The last chunk, if it changes. Of what is over it may be all behind the first one.
    pub(super) chunk: Option<(u32, Bytes)>,
}

impl Entry {
    fn id(&self) -> &[u8] {
        self.saga.0.as_bytes()
    }

    fn is_plain(&self) -> bool {
        let nothing =
            self.folded.is_empty() && self.key.is_empty() && !self.keyed && self.crashes.is_empty();
        let begins = self.place == b'o' && matches!(self.chunk, Some((0, _)));
        // What is over is one piece, and all of it is known here.
        let is_short =
            self.first.is_some() && self.behind == 0 && matches!(self.chunk, Some((1, _)));
        nothing && (self.begins.is_none() || begins) && (is_short || !self.is_over())
    }

    fn is_over(&self) -> bool {
        self.place == b'e'
    }

    fn bytes(&self) -> usize {
        let length = |bytes: Option<&Bytes>| bytes.map_or(0, Bytes::len);
        let chunk = self.chunk.as_ref().map(|(_, chunk)| chunk);
        length(self.first.as_ref()) + length(chunk) + self.tale.len()
    }
}

/// The field of a chunk.
pub(super) fn field(saga: &SagaId, number: u32) -> SmallVec<[u8; 28]> {
    let mut field = SmallVec::from_slice(saga.0.as_bytes());
    match number {
        0 => {}
        1 => field.extend_from_slice(b".1"),
        number => field.extend_from_slice(format!(".{number}").as_bytes()),
    }
    field
}

/// The head of every batch.
fn request(
    partition: &Partition,
    call: Call,
    seat: &Seat,
    (number, claims): (u64, u64),
    room: (usize, usize),
) -> Request {
    let mut request = partition.request(call, room);
    request.arg(seat.id.0.as_bytes()).number(number).number(claims);
    request
}

/// Saga by saga.
pub(super) fn one_by_one(
    partition: &Partition,
    seat: &Seat,
    numbers: (u64, u64),
    entries: &[&Entry],
) -> Request {
    let bytes = entries.iter().map(|entry| 200 + entry.bytes()).sum();
    let room = (4 + 10 * entries.len(), bytes);
    let mut to = request(partition, Call::Commit, seat, numbers, room);
    let flag = |is: bool| if is { b'1' } else { b'0' };
    for entry in entries {
        let mut head = SmallVec::<[u8; 40]>::from_slice(entry.id());
        let begins = flag(entry.begins.is_some());
        head.extend([entry.place, flag(entry.guarded), begins, flag(entry.keyed)]);
        head.extend(entry.phase.unwrap_or(*b"--"));
        head.extend(entry.definition.0);
        to.arg(&head).arg(&entry.folded);
        match entry.due {
            Some(due) => to.number(due),
            None => to.arg(b""),
        };
        match entry.begins {
            Some(fence) => to.arg(&fence.0.to_be_bytes()),
            None => to.arg(&entry.crashes),
        };
        to.arg(&entry.key).arg(&entry.over).arg(&entry.listener).arg(&entry.tale);
        match &entry.chunk {
            Some((number, chunk)) => to.arg(&field(&entry.saga, *number)).arg(chunk),
            None => to.arg(b"").arg(b""),
        };
    }
    to
}

/// One argument of a list.
#[derive(Clone, Copy)]
enum Word<'a> {
    Bytes(&'a [u8]),
    /// One argument.
    Pieces([&'a [u8]; 3]),
    Field(&'a SagaId, u32),
    Owner(Fence),
    Number(u64),
}

/// The lists of a batch, when it is plain.
pub(super) fn plain(
    partition: &Partition,
    seat: &Seat,
    numbers: (u64, u64),
    entries: &[&Entry],
) -> Option<Request> {
    let mut lists: [Vec<Word<'_>>; 12] = Default::default();
    let [new, fields, owners, left, over, gone, phases, forward, timed, parked, tickets, told] =
        &mut lists;
    let (mut owned, mut fence) = (0_i64, None);
    for entry in entries {
        if !entry.is_plain() {
            return None;
        }
        let id = Word::Bytes(entry.id());
        if let Some(begins) = entry.begins {
            new.push(id);
            owners.extend([id, Word::Owner(begins)]);
            fence = fence.max(Some(begins.0));
            owned += 1;
        }
        if let Some((number, chunk)) = &entry.chunk {
            let field = Word::Field(&entry.saga, *number);
            if entry.is_over() {
                let first = entry.first.as_deref().unwrap_or_default();
                over.extend([id, Word::Pieces([&entry.over, first, chunk])]);
                gone.extend([id, field]);
            } else {
                fields.extend([field, Word::Bytes(chunk)]);
            }
        }
        match &entry.phase {
            _ if entry.is_over() => forward.extend(entry.has_phase.then_some(id)),
            Some([b'f', b'A']) => forward.extend(entry.begins.is_none().then_some(id)),
            Some(phase) => phases.extend([id, Word::Bytes(phase)]),
            None => {}
        }
        if !entry.listener.is_empty() {
            told.extend([Word::Bytes(&entry.listener), Word::Bytes(&entry.tale), id]);
        }
        let definition = Word::Bytes(&entry.definition.0);
        match entry.place {
            b't' => timed.extend([Word::Number(entry.due.unwrap_or_default()), id]),
            b'p' => parked.extend([id, Word::Bytes(b"")]),
            b'r' => tickets.extend([definition, Word::Bytes(b"r"), id]),
            b'f' => tickets.extend([definition, Word::Bytes(b"f"), id]),
            _ => {}
        }
        if entry.place != b'o' {
            left.push(id);
            owned -= 1;
        }
    }
    let words = lists.iter().map(Vec::len).sum::<usize>();
    let bytes = entries.iter().map(|entry| entry.bytes()).sum::<usize>();
    let room = (6 + lists.len() + words, 128 + 20 * words + bytes);
    let mut to = request(partition, Call::Append, seat, numbers, room);
    to.number(owned);
    match fence {
        Some(fence) => to.number(fence),
        None => to.arg(b""),
    };
    for list in &lists {
        to.number(list.len());
    }
    for word in lists.iter().flatten() {
        match word {
            Word::Bytes(bytes) => to.arg(bytes),
            Word::Pieces(pieces) => to.pieces(pieces),
            Word::Field(saga, number) => to.arg(&field(saga, *number)),
            Word::Number(number) => to.number(*number),
            Word::Owner(fence) => {
                let mut owner = [0; 24];
                owner[..16].copy_from_slice(seat.id.0.as_bytes());
                owner[16..].copy_from_slice(&fence.0.to_be_bytes());
                to.arg(&owner)
            }
        };
    }
    Some(to)
}
