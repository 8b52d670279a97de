//! Waiting for the end of a saga.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use tokio::time::sleep;

use super::{SILENCE, SagaHandle, silence};
use crate::{
    kernel::{DefinitionHash, Finish, Finished, Place, SagaStatus, Timestamp},
    orchestrator::{
        look::Look,
        outcome::{Failure, OutcomeError, SagaOutcome, further_failures, outcome},
        signals::Seen,
        task::StatusError,
    },
    progress::ProgressStream,
    task::TaskDefinition,
};

/// Whether it stays as it is until somebody says something. What was said takes it out of its place
/// at once, also while nobody has folded it.
fn rests(look: &Look) -> bool {
    look.place == Place::Parked
}

/// Waits until a host that shares its progress has brought the saga to rest.
async fn at_rest(live: &mut Option<ProgressStream>) {
    while let Some(stream) = live {
        match stream.next().await {
            Some(Ok(now)) if now.status.is_terminal() || now.status.needs_operator() => return,
            Some(_) => {}
            None => *live = None,
        }
    }
    std::future::pending().await
}

/// So long in its ready list, and other hosts are not waited for.
const UNCLAIMED: Duration = Duration::from_secs(60);

/// A saga that nobody here can claim, and nobody else has claimed.
#[derive(Clone, Copy)]
struct Lies {
    /// So many records it had.
    seq: u64,
    definition: DefinitionHash,
    since: Timestamp,
}

impl<T: TaskDefinition> SagaHandle<T> {
    /// Waits for the end of the saga. Cancel safe: dropping the future changes nothing, and asking
    /// again waits again. A parked or stuck saga is an error, and so is one that waits for other code
    /// than this host has, unless another host claims it within a minute. A retry that is due later is
    /// waited for.
    ///
    /// A saga whose code is here and whose workers are away waits for them, without an error: an API
    /// host has the code for what it starts, whether or not there is a worker that has it. Set a limit
    /// of your own where nobody may wait for so long, and look with
    /// `operator.list(SagaFilter::all().in_place(PlaceKind::Ready))`.
    ///
    /// An outcome that is not settled may be another one when it is asked for again (C8).
    ///
    /// # Errors
    /// When the saga needs an operator or other code, when the task is shut down first, when only the
    /// end of the saga is still known, or when the journal fails.
    pub async fn outcome(&self) -> Result<SagaOutcome<T>, OutcomeError> {
        if let Some(status) = self.forgotten {
            return Err(OutcomeError::Forgotten { saga: self.id, status });
        }
        loop {
            match self.seen().await? {
                Seen::Ended(finished) if went_back(&finished) => {
                    if let Some(outcome) = self.undone(&finished).await? {
                        return Ok(outcome);
                    }
                    // It is open again: nobody tells of its next end (C8).
                    if !self.elsewhere && self.inner.host.gone.is_cancelled() {
                        return Err(OutcomeError::HostGone { saga: self.id });
                    }
                    sleep(SILENCE).await;
                }
                Seen::Ended(finished) => return self.ended(&finished, Vec::new()),
                Seen::NeedsOperator(stops) => {
                    self.told.fetch_max(stops, Ordering::Relaxed);
                    if let Some(error) = self.needs_operator(&self.read().await?) {
                        return Err(error);
                    }
                }
                Seen::HostGone => return Err(self.gone().await),
            }
        }
    }

    /// Why nobody hears of the saga any more: the task left, or its journal failed.
    async fn gone(&self) -> OutcomeError {
        let left = OutcomeError::HostGone { saga: self.id };
        match self.inner.host.gone.is_cancelled() {
            true => left,
            false => self.read().await.err().map_or(left, OutcomeError::from),
        }
    }

    /// What is to be told of a saga that went back, from its records; `None` while it is open again.
    async fn undone(&self, finished: &Finished) -> Result<Option<SagaOutcome<T>>, OutcomeError> {
        let look = match self.read().await {
            Ok(look) => look,
            Err(StatusError::Forgotten { .. } | StatusError::NoSuch { .. }) => {
                // The first cause is known; the records of the rest are gone.
                return self.ended(finished, Vec::new()).map(Some);
            }
            Err(error) => return Err(error.into()),
        };
        match look.state.finished() {
            Some(finished) => {
                let failures = further_failures(&look.definition, &look.state);
                self.ended(finished, failures).map(Some)
            }
            None => self.needs_operator(&look).map_or(Ok(None), Err),
        }
    }

