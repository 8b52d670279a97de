//! Giving back what an attempt has, or may have.

use std::{fmt, time::Duration};

use tokio::time::{sleep, timeout};

use super::{monitor::Happened, pool::Lead, tenure::Attempt};
use crate::{
    kernel::Timestamp,
    lease::{LeaseError, Released},
};

/// What became of a name that was given back. None of these is a failure: it is not this holder's any
/// more.
///
/// See [`LeaseGuard`](super::LeaseGuard) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReleaseOutcome {
    /// It was this holder's to the end. It is free, or somebody of this process who waited for it has it.
    Released,
    /// Its time was over, and nobody has it.
    AlreadyExpired,
    /// The store said before that it is not this holder's: somebody else has it, or it was deleted.
    NotOwner,
    /// It is held all the same: its [scope](super::LockScope) took it more than once.
    StillHeld,
    /// The store did not say: it is over by now, or somebody of this process may have it who waited for it.
    Unknown,
}

/// Why a store is not asked any more.
pub(super) const TOO_LATE: &str = "no answer came before its lease was over";

impl Attempt {
    /// Frees the name. A run of which nobody could be told counts as cut off.
    async fn free(&self) -> Result<Released, LeaseError> {
        if let Err(error) = self.tell_of_run().await {
            tracing::debug!(key = %self.name, owner = ?self.owner, %error, "counted as cut off");
        }
        self.store.release(&self.name, &self.owner).await
    }

    /// Frees the name, if it is this owner's; until then, when it is free by itself.
    pub(super) async fn give_back(
        &self,
        until: Timestamp,
        mut lead: Option<Lead>,
        was_held: bool,
    ) -> ReleaseOutcome {
        loop {
            let left = until.since(self.clock.now());
            if left.is_zero() {
                return ReleaseOutcome::Unknown;
            }
            let asked = self.clock.now();
            let answer = timeout(left, self.free()).await;
            let took = self.clock.now().since(asked);
            self.observed.latency("release", took);
            match answer {
                Ok(Ok(Released::Released)) => return ReleaseOutcome::Released,
                Ok(Ok(Released::AlreadyExpired)) => return ReleaseOutcome::AlreadyExpired,
                Ok(Ok(Released::NotOwner)) => return ReleaseOutcome::NotOwner,
                Ok(Err(error)) => {
                    self.not_released(was_held, took, &error);
                    // It may be free, and whoever is next hears for itself how the store is.
                    drop(lead.take());
                    if !error.is_retryable() {
                        return ReleaseOutcome::Unknown;
                    }
                }
                Err(_) => {
                    self.not_released(was_held, took, &TOO_LATE);
                    return ReleaseOutcome::Unknown;
                }
            }
            sleep(self.terms.again().min(until.since(self.clock.now()))).await;
        }
    }

    /// One try did not do it. What may have been granted unheard is missed by nobody.
    pub(super) fn not_released(&self, was_held: bool, took: Duration, error: &dyn fmt::Display) {
        let (key, owner) = (&self.name, &self.owner);
        match was_held {
            true => self.note(Happened::NotReleased { took, error: error.to_string().into() }),
            false => tracing::debug!(%key, ?owner, ?took, %error, "not freed"),
        }
    }
}
