//! What concerns a seat, in one partition after the other: it has a record in each.

use std::sync::{Arc, atomic::Ordering};

use smallvec::SmallVec;

use super::{
    Inner,
    commit::Answered,
    draft::Draft,
    partition::{FEW, Partition, micros, unavailable},
    pulse::PATIENCE,
    reply::{List, number},
    scripts::Call,
    seat::Seat,
};
use crate::{
    journal::{
        Batch, Carry, ClaimFrom, Claimed, Committed, JournalError, Lease, Left, ListenerId, Pulse,
        Reaped, SeatId, Verdict,
    },
    kernel::{SagaId, Timestamp},
};

impl Inner {
    pub(super) async fn enter(
        &self,
        id: SeatId,
        listener: ListenerId,
    ) -> Result<Lease, JournalError> {
        let mut first: Option<Timestamp> = None;
        for partition in &self.partitions {
            let sent_at = self.clock.now();
            let mut request = partition.request(Call::Enter, FEW);
            request.arg(id.0.as_bytes()).arg(&listener.0.to_be_bytes());
            request.number(micros(self.settings.lease));
            let answer = self.ask(partition, &request).await?;
            self.clock.heard(Timestamp(number(&answer).map_err(unavailable)?));
            // By the clock here, which goes on when that of the server is set back.
            let deadline = sent_at.plus(self.settings.lease);
            first = Some(first.map_or(deadline, |first| first.min(deadline)));
            partition.seats().insert(id, Arc::new(Seat::new(id, listener)));
        }
        Ok(Lease { deadline: first })
    }

