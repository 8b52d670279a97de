//! A server in memory that does on cue what no real one does: it fails, hangs, lies, forgets.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    kernel::{Fence, Timestamp},
    lease::{
        Acquired, Agreed, Ballot, Beat, CandidateStore, HeldName, LeaseAdmin, LeaseError,
        LeaseStore, Life, Live, LiveCandidate, Owner, QuorumNode, Released, Renewal, Renewed,
        RunEnd, RunStore, Safety, ServerClock, Tenure, Turn, Vote,
    },
};
use futures_util::{
    FutureExt, StreamExt as _, TryFutureExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::sync::watch;

/// What a server does with what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Good,
    /// It refuses everything.
    Fails,
    /// What it is asked arrives when it is good again.
    Hangs,
    /// It does what it is asked, and its answer arrives when it is good again.
    IsLate,
    /// What it is asked to free it frees when it is good again; all else it does.
    FreesLate,
    /// It refuses to free anything; all else it does.
    FreesNothing,
    /// It refuses to hear a fence; all else it does.
    HearsNothing,
}

#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    address: String,
    mode: watch::Sender<Mode>,
    store: Mutex<MemoryLeases>,
    /// How old its life is, where it is not the first one.
    age: Mutex<Duration>,
    hears: bool,
    votes: AtomicU64,
    frees: AtomicU64,
    renewals: Mutex<Vec<usize>>,
    beats: Mutex<Vec<usize>>,
    /// By so many microseconds its clock is ahead.
    ahead: AtomicI64,
}

impl Node {
    pub fn new(address: &str) -> Self {
        Self::of(address, true)
    }

    /// One that says that it heard the fence, and did not.
    pub fn deaf(address: &str) -> Self {
        Self::of(address, false)
    }

    fn of(address: &str, hears: bool) -> Self {
        Self(Arc::new(Inner {
            address: address.to_owned(),
            mode: watch::channel(Mode::Good).0,
            store: Mutex::new(MemoryLeases::new()),
            age: Mutex::new(Duration::MAX),
            hears,
            votes: AtomicU64::new(0),
            frees: AtomicU64::new(0),
            renewals: Mutex::default(),
            beats: Mutex::default(),
            ahead: AtomicI64::new(0),
        }))
    }

    pub fn set(&self, mode: Mode) {
        self.0.mode.send_replace(mode);
    }

    /// What it has, asked past its mode.
    pub fn store(&self) -> MemoryLeases {
        self.0.store.lock().expect("nobody panicked").clone()
    }

    pub async fn has(&self, name: &str) -> Option<Owner> {
        self.store().inspect(name).await.expect("it is memory").map(|tenure| tenure.owner)
    }

    /// It starts again without its data.
    pub fn forget(&self) {
        *self.0.store.lock().expect("nobody panicked") = MemoryLeases::new();
        *self.0.age.lock().expect("nobody panicked") = Duration::ZERO;
    }

    /// Its address leads to the server of another one.
    pub fn leads_to(&self, other: &Self) {
        *self.0.store.lock().expect("nobody panicked") = other.store();
    }

    /// Sets its clock so many seconds ahead.
    pub fn set_clock(&self, ahead: i64) {
        self.0.ahead.store(ahead * 1_000_000, Relaxed);
    }

    /// How often it was asked to free something.
    pub fn frees(&self) -> u64 {
        self.0.frees.load(Relaxed)
    }

    /// How many names each call was to renew.
    pub fn renewals(&self) -> Vec<usize> {
        self.0.renewals.lock().expect("nobody panicked").clone()
    }

    /// How many beats each call was for.
    pub fn beats(&self) -> Vec<usize> {
        self.0.beats.lock().expect("nobody panicked").clone()
    }

    /// How often it was asked to vote.
    pub fn votes(&self) -> u64 {
        self.0.votes.load(Relaxed)
    }

    /// Does what is asked as the mode says.
    async fn asked<T>(
        &self,
        call: impl AsyncFnOnce(MemoryLeases) -> Result<T, LeaseError>,
    ) -> Result<T, LeaseError> {
        let mut mode = self.0.mode.subscribe();
        let now = *mode.borrow();
        match now {
            Mode::Good | Mode::FreesLate | Mode::FreesNothing | Mode::HearsNothing => {
                call(self.store()).await
            }
            Mode::Fails => Err(LeaseError::Refused { source: "no memory".into(), retryable: true }),
            Mode::Hangs => {
                let _ = mode.wait_for(|mode| *mode == Mode::Good).await;
                call(self.store()).await
            }
            Mode::IsLate => {
                let answer = call(self.store()).await;
                let _ = mode.wait_for(|mode| *mode == Mode::Good).await;
                answer
            }
        }
    }
}

