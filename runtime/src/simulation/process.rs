//! Processes: each is a host with its own line to the store. One that is killed never says or hears
//! anything again, and the next one in its place knows nothing of it.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    carrier::Post,
    code::{Code, Drawn},
    gate::Gate,
    line::Line,
    plan::{Blow, Fault},
    scene::{Scene, lock},
    store::Store,
    world::World,
};
use crate::{
    backend::memory::MemoryProgress,
    journal::JournalError,
    lock::NoLock,
    orchestrator::{Carrier, Host, HostSettings, Part, Task},
    task::{Codecs, Services},
};

/// How long a process may take to be shut down, and to begin.
const SHUTDOWN: Duration = Duration::from_secs(20);
/// How long an attempt that is told to stop may take to do so.
const GRACE: Duration = Duration::from_secs(1);
/// The shortest wait before a process that could not begin is begun again.
const AGAIN: Duration = Duration::from_secs(1);

/// One process.
pub(super) struct Process {
    pub(super) task: Task<Drawn>,
    pub(super) gate: Arc<Gate>,
}

/// Everything outside of the processes.
#[derive(Clone)]
pub(super) struct Outside {
    pub(super) scene: Arc<Scene>,
    pub(super) store: Arc<Store>,
    pub(super) world: Arc<World>,
    pub(super) post: Arc<Post>,
    /// Who runs in which place.
    places: Arc<Vec<Mutex<Option<Arc<Process>>>>>,
    changed: Arc<Notify>,
}

impl Outside {
    pub(super) fn new(scene: &Arc<Scene>) -> Self {
        let world = World::new(scene);
        let places = scene.plan.hosts.iter().map(|_| Mutex::default()).collect();
        Self {
            scene: Arc::clone(scene),
            store: Store::new(scene, &world),
            world,
            post: Post::new(scene),
            places: Arc::new(places),
            changed: Arc::default(),
        }
    }

    /// The process in this place, or in the next one that is taken, as soon as there is one.
    pub(super) async fn process(&self, place: usize) -> Arc<Process> {
        loop {
            let changed = self.changed.notified();
            let (before, from) = self.places.split_at(place);
            let taken = from.iter().chain(before).find_map(|place| lock(place).clone());
            if let Some(process) = taken {
                return process;
            }
            changed.await;
        }
    }

    /// All that run.
    pub(super) fn processes(&self) -> Vec<Arc<Process>> {
        self.places.iter().filter_map(|place| lock(place).clone()).collect()
    }

    /// One place with all that happens to it while things go wrong; afterwards somebody runs there.
    pub(super) async fn place(self, place: usize) {
        self.begin(place, 0).await;
        for (nth, fault) in self.scene.plan.faults_of(place).into_iter().enumerate() {
            sleep(fault.at.saturating_sub(self.scene.time())).await;
            self.strike(place, &fault).await;
            if lock(&self.places[place]).is_none() {
                self.begin(place, nth + 1).await;
            }
        }
    }

    async fn strike(&self, place: usize, fault: &Fault) {
        let Some(process) = lock(&self.places[place]).clone() else { return };
        let what = fault.what;
        self.scene.trace("fate", || format!("host {place}: {what:?} for {:?}", fault.takes));
        match what {
            Blow::Killed => {
                self.scene.count("kills");
                process.gate.kill();
                lock(&self.places[place]).take();
                // Its tasks go on in this runtime, and reach nothing.
                drop(process);
                sleep(fault.takes).await;
            }
            Blow::Paused | Blow::PausedUnawares => {
                let lease = self.scene.plan.store.lease;
                self.scene.count("pauses");
                self.scene.count_if("pauses beyond the lease", fault.takes > lease);
                process.gate.pause();
                sleep(fault.takes).await;
                process.gate.resume();
                self.scene.trace("fate", || format!("host {place} goes on"));
            }
            Blow::Left => {
                self.scene.count("shutdowns");
                lock(&self.places[place]).take();
                let report = timeout(SHUTDOWN * 2, process.task.shutdown(SHUTDOWN)).await;
                if report.is_err() {
                    self.scene.note("a shutdown takes longer than its limit");
                }
                sleep(fault.takes).await;
            }
        }
    }

    /// Begins a process in this place.
    async fn begin(&self, place: usize, nth: usize) {
        let name: Arc<str> = format!("host{place}.{nth}").into();
        loop {
            let gate = Arc::new(Gate::new());
            // A process that does not come up is ended, and begun again.
            match timeout(SHUTDOWN, self.host(place, Arc::clone(&name), &gate)).await {
                Ok(Ok(host)) => {
                    self.scene.trace(&name, || "is there");
                    let process = Arc::new(Process { task: Task::new(host), gate });
                    *lock(&self.places[place]) = Some(process);
                    self.changed.notify_waiters();
                    return;
                }
                Ok(Err(_)) | Err(_) => gate.kill(),
            }
            sleep(AGAIN).await;
        }
    }

    async fn host(
        &self,
        place: usize,
        name: Arc<str>,
        gate: &Arc<Gate>,
    ) -> Result<Arc<Host>, JournalError> {
        let plan = &self.scene.plan;
        let line = Line {
            scene: Arc::clone(&self.scene),
            store: Arc::clone(&self.store),
            gate: Arc::clone(gate),
            name: Arc::clone(&name),
            faults: plan.faults_of(place),
            memory: Arc::default(),
        };
        let code = Code {
            scene: Arc::clone(&self.scene),
            world: Arc::clone(&self.world),
            store: Arc::clone(&self.store),
            gate: Arc::clone(gate),
            name,
        };
        let carrier = plan.store.carrier.then(|| Carrier {
            queue: Arc::new(self.post.of(gate)),
            accept: |ticket| Ok(ticket.saga),
        });
        let concurrency = NonZeroUsize::new(plan.hosts[place].concurrency).expect("at least one");
        let settings =
            HostSettings { concurrency, grace: GRACE, part: Part::Both, singleton: None };
        let services = Services {
            files: None,
            progress: Arc::new(MemoryProgress::default()),
            lock: Arc::new(NoLock("nothing is locked here")),
        };
        Host::start(Arc::new(line), Arc::new(code), Codecs::default(), services, carrier, settings)
            .await
    }

    /// Shuts down all but one.
    pub(super) async fn leave_one(&self) {
        for place in self.places.iter().skip(1) {
            let process = lock(place).take();
            if let Some(process) = process {
                process.task.shutdown(SHUTDOWN).await;
            }
        }
    }

    /// Shuts down all that run.
    pub(super) async fn leave_all(&self) {
        for process in self.processes() {
            // A thread that hangs may hold it up.
            process.task.shutdown(SHUTDOWN).await;
        }
    }
}
