//! What those who look after a store may ask of it: who has what, and to take it away.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{FutureExt, future::BoxFuture, stream::BoxStream};

use super::{LeaseError, LeaseStore, Owner, Tenure};
use crate::kernel::Fence;

/// A lease store that tells all names that somebody has, what its owner says of it, and who shares one, and takes
/// away what must be free.
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
///     lease::{LeaseAdmin as _, LeaseStore as _, Owner, Renewed},
/// };
/// use futures_util::TryStreamExt;
///
/// let (leases, lease, hung) = (MemoryLeases::new(), Duration::from_secs(600), Owner::draw());
/// leases.try_acquire("nightly-report", &hung, lease).await?;
///
/// let names: Vec<_> = leases.names().try_collect().await?;
/// assert_eq!(names[0].name, "nightly-report");
/// let tenure = names[0].holder.as_ref().expect("somebody has it alone");
/// let ended = leases.force_release("nightly-report", tenure.fence, "ops: it hangs").await?;
/// assert_eq!(ended.as_ref(), Some(&hung));
/// // Its holder is told when it renews.
/// assert_eq!(leases.try_renew("nightly-report", &hung, lease).await?, Renewed::Forced);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub trait LeaseAdmin: LeaseStore {
    /// All names that somebody has, alone or shared, in any order. What changes meanwhile may be told or
    /// not; what does not change is told once at least. Reads some at a time, and keeps nobody waiting.
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>>;

    /// Says what the owner of a name that has it alone does under it, instead of what it said before. It is told in
    /// [`Tenure::metadata`] and ends with the tenure; a renewal keeps it. `false` if this owner does not have it
    /// alone: then nothing is kept. Doing it again says the same; a call that comes late is the one that counts.
    /// By default nothing is kept for anybody, which is less than the suite of this trait asks for.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::{collections::BTreeMap, time::Duration};
    /// use distributed_task::{
    ///     backend::memory::MemoryLeases,
    ///     lease::{LeaseAdmin as _, LeaseStore as _, Owner},
    /// };
    ///
    /// let (leases, ours) = (MemoryLeases::new(), Owner::draw());
    /// leases.try_acquire("nightly-report", &ours, Duration::from_secs(10)).await?;
    /// let doing = BTreeMap::from([("doing".to_owned(), "page 3 of 7".to_owned())]);
    /// assert!(leases.describe("nightly-report", &ours, &doing).await?);
    /// let tenure = leases.inspect("nightly-report").await?.expect("it is ours");
    /// assert_eq!(tenure.metadata, doing);
    /// assert!(!leases.describe("nightly-report", &Owner::draw(), &doing).await?);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`LeaseError`]; refused where [`Beat::check_metadata`](super::Beat::check_metadata) says so.
    ///
    /// # Cancellation
    /// It is said or not.
    fn describe<'a>(
        &'a self,
        _name: &'a str,
        _owner: &'a Owner,
        _metadata: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async { Ok(false) }.boxed()
    }

    /// Frees a name that somebody has alone under this fence, and wakes who is next. Answers who had it;
    /// nothing when that tenure was over: whoever has it now keeps it. Doing it again says the same. The next
    /// tenure has a higher fence; renewals of the old one are answered by
    /// [`Renewed::Forced`](super::Renewed::Forced), for a day, or until another tenure is ended so.
    ///
    /// Why, which should say who wants it, may be kept for people who look into the store.
    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>>;

    /// Who shares a name, in the order of their owners. Of more than [1,000](Reader::MAX_TOLD) those are told
    /// whose time is over first. By default nobody, as for a store where nothing is shared.
    fn readers<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<Vec<Reader>, LeaseError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    /// Takes a name away from one who shares it, and wakes who is next in line; others who share it keep it.
    /// `false` if this owner does not share it, unless that was taken away before: doing it again says the same.
    /// Its renewals are answered by [`Renewed::Forced`](super::Renewed::Forced), for a day at least; of each name
    /// the last [1,000](Reader::MAX_TOLD) of these are remembered. An owner that asks for a share again gets one.
    /// By default nothing is done, as in a store where nothing is shared.
    ///
    /// Why, which should say who wants it, may be kept for people who look into the store.
    fn force_release_reader<'a>(
        &'a self,
        _name: &'a str,
        _owner: &'a Owner,
        _why: &'a str,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async { Ok(false) }.boxed()
    }
}

/// One who shares a name.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     lease::{LeaseAdmin as _, LeaseStore as _, LockStore as _, Owner, Renewed, Share, Want},
/// };
///
/// let (store, lease, hung) = (MemoryLeases::new(), Duration::from_secs(600), Owner::draw());
/// let want = Want { share: Share::Shared, ..Want::alone("catalogue", &hung, lease) };
/// store.acquire_in_turn(want).await?;
///
/// let readers = store.readers("catalogue").await?;
/// assert_eq!(readers[0].owner, hung);
/// assert!(readers[0].expires_in <= lease);
/// assert!(store.force_release_reader("catalogue", &hung, "ops: it hangs").await?);
/// // It is told when it renews.
/// assert_eq!(store.try_renew("catalogue", &hung, lease).await?, Renewed::Forced);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Who it is.
    pub owner: Owner,
    /// When its time is over if it does not renew.
    pub expires_in: Duration,
}

impl Reader {
    /// How many of those who share a name are told at once.
    pub const MAX_TOLD: usize = 1_000;

    /// In the order in which stores tell them: that of their owners.
    #[must_use]
    pub fn in_order(mut readers: Vec<Self>) -> Vec<Self> {
        readers.sort_unstable_by(|one, other| one.owner.as_str().cmp(other.owner.as_str()));
        readers
    }
}

/// A name that somebody has.
///
/// See [`LeaseAdmin`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldName {
    /// What it is called. Of names above 512 bytes a store may know the beginning and a hash only, which is no
    /// name to ask for.
    pub name: String,
    /// Who has it alone, if anybody.
    pub holder: Option<Tenure>,
    /// How many share it.
    pub readers: u64,
    /// How many stand in line for it: one for those of a process who wait as one, and one that died may be
    /// counted.
    pub waiting: u64,
}
