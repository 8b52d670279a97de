//! Claiming, carrying, and seats that come to an end.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use redis::Value;
use uuid::Uuid;

use super::{
    Inner,
    chunk::{self, BoxError},
    owned::{Owned, Phase},
    partition::{Partition, micros, unavailable},
    reply::List,
    scripts::Call,
    seat::Seat,
};
use crate::{
    journal::{Carry, ClaimFrom, Claimed, ClaimedSaga, JournalError},
    kernel::{DefinitionHash, Fence, SagaId, Timestamp},
};

/// A claim takes records of about so many bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What a claim was answered.
enum Reply {
    Claimed(Claimed, Vec<(SagaId, Owned)>),
    Fenced,
    Diverged,
}

impl Inner {
    /// Owns sagas of one partition. A claim that is not answered is asked again under its number, and
    /// answers what it took.
    pub(super) async fn claim(
        &self,
        partition: &Partition,
        seat: &Seat,
        from: ClaimFrom<'_>,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        let _turn = seat.claiming.lock().await;
        seat.check()?;
        let number = seat.claims.load(Ordering::Acquire) + 1;
        let many = match from {
            ClaimFrom::Definitions(definitions) => definitions.len(),
            ClaimFrom::Sagas(_, sagas) => sagas.len(),
        };
        let mut request = partition.request(Call::Claim, (8 + many, 128 + 24 * many));
        request.arg(seat.id.0.as_bytes()).number(number).arg(&seat.listener.0.to_be_bytes());
        request.number(limit).number(MOST_BYTES);
        match from {
            ClaimFrom::Definitions(definitions) => {
                request.arg(b"d");
                for definition in definitions {
                    request.arg(&definition.0);
                }
            }
            ClaimFrom::Sagas(definition, sagas) => {
                request.arg(b"s").arg(&definition.0);
                for saga in sagas {
                    request.arg(saga.0.as_bytes());
                }
            }
        }
        let answer = match partition.insist_and_count(&request, || seat.check().is_ok()).await {
            Ok((answer, _)) => answer,
            Err((error, 0)) => return Err(unavailable(error)),
            Err((error, _)) => {
                // It may own what nobody here knows of.
                tracing::error!(seat = %seat.id, %error, "a claim was not answered");
                return Err(seat.lose(false));
            }
        };
        let (claimed, owned) = match read(answer).map_err(unavailable)? {
            Reply::Claimed(claimed, owned) => (claimed, owned),
            Reply::Fenced => return Err(seat.lose(false)),
            Reply::Diverged => return Err(seat.lose(true)),
        };
        seat.owned().extend(owned);
        seat.claims.store(number, Ordering::Release);
        self.clock.heard(claimed.at);
        if let ClaimFrom::Definitions(definitions) = from {
            let idle = claimed.sagas.is_empty() && limit > 0;
            let waits_for = if idle { definitions.to_vec() } else { Vec::new() };
            *seat.waits_for() = waits_for;
        }
        Ok(claimed)
    }

    /// Takes tickets for a queue.
    pub(super) async fn carry(
        &self,
        partition: &Partition,
        seat: &Seat,
        carry: Carry<'_>,
    ) -> Result<Vec<(SagaId, DefinitionHash)>, JournalError> {
        let many = carry.definitions.len();
        let mut request = partition.request(Call::Carry, (4 + many, 64 + 24 * many));
        request.arg(seat.id.0.as_bytes()).arg(&seat.listener.0.to_be_bytes());
        request.number(carry.limit).number(micros(self.settings.carried));
        for definition in carry.definitions {
            request.arg(&definition.0);
        }
        // Once: what it took and did not say comes back by itself.
        let answer = partition.run(&request).await.map_err(unavailable)?;
        match read_carried(answer).map_err(unavailable)? {
            Some(carried) => {
                let waits_for =
                    if carried.is_empty() { carry.definitions.to_vec() } else { Vec::new() };
                *seat.waits_for() = waits_for;
                Ok(carried)
            }
            None => Err(seat.lose(false)),
        }
    }
}

fn read(answer: Value) -> Result<Reply, BoxError> {
    let mut answer = List::of(answer)?;
    match &*answer.bytes()? {
        b"F" => return Ok(Reply::Fenced),
        b"D" => return Ok(Reply::Diverged),
        _ => {}
    }
    let mut claimed = Claimed { at: Timestamp(answer.number()?), ..Claimed::default() };
    let (mut sagas, mut owned) = (answer.list()?, Vec::new());
    let (mut phases, mut letters) = (answer.list()?, answer.list()?);
    while !sagas.is_empty() {
        let (id, owner, records) = (sagas.array()?, sagas.bytes()?, sagas.bytes()?);
        let beside = (phases.maybe_bytes()?, letters.maybe_bytes()?);
        match read_saga(SagaId(Uuid::from_bytes(id)), &owner, &records, beside) {
            Ok((saga, of)) => {
                owned.push((saga.id, of));
                claimed.sagas.push(saga);
            }
            // It stays with this seat, so that it holds up no others, until newer code has one.
            Err(error) => tracing::error!(error, "a saga that cannot be read"),
        }
    }
    Ok(Reply::Claimed(claimed, owned))
}

/// A saga that was claimed: fence and crashes, records, and what stands beside it.
fn read_saga(
    id: SagaId,
    owner: &[u8],
    records: &[u8],
    (phase, letters): (Bytes, Bytes),
) -> Result<(ClaimedSaga, Owned), BoxError> {
    let of_saga = |error: BoxError| -> BoxError { format!("saga {id}: {error}").into() };
    let text = records;
    let records = chunk::read(text).map_err(of_saga)?;
    let phase = Phase::read(&phase);
    let mail = chunk::letters(&letters).map_err(of_saga)?;
    let Some((fence, crashes)) = owner.split_first_chunk() else {
        return Err(of_saga("its owner is cut off".into()));
    };
    let fence = Fence(u64::from_be_bytes(*fence));
    let mut numbers =
        crashes.chunks_exact(8).map(|n| u64::from_be_bytes(n.try_into().unwrap_or_default()));
    let crashed_at = numbers.next().map(Timestamp);
    // Crashes count since the last record: any progress clears them (R3).
    let last = records.records.last().map_or(Fence::NONE, |last| last.fence);
    let crashes_since = numbers.filter(|fence| *fence >= last.0).count();
    let crashes_since = u32::try_from(crashes_since).unwrap_or(u32::MAX);
    let owned = Owned::claimed(&records, text, fence, phase, crashes.to_vec());
    let claimed = ClaimedSaga {
        id,
        definition: records.header.definition,
        fence,
        crashes: crashes_since,
        crashed_at: crashed_at.filter(|_| crashes_since > 0),
        records: records.records,
        mail,
    };
    Ok((claimed, owned))
}

fn read_carried(answer: Value) -> Result<Option<Vec<(SagaId, DefinitionHash)>>, BoxError> {
    let mut answer = List::of(answer)?;
    if &*answer.bytes()? == b"F" {
        return Ok(None);
    }
    answer.number()?;
    let (mut list, mut carried) = (answer.list()?, Vec::new());
    while !list.is_empty() {
        carried.push((SagaId(Uuid::from_bytes(list.array()?)), DefinitionHash(list.array()?)));
    }
    Ok(Some(carried))
}
