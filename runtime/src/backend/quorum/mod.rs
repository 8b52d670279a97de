//! Leases over several servers that know nothing of one another: who has a name in most of them has it
//! ([RedLock](https://redis.io/docs/latest/develop/use/patterns/distributed-locks/)), with a fence.
//!
//! ```text
//!  acquire ──▶ all servers at once ──▶ most of them granted it ──▶ all are told one fence ──▶ granted
//!                  │                                                   most of them heard it
//!                  └ one that is late is put right in the background
//! ```
//!
//! **What holds.** No two owners rely on one name at a time, and its fence rises from tenure to tenure,
//! as long as of every majority one server remembers the grant until its lease is over; or of all that
//! [have to grant it](QuorumLeasesBuilder::min_store_nodes), where these are more. Fewer than
//! half of the servers may be away, hang, or lose their data. A server that started has no vote until
//! what it may have forgotten is over; nobody waits for one that is slow.
//!
//! **What does not.** A fence rises over servers whose clocks agree within the longest lease. Each owner
//! reckons with clocks that differ in pace by a hundredth. One that jumps ahead ends its server's grants too
//! early, and so does somebody who deletes keys; on most of the servers, or on one of them while others are
//! away, that lets a second owner in. And no lease keeps a process from being paused
//! between its look at the lease and its write: only a resource that compares the
//! [`Fence`](crate::kernel::Fence) does.
//!
//! **What it is not for.** Most servers agree on who has a name, not on how many: semaphores and queues
//! cannot be built on it. Parts of one cluster, or a server and its replica, are no several servers.

mod acquire;
mod admin;
mod answers;
mod calls;
mod candidates;
mod claims;
mod clocks;
mod error;
mod later;
mod lives;
mod release;
mod renewals;
mod rules;
mod runs;
mod settings;
mod survey;
mod tally;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{runtime::Handle, sync::mpsc::unbounded_channel};
use tokio_util::task::TaskTracker;

use self::{
    answers::{Answer, Answers},
    calls::Tell,
    claims::{Claim, Claims},
    lives::Lives,
    rules::Rules,
};
pub use self::{
    error::{NodeFailure, QuorumError},
    settings::{QuorumLeasesBuilder, QuorumOpenError},
};
use crate::{
    clock::{Clock as _, WakefulClock},
    lease::{
        Acquired, CandidateStore, LeaseAdmin, LeaseError, LeaseStore, Owner, QuorumNode, Released,
        Renewal, Renewed, RunStore, Safety, ServerClock, Tenure,
    },
};

/// A [`LeaseStore`] over an odd number of independent servers. Cloning shares it.
///
/// Three survive the loss of one, five the loss of two. One is a quorum of its own, no safer than it is.
///
/// # Time
/// A server that does not answer within a twentieth of the lease, and 50 ms, has no vote in that matter.
/// A lease that is granted has a tenth of it left, at least, and what is told to be left is already
/// shortened by what clocks may differ: 1 % and 2 ms. So a lease of a few milliseconds is never granted.
///
/// # Errors
/// [`LeaseError`]s have a [`QuorumError`] as their source, which names each server that did not agree, and
/// why. An attempt that fails is freed on all servers in the background.
///
/// # Contention
/// Of several owners who want a name at the same time each may get some servers, and none of them enough.
/// Then each frees what it got and tries again after a pause that is drawn, a few times. After that the name is
/// busy, with no holder.
///
/// # Runs
/// Of the first majority that granted it, the server that knows of most says which attempt a [run](RunStore) is, and
/// as many are told so as hear its fence. So who comes after runs that were cut off is told of all of them, whichever
/// servers were away by turns. It is told of fewer, from then on, where a server lost what it knew; and of more where
/// one did not hear what it was told last: that a run ended, did not begin, or which attempt it is.
///
/// # Owners that go on
/// A process that starts again as the owner that it was acquires before it renews. Its fence is the one
/// that it had, or a higher one.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::{memory::MemoryLeases, quorum::QuorumLeases},
///     lease::{Acquired, LeaseStore as _, Owner},
/// };
///
/// // With `RedisLeases`, each of a server of its own, they are good for many processes.
/// let leases = QuorumLeases::builder()
///     .node(MemoryLeases::new())
///     .node(MemoryLeases::new())
///     .node(MemoryLeases::new())
///     .max_lease(Duration::from_secs(30))
///     .open()
///     .await?;
/// let (ours, lease) = (Owner::draw(), Duration::from_secs(10));
/// let Acquired::Granted(grant) = leases.try_acquire("nightly-report", &ours, lease).await? else {
///     panic!("nobody else wants it");
/// };
/// assert!(grant.left < lease, "clocks may differ");
/// leases.release("nightly-report", &ours).await?;
/// leases.finished().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct QuorumLeases(Arc<Inner>);

