//! A task of which one saga at a time runs, and what a test sees of it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    SubmitError,
    backend::memory::{MemoryJournal, MemoryLeases},
    builder::TaskBuilder,
    coordination::Coordination,
    kernel::SagaId,
    lease::{LeaseStore, Owner},
    prelude::*,
};
use tokio::{sync::Semaphore, time::timeout};

/// What the task says, as a lease.
pub const LEASE: &str = "singleton:report";
/// How long anything may take, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// A saga that goes back.
pub const UNLUCKY: u32 = 13;

/// Gathers for as long as it is not told to go on, and publishes.
#[distributed_task(request = u32, response = u32, singleton = "report", durability = "volatile")]
pub struct Report {
    desk: Desk,
}

/// What a test sees of the sagas, and does to them.
#[derive(Clone)]
pub struct Desk(Arc<Seen>);

struct Seen {
    /// Whose lease it is, in a step and in its undo.
    leases: Box<dyn LeaseStore>,
    owners: Mutex<Vec<Option<Owner>>>,
    begun: Semaphore,
    go_on: Semaphore,
    /// How many gather, how many did at most, and how many were begun.
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// Somebody gathers.
pub struct Gathers(Desk);

impl Desk {
    pub fn new(leases: impl LeaseStore) -> Self {
        Self(Arc::new(Seen {
            leases: Box::new(leases),
            owners: Mutex::default(),
            begun: Semaphore::new(0),
            go_on: Semaphore::new(0),
            now: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            all: AtomicUsize::new(0),
        }))
    }

    pub fn gathers(&self) -> Gathers {
        let now = self.0.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(now, Ordering::SeqCst);
        self.0.all.fetch_add(1, Ordering::SeqCst);
        self.0.begun.add_permits(1);
        Gathers(self.clone())
    }

    pub async fn owner(&self) -> Option<Owner> {
        let tenure = self.0.leases.inspect(LEASE).await.expect("the store is there");
        tenure.map(|tenure| tenure.owner)
    }

    pub async fn note_owner(&self) {
        let owner = self.owner().await;
        self.0.owners.lock().expect("no panic").push(owner);
    }

    /// One more saga gathers.
    pub async fn begun(&self) {
        let begun = timeout(PATIENCE, self.0.begun.acquire()).await;
        begun.expect("in time").expect("nobody closes it").forget();
    }

    /// Whoever waits for it, or comes next, goes on.
    pub fn go_on(&self) {
        self.0.go_on.add_permits(1);
    }

    pub async fn told_to_go_on(&self) {
        self.0.go_on.acquire().await.expect("nobody closes it").forget();
    }

    /// Whose lease it was, of each that asked.
    pub fn owners(&self) -> Vec<Option<Owner>> {
        self.0.owners.lock().expect("no panic").clone()
    }

    /// How many gather.
    pub fn now(&self) -> usize {
        self.0.now.load(Ordering::SeqCst)
    }

    /// How many were begun, and how many of them at a time.
    pub fn counts(&self) -> (usize, usize) {
        (self.0.all.load(Ordering::SeqCst), self.0.most.load(Ordering::SeqCst))
    }
}

impl Drop for Gathers {
    fn drop(&mut self) {
        let Self(Desk(seen)) = self;
        seen.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[steps]
impl Report {
    #[step(compensate = discard, retry(max = 0))]
    async fn gather(&self, request: &u32) -> StepResult<u32> {
        let _gathers = self.desk.gathers();
        self.desk.note_owner().await;
        self.desk.told_to_go_on().await;
        Ok(*request)
    }

    async fn discard(&self) -> StepResult<()> {
        self.desk.note_owner().await;
        Ok(())
    }

    #[step(read_only, retry(max = 0))]
    async fn publish(&self, gather: &u32) -> StepResult<u32> {
        match *gather {
            UNLUCKY => Err(StepError::refuse(Refusal::new("unlucky", "nobody reads it"))),
            rows => Ok(2 * rows),
        }
    }
}

pub fn report(desk: &Desk) -> TaskBuilder<Report> {
    TaskBuilder::new(Report { desk: desk.clone() })
}

/// Processes in one runtime, over one store of each kind.
#[derive(Clone)]
pub struct InMemory {
    pub leases: MemoryLeases,
    pub journal: Arc<MemoryJournal>,
    pub desk: Desk,
}

impl InMemory {
    pub fn new() -> Self {
        let leases = MemoryLeases::new();
        let desk = Desk::new(leases.clone());
        Self { leases, journal: Arc::new(MemoryJournal::new()), desk }
    }

    pub fn process(&self) -> TaskBuilder<Report> {
        report(&self.desk)
            .override_journal(Arc::clone(&self.journal))
            .override_lock(Coordination::on_this_runtime(self.leases.clone()))
    }

    pub async fn task(&self) -> Task<Report> {
        self.process().build().await.expect("nothing is missing")
    }
}

pub async fn outcome(saga: &SagaHandle<Report>) -> SagaOutcome<Report> {
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
    outcome.expect("it is over")
}

pub async fn completes(saga: &SagaHandle<Report>, answer: u32) {
    let outcome = outcome(saga).await;
    assert!(matches!(outcome, SagaOutcome::Completed(it) if it == answer), "{outcome:?}");
}

/// Which saga a submit was refused for.
pub fn refused_for(submitted: Result<SagaHandle<Report>, SubmitError>) -> Option<SagaId> {
    match submitted {
        Err(SubmitError::AlreadyRunning { saga, singleton, .. }) => {
            assert_eq!(singleton, "report");
            saga
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("another one is running"),
    }
}
