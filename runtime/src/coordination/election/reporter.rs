//! How healthy a candidate is, from whoever knows it.

use std::{fmt, sync::Arc};

use super::{Candidacy, Election, InvalidElection, Metadata, StartError, state::Standing};

/// Says how healthy a candidate is, and what else it says of itself, for as long as it stands. Cloning it is for
/// the same candidate.
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
        let candidacy = self.start_and_beat(true)?;
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
    /// two [beats](Election::heartbeat_interval), and if it led while others stand, not within a
    /// [lease](Election::lease_duration). [Others see](Candidacy::candidates) the score with the next beat, and at
    /// once whether it is enough.
    pub fn update_health(&self, score: f64) {
        let now = self.0.coordination.clock().now();
        self.0.fitness.set(score, now);
    }

    /// Says something else of the candidate from now on, instead of all that it [said](Election::metadata) before,
    /// but for its [priority](Election::priority). [Others see](Candidacy::candidates) it at once, if the store answers
    /// and [knows who stands](crate::lease::CandidateStore); nobody does when the candidacy is over.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let election = coordination.election("job-scheduler").metadata("version", "1");
    /// let (candidacy, health) = election.start_with_health()?;
    /// health.update_metadata([("version".to_owned(), "2".to_owned())].into())?;
    /// # candidacy.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`InvalidElection`] when it is more than 4 KiB of names and values; then nothing has changed.
    pub fn update_metadata(&self, metadata: Metadata) -> Result<(), InvalidElection> {
        self.0.said.say(metadata)
    }
}

impl fmt::Debug for HealthReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HealthReporter").field(&self.0).finish()
    }
}
