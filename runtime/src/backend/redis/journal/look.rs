//! Looking at sagas: by id, by place, page by page; and letters.

use std::collections::BTreeMap;

use bytes::Bytes;
use redis::Value;
use uuid::Uuid;

use super::{
    Inner,
    chunk::{self, BoxError},
    create::read_known,
    owned::Ending,
    partition::{FEW, Partition, Request, unavailable},
    pulse::PATIENCE,
    reply::{List, bytes},
    scripts::Call,
};
use crate::{
    journal::{Audited, History, JournalError, Known, ListFilter, Listed, PlaceKind, Told},
    kernel::{AttemptEnd, DefinitionHash, Letter, Mail, Place, SagaId, SagaStatus, Timestamp, Way},
};

/// Fields that one call looks at.
const PAGE: u64 = 500;
/// So many late successes are listed, as `tell` keeps of each partition.
const LATE: usize = 1_000;

impl Inner {
    /// Makes a call that may be made again.
    pub(super) async fn ask(
        &self,
        partition: &Partition,
        request: &Request,
    ) -> Result<Value, JournalError> {
        let until = self.clock.local().plus(PATIENCE);
        partition.insist(request, || partition.is_before(until)).await.map_err(unavailable)
    }

    pub(super) async fn find(&self, saga: SagaId) -> Result<Option<Known>, JournalError> {
        let partition = self.partition(saga);
        let mut request = partition.request(Call::Find, FEW);
        request.arg(saga.0.as_bytes());
        match self.ask(partition, &request).await? {
            Value::Nil => Ok(None),
            known => {
                bytes(known).and_then(|known| read_known(&known)).map(Some).map_err(unavailable)
            }
        }
    }

    /// The records of a saga and where it is.
    pub(super) async fn read_in(
        &self,
        partition: &Partition,
        saga: SagaId,
    ) -> Result<Option<History>, JournalError> {
        let mut request = partition.request(Call::Read, FEW);
        request.arg(saga.0.as_bytes());
        match self.ask(partition, &request).await? {
            Value::Nil => Ok(None),
            found => read_history(found)
                .map(Some)
                .map_err(|error| unavailable(format!("saga {saga}: {error}"))),
        }
    }

    pub(super) async fn inbox(&self, saga: SagaId) -> Result<Vec<Mail>, JournalError> {
        let partition = self.partition(saga);
        let mut command = redis::cmd("HGET");
        command.arg(partition.key(b"in", b"")).arg(saga.0.as_bytes());
        match partition.call(command).await.map_err(unavailable)? {
            Value::Nil => Ok(Vec::new()),
            letters => {
                bytes(letters).and_then(|letters| chunk::letters(&letters)).map_err(unavailable)
            }
        }
    }

    pub(super) async fn tell(&self, saga: SagaId, mut mail: Mail) -> Result<Told, JournalError> {
        let kind = match &mail.letter {
            Letter::Cancel { .. } => b"c",
            Letter::Late { way: Way::Do, end: AttemptEnd::Done(_), .. } => b"l",
            _ => b"o",
        };
        let letter = chunk::letter(&mut mail).map_err(unavailable)?;
        let partition = self.partition(saga);
        let mut request = partition.request(Call::Tell, (4, 64 + letter.len()));
        request.arg(saga.0.as_bytes()).arg(mail.id.0.as_bytes()).arg(kind).arg(&letter);
        let answer = self.ask(partition, &request).await?;
        let mut answer = List::of(answer).map_err(unavailable)?;
        let told = answer.bytes().map_err(unavailable)?;
        let (told, is_new) = match &*told {
            b"T" => return Ok(Told::Told),
            b"A" => return Ok(Told::Already),
            b"P" => return Ok(Told::TooLate(SagaStatus::Running)),
            b"N" => {
                let _stage = answer.bytes().map_err(unavailable)?;
                (Told::NoSuch, answer.number().map_err(unavailable)?)
            }
            _ => {
                let stage = answer.bytes().map_err(unavailable)?;
                let ending = stage.first().and_then(|letter| Ending::read(*letter));
                let status = ending.map_or(SagaStatus::Compensated, Ending::status);
                (Told::TooLate(status), answer.number().map_err(unavailable)?)
            }
        };
        if let (1, Letter::Late { step, attempt, .. }) = (is_new, &mail.letter) {
            tracing::error!(%saga, ?told, step, attempt, "a success came too late to be undone");
        }
        Ok(told)
    }

    pub(super) async fn late(&self) -> Result<Vec<(SagaId, Mail)>, JournalError> {
        let mut all = Vec::new();
        for partition in &self.partitions {
            let mut command = redis::cmd("ZRANGE");
            command.arg(partition.key(b"late", b"")).arg(0).arg(-1).arg("WITHSCORES");
            let late = partition.call(command).await.map_err(unavailable)?;
            all.extend(read_late(late).map_err(unavailable)?);
        }
        // The newest of all partitions.
        all.sort_by_key(|(at, ..)| *at);
        let older = all.len().saturating_sub(LATE);
        Ok(all.drain(older..).map(|(_, saga, mail)| (saga, mail)).collect())
    }

