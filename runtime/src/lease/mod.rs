//! Leases: somebody has a name for a limited time, and nobody else. What locks, elections and jobs that
//! run once are built on.

mod admin;
mod candidate;
mod clock;
mod error;
mod lock;
mod node;
mod owner;
mod run;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};

#[cfg(feature = "engine")]
pub(crate) use self::candidate::beat_checked;
#[cfg(feature = "coordination")]
pub(crate) use self::candidate::metadata_bytes;
pub use self::{
    admin::{HeldName, LeaseAdmin, Reader},
    candidate::{Beat, CandidateStore, Live, LiveCandidate},
    clock::ServerClock,
    error::LeaseError,
    lock::{LockStore, Share, Turn, Waiting, Wake, Want},
    node::{Agreed, Ballot, Life, QuorumNode, Vote},
    owner::Owner,
    run::{RunEnd, RunStore},
};
use crate::kernel::{Fence, Timestamp};

/// Grants names to owners, for a while.
///
/// # Names
/// Any text is a name, as it is written: capitals count, and no character means anything. No two names
/// are one.
///
/// # Time
/// The store's clock decides when a lease is over; no clock here does. A lease of less than a
/// millisecond is one of a millisecond, or refused.
///
/// Every call ends by itself, after some seconds at the latest: one that is not answered is an error.
///
/// # Fences
/// Each tenure has a [`Fence`], which is never 0 and higher than those of all earlier tenures of that
/// name, also after what the store lost. It stays the same for the whole tenure. A resource that keeps
/// the highest it has seen refuses an owner whose time is over and who does not know it yet: the only
/// help against one that was paused between a look at its lease and its write.
///
/// # Repetition
/// Every call may be made again, or be applied later than its answer was given up: an owner that
/// acquires what it has keeps it, with its fence, and a renewal never shortens. So an owner is one
/// attempt to have one name; whoever begins anew draws a new [`Owner`].
///
/// # Cancellation
/// Dropping a future leaves its call done or not. Whoever drops `try_acquire` calls `release`.
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
///     lease::{Acquired, LeaseStore as _, Owner, Released, Renewed},
/// };
///
/// let (leases, lease) = (MemoryLeases::new(), Duration::from_secs(10));
/// let (ours, theirs) = (Owner::draw(), Owner::draw());
/// let Acquired::Granted(grant) = leases.try_acquire("nightly-report", &ours, lease).await? else {
///     panic!("nobody else wants it");
/// };
/// println!("every write carries {}", grant.fence.0);
///
/// let Acquired::Busy(busy) = leases.try_acquire("nightly-report", &theirs, lease).await? else {
///     panic!("it is ours");
/// };
/// assert_eq!(busy.holder, Some(ours.clone()));
///
/// assert_eq!(leases.try_renew("nightly-report", &ours, lease).await?, Renewed::Renewed);
/// assert_eq!(leases.release("nightly-report", &ours).await?, Released::Released);
/// assert_eq!(leases.inspect("nightly-report").await?, None);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait LeaseStore: Send + Sync + 'static {
    /// What its word is worth.
    fn safety(&self) -> Safety;

    /// Takes a name that is free, for so long. An owner that has it keeps it for the longer of what is
    /// left and `lease`.
    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>>;

    /// Keeps a name for the longer of what is left and `lease`. A tenure that is over is never brought
    /// back.
    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>>;

    /// Keeps several names, each as [`try_renew`](Self::try_renew) does. Answers for each, in that order,
    /// unless it failed for all. A store that can do it with fewer calls does.
    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        let each =
            |Renewal { name, owner, lease }: &'a Renewal| self.try_renew(name, owner, *lease);
        join_all(renewals.iter().map(each)).map(Ok).boxed()
    }

    /// Frees a name that this owner has, and its place in line where there is one.
    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>>;

    /// Who has a name alone, if anybody. Changes nothing.
    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>>;

    /// What time it is on each of its servers, by the clock that decides when a lease is over there. Nothing of a
    /// store that cannot tell. One of several servers leaves out those that do not answer within 200 ms; one that
    /// stands before another store hands on what that says. [Health checks](crate::coordination::Coordination::health)
    /// compare them, as far as they are told.
    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        async { Vec::new() }.boxed()
    }

    /// What its servers are set to, now, by which a lease may be lost that its [safety](Self::safety) does not tell
    /// of: each in words that say where and what to do. Nothing of a store that cannot tell. One of several servers
    /// leaves out those that do not answer within 200 ms; one that stands before another store hands on what that
    /// says. [Health checks](crate::coordination::Coordination::health) tell it.
    fn doubts(&self) -> BoxFuture<'_, Vec<String>> {
        async { Vec::new() }.boxed()
    }

    /// The same store with a line and with sharing, if it has these.
    fn locks(&self) -> Option<&dyn LockStore> {
        None
    }

    /// The same store for those who look after it, if it can tell who has what.
    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        None
    }

    /// The same store with who stands for a name, if it knows that.
    fn candidates(&self) -> Option<&dyn CandidateStore> {
        None
    }

    /// The same store with runs that are counted, if it counts them.
    fn runs(&self) -> Option<&dyn RunStore> {
        None
    }
}

