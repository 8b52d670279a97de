//! A batch as the scripts read it.
//!
//! Nearly all groups are plain: of a saga that was told nothing, did not lose an owner and has no key.
//! A batch of these is lists of arguments that a script hands on as they are. One that is not goes saga
//! by saga, through another script.

use bytes::Bytes;

use super::partition::text;
use crate::kernel::{DefinitionHash, SagaId};

/// What one saga has to write, and where it goes.
pub(super) struct Entry {
    pub(super) saga: SagaId,
    /// o, r: back of the list, f: front, t, p or e.
    pub(super) place: u8,
    pub(super) guarded: bool,
    pub(super) begins: bool,
    pub(super) keyed: bool,
    /// Which way it goes, and whether it is accepted, if that changes.
    pub(super) phase: Option<[u8; 2]>,
    /// Whether anything stands beside it on that now.
    pub(super) has_phase: bool,
    pub(super) definition: DefinitionHash,
    pub(super) folded: Bytes,
    pub(super) due: Option<u64>,
    /// Of one that begins: its fence; else what is kept of crashes.
    pub(super) owner: Bytes,
    pub(super) key: Bytes,
    /// Stage and fingerprint of one that is over.
    pub(super) over: Bytes,
    pub(super) listener: Bytes,
    pub(super) tale: Bytes,
    /// So many chunks lie between the first and the last.
    pub(super) behind: u32,
    /// The last chunk, if it changes.
    pub(super) chunk: Option<(u32, Bytes)>,
}

impl Entry {
    fn id(&self) -> Bytes {
        Bytes::copy_from_slice(self.saga.0.as_bytes())
    }

    /// The field of a chunk.
    fn field(&self, number: u32) -> Bytes {
        match number {
            0 => self.id(),
            number => [self.saga.0.as_bytes(), format!(".{number}").as_bytes()].concat().into(),
        }
    }

    fn is_plain(&self) -> bool {
        let nothing = self.folded.is_empty() && self.owner.is_empty() && self.key.is_empty();
        nothing && !self.begins
    }

    fn is_over(&self) -> bool {
        self.place == b'e'
    }
}

/// Saga by saga.
pub(super) fn one_by_one<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Bytes> {
    let mut args = Vec::new();
    let flag = |is: bool| if is { b'1' } else { b'0' };
    for entry in entries {
        let mut head = entry.saga.0.as_bytes().to_vec();
        head.extend([entry.place, flag(entry.guarded), flag(entry.begins), flag(entry.keyed)]);
        head.extend(entry.phase.unwrap_or(*b"--"));
        head.extend(entry.definition.0);
        args.extend([
            head.into(),
            entry.folded.clone(),
            entry.due.map(text).unwrap_or_default(),
            entry.owner.clone(),
            entry.key.clone(),
            entry.over.clone(),
            entry.listener.clone(),
            entry.tale.clone(),
            text(u64::from(entry.behind)),
            text(u64::from(entry.chunk.is_some())),
        ]);
        if let Some((number, chunk)) = &entry.chunk {
            args.extend([entry.field(*number), chunk.clone()]);
        }
    }
    args
}

/// The lists of a batch that is plain: their lengths, and what is in them.
pub(super) fn plain<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<Vec<Bytes>> {
    let mut lists: [Vec<Bytes>; 12] = Default::default();
    let [all, fields, left, phases, forward, timed, parked, tickets, moved, over, gone, told] =
        &mut lists;
    let mut owned = 0_i64;
    for entry in entries {
        if !entry.is_plain() {
            return None;
        }
        all.push(entry.id());
        match entry.phase {
            _ if entry.is_over() => forward.extend(entry.has_phase.then(|| entry.id())),
            Some([b'f', b'A']) => forward.push(entry.id()),
            Some(phase) => phases.extend([entry.id(), Bytes::copy_from_slice(&phase)]),
            None => {}
        }
        let chunk =
            entry.chunk.iter().flat_map(|(number, chunk)| [entry.field(*number), chunk.clone()]);
        if entry.is_over() {
            over.extend(chunk);
            over.extend([
                [entry.saga.0.as_bytes(), &b".e"[..]].concat().into(),
                entry.over.clone(),
            ]);
            moved.push(entry.id());
            moved.extend((1..=entry.behind).map(|number| entry.field(number)));
            gone.extend(entry.chunk.iter().map(|(number, _)| entry.field(*number)));
        } else {
            fields.extend(chunk);
        }
        match entry.place {
            b't' => timed.extend([entry.due.map(text).unwrap_or_default(), entry.id()]),
            b'p' => parked.extend([entry.id(), Bytes::new()]),
            place @ (b'r' | b'f') => tickets.extend([
                Bytes::copy_from_slice(&entry.definition.0),
                Bytes::copy_from_slice(&[place]),
                entry.id(),
            ]),
            _ => {}
        }
        if entry.place != b'o' {
            left.push(entry.id());
            owned -= 1;
        }
        if !entry.listener.is_empty() {
            told.extend([entry.listener.clone(), entry.tale.clone(), entry.id()]);
        }
    }
    let mut args = vec![owned.to_string().into()];
    args.extend(lists.iter().map(|list| text(list.len() as u64)));
    args.extend(lists.into_iter().flatten());
    Some(args)
}
