//! What all runs of a matrix share, and how a task is put together for one of them.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use tokio::time::sleep;

use super::point::Point;
use crate::{
    SubmitError, Task,
    builder::{TaskBuilder, under_test::Parts},
    journal::JournalError,
    kernel::{Definition, Kind},
    task::{TaskDefinition, TaskSteps},
    testing::{
        host::Make,
        ledger::EffectLedger,
        line::{Line, Side},
        process::Process,
        redelivery::Redelivery,
        script::{Act, Script},
        scripted::Scripted,
        store::Store,
    },
};

/// The key of the only start: every run has the same saga, and the same keys in it.
const KEY: &str = "crash-matrix";
/// How long a start that was not answered is not asked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// The request, once more for each start.
pub(super) type Again<T> = Arc<dyn Fn() -> <T as TaskDefinition>::Request + Send + Sync>;

/// What all runs share.
pub(super) struct Plan<T: TaskSteps> {
    pub(super) make: Make<T>,
    pub(super) script: Script,
    pub(super) request: Again<T>,
    /// INV14: how long a saga may take at most.
    pub(super) limit: Duration,
    /// Whether anybody comes after a crash.
    pub(super) recovery: bool,
    /// How steps refuse, if they can be made to.
    pub(super) refusal: Option<Act>,
    /// Steps of which the ledger hears nothing, on purpose.
    pub(super) unheard: Vec<usize>,
    /// Whether the response of every run must be the same.
    pub(super) compares: bool,
}

/// What the processes of one run share.
pub(super) struct World {
    pub(super) point: Point,
    pub(super) store: Arc<Store>,
    pub(super) ledger: EffectLedger,
    pub(super) redelivery: Option<Arc<Redelivery>>,
    script: Arc<Script>,
}

/// A process, and its line to the journal.
pub(super) struct Life<T: TaskSteps> {
    pub(super) process: Process<T>,
    pub(super) line: Arc<Line>,
    /// A second host in it, so that there is somebody whom a second ticket can reach.
    pub(super) other: Option<Task<T>>,
}

impl<T: TaskSteps> Plan<T> {
    pub(super) fn definition(&self) -> &Definition {
        self.script.definition()
    }

    /// The buckets that steps upload to.
    pub(super) fn buckets(&self) -> Vec<&'static str> {
        let mut buckets: Vec<_> = T::STEPS.iter().filter_map(|row| row.facts.bucket).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }

    /// Steps that must leave something in the ledger: uploads are seen in the store.
    pub(super) fn heard(&self) -> Vec<usize> {
        let has_effect = |step: &usize| {
            let kind = &self.definition().steps[*step].kind;
            matches!(kind, Kind::Compensable | Kind::Pivot | Kind::Retriable)
                && T::STEPS[*step].facts.bucket.is_none()
                && !self.unheard.contains(step)
        };
        (0..T::STEPS.len()).filter(has_effect).collect()
    }

    /// A world in which nothing happened yet.
    pub(super) fn world(&self, point: Point) -> World {
        let cue = point.scenario.cue(self.definition(), self.refusal.clone());
        let twice = point.stop.filter(|stop| stop.side == Side::Redelivered);
        World {
            point,
            store: Arc::new(Store::new(false)),
            ledger: EffectLedger::new(),
            redelivery: twice.map(|_| Arc::default()),
            script: Arc::new(self.script.with(cue)),
        }
    }

    /// A process; with `stops`, the one to which it happens.
    pub(super) fn start(&self, world: &World, stops: Stops) -> Life<T> {
        let World { point, store, redelivery, .. } = world;
        let stop = point.stop.filter(|_| stops == Stops::Here);
        let line = Line::new(Arc::clone(&store.journal) as _, Arc::clone(store) as _, stop);
        let line = Arc::new(line.durable().redelivers(redelivery.clone()));
        let started = Process::start(&store.clock, || self.builder(world, &line));
        let mut process =
            started.unwrap_or_else(|error| panic!("the task under test cannot be built: {error}"));
        let other = redelivery.as_ref().map(|_| {
            let built = process.enter(async { self.builder(world, &line).build().await });
            built.expect("the first one could be built")
        });
        Life { process, line, other }
    }

    fn builder(&self, world: &World, line: &Arc<Line>) -> TaskBuilder<T> {
        let World { point, store, ledger, redelivery, script } = world;
        let builder = ledger.lend(|| (self.make)(ledger.clone()));
        assert!(
            !builder.has_journal(),
            "the crash matrix of `{}` brings its own journal, which it can stop: leave out that of \
             the task",
            T::TASK.name
        );
        let behind = builder.behind(|task| Scripted {
            task,
            script: Arc::clone(script),
            ledger: ledger.clone(),
            store: Some(Arc::clone(store)),
            twice: point.scenario.is_twice(),
            tried_once: point.scenario.tried_once(self.definition()),
        });
        let queue = redelivery.clone().map(|queue| queue as _);
        behind.on(Parts { journal: Arc::clone(line), files: store.files.clone(), queue })
    }
}

/// Whether something happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stops {
    Here,
    Nowhere,
}

impl<T: TaskSteps> Life<T> {
    /// Starts the saga under its key, and again while the answer is that nobody knows.
    pub(super) fn submit(&self, world: &World, request: Again<T>) {
        let (task, store) = (self.process.task(), Arc::clone(&world.store));
        self.process.spawn(async move {
            loop {
                match task.submit_with_key(KEY, request()).await {
                    Ok(_) => return store.accepted.store(true, SeqCst),
                    Err(
                        SubmitError::StillStarting { .. }
                        | SubmitError::Journal { source: JournalError::Unavailable(_), .. },
                    ) => sleep(AGAIN).await,
                    Err(error) => return store.note(format!("the saga cannot begin: {error}")),
                }
            }
        });
    }
}
