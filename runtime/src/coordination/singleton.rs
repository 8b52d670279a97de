//! Jobs that one process at a time runs, however many are told to.

use std::time::Duration;

use super::{
    error::{AcquireError, NotAcquired},
    guard::{LeaseGuard, Ran},
    hold::Lost,
    lease::Lease,
    terms::terms_of_its_lease,
    wait::Patience,
};

/// What the names of its leases begin with.
pub(super) const PREFIX: &str = "singleton:";

/// A job that runs once, in whichever process comes first. Making and cloning it asks nobody.
///
/// A run holds a lease of its own: if its process dies another one may run the job as soon as that is over. A
/// run that loses its lease is dropped where it waits, and what it came to is not told.
///
/// # Attempts
/// A run is told which [attempt](LeaseGuard::attempt) it is: 1 where the last run ended, and one more than the last
/// one where that was cut off. A run ended when what it awaited returned under its lease, whatever it returned: an
/// error that it answers is an end. It was cut off when its process died, when it panicked, lost its lease, or
/// an operator took that away, and when it was dropped where it waited, by [`max_run`](Self::max_run) or by who
/// called it. So above 1 there may be work that was half done. That a run ended is told to the store before
/// [`run`](Self::run) returns; one that ends while the store is away counts as cut off. It is remembered for 90 days.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, SingletonRun},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// // The clocks of the processes that are told by a timer may differ by a minute.
/// let backup = coordination.singleton("data-backup").hold_at_least(Duration::from_secs(60));
/// let run = async || {
///     backup
///         .run(async |held| {
///             if held.attempt() > Some(1) {
///                 println!("somebody before may have left a file that is not whole");
///             }
///             format!("backed up under {:?}", held.fence())
///         })
///         .await
/// };
/// assert!(matches!(run().await?, SingletonRun::Done(_)));
/// assert!(matches!(run().await?, SingletonRun::Skipped(_)), "it ran a moment ago");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Singleton {
    lease: Lease,
    on_busy: OnBusy,
    max_run: Option<Duration>,
}

/// What who is told to run a job does that somebody else runs.
///
/// See [`SingletonRun`] for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnBusy {
    /// It does not run it: the other one does.
    #[default]
    Skip,
    /// It waits for so long, and runs it after the other one, or not.
    Wait(Duration),
    /// It says so as an error.
    Fail,
}

/// What became of a run.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, OnBusy, SingletonRun},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let report = coordination.singleton("report").on_busy(OnBusy::Skip);
/// match report.run(async |_| 42).await? {
///     SingletonRun::Done(rows) => assert_eq!(rows, 42),
///     SingletonRun::Skipped(busy) => println!("{:?} runs it", busy.holder),
///     SingletonRun::Lost(lost) => println!("another run may have begun: {lost}"),
///     other => println!("{other:?}"),
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SingletonRun<T> {
    /// It ended, and nobody else ran it meanwhile.
    Done(T),
    /// It did not begin: somebody else runs it, or ran it a moment ago.
    Skipped(NotAcquired),
    /// It was dropped where it waited, or ended too late: its lease was lost.
    Lost(Lost),
    /// It was dropped where it waited: it ran for as long as it may.
    TimedOut,
}

impl Singleton {
    terms_of_its_lease!(lease, on_unreachable, max_idle);

    pub(super) fn new(lease: Lease) -> Self {
        Self { lease: lease.of_runs().always_renewed(), on_busy: OnBusy::default(), max_run: None }
    }

    /// What happens if somebody else runs it. Default [`OnBusy::Skip`].
    #[must_use]
    pub fn on_busy(mut self, what: OnBusy) -> Self {
        self.on_busy = what;
        self
    }

    /// How long a run takes at most. It is dropped then; and if it blocks its thread it loses its lease.
    /// Default: as long as it takes.
    #[must_use]
    pub fn max_run(mut self, longest: Duration) -> Self {
        self.max_run = Some(longest);
        self.lease = self.lease.max_hold(longest);
        self
    }

    /// How long nobody else runs it from the beginning of a run, however short that is: longer than the clocks
    /// differ of those who are told to run it at a time. Default: as long as it runs.
    #[must_use]
    pub fn hold_at_least(mut self, shortest: Duration) -> Self {
        self.lease = self.lease.hold_at_least(shortest);
        self
    }

    /// Runs it, unless somebody else does. Returns when the store knows that it ended, or does not say for as long
    /// as the lease bears.
    ///
    /// # Errors
    /// [`AcquireError`]; that somebody else runs it only if [that](OnBusy::Fail) was asked for.
    ///
    /// # Cancellation
    /// The run is dropped, and another process may run it: as the next attempt, if this one had begun.
    pub async fn run<T>(
        &self,
        job: impl AsyncFnOnce(&LeaseGuard) -> T,
    ) -> Result<SingletonRun<T>, AcquireError> {
        let patience = match self.on_busy {
            OnBusy::Skip | OnBusy::Fail => Patience::Once,
            OnBusy::Wait(limit) => Patience::For(limit),
        };
        let held = match self.lease.ask(patience).await {
            Err(AcquireError::NotAcquired(busy)) if self.on_busy != OnBusy::Fail => {
                return Ok(SingletonRun::Skipped(busy));
            }
            asked => asked?,
        };
        let run = held.run_if_held(async {
            held.begin_run();
            job(&held).await
        });
        let ran = match self.max_run {
            Some(longest) => match tokio::time::timeout(longest, run).await {
                Ok(ran) => ran,
                Err(_) => return Ok(SingletonRun::TimedOut),
            },
            None => run.await,
        };
        Ok(match ran {
            Ran::Done(value) => {
                held.end_run().await;
                SingletonRun::Done(value)
            }
            Ran::Skipped(lost) | Ran::Lost(lost) => SingletonRun::Lost(lost),
        })
    }
}
