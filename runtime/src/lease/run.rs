//! What a lease store may do for jobs: it knows how many runs of one began that did not end.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{LeaseError, LeaseStore, Owner, Turn};

/// A lease store that tells a run which attempt it is, as a robust mutex tells that its last owner died.
///
/// # Counting
/// A run has a name alone, and is told with its [grant](super::Grant::attempt), in the same step, which attempt
/// it is: 1, and one more than the run of that name before it, unless it was said of that one that it
/// [ended](RunEnd::Ended). Of whom nobody says anything was cut off: its process died, its lease was lost, an
/// operator took it away, or it was released without a word. Who has the name otherwise is not counted, and
/// changes no number; nor does who waits.
///
/// A number is remembered for 90 days after its run began, and at least twice as long as that was granted the
/// name for. The run after that is the first one again. Nothing is kept of a name whose last run ended.
///
/// # Repetition
/// As for [`LeaseStore`]: the owner that begins again what it has is told the same number. A run that
/// begins later than its answer was given up was cut off.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     lease::{LeaseStore as _, Owner, RunEnd, RunStore as _, Turn},
/// };
///
/// let (store, lease) = (MemoryLeases::new(), Duration::from_secs(10));
/// for attempt in [1, 2, 3] {
///     let owner = Owner::draw();
///     let turn = store.begin_run("backup", &owner, lease, Duration::ZERO).await?;
///     let Turn::Granted(grant) = turn else { panic!("nobody has it") };
///     assert_eq!(grant.attempt, Some(attempt));
///     if attempt == 3 {
///         store.end_run("backup", &owner, RunEnd::Ended).await?;
///     }
///     store.release("backup", &owner).await?;
/// }
/// let turn = store.begin_run("backup", &Owner::draw(), lease, Duration::ZERO).await?;
/// assert!(matches!(turn, Turn::Granted(grant) if grant.attempt == Some(1)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait RunStore: LeaseStore {
    /// Takes a name for a run, as [`try_acquire`](LeaseStore::try_acquire) does; or a place in line that is
    /// kept for as long as `stay`, where the store [has one](super::LockStore).
    ///
    /// # Errors
    /// [`LeaseError`].
    ///
    /// # Cancellation
    /// It may have begun. Whoever drops it says that it did [not](RunEnd::NotBegun), and calls `release`.
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>>;

    /// Says what became of the run of this owner, while it has the name, which it goes on to have until it is
    /// [released](LeaseStore::release). Does nothing where it does not have it, or was not counted.
    ///
    /// # Errors
    /// [`LeaseError`]; then the run may be taken for one that was cut off.
    ///
    /// # Cancellation
    /// It is said or not.
    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>>;
}

/// What became of a run that was not cut off.
///
/// See [`RunStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// It came to its end: the next run is the first one.
    Ended,
    /// It never began: the next run is the attempt that it would have been.
    NotBegun,
}
