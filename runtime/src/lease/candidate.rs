//! What a lease store may do beyond saying who leads: who else stands for it.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};

use super::{LeaseError, LeaseStore, Owner};
use crate::kernel::Timestamp;

/// A lease store that knows who stands for a name, and not only who has it.
///
/// # Beats
/// A candidate says again and again that it stands: it beats. It is live for three of the intervals that it
/// says itself, on the store's clock; one that is silent for longer is gone, with all that it said, until it
/// beats again. Nothing is left behind where nobody beats.
///
/// # Who leads
/// Whether a candidate leads is not kept: whoever asks is told by the lease, as it is at that moment. So no
/// more than one does.
///
/// # Repetition
/// Every call may be made again, or be applied later than its answer was given up. A beat that comes after
/// its candidate has left is seen until three intervals are over.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{collections::BTreeMap, time::Duration};
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     lease::{Beat, CandidateStore as _, LeaseStore as _, Owner},
/// };
///
/// let (store, owner) = (MemoryLeases::new(), Owner::draw());
/// let metadata = BTreeMap::from([("region".to_owned(), "eu".to_owned())]);
/// let live = store
///     .beat(Beat {
///         name: "job-scheduler",
///         candidate: "web-1",
///         owner: Some(&owner),
///         is_healthy: true,
///         health_score: 1.0,
///         metadata: &metadata,
///         interval: Duration::from_secs(10),
///     })
///     .await?;
/// assert_eq!((live.candidates, live.next_gone), (1, Duration::from_secs(30)));
///
/// store.try_acquire("job-scheduler", &owner, Duration::from_secs(15)).await?;
/// for candidate in store.list("job-scheduler").await? {
///     assert!(candidate.is_leader && candidate.metadata["region"] == "eu");
/// }
/// store.leave("job-scheduler", "web-1").await?;
/// assert_eq!(store.list("job-scheduler").await?, []);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait CandidateStore: LeaseStore {
    /// Says that a candidate stands, instead of what it said before. Says how many do, this one included.
    ///
    /// # Errors
    /// [`LeaseError`]; refused where [`Beat::check`] says so.
    ///
    /// # Cancellation
    /// It is said or not.
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>>;

    /// Says of several that they stand, each as [`beat`](Self::beat) does. Answers for each, in that order,
    /// unless it failed for all. A store that can do it with fewer calls does.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::{collections::BTreeMap, time::Duration};
    /// use distributed_task::{
    ///     backend::memory::MemoryLeases,
    ///     lease::{Beat, CandidateStore as _},
    /// };
    ///
    /// let one = Beat {
    ///     name: "job-scheduler",
    ///     candidate: "web-1",
    ///     owner: None,
    ///     is_healthy: true,
    ///     health_score: 1.0,
    ///     metadata: &BTreeMap::new(),
    ///     interval: Duration::from_secs(10),
    /// };
    /// let beats = [one, Beat { health_score: f64::NAN, ..one }, Beat { name: "mailer", ..one }];
    /// let answers = MemoryLeases::new().beat_all(&beats).await?;
    /// assert!(answers[0].as_ref().is_ok_and(|live| live.candidates == 1));
    /// assert!(answers[1].is_err(), "that is no score");
    /// assert!(answers[2].is_ok());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// Of each those of [`beat`](Self::beat); [`LeaseError`] when it failed for all.
    ///
    /// # Cancellation
    /// Each is said or not.
    fn beat_all<'a>(
        &'a self,
        beats: &'a [Beat<'a>],
    ) -> BoxFuture<'a, Result<Vec<Result<Live, LeaseError>>, LeaseError>> {
        join_all(beats.iter().map(|beat| self.beat(*beat))).map(Ok).boxed()
    }

    /// Who stands, in the order of their names. Changes nothing.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not say.
    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>>;

    /// The same for one of them. A store that can do it for less does.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    fn find<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<Option<LiveCandidate>, LeaseError>> {
        async move {
            let all = self.list(name).await?;
            Ok(all.into_iter().find(|one| one.candidate == candidate))
        }
        .boxed()
    }

    /// Says that a candidate stands no more. Does nothing where it does not. What it has is not
    /// [released](LeaseStore::release) by that.
    ///
    /// # Errors
    /// [`LeaseError`]; then it is gone after three intervals.
    ///
    /// # Cancellation
    /// It has left or not.
    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>>;
}

/// What a candidate says of itself.
///
/// See [`CandidateStore`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// The name that it wants, or has.
    pub name: &'a str,
    /// What it is called: no two candidates of one name are called the same.
    pub candidate: &'a str,
    /// As whom it wants the name, or has it.
    pub owner: Option<&'a Owner>,
    /// Whether it is healthy enough, as it sees it itself.
    pub is_healthy: bool,
    /// How healthy it is.
    pub health_score: f64,
    /// What else it says, in names and values of at most [4 KiB](Self::MAX_METADATA).
    pub metadata: &'a BTreeMap<String, String>,
    /// After how long it beats again. Less than a millisecond counts as that, more than a day as that.
    pub interval: Duration,
}