/// What it takes for two owners to have one name at a time, each within its lease. Ordered: a later one is
/// safer. A [`Fence`] helps with all of them.
///
/// ```
/// use distributed_task::lease::Safety;
///
/// assert!(Safety::Replicas < Safety::Server && Safety::Server < Safety::Quorum);
/// assert!(Safety::Quorum < Safety::Process);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Safety {
    /// A fail-over to a replica that lacks the grant, and all that is said of one server.
    Replicas,
    /// A server that loses the grant: it starts again without its data, somebody deletes it, or its
    /// clock jumps.
    Server,
    /// Most of several servers that lose the grant within its lease, or whose clocks run away from the
    /// owner's by more than is allowed for.
    Quorum,
    /// Nothing: all owners are in this process.
    Process,
}

/// What became of an attempt to take a name.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is the owner's.
    Granted(Grant),
    /// It is somebody else's.
    Busy(Busy),
}

/// A tenure that began, or goes on.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The fence of this tenure.
    pub fence: Fence,
    /// How much time was left in the store when it answered. Count from before the question.
    pub left: Duration,
    /// Which attempt it is, where a [run](RunStore) began that is counted.
    pub attempt: Option<u64>,
}

/// A name that somebody else has.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Who has it, if the store knows.
    pub holder: Option<Owner>,
    /// When it is free at the latest, if it is not renewed; `None` if it has no end, which is damage
    /// from outside.
    pub retry_after: Option<Duration>,
}

/// A name that its owner wants to keep.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     lease::{LeaseStore as _, Owner, Renewal, Renewed},
/// };
///
/// let (leases, owner, lease) = (MemoryLeases::new(), Owner::draw(), Duration::from_secs(10));
/// leases.try_acquire("ours", &owner, lease).await?;
/// let renewals = ["ours", "theirs"].map(|name| Renewal { name: name.into(), owner: owner.clone(), lease });
/// let mut answers = leases.renew_all(&renewals).await?.into_iter();
/// assert_eq!(answers.next().transpose()?, Some(Renewed::Renewed));
/// assert_eq!(answers.next().transpose()?, Some(Renewed::NotOwner));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The name.
    pub name: Arc<str>,
    /// Whose it is.
    pub owner: Owner,
    /// For how long.
    pub lease: Duration,
}

/// As many answers as were asked for: of fewer nobody knows whose they are.
#[cfg(feature = "engine")]
pub(crate) fn answers_to<T>(answers: Vec<T>, asked: usize) -> Result<Vec<T>, LeaseError> {
    match answers.len() {
        many if many == asked => Ok(answers),
        many => Err(LeaseError::Unanswered(format!("{many} answers to {asked}").into())),
    }
}

/// The same for each of them: what failed for all failed for each.
#[cfg(feature = "engine")]
pub(crate) fn answers_to_each<T>(
    answers: Result<Vec<Result<T, LeaseError>>, LeaseError>,
    asked: usize,
) -> Vec<Result<T, LeaseError>> {
    match answers.and_then(|answers| answers_to(answers, asked)) {
        Ok(answers) => answers,
        Err(error) if asked == 1 => vec![Err(error)],
        Err(error) => (0..asked).map(|_| Err(error.again())).collect(),
    }
}

/// What became of a renewal.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// The owner has it, and for longer.
    Renewed,
    /// The owner has it no more, for good.
    NotOwner,
    /// The same, because [an operator](LeaseAdmin) took it away.
    Forced,
}

/// What became of a release. None of these is a failure: the name is not this owner's any more.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is free.
    Released,
    /// Its time was over, or it was released before, and nobody has it.
    AlreadyExpired,
    /// Somebody else has it by now.
    NotOwner,
}

/// Who has a name, as somebody sees it who looks.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// Whose it is.
    pub owner: Owner,
    /// The fence of the tenure.
    pub fence: Fence,
    /// Whether that is what [several stores agreed on](QuorumNode::raise), and not what this one gave it.
    pub is_agreed: bool,
    /// Since when, on the store's clock.
    pub since: Timestamp,
    /// When it is over if it is not renewed; `None` if it has no end, which is damage from outside.
    pub expires_in: Option<Duration>,
    /// What its owner [says](LeaseAdmin::describe) that it does under it.
    pub metadata: BTreeMap<String, String>,
}
