//! What a lease store may do beyond one owner at a time: a line of those who wait, and names that are
//! shared.

use std::time::Duration;

use futures_util::{future::BoxFuture, stream::BoxStream};

use super::{Acquired, Busy, Grant, LeaseError, LeaseStore, Owner, Renewed};

/// A lease store where those who wait stand in line, and where several may share a name.
///
/// # The line
/// Who wants a name that is not free gets a place at the end, and keeps it for as long as it asks again
/// in time. Who comes first gets the name first, whether it wants it alone or shared; nobody passes those
/// who wait, [`try_acquire`](LeaseStore::try_acquire) neither. A place whose owner does not ask again in
/// time is gone. [`release`](LeaseStore::release) gives a place back as well.
///
/// Who [goes first](Want::goes_first) stands before all who do not, behind those who go first as well and came
/// earlier. It passes those who wait only where what it wants is free: a writer waits for those who read. Where
/// such come without end, nobody else ever gets the name.
///
/// # Sharing
/// A name is had by one owner alone or shared by any number. Each who shares it has a lease of its own,
/// which [`try_renew`](LeaseStore::try_renew) and [`release`](LeaseStore::release) are for, as for others.
/// A shared grant has no fence of its own: it has one that no earlier owner who was alone is above, and that
/// every later one is. Asking again may raise it.
///
/// # Wake-ups
/// Who is next in line when a name becomes free is told so. That is a hint: it may be lost, and nobody is
/// told of a lease that runs out. [`Waiting::retry_after`] says when to ask at the latest. A store that cannot tell
/// anybody for a while says [so](Wake::Nobody), as often as it likes.
///
/// # Repetition
/// As for [`LeaseStore`]: every call may be made again. An owner wants one name in one way, alone or shared;
/// what it is told otherwise is not said here.
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
///     lease::{LeaseStore as _, LockStore as _, Owner, Share, Turn, Want},
/// };
///
/// let (store, lease) = (MemoryLeases::new(), Duration::from_secs(10));
/// let (reader, writer) = (Owner::draw(), Owner::draw());
/// let want = |owner, share| Want { share, stay: lease, ..Want::alone("catalogue", owner, lease) };
///
/// let turn = store.acquire_in_turn(want(&reader, Share::Shared)).await?;
/// assert!(matches!(turn, Turn::Granted(_)));
/// let turn = store.acquire_in_turn(want(&writer, Share::Alone)).await?;
/// assert!(matches!(turn, Turn::Waiting(_)));
/// store.release("catalogue", &reader).await?;
/// let turn = store.acquire_in_turn(want(&writer, Share::Alone)).await?;
/// assert!(matches!(turn, Turn::Granted(_)));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait LockStore: LeaseStore {
    /// Takes a name, or a place in line for it. Asking again keeps either, and for longer.
    fn acquire_in_turn<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Turn, LeaseError>>;

    /// Gives a name from the owner who has it alone to another one, in one step and past those who wait: it
    /// begins a tenure of its own, with a fence above the last one, that lasts so long from now on. Who waited
    /// for what it is given waits no more. Does nothing, and answers so, where the first one does not have it.
    /// Asking again finds what was granted, and keeps it for longer.
    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        from: &'a Owner,
        to: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Grant>, LeaseError>>;

    /// Lets others share what one owner has alone, without letting go of it in between.
    fn downgrade<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>>;

    /// Tells whose turn it is, for owners that were [drawn](Owner::draw) in this process, from now on.
    fn wakes(&self) -> BoxStream<'static, Wake>;
}

/// What somebody wants.
///
/// See [`LockStore`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    /// The name.
    pub name: &'a str,
    /// Who wants it.
    pub owner: &'a Owner,
    /// Whether others may have it as well.
    pub share: Share,
    /// Whether it comes before all who wait and do not go first, however long they do. A place in line stays what
    /// it was when its owner came.
    pub goes_first: bool,
    /// For how long.
    pub lease: Duration,
    /// For how long it keeps its place in line until it asks again. Zero: it does not wait.
    pub stay: Duration,
}

impl<'a> Want<'a> {
    /// To have a name alone, at once or not at all.
    #[must_use]
    pub const fn alone(name: &'a str, owner: &'a Owner, lease: Duration) -> Self {
        Self { name, owner, share: Share::Alone, goes_first: false, lease, stay: Duration::ZERO }
    }
}

/// Whether others may have a name as well.
///
/// See [`LockStore`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Share {
    /// Nobody else has it.
    Alone,
    /// Others who share it have it as well.
    Shared,
}

/// What became of a wish.
///
/// See [`LockStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is the owner's.
    Granted(Grant),
    /// It is not its turn.
    Waiting(Waiting),
}

impl From<Turn> for Acquired {
    fn from(turn: Turn) -> Self {
        match turn {
            Turn::Granted(grant) => Self::Granted(grant),
            Turn::Waiting(Waiting { holder, retry_after, .. }) => {
                Self::Busy(Busy { holder, retry_after })
            }
        }
    }
}

/// A place in line, or what is in the way of one who does not wait.
///
/// See [`LockStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Who has it alone, if anybody.
    pub holder: Option<Owner>,
    /// How many are before it, at most: one that did not ask in time may be counted until it is first.
    pub ahead: u64,
    /// When to ask again at the latest, if nobody is told before; `None` if what is in the way has no end,
    /// which is damage from outside.
    pub retry_after: Option<Duration>,
}

/// What a store tells of a line.
///
/// See [`LockStore`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wake {
    /// It is this owner's turn.
    Turn(Owner),
    /// Something may have been missed: everybody asks.
    Everybody,
    /// Nobody is told from now on, until everybody is. May be told again.
    Nobody,
}