    /// From one partition after the other, until there are enough; each claim begins with another one.
    /// Where it was idle, and takes nothing now, it calls another one to what is there.
    pub(super) async fn claim_all(
        &self,
        seat: SeatId,
        from: ClaimFrom<'_>,
        limit: usize,
    ) -> Result<Claimed, JournalError> {
        let mut all = Claimed { at: self.clock.now(), ..Claimed::default() };
        // One after the other in turn: a call that wants nothing does not count.
        let first = match limit {
            0 => 0,
            _ => self.partitions[0].seat(seat)?.turns.fetch_add(1, Ordering::Relaxed),
        };
        for number in 0..self.partitions.len() {
            let partition = &self.partitions[(first + number) % self.partitions.len()];
            let at = partition.seat(seat)?;
            let left = limit.saturating_sub(all.sagas.len());
            if left == 0 && limit > 0 && at.waits_for().is_empty() {
                continue;
            }
            let here = match from {
                ClaimFrom::Definitions(_) => Vec::new(),
                ClaimFrom::Sagas(_, sagas) => self.of(partition, sagas),
            };
            let from = match from {
                ClaimFrom::Sagas(..) if here.is_empty() => continue,
                ClaimFrom::Sagas(definition, _) => ClaimFrom::Sagas(definition, &here),
                from => from,
            };
            match self.claim(partition, &at, from, left).await {
                Ok(claimed) => {
                    all.at = claimed.at;
                    all.sagas.extend(claimed.sagas);
                }
                // What another partition gave has an owner now, who must hear of it.
                Err(error) if !all.sagas.is_empty() => {
                    tracing::warn!(%error, "nothing from one partition");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if let ClaimFrom::Sagas(_, asked) = from {
            all.sagas.sort_by_key(|saga| asked.iter().position(|asked| *asked == saga.id));
        }
        Ok(all)
    }

    /// Those that are in this partition.
    fn of(&self, partition: &Arc<Partition>, sagas: &[SagaId]) -> Vec<SagaId> {
        let here = |saga: &&SagaId| Arc::ptr_eq(self.partition(**saga), partition);
        sagas.iter().filter(here).copied().collect()
    }

    pub(super) fn commit_all(
        self: &Arc<Self>,
        batch: Batch,
    ) -> Result<impl Future<Output = Result<Committed, JournalError>> + Send + use<>, JournalError>
    {
        let Batch { seat, items } = batch;
        let numbers: SmallVec<[usize; 1]> =
            items.iter().map(|item| self.number_of(item.saga)).collect();
        let mut of_each: SmallVec<[SmallVec<[Box<Draft>; 1]>; 1]> = SmallVec::new();
        of_each.resize_with(self.partitions.len(), SmallVec::new);
        for (item, number) in items.into_iter().zip(&numbers) {
            of_each[*number].push(self.draft(item).map_err(unavailable)?);
        }
        let mut answers: SmallVec<[Option<Answered>; 1]> = SmallVec::new();
        for (number, (partition, drafts)) in self.partitions.iter().zip(of_each).enumerate() {
            // Of an empty batch somebody must say whether the seat lives.
            let is_asked = !drafts.is_empty() || (numbers.is_empty() && number == 0);
            answers.push(match is_asked {
                true => Some(self.commit(partition, &partition.seat(seat)?, drafts)),
                false => None,
            });
        }
        Ok(async move {
            let mut verdicts: SmallVec<[Verdict; 1]> =
                numbers.iter().map(|_| Verdict::NotOwner).collect();
            for (number, answer) in answers.into_iter().enumerate() {
                let Some(answer) = answer else { continue };
                let committed = answer.verdicts().await?;
                let places = numbers.iter().enumerate().filter(|(_, of)| **of == number);
                for ((place, _), verdict) in places.zip(committed.verdicts) {
                    verdicts[place] = verdict;
                }
            }
            Ok(Committed { verdicts })
        })
    }

    pub(super) async fn pulse_all(
        self: Arc<Self>,
        id: SeatId,
        carry: Option<Carry<'_>>,
    ) -> Result<Pulse, JournalError> {
        let mut all: Option<Pulse> = None;
        for partition in &self.partitions {
            let seat = partition.seat(id)?;
            let mut pulse = self.pulse(partition, &seat).await?;
            if let Some(carry) = carry {
                let left = carry.limit - all.as_ref().map_or(0, |all| all.carried.len());
                let carry = Carry { limit: left, ..carry };
                pulse.carried = self.carry(partition, &seat, carry).await?;
            }
            all = Some(match all {
                None => pulse,
                Some(mut all) => {
                    all.deadline = all.deadline.min(pulse.deadline);
                    all.next = all.next.min(pulse.next);
                    all.next_due = [all.next_due, pulse.next_due].into_iter().flatten().min();
                    all.dead.extend(pulse.dead);
                    all.carried.extend(pulse.carried);
                    all
                }
            });
        }
        let mut all = all.unwrap_or_default();
        all.dead.sort_unstable();
        all.dead.dedup();
        Ok(all)
    }

    pub(super) async fn reap_all(&self, dead: SeatId) -> Result<Reaped, JournalError> {
        let until = self.clock.local().plus(PATIENCE);
        let (mut given_back, mut alive) = (0, 0);
        for partition in &self.partitions {
            match self.reap(partition, dead, b"", until).await? {
                Reaped::Reaped(sagas) => {
                    given_back += sagas;
                    if let Some(seat) = partition.seats().remove(&dead) {
                        seat.lose(false);
                        self.ears.forget(seat.listener);
                    }
                }
                Reaped::Alive => alive += 1,
            }
        }
        Ok(if alive == self.partitions.len() { Reaped::Alive } else { Reaped::Reaped(given_back) })
    }

    pub(super) async fn leave_all(&self, id: SeatId) -> Result<Left, JournalError> {
        let mut owns = 0;
        for partition in &self.partitions {
            let mut request = partition.request(Call::Leave, FEW);
            request.arg(id.0.as_bytes());
            let answer = self.ask(partition, &request).await?;
            let mut answer = List::of(answer).map_err(unavailable)?;
            if &*answer.bytes().map_err(unavailable)? == b"N" {
                owns +=
                    usize::try_from(answer.number().map_err(unavailable)?).unwrap_or(usize::MAX);
            } else if let Some(seat) = partition.seats().remove(&id) {
                seat.lose(false);
                self.ears.forget(seat.listener);
            }
        }
        Ok(if owns > 0 { Left::Owns(owns) } else { Left::Left })
    }
}