    fn ended(
        &self,
        finished: &Finished,
        failures: Vec<Failure>,
    ) -> Result<SagaOutcome<T>, OutcomeError> {
        outcome::<T>(&*self.inner.host.handlers, self.definition(), finished, failures)
            .map_err(|error| OutcomeError::Undecodable { saga: self.id, error })
    }

    /// Why the saga needs an operator, if it does.
    fn needs_operator(&self, look: &Look) -> Option<OutcomeError> {
        let saga = self.id;
        if !rests(look) {
            return None;
        }
        match look.status() {
            SagaStatus::Parked => {
                look.why_parked().map(|reason| OutcomeError::Parked { saga, reason })
            }
            SagaStatus::Stuck => {
                let (steps, reason) = (look.waiting_steps(), look.last_failure());
                Some(OutcomeError::Stuck { saga, steps, reason })
            }
            _ => None,
        }
    }

    /// Looks into the journal, and tells the waiter what can be seen there.
    pub(super) async fn look(&self) -> Result<Look, StatusError> {
        let look = self.read().await?;
        match (look.state.finished(), look.status()) {
            (Some(finished), _) => {
                self.waiter.end(Arc::clone(finished));
                self.inner.host.ears.forget(self.id);
            }
            // Told once: looking again sees the same stop again.
            (None, SagaStatus::Parked | SagaStatus::Stuck)
                if rests(&look)
                    && self.seen_stop.swap(look.state.seq(), Ordering::Relaxed)
                        != look.state.seq() =>
            {
                self.waiter.needs_operator();
            }
            _ => {}
        }
        Ok(look)
    }

    /// The next thing seen. Of a saga that was submitted elsewhere no signal may come here, and from
    /// a store that others reach, too, one may be lost on its way, so after a silence the journal is
    /// asked (B19).
    async fn seen(&self) -> Result<Seen, OutcomeError> {
        let stops = self.told.load(Ordering::Relaxed);
        if !self.elsewhere && !self.inner.host.is_shared {
            return Ok(self.waiter.wait(stops).await);
        }
        let (mut lies, mut looks) = (None, 0);
        // Who began it here is told; a watch would cost more than the saga.
        let progress = &self.inner.host.services.progress;
        let mut live = self.elsewhere.then(|| progress.stream(self.id));
        loop {
            tokio::select! {
                biased;
                seen = self.waiter.wait(stops) => return Ok(seen),
                () = at_rest(&mut live) => {}
                () = sleep(if self.elsewhere { silence(looks) } else { SILENCE }) => {}
            }
            looks += 1;
            match self.look().await {
                Ok(look) => lies = self.lies(&look, lies),
                // A signal may come all the same.
                Err(StatusError::Journal { source, .. }) if !self.elsewhere => {
                    tracing::debug!(saga = %self.id, error = %source, "not looked at, later again");
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(Lies { definition, since, .. }) = lies
                && self.inner.host.journal.now().since(since) >= UNCLAIMED
            {
                return Err(OutcomeError::Unclaimable { saga: self.id, definition });
            }
        }
    }

    /// Whether nobody is seen to claim it, and nobody here can (V3). Its own code may be on another
    /// host, which has been busy: that is known only after a while.
    fn lies(&self, look: &Look, before: Option<Lies>) -> Option<Lies> {
        let (seq, definition) = (look.state.seq(), look.hash);
        let covers = self.inner.host.covers();
        if look.place != Place::Ready || covers.iter().any(|covered| covered.hash == definition) {
            return None;
        }
        let before = before.filter(|before| before.seq == seq);
        before.or_else(|| Some(Lies { seq, definition, since: self.inner.host.journal.now() }))
    }
}

fn went_back(finished: &Finished) -> bool {
    matches!(finished.finish, Finish::Compensated(_) | Finish::Cancelled { .. })
}
