//! How an attempt waits for a name: in line where the store has one, and told of its turn.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tokio::time::{sleep, timeout};
use tracing::Span;

use super::{
    error::{AcquireError, NotAcquired},
    hold::Hold,
    pool::{Handed, Lead},
    tenure::{Attempt, salt},
};
use crate::{
    kernel::Timestamp,
    lease::{Acquired, Busy, Grant, LeaseError, Share, Turn, Waiting, Want},
};

/// For how long a place in line is kept, unless nobody waits as long: a process that died, or could not give
/// its place back, delays those behind it by as much. Longer than a waiter takes to ask again.
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

/// What was waited for.
pub(super) struct Granted {
    pub(super) hold: Hold,
    /// How often the store was asked.
    pub(super) attempts: u64,
    /// Somebody else had it, or came first.
    pub(super) contended: bool,
    /// When it was told that it is its turn, the last time that it asked.
    pub(super) told: Option<Timestamp>,
    /// Where those of this process wait as one.
    pub(super) lead: Option<Lead>,
}

impl Attempt {
    /// Asks until it is granted, and says in the span how that goes.
    pub(super) async fn wait(
        &self,
        patience: Patience,
        span: &Span,
    ) -> Result<Granted, AcquireError> {
        let begun = self.clock.now();
        let (mut lead, was_behind) = self.lead(patience).await;
        let waited_here = self.clock.now().since(begun);
        let mut asked = 0;
        if let Some(handed) = lead.as_mut().and_then(Lead::handed) {
            asked = 1;
            span.record("attempts", asked);
            let (left, told) = (patience.after(self.clock.now().since(begun)), Some(handed.at));
            if let Some(hold) = self.take_over(handed, left).await? {
                span.record("woken", "handed over");
                return Ok(Granted { hold, attempts: asked, contended: true, told, lead });
            }
        }
        let line = self.store.locks().filter(|_| patience != Patience::Once);
        let ear = line.map(|line| self.bell.listen(line, &self.owner));
        let mut retries = match patience {
            // As if it had asked meanwhile.
            Patience::Endless => self.terms.max_retries.map(|retries| {
                let pause = self.pause().max(Duration::from_millis(1));
                retries.saturating_sub(waited_here.div_duration_f64(pause) as u32)
            }),
            Patience::Once | Patience::For(_) => None,
        };
        // Whoever was before it here has let go of it.
        let mut told = lead.as_ref().filter(|_| was_behind).map(|_| self.clock.now());
        for attempts in asked + 1.. {
            span.record("attempts", attempts);
            let patience_left = patience.after(self.clock.now().since(begun));
            let waiting = match self.ask(patience_left).await? {
                Ok(hold) => {
                    if let Some(lead) = &mut lead {
                        lead.granted(self.clock.now());
                    }
                    let contended = was_behind || attempts > 1;
                    return Ok(Granted { hold, attempts, contended, told, lead });
                }
                Err(waiting) => waiting,
            };
            let waited = self.clock.now().since(begun);
            let left = patience.limit().saturating_sub(waited);
            if left.is_zero() || retries == Some(0) {
                let Waiting { holder, ahead, .. } = waiting;
                let waited = if patience == Patience::Once { Duration::ZERO } else { waited };
                return Err(NotAcquired { attempts, waited, holder, ahead }.into());
            }
            let pause = jittered(self.pause(), salt(&self.owner) ^ attempts);
            // A store counts in milliseconds.
            let free = waiting
                .retry_after
                .map_or(pause, |left| left.saturating_add(Duration::from_millis(1)));
            let pause = pause.min(free).min(left);
            let is_told = match &ear {
                Some(ear) => timeout(pause, ear.rung()).await.is_ok(),
                None => {
                    sleep(pause).await;
                    false
                }
            };
            span.record("woken", if is_told { "told" } else { "in time" });
            told = is_told.then(|| self.clock.now());
            if !is_told {
                retries = retries.map(|retries| retries.saturating_sub(1));
            }
        }
        unreachable!("there are more numbers than attempts")
    }

