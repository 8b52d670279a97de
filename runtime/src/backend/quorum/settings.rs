//! How a quorum is made.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::task::TaskTracker;

use super::{Inner, Node, QuorumLeases, claims::Claims, later::Later, lives::Lives, rules::Rules};
use crate::{
    clock::WakefulClock,
    kernel::Timestamp,
    lease::{LeaseError, Life, QuorumNode, Safety},
};

/// Settings of [`QuorumLeases`].
///
/// See [`QuorumLeases`] for an example.
#[derive(Clone)]
#[must_use]
pub struct QuorumLeasesBuilder {
    nodes: Vec<Arc<dyn QuorumNode>>,
    max_lease: Duration,
    node_timeout: Option<Duration>,
    min_validity: u32,
    min_store_nodes: Option<usize>,
    forgets: bool,
}

/// How long a server may take to tell which it is.
const LIMIT: Duration = Duration::from_secs(5);

impl QuorumLeasesBuilder {
    pub(super) fn new() -> Self {
        let max_lease = Duration::from_secs(60);
        Self {
            nodes: Vec::new(),
            max_lease,
            node_timeout: None,
            min_validity: 10,
            min_store_nodes: None,
            forgets: true,
        }
    }

    /// One more server, which is there.
    pub fn node(mut self, node: impl QuorumNode) -> Self {
        self.nodes.push(Arc::new(node));
        self
    }

    /// One more server, which may be away when this process starts: `open` is tried at each call until it
    /// succeeds. `address` is what errors call it.
    ///
    /// ```no_run
    /// # #[cfg(feature = "redis")]
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::{quorum::QuorumLeases, redis::RedisLeases};
    ///
    /// let mut quorum = QuorumLeases::builder();
    /// for host in ["a.internal", "b.internal", "c.internal"] {
    ///     quorum = quorum
    ///         .node_later(host, move || RedisLeases::builder(format!("redis://{host}/")).open());
    /// }
    /// let leases = quorum.open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn node_later<N, E, F>(
        mut self,
        address: impl Into<String>,
        open: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        N: QuorumNode,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: Future<Output = Result<N, E>> + Send + 'static,
    {
        let open = move || {
            let opening = open();
            async move {
                let store: Arc<dyn QuorumNode> = Arc::new(opening.await.map_err(Into::into)?);
                Ok(store)
            }
            .boxed()
        };
        self.nodes.push(Arc::new(Later::new(address.into(), open)));
        self
    }

    /// The longest lease that anybody takes here; for as long a server that started has no vote, since it
    /// may have forgotten one. The same in all processes. Default 60 s.
    pub fn max_lease(mut self, max_lease: Duration) -> Self {
        self.max_lease = max_lease;
        self
    }

    /// How long a server may take for an answer that counts. Default a twentieth of the lease, and no less
    /// than 10 ms and no more than 50 ms.
    pub fn node_timeout(mut self, node_timeout: Duration) -> Self {
        self.node_timeout = Some(node_timeout);
        self
    }

    /// How much of a lease must be left when it is granted, in percent. Default 10.
    pub fn min_validity(mut self, percent: u32) -> Self {
        self.min_validity = percent;
        self
    }

    /// How many servers must have granted a lease, and renewed it. Default most of them. The same in all processes.
    ///
    /// A second owner is let in only where each server that both were granted it by has lost the grant, or has a
    /// clock that jumped: one, where two of three are needed, and all, where three are. The price is that fewer may
    /// be away, or start again: one that did has no vote for the [longest lease](Self::max_lease), unless they
    /// [forget nothing](Self::servers_forget_nothing). With less than this number nobody gets a lease, and who has
    /// one loses it in time. Who looks at a lease, gives it back, or is told that it is busy needs most servers, as
    /// ever.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::{memory::MemoryLeases, quorum::QuorumLeases};
    ///
    /// let five = (0..5).fold(QuorumLeases::builder(), |five, _| five.node(MemoryLeases::new()));
    /// // Three servers would have to forget the first owner, and one may be away.
    /// let leases = five.clone().min_store_nodes(4).open().await?;
    ///
    /// let error = five.min_store_nodes(2).open().await.expect_err("two owners could have as many");
    /// assert!(error.to_string().contains("write 3 or more"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    pub fn min_store_nodes(mut self, servers: usize) -> Self {
        self.min_store_nodes = Some(servers);
        self
    }

    /// No server forgets anything when it starts again: each has what it answers on its disk before it
    /// does (`appendonly yes` and `appendfsync always` in Redis). So its vote counts at once.
    ///
    /// Where that is not so, two owners have one name after a restart.
    pub fn servers_forget_nothing(mut self) -> Self {
        self.forgets = false;
        self
    }

    /// Looks whether these are servers that can vote.
    ///
    /// # Errors
    /// [`QuorumOpenError`] when they cannot, or when fewer than most of them answer.
    ///
    /// # Panics
    /// Outside a tokio runtime: what is under way in the background runs there.
    pub async fn open(self) -> Result<QuorumLeases, QuorumOpenError> {
        self.check()?;
        let nodes = self.nodes.into_iter().map(|store| Node { address: store.address(), store });
        let nodes: Vec<_> = nodes.collect();
        let rules = Rules {
            nodes: nodes.len(),
            max_lease: self.max_lease,
            node_timeout: self.node_timeout,
            min_validity: self.min_validity,
            min_store_nodes: self.min_store_nodes,
        };
        let (lives, silent) = lives(&nodes, rules.majority()).await?;
        // One that is away may be able to.
        let able = |is_able: fn(&dyn QuorumNode) -> bool| {
            let able = |node: &&Node| is_able(&*node.store) || silent.contains(&node.address);
            nodes.iter().filter(able).count() >= rules.majority()
        };
        let tells_names = able(|node| node.admin().is_some());
        let knows_candidates = able(|node| node.candidates().is_some());
        let has_replicas = |node: &&Node| node.store.safety() <= Safety::Replicas;
        if let Some(Node { address, .. }) = nodes.iter().find(has_replicas) {
            return Err(QuorumOpenError::Replicated { address: address.clone() });
        }
        let needed = if self.forgets { self.max_lease } else { Duration::ZERO };
        let tasks = TaskTracker::new();
        // It waits for those that there are; more of them may come.
        tasks.close();
        Ok(QuorumLeases(Arc::new(Inner {
            nodes,
            rules,
            tells_names,
            knows_candidates,
            lives: Lives::new(lives, needed),
            claims: Claims::default(),
            clock: WakefulClock::starting_at(Timestamp(0)),
            runtime: Handle::current(),
            tasks,
        })))
    }

    fn check(&self) -> Result<(), QuorumOpenError> {
        let wrong =
            |setting, what: &str| Err(QuorumOpenError::Setting { setting, what: what.to_owned() });
        if self.nodes.len().is_multiple_of(2) {
            let found = self.nodes.len();
            return Err(QuorumOpenError::Even { found });
        }
        if self.max_lease.is_zero() {
            return wrong("max_lease", "nobody could take a lease: write how long one may be");
        }
        if self.node_timeout.is_some_and(|timeout| timeout.is_zero()) {
            return wrong("node_timeout", "no server is as fast: write 10 ms or more");
        }
        if self.min_validity > 90 {
            return wrong("min_validity", "hardly any lease would do: write 90 percent or less");
        }
        let (all, majority) = (self.nodes.len(), self.nodes.len() / 2 + 1);
        match self.min_store_nodes {
            Some(needed) if needed < majority => {
                let what = format!("two owners could have as many: write {majority} or more");
                wrong("min_store_nodes", &what)
            }
            Some(needed) if needed > all => {
                wrong("min_store_nodes", &format!("there are {all} servers: write {all} or less"))
            }
            _ => Ok(()),
        }
    }
}