impl Beat<'_> {
    /// So many bytes of names and values a candidate may say.
    pub const MAX_METADATA: usize = 4096;

    /// A candidate that misses so many beats is gone.
    pub const MISSED: u32 = 3;

    /// For how long the candidate is live.
    ///
    /// ```
    /// use std::{collections::BTreeMap, time::Duration};
    /// use distributed_task::lease::Beat;
    ///
    /// let beat = Beat {
    ///     name: "job-scheduler",
    ///     candidate: "web-1",
    ///     owner: None,
    ///     is_healthy: true,
    ///     health_score: 1.0,
    ///     metadata: &BTreeMap::new(),
    ///     interval: Duration::from_secs(10),
    /// };
    /// assert_eq!(beat.lasts(), Duration::from_secs(30));
    /// assert!(beat.check().is_ok());
    /// assert!(Beat { health_score: f64::NAN, ..beat }.check().is_err());
    /// ```
    pub fn lasts(&self) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        self.interval.clamp(Duration::from_millis(1), DAY) * Self::MISSED
    }

    /// What every store asks before it keeps anything.
    ///
    /// # Errors
    /// [`LeaseError::Refused`] when there is more [metadata](Self::MAX_METADATA) than is kept, or when the
    /// score is no number.
    pub fn check(&self) -> Result<(), LeaseError> {
        Self::check_metadata(self.metadata)?;
        match self.health_score {
            score if score.is_finite() => Ok(()),
            score => Err(refused(format!("a health score of {score} is none"))),
        }
    }

    /// The same of metadata alone, whoever says it.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use distributed_task::lease::Beat;
    ///
    /// let said = |bytes| BTreeMap::from([("doing".to_owned(), "x".repeat(bytes - 5))]);
    /// assert!(Beat::check_metadata(&said(Beat::MAX_METADATA)).is_ok());
    /// assert!(Beat::check_metadata(&said(Beat::MAX_METADATA + 1)).is_err());
    /// ```
    ///
    /// # Errors
    /// [`LeaseError::Refused`] when there is [more](Self::MAX_METADATA) than is kept.
    pub fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), LeaseError> {
        match metadata_bytes(metadata) {
            bytes if bytes <= Self::MAX_METADATA => Ok(()),
            bytes => {
                let most = Self::MAX_METADATA;
                Err(refused(format!("{bytes} bytes of metadata: at most {most} are kept")))
            }
        }
    }
}

fn refused(why: String) -> LeaseError {
    LeaseError::Refused { source: why.into(), retryable: false }
}

/// Says those of several that pass the [check](Beat::check), and answers for each of all.
#[cfg(feature = "engine")]
pub(crate) async fn beat_checked<'a, F>(
    beats: &[Beat<'a>],
    say: impl FnOnce(Vec<Beat<'a>>) -> F,
) -> Vec<Result<Live, LeaseError>>
where
    F: Future<Output = Result<Vec<Result<Live, LeaseError>>, LeaseError>>,
{
    let checks: Vec<_> = beats.iter().map(Beat::check).collect();
    let passed = beats.iter().zip(&checks).filter(|(_, check)| check.is_ok());
    let passed: Vec<Beat<'a>> = passed.map(|(beat, _)| *beat).collect();
    let mut answers = match passed.len() {
        0 => Vec::new(),
        many => super::answers_to_each(say(passed).await, many),
    }
    .into_iter();
    let answer = |check: Result<(), LeaseError>| {
        check.and_then(|()| answers.next().expect("as many were answered as passed"))
    };
    checks.into_iter().map(answer).collect()
}

/// How much metadata counts.
pub(crate) fn metadata_bytes(metadata: &BTreeMap<String, String>) -> usize {
    metadata.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// How many stand for a name.
///
/// See [`CandidateStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// So many.
    pub candidates: u64,
    /// When the first of them is gone, if it does not beat until then.
    pub next_gone: Duration,
}

/// A candidate, as somebody sees it who looks.
///
/// See [`CandidateStore`] for an example.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCandidate {
    /// What it is called.
    pub candidate: String,
    /// Whether it has the name, now.
    pub is_leader: bool,
    /// Whether it was healthy enough, as it saw it itself.
    pub is_healthy: bool,
    /// How healthy it was.
    pub health_score: f64,
    /// When it beat last, on the store's clock.
    pub last_seen: Timestamp,
    /// What else it said.
    pub metadata: BTreeMap<String, String>,
}
