//! The pulse of all seats of this process in a partition: one call, whatever their number (B3).

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use redis::Value;
use tokio::{sync::oneshot, time::sleep};
use uuid::Uuid;

use super::{
    Inner,
    chunk::BoxError,
    gather::{Gather, Worker},
    partition::{FEW, Partition, micros, unavailable},
    presence::BEAT,
    reply::List,
    scripts::Call,
    seat::Seat,
};
use crate::{
    journal::{JournalError, Pulse, Reaped, SeatId, Signal},
    kernel::{DefinitionHash, SagaId, Timestamp},
};

/// How long a pulse waits for those of other seats.
const GATHERED: Duration = Duration::from_millis(5);

/// Seats that want to be renewed.
pub(super) type Beats = Gather<Job>;

pub(super) struct Job {
    seat: Arc<Seat>,
    reply: oneshot::Sender<Result<Pulse, JournalError>>,
}

impl Inner {
    /// Renews a seat, with all others that ask for it now.
    pub(super) async fn pulse(
        self: &Arc<Self>,
        partition: &Arc<Partition>,
        seat: &Arc<Seat>,
    ) -> Result<Pulse, JournalError> {
        let (reply, answer) = oneshot::channel();
        if let Some(worker) = partition.beats.push(Job { seat: Arc::clone(seat), reply }) {
            partition.link().spawn(Arc::clone(self).send_pulses(worker, Arc::clone(partition)));
        }
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable("the runtime of this journal has ended")),
        }
    }

    async fn send_pulses(self: Arc<Self>, mut worker: Worker<Job>, partition: Arc<Partition>) {
        loop {
            sleep(GATHERED).await;
            let mut seats = HashSet::new();
            let Some(jobs) = worker.next(|job| seats.insert(job.seat.id)) else { return };
            let seats: Vec<_> = jobs.iter().map(|job| Arc::clone(&job.seat)).collect();
            match self.beat(&partition, &seats).await {
                Ok(answers) => {
                    for (job, answer) in jobs.into_iter().zip(answers) {
                        let _ = job.reply.send(answer);
                    }
                }
                Err(error) => {
                    let error: Arc<dyn std::error::Error + Send + Sync> = error.into();
                    for job in jobs {
                        let _ = job.reply.send(Err(unavailable(Arc::clone(&error))));
                    }
                }
            }
        }
    }

    async fn beat(
        self: &Arc<Self>,
        partition: &Arc<Partition>,
        seats: &[Arc<Seat>],
    ) -> Result<Vec<Result<Pulse, JournalError>>, BoxError> {
        let mut waited_for: Vec<DefinitionHash> = Vec::new();
        for seat in seats {
            waited_for.extend(&*seat.waits_for());
        }
        waited_for.sort_unstable();
        waited_for.dedup();
        let args = 3 + waited_for.len() + 3 * seats.len();
        let mut request = partition.request(Call::Pulse, (args, 24 * args));
        request.number(micros(self.settings.lease));
        request.number(u8::from(self.settings.presence)).number(waited_for.len());
        for definition in &waited_for {
            request.arg(&definition.0);
        }
        for seat in seats {
            request.arg(seat.id.0.as_bytes());
            request.number(seat.batches.load(Ordering::Acquire));
            request.number(seat.claims.load(Ordering::Acquire));
        }
        let sent = self.clock.now();
        let answer = partition.run(&request).await?;
        let (answers, gone) = self.read_beat(partition, seats, answer, sent)?;
        if !gone.is_empty() {
            tokio::spawn(Arc::clone(self).reap_gone(Arc::clone(partition), gone));
        }
        Ok(answers)
    }

    /// Beside the pulses: what was renewed must hear of it in time.
    async fn reap_gone(self: Arc<Self>, partition: Arc<Partition>, gone: Vec<(SeatId, Bytes)>) {
        for (seat, deadline) in gone {
            let until = self.clock.local().plus(PATIENCE);
            match self.reap(&partition, seat, &deadline, until).await {
                Ok(reaped) => tracing::warn!(%seat, ?reaped, "a host is not connected any more"),
                Err(error) => tracing::warn!(%seat, %error, "cannot reap"),
            }
        }
    }

    /// What each seat is answered, and those whose process is gone, with their deadlines.
    #[expect(clippy::type_complexity, reason = "it is read once")]
    fn read_beat(
        &self,
        partition: &Partition,
        seats: &[Arc<Seat>],
        answer: Value,
        sent: Timestamp,
    ) -> Result<(Vec<Result<Pulse, JournalError>>, Vec<(SeatId, Bytes)>), BoxError> {
        let mut answer = List::of(answer)?;
        let at = Timestamp(answer.number()?);
        self.clock.heard(at);
        // By the clock here, which goes on when that of the server is set back.
        let deadline = sent.plus(self.settings.lease);
        let next_due = answer.maybe_number()?.map(|due| self.clock.to_come(Timestamp(due), at));
        let definitions = usize::try_from(answer.number()?).unwrap_or(usize::MAX);
        let (mut list, mut dead) = (answer.list()?, Vec::new());
        while !list.is_empty() {
            dead.push(SeatId(Uuid::from_bytes(list.array()?)));
        }
        let (mut list, mut ready) = (answer.list()?, Vec::new());
        while !list.is_empty() {
            ready.push(DefinitionHash(list.array()?));
        }
        let (mut list, mut absent) = (answer.list()?, Vec::new());
        while !list.is_empty() {
            absent.push((SeatId(Uuid::from_bytes(list.array()?)), list.bytes()?));
        }
        let now = self.clock.local();
        let is_settled = now >= self.ears.gap().plus(self.settings.lease);
        let look = partition.absences.look(absent, now, is_settled);
        let again = look.again.map(|again| self.clock.now().plus(again.since(now)));
        let next = again.into_iter().chain([self.next_beat()]).min();
        let (mut list, mut answers) = (answer.list()?, Vec::with_capacity(seats.len()));
        for seat in seats {
            let mut state = list.list()?;
            match &*state.bytes()? {
                b"F" => {
                    answers.push(Err(seat.lose(false)));
                    continue;
                }
                b"D" => {
                    answers.push(Err(seat.lose(true)));
                    continue;
                }
                _ => {}
            }
            // What messages said, once more, for those that were lost.
            let mut letters = state.list()?;
            while !letters.is_empty() {
                let saga = SagaId(Uuid::from_bytes(letters.array()?));
                self.ears.signal(seat.listener, Signal::Mail(saga));
            }
            if ready.iter().any(|definition| seat.waits_for().contains(definition)) {
                self.ears.signal(seat.listener, Signal::Ready);
            }
            answers.push(Ok(Pulse {
                deadline: Some(deadline),
                next,
                next_due,
                definitions,
                dead: dead.iter().copied().filter(|dead| *dead != seat.id).collect(),
                carried: Vec::new(),
            }));
        }
        Ok((answers, look.gone))
    }

    /// When to pulse next: about a third of the lease from now, and at the same moment for all seats of
    /// this process, so that their pulses are one command.
    fn next_beat(&self) -> Timestamp {
        let beat = match self.settings.presence {
            true => (self.settings.lease / 3).min(BEAT),
            false => self.settings.lease / 3,
        };
        let beat = micros(beat);
        let now = self.clock.now();
        let next = (now.0 + beat / 3) / beat.max(1) + 1;
        Timestamp(next * beat.max(1))
    }

    /// Ends a seat and gives back what it owns, page by page. If its process is not there, that deadline
    /// of it need not pass.
    pub(super) async fn reap(
        &self,
        partition: &Partition,
        dead: SeatId,
        deadline: &[u8],
        until: Timestamp,
    ) -> Result<Reaped, JournalError> {
        let (mut page, mut given_back) = (Bytes::from_static(b"0"), 0);
        loop {
            let mut request = partition.request(Call::Reap, FEW);
            request.arg(dead.0.as_bytes()).arg(&page).arg(deadline);
            let answer = partition.insist(&request, || partition.is_before(until)).await;
            let mut answer = List::of(answer.map_err(unavailable)?).map_err(unavailable)?;
            if &*answer.bytes().map_err(unavailable)? == b"A" {
                return Ok(Reaped::Alive);
            }
            let sagas = answer.number().map_err(unavailable)?;
            given_back += usize::try_from(sagas).unwrap_or(usize::MAX);
            page = answer.bytes().map_err(unavailable)?;
            if &*page == b"0" {
                return Ok(Reaped::Reaped(given_back));
            }
        }
    }
}

/// The longest that one call is repeated which need not succeed.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
