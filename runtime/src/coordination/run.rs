//! What a store that counts runs is told of one, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::{sleep, timeout};

use super::{hold::Hold, tenure::Attempt};
use crate::lease::{LeaseError, RunEnd, RunStore};

/// What its store is to be told of a run before its name is free.
pub(super) struct Run(Mutex<Option<RunEnd>>);

impl Default for Run {
    fn default() -> Self {
        Self(Mutex::new(Some(RunEnd::NotBegun)))
    }
}

impl Run {
    fn untold(&self) -> MutexGuard<'_, Option<RunEnd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on a run that ends without a word was cut off.
    pub(super) fn begins(&self) {
        *self.untold() = None;
    }
}

impl Attempt {
    /// Where its runs are counted, if they are.
    pub(super) fn runs(&self) -> Option<&dyn RunStore> {
        self.counted.as_ref().and(self.store.runs())
    }

    /// Says that the run ended. Asks until it is answered, for no longer than its lease was by now.
    pub(super) async fn end_run(&self, hold: &Hold) {
        let (Some(run), Some(left)) = (&self.counted, hold.left()) else { return };
        *run.untold() = Some(RunEnd::Ended);
        let telling = async {
            while let Err(error) = self.tell_of_run().await {
                tracing::warn!(key = %self.name, owner = ?self.owner, %error, "not told of its end");
                if !error.is_retryable() {
                    return;
                }
                sleep(self.terms.again()).await;
            }
        };
        tokio::select! {
            biased;
            _ = hold.ended() => {}
            _ = timeout(left, telling) => {}
        }
    }

    /// Tells what is still to be told.
    pub(super) async fn tell_of_run(&self) -> Result<(), LeaseError> {
        let (Some(run), Some(runs)) = (&self.counted, self.runs()) else { return Ok(()) };
        let how = *run.untold();
        if let Some(how) = how {
            runs.end_run(&self.name, &self.owner, how).await?;
            *run.untold() = None;
        }
        Ok(())
    }
}
