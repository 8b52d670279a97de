//! How healthy a candidate is, from whoever knows it.

use std::{fmt, sync::Arc};

use super::{Candidacy, Election, StartError, state::Standing};

/// Says how healthy a candidate is, for as long as it stands. Cloning it is for the same candidate.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let election = coordination.election("job-scheduler").minimum_health_score(0.5);
/// let (candidacy, health) = election.start_with_health()?;
/// let (working, connections) = (1.0, 4.0);
/// health.update_health(working / connections);
/// assert!(!candidacy.is_leader());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
///
/// A candidacy whose health is nobody's business is as healthy as can be:
///
/// ```compile_fail,E0599
/// # #[cfg(feature = "in-process")]
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
/// # let coordination = Coordination::new(MemoryLeases::new());
/// let candidacy = coordination.election("job-scheduler").start()?;
/// candidacy.update_health(0.5);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # compile_error!("it needs a store");
/// ```
#[derive(Clone)]
pub struct HealthReporter(Arc<Standing>);

impl Election {
    /// Stands from now on, as [`start`](Self::start) does, with somebody who says how healthy it is.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_with_health(&self) -> Result<(Candidacy, HealthReporter), StartError> {
        let candidacy = self.start()?;
        let reporter = HealthReporter(Arc::clone(&candidacy.standing));
        Ok((candidacy, reporter))
    }
}

impl HealthReporter {
    /// Says how healthy it is, from 0 to 1; it begins with 1. What is above or below counts as these, and no
    /// number as 0. One that is less healthy than it
    /// [must be](Election::minimum_health_score) does not come to lead, and [does not
    /// lead](Candidacy::is_leader) from now on, whether or not the store answers: it
    /// [steps down](Candidacy::step_down). It stands again when it has been healthy for as long as between
    /// two renewals. [Others see](Candidacy::candidates) the score with the next beat, and at once whether it
    /// is enough.
    pub fn update_health(&self, score: f64) {
        let now = self.0.coordination.clock().now();
        self.0.fitness.set(score, now);
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthReporter").field(&self.0).finish()
    }
}