fn refused() -> LeaseError {
    LeaseError::Refused { source: "no memory".into(), retryable: true }
}

impl LeaseStore for Node {
    fn safety(&self) -> Safety {
        Safety::Server
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.asked(async move |store| store.try_acquire(name, owner, lease).await).boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.asked(async move |store| store.try_renew(name, owner, lease).await).boxed()
    }

    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        self.0.renewals.lock().expect("nobody panicked").push(renewals.len());
        self.asked(async move |store| store.renew_all(renewals).await).boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.0.frees.fetch_add(1, Relaxed);
        let mut mode = self.0.mode.subscribe();
        let release = self.asked(async move |store| {
            let now = *mode.borrow();
            match now {
                Mode::FreesLate => drop(mode.wait_for(|mode| *mode == Mode::Good).await),
                Mode::FreesNothing => return Err(refused()),
                _ => {}
            }
            store.release(name, owner).await
        });
        release.boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.asked(async move |store| store.inspect(name).await).boxed()
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        async move {
            let told = self.asked(async |store| Ok(store.clocks().await)).await;
            let ahead = self.0.ahead.load(Relaxed);
            let shifted = |now: Timestamp| Timestamp(now.0.saturating_add_signed(ahead));
            let told = told.unwrap_or_default().into_iter();
            told.map(|clock| ServerClock { now: shifted(clock.now), ..clock }).collect()
        }
        .boxed()
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        Some(self)
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        Some(self)
    }

    fn runs(&self) -> Option<&dyn RunStore> {
        Some(self)
    }
}

impl RunStore for Node {
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        self.asked(async move |store| store.begin_run(name, owner, lease, stay).await).boxed()
    }

    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.asked(async move |store| store.end_run(name, owner, how).await).boxed()
    }
}

impl LeaseAdmin for Node {
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>> {
        let names = self.asked(async |store| store.names().try_collect::<Vec<_>>().await);
        names.map_ok(|names| stream::iter(names.into_iter().map(Ok))).try_flatten_stream().boxed()
    }

    fn describe<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        metadata: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        self.asked(async move |store| store.describe(name, owner, metadata).await).boxed()
    }

    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>> {
        self.asked(async move |store| store.force_release(name, fence, why).await).boxed()
    }
}

impl CandidateStore for Node {
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        self.asked(async move |store| store.beat(beat).await).boxed()
    }

    fn beat_all<'a>(
        &'a self,
        beats: &'a [Beat<'a>],
    ) -> BoxFuture<'a, Result<Vec<Result<Live, LeaseError>>, LeaseError>> {
        self.0.beats.lock().expect("nobody panicked").push(beats.len());
        self.asked(async move |store| store.beat_all(beats).await).boxed()
    }

    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        self.asked(async move |store| store.list(name).await).boxed()
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.asked(async move |store| store.leave(name, candidate).await).boxed()
    }
}

impl QuorumNode for Node {
    fn address(&self) -> String {
        self.0.address.clone()
    }

    fn life(&self) -> BoxFuture<'_, Result<Life, LeaseError>> {
        let age = *self.0.age.lock().expect("nobody panicked");
        self.asked(async move |store| Ok(Life { age, ..store.life().await? })).boxed()
    }

    fn vote<'a>(&'a self, ballot: Ballot<'a>) -> BoxFuture<'a, Result<Vote, LeaseError>> {
        let age = *self.0.age.lock().expect("nobody panicked");
        self.0.votes.fetch_add(1, Relaxed);
        let vote = self.asked(async move |store| {
            let vote = store.vote(ballot).await?;
            Ok(Vote { life: Life { age, ..vote.life }, ..vote })
        });
        vote.boxed()
    }

    fn raise<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        agreed: Agreed,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        let hears = self.0.hears;
        if *self.0.mode.borrow() == Mode::HearsNothing {
            return async { Err(refused()) }.boxed();
        }
        let raise = self.asked(async move |store| match hears {
            true => store.raise(name, owner, agreed).await,
            false => Ok(Renewed::Renewed),
        });
        raise.boxed()
    }
}
