//! What kind of thing a name is in the store.

use std::fmt;

use super::{election, singleton};

/// What a name in the store belongs to, as far as the name says.
///
/// A lock and a lease are one thing there: a lock is a lease that is waited for, and that of readers and writers is one
/// as well. So they are one kind, and so is every other name. Who takes a lock that it calls `singleton:` and a
/// name takes the job of that name.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, NameKind},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let _leads = coordination.election("job-scheduler").campaign().await?;
/// let _held = coordination.lock("orders:17").acquire().await?;
///
/// let locks = coordination.monitor().active_locks().await?;
/// let kinds: Vec<_> = locks.iter().map(|lock| NameKind::of(&lock.name)).collect();
/// assert_eq!(kinds, [(NameKind::Election, "job-scheduler"), (NameKind::Lock, "orders:17")]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NameKind {
    /// An [`Election`](super::Election).
    Election,
    /// A [`Singleton`](super::Singleton), or the sagas of a task that says `singleton`.
    Singleton,
    /// A [`Lock`](super::Lock), an [`RwLock`](super::RwLock) or a [`Lease`](super::Lease).
    Lock,
}

impl NameKind {
    /// Of which kind a name is, and what its kind calls it: what the store knows it by may begin with more, and with
    /// what is none to print.
    pub fn of(name: &str) -> (Self, &str) {
        if let Some(name) = name.strip_prefix(election::PREFIX) {
            return (Self::Election, name);
        }
        match name.strip_prefix(singleton::PREFIX) {
            Some(job) => (Self::Singleton, job),
            None => (Self::Lock, name),
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Election => "election",
            Self::Singleton => "singleton",
            Self::Lock => "lock",
        })
    }
}
