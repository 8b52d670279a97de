//! What tests of elections have: candidates, and a store that can be cut off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{
        Candidacy, Coordination, Election, ElectionEvent, ElectionEvents, ElectionSnapshot,
        Leadership, Role,
    },
    lease::{
        Acquired, Beat, Busy, CandidateStore, LeaseError, LeaseStore, Live, LiveCandidate, Owner,
        Released, Renewed, Safety, Tenure,
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::Notify, time::timeout};

use crate::world::{LEASE, World};

/// What every test elects a leader of.
pub const ELECTION: &str = "job-scheduler";
/// How often somebody looks who does not lead.
pub const RETRY: Duration = Duration::from_millis(50);

/// A candidate that is called so.
pub fn candidate(process: &Coordination, id: &str) -> Election {
    process.election(ELECTION).candidate_id(id).lease_duration(LEASE).retry_interval(RETRY)
}

/// A leader, where nobody else leads.
pub async fn lead(election: &Election) -> Leadership {
    let asked = election.try_campaign().await.expect("the store answers");
    asked.expect("nobody leads")
}

/// Who leads, as somebody sees it who looks.
pub async fn leader(election: &Election) -> Option<Arc<str>> {
    let info = election.leader_info().await.expect("the store answers");
    info.map(|leader| leader.id)
}

/// Returns when it is that, and how it stands then.
pub async fn until(candidacy: &Candidacy, role: Role) -> ElectionSnapshot {
    let mut states = candidacy.watch();
    let waiting = async {
        loop {
            let state = states.next().await.expect("it stands");
            if state.role == role {
                return state;
            }
        }
    };
    timeout(Duration::from_secs(10), waiting).await.expect("it comes to that")
}

/// The next event that is one of these.
pub async fn event(
    events: &mut ElectionEvents,
    wanted: impl Fn(&ElectionEvent) -> bool,
) -> ElectionEvent {
    let waiting = async {
        loop {
            let event = events.next().await.expect("it is not over");
            if wanted(&event) {
                return event;
            }
        }
    };
    timeout(Duration::from_secs(10), waiting).await.expect("it happens")
}

impl World {
    /// Takes the leadership away from whoever has it.
    pub async fn depose(&self) {
        let name = match self {
            Self::Memory(_) => format!("election\u{1f}{ELECTION}"),
            Self::Redis(_) => format!("election%1F{ELECTION}"),
        };
        self.take_away(&name).await;
    }

    /// One more process, and the wire between it and the store.
    pub async fn process_on_a_wire(&self) -> (Coordination, Arc<Wire>) {
        let wire = Arc::<Wire>::default();
        let process = match self {
            Self::Memory(store) => {
                Coordination::on_this_runtime(Cut { store: store.clone(), wire: Arc::clone(&wire) })
            }
            Self::Redis(server) => {
                let (leases, wire) = (RedisLeases::builder(server.url()), Arc::clone(&wire));
                let store = async { leases.open().await.map(|store| Cut { store, wire }) };
                Coordination::open(store).await.expect("the server is there")
            }
        };
        (process, wire)
    }
}

/// What is between a process and its store.
#[derive(Default)]
pub struct Wire {
    is_cut: AtomicBool,
    is_shy: AtomicBool,
    is_mute: AtomicBool,
    is_secret: AtomicBool,
    holds_grants: AtomicBool,
    granted: Notify,
    heard: Notify,
    acquisitions: AtomicUsize,
    beats: AtomicUsize,
}

impl Wire {
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Release);
    }

    /// From now on nothing is granted to who is on it.
    pub fn grant_nothing(&self) {
        self.is_shy.store(true, Ordering::Release);
    }

    /// From now on nobody hears of a grant.
    pub fn hold_grants(&self) {
        self.holds_grants.store(true, Ordering::Release);
    }

    /// Returns when there is one that nobody has heard of.
    pub async fn granted(&self) {
        timeout(Duration::from_secs(10), self.granted.notified()).await.expect("it is granted");
    }

    /// It is heard of now.
    pub fn let_grants_through(&self) {
        self.holds_grants.store(false, Ordering::Release);
        self.heard.notify_one();
    }

    /// From now on no beat goes through.
    pub fn mute(&self) {
        self.is_mute.store(true, Ordering::Release);
    }

    /// From now on nobody is told who stands.
    pub fn list_nobody(&self) {
        self.is_secret.store(true, Ordering::Release);
    }

    /// How often somebody said that it stands.
    pub fn beats(&self) -> usize {
        self.beats.load(Ordering::Acquire)
    }

    /// How often somebody wanted to lead.
    pub fn acquisitions(&self) -> usize {
        self.acquisitions.load(Ordering::Acquire)
    }
}

/// A store at the end of a wire.
struct Cut<S> {
    store: S,
    wire: Arc<Wire>,
}

impl<S: LeaseStore> Cut<S> {
    fn through<'a, T>(
        &self,
        call: impl FnOnce() -> BoxFuture<'a, Result<T, LeaseError>>,
    ) -> BoxFuture<'a, Result<T, LeaseError>>
    where
        T: Send + 'a,
    {
        match self.wire.is_cut.load(Ordering::Acquire) {
            false => call(),
            true => async { Err(LeaseError::Unanswered("the wire is cut".into())) }.boxed(),
        }
    }
}

impl<S: LeaseStore> LeaseStore for Cut<S> {
    fn safety(&self) -> Safety {
        self.store.safety()
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.wire.acquisitions.fetch_add(1, Ordering::AcqRel);
        if self.wire.is_shy.load(Ordering::Acquire) {
            let busy = Busy { holder: None, retry_after: None };
            return self.through(|| async { Ok(Acquired::Busy(busy)) }.boxed());
        }
        let asking = async move {
            let asked = self.store.try_acquire(name, owner, lease).await;
            if self.wire.holds_grants.load(Ordering::Acquire)
                && matches!(asked, Ok(Acquired::Granted(_)))
            {
                self.wire.granted.notify_one();
                self.wire.heard.notified().await;
            }
            asked
        };
        self.through(|| asking.boxed())
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.through(|| self.store.try_renew(name, owner, lease))
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.through(|| self.store.release(name, owner))
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.through(|| self.store.inspect(name))
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        self.store.candidates().map(|_| self as &dyn CandidateStore)
    }
}

impl<S: LeaseStore> Cut<S> {
    fn below(&self) -> &dyn CandidateStore {
        self.store.candidates().expect("it was asked before")
    }
}

impl<S: LeaseStore> CandidateStore for Cut<S> {
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        self.wire.beats.fetch_add(1, Ordering::AcqRel);
        match self.wire.is_mute.load(Ordering::Acquire) {
            false => self.through(|| self.below().beat(beat)),
            true => async { Err(LeaseError::Unanswered("it is mute".into())) }.boxed(),
        }
    }

    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        match self.wire.is_secret.load(Ordering::Acquire) {
            false => self.through(|| self.below().list(name)),
            true => async { Err(LeaseError::Unanswered("it is a secret".into())) }.boxed(),
        }
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.through(|| self.below().leave(name, candidate))
    }
}
