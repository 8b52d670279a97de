//! A store that votes: one of several that decide together.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Acquired, Grant, LeaseError, LeaseStore, Owner, Renewed};
use crate::kernel::Fence;

/// A store of leases that is one of several, none of which knows another: who has a name in most of them
/// has it.
///
/// # Lives
/// A server that starts again may have forgotten whom it gave a name to. Each vote says in which
/// [`Life`] it was given, without a window: it was this life that took the name, or refused to.
///
/// # Renewals and beats
/// They come by [`renew_all`](LeaseStore::renew_all) and [`beat_all`](super::CandidateStore::beat_all): what fails as a
/// whole has failed for each. Their defaults ask for each name by itself, and answer when the slowest has.
///
/// # Ends
/// Every call ends by itself, after a limit of the store.
///
/// # Example
/// A tenure whose fence the others know higher:
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     kernel::Fence,
///     lease::{Acquired, Agreed, Ballot, LeaseStore as _, Owner, QuorumNode as _, Renewed},
/// };
///
/// let (node, lease, ours) = (MemoryLeases::new(), Duration::from_secs(10), Owner::draw());
/// let ballot = Ballot { name: "nightly-report", owner: &ours, lease, is_run: false };
/// let Acquired::Granted(grant) = node.vote(ballot).await?.acquired else {
///     panic!("nobody else wants it");
/// };
/// let agreed = Agreed { fence: Fence(grant.fence.0 + 1_000_000), ..grant.into() };
/// assert_eq!(node.raise("nightly-report", &ours, agreed).await?, Renewed::Renewed);
/// assert_eq!(node.inspect("nightly-report").await?.map(|it| it.fence), Some(agreed.fence));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait QuorumNode: LeaseStore {
    /// Where it is, for people: without user and password.
    fn address(&self) -> String;

    /// Which life it is in.
    fn life(&self) -> BoxFuture<'_, Result<Life, LeaseError>>;

    /// [`try_acquire`](LeaseStore::try_acquire), and the life that answered.
    fn vote<'a>(&'a self, ballot: Ballot<'a>) -> BoxFuture<'a, Result<Vote, LeaseError>>;

    /// Tells an owner's tenure the fence that was agreed on, in the place of the one that this store gave
    /// it, and which attempt it is, if it is counted here. Where it was told before, what has the higher fence is
    /// kept. Later tenures have higher ones than each, and a run that follows one which did not end is one more.
    /// Whoever looks is told [that it was](super::Tenure::is_agreed). Doing it again does nothing.
    fn raise<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        agreed: Agreed,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>>;
}

/// What a store votes on.
///
/// See [`QuorumNode`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    /// The name.
    pub name: &'a str,
    /// Who wants it.
    pub owner: &'a Owner,
    /// For how long.
    pub lease: Duration,
    /// Whether it is a [run](super::RunStore), and counted. A store that counts none votes all the same.
    pub is_run: bool,
}

/// What several stores that granted a name agreed on, and each is told.
///
/// See [`QuorumNode`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The fence of the tenure.
    pub fence: Fence,
    /// Which attempt it is, of a [run](super::RunStore) that is counted.
    pub attempt: Option<u64>,
}

impl From<Grant> for Agreed {
    fn from(Grant { fence, attempt, .. }: Grant) -> Self {
        Self { fence, attempt }
    }
}

/// One life of a server with its data: from its start to its end.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::lease::Life;
///
/// let life = Life { id: "67f8f1f8".into(), age: Duration::from_secs(3600) };
/// assert!(life.age > Duration::from_secs(60), "what it forgot at its start is over");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// No other life of any server has it.
    pub id: String,
    /// How long it had lasted when it was asked, at least; [`Duration::MAX`] where nothing was before it.
    pub age: Duration,
}

/// What a store said to an owner that wants a name.
///
/// See [`QuorumNode`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whether it is the owner's, there.
    pub acquired: Acquired,
    /// Who said so.
    pub life: Life,
}
