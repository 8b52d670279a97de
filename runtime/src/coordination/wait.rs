//! How an attempt waits for a name: in line where the store has one, and told of its turn.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};

use super::{
    error::{AcquireError, NotAcquired},
    hold::Hold,
    tenure::{Attempt, salt},
};
use crate::lease::{Acquired, Busy, LeaseError, Share, Turn, Waiting, Want};

/// For how long a place in line is kept: a process that died delays those behind it by as much. Longer than
/// a waiter takes to ask again.
const STAY: Duration = Duration::from_secs(3);

/// How long a name is waited for that somebody else has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It is asked for once.
    Once,
    For(Duration),
    Endless,
}

impl Patience {
    /// For how long is waited.
    pub(super) fn limit(self) -> Duration {
        match self {
            Self::Once => Duration::ZERO,
            Self::For(limit) => limit,
            Self::Endless => Duration::MAX,
        }
    }

    /// What is left of it.
    pub(super) fn after(self, waited: Duration) -> Self {
        match self {
            Self::For(limit) => Self::For(limit.saturating_sub(waited)),
            other => other,
        }
    }

    /// What comes in time.
    pub(super) async fn bound<T>(self, coming: impl Future<Output = T>) -> Option<T> {
        timeout(self.limit(), coming).await.ok()
    }
}

impl Attempt {
    /// Asks until it is granted. Answers also how often it asked.
    pub(super) async fn wait(&self, patience: Patience) -> Result<(Hold, u64), AcquireError> {
        let begun = self.clock.now();
        let line = self.store.locks().filter(|_| patience != Patience::Once);
        let ear = line.map(|line| self.bell.listen(line, &self.owner));
        let mut retries = match patience {
            Patience::Endless => self.terms.max_retries,
            Patience::Once | Patience::For(_) => None,
        };
        for attempts in 1.. {
            let patience_left = patience.after(self.clock.now().since(begun));
            let waiting = match self.ask(patience_left).await? {
                Ok(hold) => return Ok((hold, attempts)),
                Err(waiting) => waiting,
            };
            let waited = self.clock.now().since(begun);
            let left = patience.limit().saturating_sub(waited);
            if left.is_zero() || retries == Some(0) {
                let Waiting { holder, ahead, .. } = waiting;
                return Err(NotAcquired { attempts, waited, holder, ahead }.into());
            }
            let delay = self.terms.retry_delay(ear.is_some());
            let pause = jittered(delay, salt(&self.owner) ^ attempts);
            // A store counts in milliseconds.
            let free = waiting.retry_after.map_or(pause, |left| left + Duration::from_millis(1));
            let pause = pause.min(free).min(left);
            let is_told = match &ear {
                Some(ear) => timeout(pause, ear.rung()).await.is_ok(),
                None => {
                    sleep(pause).await;
                    false
                }
            };
            if !is_told {
                retries = retries.map(|retries| retries.saturating_sub(1));
            }
        }
        unreachable!("there are more numbers than attempts")
    }

    async fn ask(&self, patience: Patience) -> Result<Result<Hold, Waiting>, LeaseError> {
        let lease = self.terms.lease;
        let sent = self.clock.now();
        let limit = match patience {
            Patience::Once | Patience::Endless => lease,
            // Who does not wait at all is answered all the same.
            Patience::For(limit) => lease.min(limit.max(self.terms.slot())),
        };
        let turn = timeout(limit, self.turn(patience)).await;
        self.observed.latency("acquire", self.clock.now().since(sent));
        let turn = turn.map_err(|_| too_late(limit))??;
        let grant = match turn {
            Turn::Granted(grant) => grant,
            Turn::Waiting(waiting) => return Ok(Err(waiting)),
        };
        let until = Self::until(sent, grant.left);
        // The way was so long that nothing is left of it.
        if until <= self.clock.now() {
            return Err(too_late(lease));
        }
        let (name, owner) = (Arc::clone(&self.name), self.owner.clone());
        Ok(Ok(Hold::new(name, owner, grant.fence, lease, Arc::clone(&self.clock), until)))
    }

    /// In line where there is one.
    async fn turn(&self, patience: Patience) -> Result<Turn, LeaseError> {
        let (name, owner, share, lease) = (&*self.name, &self.owner, self.share, self.terms.lease);
        if let Some(line) = self.store.locks() {
            let stay = match patience {
                Patience::Once => Duration::ZERO,
                Patience::For(_) | Patience::Endless => STAY,
            };
            return line.acquire_in_turn(Want { name, owner, share, lease, stay }).await;
        }
        if share == Share::Shared {
            let source = "this lease store has no names that are shared".into();
            return Err(LeaseError::Refused { source, retryable: false });
        }
        Ok(match self.store.try_acquire(name, owner, lease).await? {
            Acquired::Granted(grant) => Turn::Granted(grant),
            Acquired::Busy(Busy { holder, retry_after }) => {
                Turn::Waiting(Waiting { holder, ahead: 0, retry_after })
            }
        })
    }
}

/// From half of it to half more.
pub(super) fn jittered(pause: Duration, salt: u64) -> Duration {
    let spread = Sha256::digest(salt.to_be_bytes())[0];
    let drawn = pause.as_secs_f64() * (0.5 + f64::from(spread) / 255.0);
    Duration::try_from_secs_f64(drawn).unwrap_or(Duration::MAX)
}

fn too_late(limit: Duration) -> LeaseError {
    LeaseError::Unanswered(format!("no answer came within {limit:?}").into())
}