    /// Sagas that fit, in order of their ids. Each page looks at all that may fit.
    pub(super) async fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Result<Vec<Listed>, JournalError> {
        let sources: &[&str] = match filter.place {
            Some(PlaceKind::Parked) => &["p"],
            Some(PlaceKind::Timed) => &["t"],
            Some(PlaceKind::Owned) => &["o"],
            Some(PlaceKind::Ended) => &["c", "l"],
            Some(PlaceKind::Ready) => &["j"],
            None => &["j", "c", "l"],
        };
        let mut rows = BTreeMap::new();
        for partition in &self.partitions {
            for source in sources {
                let mut page = Bytes::from_static(b"0");
                loop {
                    let mut request = partition.request(Call::List, FEW);
                    request.arg(source.as_bytes()).arg(&page).number(PAGE);
                    let answer = self.ask(partition, &request).await?;
                    let (next, found) = read_rows(answer).map_err(unavailable)?;
                    let wanted =
                        |row: &Listed| after.is_none_or(|after| row.id > after) && filter.fits(row);
                    for row in found.into_iter().filter(wanted) {
                        rows.insert(row.id, row);
                        if rows.len() > limit {
                            rows.pop_last();
                        }
                    }
                    page = next;
                    if &*page == b"0" {
                        break;
                    }
                }
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Where a page begins is told in an id: the partition, and the server's own mark.
    pub(super) async fn audit(
        &self,
        after: Option<SagaId>,
        limit: usize,
    ) -> Result<Audited, JournalError> {
        let (number, mark) = after.map_or((0, 0), |after| after.0.as_u64_pair());
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(partition) = self.partitions.get(number) else { return Ok(Audited::default()) };
        let mut request = partition.request(Call::Audit, FEW);
        request.number(mark).number(limit.max(1));
        let answer = self.ask(partition, &request).await?;
        let mut audited = Audited::default();
        let next = read_audited(answer, &mut audited).map_err(unavailable)?;
        let mark =
            |partition: usize, mark| Some(SagaId(Uuid::from_u64_pair(partition as u64, mark)));
        audited.next = match next {
            0 if number + 1 < self.partitions.len() => mark(number + 1, 0),
            0 => None,
            next => mark(number, next),
        };
        Ok(audited)
    }
}

fn place(letter: &[u8], due: Option<u64>) -> Result<Place, BoxError> {
    Ok(match (letter, due) {
        (b"o", _) => Place::Owned,
        (b"r", _) => Place::Ready,
        (b"t", Some(due)) => Place::Timed(Timestamp(due)),
        (b"p", _) => Place::Parked,
        (b"e", _) => Place::Ended,
        _ => return Err("Redis answered a place that is not known here".into()),
    })
}

fn read_history(found: Value) -> Result<History, BoxError> {
    let mut found = List::of(found)?;
    let letter = found.bytes()?;
    let place = place(&letter, found.maybe_number()?)?;
    let _phase = found.bytes()?;
    let records = chunk::read(&found.bytes()?)?;
    Ok(History { definition: records.header.definition, place, records: records.records })
}

fn read_rows(answer: Value) -> Result<(Bytes, Vec<Listed>), BoxError> {
    let mut answer = List::of(answer)?;
    let next = answer.bytes()?;
    let (mut list, mut rows) = (answer.list()?, Vec::new());
    while !list.is_empty() {
        let id = SagaId(Uuid::from_bytes(list.array()?));
        let definition = DefinitionHash(list.array()?);
        let letter = list.bytes()?;
        rows.push(Listed { id, definition, place: place(&letter, list.maybe_number()?)? });
    }
    Ok((next, rows))
}

fn read_audited(answer: Value, audited: &mut Audited) -> Result<u64, BoxError> {
    let mut answer = List::of(answer)?;
    let next = answer.number()?;
    audited.seen = usize::try_from(answer.number()?).unwrap_or(usize::MAX);
    let mut mended = answer.list()?;
    while !mended.is_empty() {
        audited.mended.push(SagaId(Uuid::from_bytes(mended.array()?)));
    }
    Ok(next)
}

/// When each was told, which saga, and what.
fn read_late(late: Value) -> Result<Vec<(u64, SagaId, Mail)>, BoxError> {
    let (mut list, mut all) = (List::of(late)?, Vec::new());
    while !list.is_empty() {
        let (late, at) = (list.bytes()?, list.number()?);
        let (saga, rest) = late.split_first_chunk::<16>().ok_or("a late success is cut off")?;
        let letter = rest.get(16..).ok_or("a late success is cut off")?;
        all.push((at, SagaId(Uuid::from_bytes(*saga)), serde_json::from_slice(letter)?));
    }
    Ok(all)
}