struct Inner {
    nodes: Vec<Node>,
    rules: Rules,
    /// Most servers can tell who has what, as far as they are known.
    tells_names: bool,
    /// Most of them know who stands.
    knows_candidates: bool,
    lives: Lives,
    claims: Claims,
    /// Runs as the runtime's timers do, and in the machine's sleep.
    clock: WakefulClock,
    /// Where what is under way lives: a call may come from a runtime that ends before.
    runtime: Handle,
    tasks: TaskTracker,
}

struct Node {
    address: String,
    store: Arc<dyn QuorumNode>,
}

impl QuorumLeases {
    /// A store over servers of your own.
    pub fn builder() -> QuorumLeasesBuilder {
        QuorumLeasesBuilder::new()
    }

    /// Waits until nothing is under way in the background: what servers that are slow have not freed yet,
    /// say. It takes no longer than about three of the longest leases. A process that ends before leaves what runs out.
    pub async fn finished(&self) {
        self.0.tasks.wait().await;
    }
}

impl Inner {
    fn claim(&self, name: &str, owner: &Owner) -> Arc<Claim> {
        self.claims.of(name, owner, self.nodes.len(), self.clock.now())
    }

    /// Makes a task for each server, and gives what they will answer.
    fn ask_all<T, F>(&self, ask: impl Fn(Tell<T>) -> F) -> Answers<T>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tells, answers) = self.tells();
        for tell in tells {
            self.tasks.spawn_on(ask(tell), &self.runtime);
        }
        answers
    }

    /// Where the answer of each server goes to, and where they come together.
    fn tells<T>(&self) -> (Vec<Tell<T>>, Answers<T>) {
        let (to, coming) = unbounded_channel();
        let nodes = 0..self.nodes.len();
        let awaited = nodes.clone().map(|_| Answer::Awaited).collect();
        let tells = nodes.map(|node| Tell { node, to: to.clone() }).collect();
        (tells, Answers::new(awaited, coming))
    }
}

impl LeaseStore for QuorumLeases {
    fn safety(&self) -> Safety {
        match &self.0.nodes[..] {
            [one] => one.store.safety(),
            _ => Safety::Quorum,
        }
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.0.try_acquire(self.0.claim(name, owner), lease).boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move { self.0.try_renew(&self.0.claim(name, owner), lease).await }.boxed()
    }

    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        let claim = |Renewal { name, owner, lease }: &Renewal| (self.0.claim(name, owner), *lease);
        async move { Ok(self.0.renew_all(renewals.iter().map(claim).collect()).await) }.boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.0.try_release(self.0.claim(name, owner)).boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.0.inspect(name).boxed()
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        self.0.clocks().boxed()
    }

    fn doubts(&self) -> BoxFuture<'_, Vec<String>> {
        self.0.doubts().boxed()
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        self.0.tells_names.then_some(self)
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        self.0.knows_candidates.then_some(self)
    }

    fn runs(&self) -> Option<&dyn RunStore> {
        Some(self)
    }
}

impl fmt::Debug for QuorumLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.0.nodes.iter().map(|node| &node.address).collect();
        f.debug_struct("QuorumLeases").field("nodes", &nodes).finish_non_exhaustive()
    }
}