    /// Waits until nobody else of this process has it or asks for it: for half as long as it would ask itself.
    /// Whoever comes to lead later than that would stand at the end of the line of the store for too short a
    /// time. Tells also whether somebody came first.
    async fn lead(&self, patience: Patience) -> (Option<Lead>, bool) {
        let pool = self.pool.as_ref().filter(|_| patience != Patience::Once);
        let Some(mut place) = pool.and_then(|pool| pool.join(&self.name)) else {
            return (None, false);
        };
        let was_behind = place.is_behind();
        let limit = match patience {
            Patience::Endless => self.longest(),
            Patience::Once | Patience::For(_) => patience.limit(),
        };
        (timeout(limit / 2, place.turn()).await.ok().flatten(), was_behind)
    }

    /// Takes it from who had it, who waits for that. Nothing if it has it no more.
    async fn take_over(
        &self,
        handed: Handed,
        patience: Patience,
    ) -> Result<Option<Hold>, LeaseError> {
        let Some(line) = self.store.locks() else { return Ok(None) };
        let (limit, sent) = (self.limit(patience), self.clock.now());
        let answer = line.hand_over(&self.name, &handed.from, &self.owner, self.terms.lease);
        let answer = timeout(limit, answer).await;
        self.observed.latency("acquire", self.clock.now().since(sent));
        let grant = answer.map_err(|_| too_late(limit))??;
        // It may not listen any more.
        let _ = handed.is_done.send(grant.is_some());
        grant.map(|grant| self.granted(grant, sent)).transpose()
    }

    /// What is granted to one who asked then.
    fn granted(&self, grant: Grant, sent: Timestamp) -> Result<Hold, LeaseError> {
        let (lease, until) = (self.terms.lease, Self::until(sent, grant.left));
        // The way was so long that nothing is left of it.
        if until <= self.clock.now() {
            return Err(too_late(lease));
        }
        let (name, owner) = (Arc::clone(&self.name), self.owner.clone());
        Ok(Hold::new(name, owner, grant, lease, Arc::clone(&self.clock), sent, until))
    }

    /// For how long the store is waited for.
    fn limit(&self, patience: Patience) -> Duration {
        let lease = self.terms.lease;
        match patience {
            Patience::Once | Patience::Endless => lease,
            // Who does not wait at all is answered all the same.
            Patience::For(limit) => lease.min(limit.max(self.terms.slot())),
        }
    }

    /// For how long it asks at most, if nobody has set it a time.
    fn longest(&self) -> Duration {
        let pause = self.pause();
        let pause = pause.saturating_add(pause / 2);
        let all = |retries: u32| pause.saturating_mul(retries.saturating_add(1));
        self.terms.max_retries.map_or(Duration::MAX, all)
    }

    /// How long is waited between two times that it asks without having been told to.
    fn pause(&self) -> Duration {
        self.terms.retry_delay(self.store.locks().is_some())
    }

    async fn ask(&self, patience: Patience) -> Result<Result<Hold, Waiting>, LeaseError> {
        let (limit, sent) = (self.limit(patience), self.clock.now());
        let turn = timeout(limit, self.turn(patience)).await;
        self.observed.latency("acquire", self.clock.now().since(sent));
        let turn = turn.map_err(|_| too_late(limit))??;
        match turn {
            Turn::Granted(grant) => self.granted(grant, sent).map(Ok),
            Turn::Waiting(waiting) => Ok(Err(waiting)),
        }
    }

    /// In line where there is one.
    async fn turn(&self, patience: Patience) -> Result<Turn, LeaseError> {
        let Self { name, owner, share, goes_first, .. } = self;
        let (share, goes_first, lease) = (*share, *goes_first, self.terms.lease);
        let stay = match patience {
            Patience::Once => Duration::ZERO,
            Patience::For(left) => STAY.min(left),
            Patience::Endless => STAY.min(self.longest()),
        };
        if let Some(runs) = self.runs() {
            return runs.begin_run(name, owner, lease, stay).await;
        }
        if let Some(line) = self.store.locks() {
            let want = Want { name, owner, share, goes_first, lease, stay };
            return line.acquire_in_turn(want).await;
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