/// Which lives they are in, and which of them are silent.
async fn lives(
    nodes: &[Node],
    majority: usize,
) -> Result<(Vec<(String, Life)>, Vec<String>), QuorumOpenError> {
    let asked = nodes.iter().map(|node| timeout(LIMIT, node.store.life()));
    let answers = nodes.iter().zip(join_all(asked).await);
    let (mut lives, mut silent): (Vec<(String, Life)>, Vec<_>) = (Vec::new(), Vec::new());
    for (node, answer) in answers {
        let life = answer.unwrap_or_else(|_| {
            Err(LeaseError::Unanswered(format!("nothing came within {LIMIT:?}").into()))
        });
        match life {
            Ok(life) => {
                if let Some((other, _)) = lives.iter().find(|(_, other)| other.id == life.id) {
                    let (one, other) = (other.clone(), node.address.clone());
                    return Err(QuorumOpenError::Same { one, other });
                }
                lives.push((node.address.clone(), life));
            }
            Err(error) => {
                // Whichever life it is in when it comes is one that nobody knew.
                let id = format!("nobody's, the place of {}", lives.len());
                lives.push((node.address.clone(), Life { id, age: Duration::ZERO }));
                silent.push((node.address.clone(), error));
            }
        }
    }
    let answered = nodes.len() - silent.len();
    if answered >= majority {
        return Ok((lives, silent.into_iter().map(|(address, _)| address).collect()));
    }
    let (address, source) = silent.swap_remove(0);
    Err(QuorumOpenError::NoQuorum { answered, needed: majority, address, source })
}

/// Why servers cannot vote together.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::backend::{memory::MemoryLeases, quorum::{QuorumLeases, QuorumOpenError}};
///
/// let two = QuorumLeases::builder().node(MemoryLeases::new()).node(MemoryLeases::new());
/// assert!(matches!(two.open().await, Err(QuorumOpenError::Even { found: 2 })));
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumOpenError {
    /// One more than an even number survives no more of them.
    #[error("a quorum has an odd number of servers, three or five say, and not {found}")]
    Even {
        /// How many there are.
        found: usize,
    },
    /// Two of them are one server.
    #[error("{one} and {other} are the same server: it has one vote")]
    Same {
        /// One address of it.
        one: String,
        /// The other one.
        other: String,
    },
    /// A replica that takes over may lack a grant.
    #[error(
        "{address} has replicas, and one that takes over may lack a grant: name servers that nothing takes the place of"
    )]
    Replicated {
        /// Which one.
        address: String,
    },
    /// Most of them would have had to answer.
    #[error("{answered} servers answered, and {needed} are needed; {address}: {source}")]
    NoQuorum {
        /// How many did.
        answered: usize,
        /// How many are most of them.
        needed: usize,
        /// The first that did not.
        address: String,
        /// Why.
        source: LeaseError,
    },
    /// A setting that makes no sense.
    #[error("{setting} of the quorum: {what}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        what: String,
    },
}

impl fmt::Debug for QuorumLeasesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.nodes.iter().map(|node| node.address()).collect();
        f.debug_struct("QuorumLeasesBuilder")
            .field("nodes", &nodes)
            .field("max_lease", &self.max_lease)
            .finish_non_exhaustive()
    }
}
