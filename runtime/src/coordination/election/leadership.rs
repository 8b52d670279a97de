//! Leadership, as who has it has it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio_util::sync::DropGuard;

use super::LeadershipContext;
use crate::{
    coordination::{Held, LeaseGuard, LeaseView, LossCause, Lost, ReleaseOutcome},
    kernel::{Fence, Timestamp},
};

/// That this process leads. Dropping it resigns in the background, anywhere.
///
/// [`check`](Self::check) is the gate, and the [fence](Self::fence) goes with every write: see
/// [`LeaseGuard`].
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let election = coordination.election("projections");
/// if let Some(leadership) = election.try_campaign().await? {
///     for batch in ["events 1 to 100", "events 101 to 200"] {
///         leadership.check()?;
///         println!("{batch}, checkpoint under {:?}", leadership.fence());
///     }
///     leadership.resign().await;
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[must_use = "dropping it resigns"]
pub struct Leadership {
    guard: LeaseGuard,
    context: LeadershipContext,
    /// It beats for as long.
    _beats: Option<DropGuard>,
}

/// Why leadership ended.
///
/// See [`LeadershipLost`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LeadershipEnd {
    /// The lease was lost.
    Lost(LossCause),
    /// It was given up: its holder resigned or stopped.
    Resigned,
    /// What was to begin with it failed.
    Failed,
    /// Its holder was not healthy enough any more.
    Unhealthy,
    /// Its holder saw [too few](super::Election::min_candidates) candidates.
    TooFewCandidates,
}

impl fmt::Display for LeadershipEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(cause) => cause.fmt(f),
            Self::Resigned => f.write_str("it was given up"),
            Self::Unhealthy => f.write_str("its holder was not healthy enough"),
            Self::TooFewCandidates => f.write_str("its holder saw too few candidates"),
            Self::Failed => f.write_str("what was to begin with it failed"),
        }
    }
}

/// This process leads no more.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, LeadershipEnd, LeadershipLost, LossCause},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let leadership = coordination.election("cache-warm-up").campaign().await?;
/// match leadership.run(async { "warm" }).await {
///     Ok(cache) => println!("{cache}"),
///     Err(LeadershipLost { cause: LeadershipEnd::Lost(LossCause::NotOwner), .. }) => {
///         println!("somebody else may have led for a moment")
///     }
///     Err(lost) => println!("{lost}"),
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the leadership of `{election}` is over: {cause}")]
#[non_exhaustive]
pub struct LeadershipLost {
    /// What was led.
    pub election: Arc<str>,
    /// Why.
    pub cause: LeadershipEnd,
    /// When this process knew it at the latest, on the wall clock of this machine.
    pub at: Timestamp,
}

impl Leadership {
    pub(super) fn new(
        guard: LeaseGuard,
        context: LeadershipContext,
        beats: Option<DropGuard>,
    ) -> Self {
        Self { guard, context, _beats: beats }
    }

    /// What work is told that runs because of it.
    pub fn context(&self) -> &LeadershipContext {
        &self.context
    }

    /// The fence of this tenure, which every write carries.
    pub fn fence(&self) -> Fence {
        self.guard.fence()
    }

    /// How long it lasts, at least, if nothing renews it. Zero when it is over.
    pub fn remaining(&self) -> Duration {
        self.guard.remaining()
    }

    /// Whether it goes on, now. Asks the clock and nobody else.
    ///
    /// # Errors
    /// [`LeadershipLost`] when it does not, and from then on for ever.
    pub fn check(&self) -> Result<Held<'_>, LeadershipLost> {
        self.guard.check().map_err(|lost| self.told(lost))
    }

    /// Returns when it is lost, and why. Never, if it is not.
    ///
    /// # Cancellation
    /// Asking again finds the same.
    pub async fn lost(&self) -> LeadershipLost {
        self.told(self.guard.lost().await)
    }

    /// Something to watch it with, that does not hold it.
    pub fn view(&self) -> LeaseView {
        self.guard.view()
    }

    /// Runs work while it goes on: work that has not ended when it is lost is dropped where it waits.
    ///
    /// # Errors
    /// [`LeadershipLost`] when it was lost before the work had ended, or before it began.
    ///
    /// # Cancellation
    /// The work is dropped.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, LeadershipLost> {
        self.guard.run_if_held(work).await.done().map_err(|lost| self.told(lost))
    }

    /// Gives it up, and waits until the store has said what became of it, for no longer than it lasts.
    ///
    /// # Cancellation
    /// It is given up all the same.
    pub async fn resign(self) -> ReleaseOutcome {
        self.guard.release().await
    }

    /// Has given it up when it returns; what it returns waits for the store.
    pub(super) fn let_go(self) -> impl Future<Output = ReleaseOutcome> {
        self.guard.let_go()
    }

    /// Leaves it to run out.
    pub(super) fn detach(self) {
        self.guard.detach();
    }

    fn told(&self, lost: Lost) -> LeadershipLost {
        let cause = LeadershipEnd::Lost(lost.cause);
        LeadershipLost { election: self.context.election().into(), cause, at: lost.at }
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leadership")
            .field("election", &self.context.election())
            .field("candidate", &self.context.candidate())
            .field("lease", &self.guard)
            .finish()
    }
}
