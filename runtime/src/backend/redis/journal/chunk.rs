//! Records as they are kept: chunks of groups.
//!
//! The first chunk begins with what is asked of a saga without reading it: version, flags, definition,
//! fingerprint, key. Then come groups, each with its length, the fence of its writer and its time, and
//! its records as MessagePack: half the bytes of JSON, and the server copies each several times. Only
//! the last chunk grows, and it is written whole: a repeated write is the same write.

use crate::{
    codec::{Json, encode},
    kernel::{
        DefinitionHash, Encoded, End, Fence, Fingerprint, Group, Mail, Record, SagaId, Stamped,
        Timestamp, Value,
    },
};

use bytes::Bytes;
use uuid::Uuid;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A chunk of so many bytes does not grow any more.
pub(super) const FULL: usize = 4096;
const VERSION: u8 = 1;
/// The longest header, and what stands before a group.
pub(super) const HEADER: usize = 50;
pub(super) const GROUP_HEAD: usize = 20;
const HAS_FINGERPRINT: u8 = 1;
const HAS_KEY: u8 = 2;

/// What is asked of a saga without reading its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) definition: DefinitionHash,
    pub(super) fingerprint: Option<Fingerprint>,
    /// The first id under its key, if this is not it.
    pub(super) key: Option<SagaId>,
}

impl Header {
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let flag = |is: bool, flag| if is { flag } else { 0 };
        let flags =
            flag(self.fingerprint.is_some(), HAS_FINGERPRINT) | flag(self.key.is_some(), HAS_KEY);
        to.extend([VERSION, flags]);
        to.extend(self.definition.0);
        to.extend(self.fingerprint.iter().flat_map(|fingerprint| fingerprint.0));
        to.extend(self.key.iter().flat_map(|key| *key.0.as_bytes()));
    }

    fn read(from: &mut &[u8]) -> Result<Self, BoxError> {
        let [version, flags] = take(from)?;
        if version != VERSION {
            return Err(format!(
                "its records have the format {version}, and {VERSION} is known here"
            )
            .into());
        }
        let definition = DefinitionHash(take(from)?);
        let fingerprint = match flags & HAS_FINGERPRINT {
            0 => None,
            _ => Some(Fingerprint(take(from)?)),
        };
        let key = match flags & HAS_KEY {
            0 => None,
            _ => Some(SagaId(Uuid::from_bytes(take(from)?))),
        };
        Ok(Self { definition, fingerprint, key })
    }
}

fn take<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], BoxError> {
    let (taken, rest) = from.split_first_chunk().ok_or("its records are cut off")?;
    *from = rest;
    Ok(*taken)
}

/// Gives a value its bytes, which it keeps: it may be written once more.
fn keep(value: &mut Value) -> Result<(), BoxError> {
    if value.as_encoded().is_none() {
        let encoded = encode(&Json, value)?;
        *value = value.clone().with_encoding(encoded);
    }
    Ok(())
}

/// The bytes of a group of records.
pub(super) fn group(records: &mut [Record]) -> Result<Vec<u8>, BoxError> {
    records.iter_mut().try_for_each(|record| record.each_value(&mut keep))?;
    // Most fit, and do not grow.
    let mut group = Vec::with_capacity(512);
    rmp_serde::encode::write(&mut group, records)?;
    Ok(group)
}

/// Adds a group to a chunk.
pub(super) fn push(to: &mut Vec<u8>, fence: Fence, at: Timestamp, group: &[u8]) {
    let length = u32::try_from(group.len() + 16).expect("values are limited to some megabytes");
    to.extend(length.to_be_bytes());
    to.extend(fence.0.to_be_bytes());
    to.extend(at.0.to_be_bytes());
    to.extend(group);
}

/// All records of a saga, and where its last chunk begins.
pub(super) struct Records {
    pub(super) header: Header,
    pub(super) records: Vec<Stamped>,
    /// How long the first chunk is.
    pub(super) first: usize,
    /// The number of the last chunk, and what is in it. The first one never grows.
    pub(super) last: (u32, Vec<u8>),
}

/// Reads all chunks of a saga, one behind the other.
pub(super) fn read(chunks: &[u8]) -> Result<Records, BoxError> {
    let mut rest = chunks;
    let header = Header::read(&mut rest)?;
    let (mut records, mut first, mut last) = (Vec::new(), 0, (0, Vec::new()));
    while !rest.is_empty() {
        let whole = rest;
        let length = u32::from_be_bytes(take(&mut rest)?) as usize;
        let (mut group, behind) = rest.split_at_checked(length).ok_or("its records are cut off")?;
        rest = behind;
        let (fence, at) = (
            Fence(u64::from_be_bytes(take(&mut group)?)),
            Timestamp(u64::from_be_bytes(take(&mut group)?)),
        );
        let written: Group = rmp_serde::from_slice(group)?;
        // As the writer did: the first group is the first chunk, and a full one is followed by the next.
        if !records.is_empty() {
            if last.0 == 0 || last.1.len() >= FULL {
                last = (last.0 + 1, Vec::new());
            }
            last.1.extend(&whole[..length + 4]);
        } else {
            first = chunks.len() - rest.len();
        }
        records.extend(written.into_iter().map(|record| Stamped { fence, at, record }));
    }
    if records.is_empty() {
        return Err("it has no records".into());
    }
    Ok(Records { header, records, first, last })
}

/// The same groups, without what steps returned.
pub(super) fn without_outputs(mut chunk: &[u8]) -> Result<Vec<u8>, BoxError> {
    let mut shorter = Vec::with_capacity(chunk.len());
    while !chunk.is_empty() {
        let length = u32::from_be_bytes(take(&mut chunk)?) as usize;
        let (mut text, behind) = chunk.split_at_checked(length).ok_or("its records are cut off")?;
        chunk = behind;
        let fence = Fence(u64::from_be_bytes(take(&mut text)?));
        let at = Timestamp(u64::from_be_bytes(take(&mut text)?));
        let mut records: Group = rmp_serde::from_slice(text)?;
        for record in &mut records {
            if let Record::Ended {
                end: End::Done(value) | End::Late(value) | End::Partial(_, value),
                ..
            } = record
            {
                *value = Value::encoded(Encoded { codec: "not-kept".into(), bytes: Bytes::new() });
            }
        }
        push(&mut shorter, fence, at, &group(&mut records)?);
    }
    Ok(shorter)
}

/// A letter as it is kept.
pub(super) fn letter(mail: &mut Mail) -> Result<Vec<u8>, BoxError> {
    mail.each_value(&mut keep)?;
    Ok(serde_json::to_vec(mail)?)
}

/// The letters of a saga, each behind its entry and its length.
pub(super) fn letters(mut packed: &[u8]) -> Result<Vec<Mail>, BoxError> {
    let mut letters = Vec::new();
    while !packed.is_empty() {
        let _entry: [u8; 16] = take(&mut packed)?;
        let length = u32::from_be_bytes(take(&mut packed)?) as usize;
        let (letter, behind) = packed.split_at_checked(length).ok_or("a letter is cut off")?;
        packed = behind;
        letters.push(serde_json::from_slice(letter)?);
    }
    Ok(letters)
}
