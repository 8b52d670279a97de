//! A process: a runtime of its own, one host of the task in it, and a line to the journal.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use distributed_task::{SubmitError, Task, TaskSteps};
use tokio::{
    runtime::{Builder, Runtime},
    time::{advance, sleep, timeout},
};

use crate::{
    clock::Epoch,
    line::{Fault, Line, Stop},
    oracle::End,
    store::Store,
    story::Case,
    world::World,
};

/// Longer than anything that the engine waits for when it leaves.
const SOON: Duration = Duration::from_secs(20);

/// A process with one host of a task.
pub(crate) struct Process<T: TaskSteps> {
    runtime: Runtime,
    epoch: Epoch,
    store: Arc<Store>,
    pub(crate) line: Arc<Line>,
    task: Task<T>,
}

/// How a process that was stopped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wakes {
    /// All its timers are due: it may notice that it was away before it does anything.
    Aware,
    /// Its clock stood still, as that of a suspended machine may.
    Unaware,
}

/// Why a process does not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It came to its stop.
    Stopped,
    /// There is nothing more to do.
    AtRest,
    OutOfTime,
}

impl<T: TaskSteps> Process<T> {
    pub(crate) fn start(
        case: &Case<T>,
        store: &Arc<Store>,
        world: &World,
        stop: Option<Stop>,
        fault: Fault,
    ) -> Self {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("it can be built");
        let line = Line::new(store, stop, fault);
        let builder = (case.task)(world.clone())
            .override_journal(Arc::clone(&line))
            .override_files(store.files.clone());
        let (epoch, task) = runtime.block_on(async {
            let epoch = store.clock.begin();
            store.clock.resume(epoch);
            (epoch, builder.build().await.expect("it builds"))
        });
        store.clock.pause();
        Self { runtime, epoch, store: Arc::clone(store), line, task }
    }

    /// Submits the saga, without waiting for it.
    pub(crate) fn submit(&mut self, request: T::Request) {
        let (task, store) = (self.task.clone(), Arc::clone(&self.store));
        self.runtime.spawn(async move {
            if task.submit(request).await.is_ok() {
                store.accepted.store(true, SeqCst);
            }
        });
    }

    /// Submits the saga under a key, and comes again while it is told to.
    pub(crate) fn submit_with_key(&mut self, key: String, request: fn() -> T::Request) {
        let (task, store) = (self.task.clone(), Arc::clone(&self.store));
        self.runtime.spawn(async move {
            loop {
                match task.submit_with_key(key.as_str(), request()).await {
                    Ok(saga) => return store.acknowledge(saga.id()),
                    Err(SubmitError::StillStarting { .. }) => sleep(Duration::from_secs(1)).await,
                    Err(error) => return store.note(format!("I2: {error}")),
                }
            }
        });
    }

    /// What an operator, or a caller, does with the task.
    pub(crate) fn ask<R, F: Future<Output = R>>(&mut self, what: impl FnOnce(Task<T>) -> F) -> R {
        let task = self.task.clone();
        self.enter(what(task))
    }

    /// Runs until it is stopped, or that is so.
    pub(crate) fn run_until(&mut self, limit: Duration, is_so: impl Fn(&Store) -> bool) -> Ran {
        let (store, line) = (Arc::clone(&self.store), Arc::clone(&self.line));
        let becomes_so = async {
            while !is_so(&store) {
                sleep(Duration::from_secs(1)).await;
            }
        };
        self.enter(async move {
            tokio::select! {
                biased;
                () = line.stopped() => Ran::Stopped,
                () = becomes_so => Ran::AtRest,
                () = sleep(limit) => Ran::OutOfTime,
            }
        })
    }

    /// Runs until it is stopped, or everything is done. What it slept through it makes up for.
    pub(crate) fn run(&mut self, limit: Duration) -> Ran {
        let (store, line) = (Arc::clone(&self.store), Arc::clone(&self.line));
        self.enter(async move {
            tokio::select! {
                biased;
                () = line.stopped() => Ran::Stopped,
                () = store.at_rest() => Ran::AtRest,
                () = sleep(limit) => Ran::OutOfTime,
            }
        })
    }

    /// Goes on for so long after it was stopped, whatever it does.
    pub(crate) fn go_on(&mut self, wakes: Wakes, long: Duration) {
        let line = Arc::clone(&self.line);
        let goes_on = async move {
            line.release();
            sleep(long).await;
        };
        self.wake(wakes, goes_on);
    }

    /// What a handle says.
    pub(crate) fn outcome(&mut self) -> Option<End> {
        let (id, _) = self.store.place()?;
        let task = self.task.clone();
        self.enter(async move {
            let saga = task.saga(id).await.expect("the journal has it");
            let outcome = timeout(SOON, saga.outcome()).await.expect("it is at rest");
            Some(End::seen(outcome))
        })
    }

    /// Dies as by `kill -9`: whatever destructors say afterwards, nobody hears it.
    pub(crate) fn kill(self) {
        let Self { runtime, store, line, task, .. } = self;
        let before = store.appends();
        line.bury();
        drop(runtime);
        drop(task);
        assert_eq!(store.appends(), before, "a dead process wrote");
    }

    /// Leaves in peace.
    pub(crate) fn leave(mut self) {
        let task = self.task.clone();
        let left = self.enter(async move { task.shutdown(SOON).await });
        assert!(left.in_time, "there was nothing left to do");
    }

    fn enter<R>(&mut self, what: impl Future<Output = R>) -> R {
        self.wake(Wakes::Aware, what)
    }

    fn wake<R>(&mut self, wakes: Wakes, what: impl Future<Output = R>) -> R {
        let (clock, epoch) = (&self.store.clock, self.epoch);
        let result = self.runtime.block_on(async {
            let slept = clock.resume(epoch);
            if wakes == Wakes::Aware && slept > Duration::ZERO {
                advance(slept).await;
            }
            what.await
        });
        // The runtime is still the one that the clock knows.
        let _inside = self.runtime.enter();
        clock.pause();
        result
    }
}
