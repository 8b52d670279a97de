//! A process of a story: one of the kit, and a line to the journal.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use distributed_task::{
    SubmitError, Task, TaskSteps,
    testing::{
        oracle::End,
        parts::{self, Line, SOON, Stop, Wakes},
    },
};
use tokio::time::{sleep, timeout};

use crate::{
    faulty::{Fault, Faulty},
    store::Store,
    story::Case,
    world::World,
};

/// A process with one host of a task.
pub(crate) struct Process<T: TaskSteps> {
    process: parts::Process<T>,
    store: Arc<Store>,
    pub(crate) line: Arc<Line>,
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
        let journal = Faulty::new(&store.journal, fault);
        let line = Arc::new(Line::new(journal, Arc::clone(store) as _, stop));
        let builder = || {
            let files = store.files.clone().expect("the feature is on");
            let builder = (case.task)(world.clone());
            builder.override_journal(Arc::clone(&line)).override_files(files)
        };
        let process = parts::Process::start(&store.clock, builder).expect("it builds");
        Self { process, store: Arc::clone(store), line }
    }

    /// Submits the saga, without waiting for it.
    pub(crate) fn submit(&mut self, request: T::Request) {
        let (task, store) = (self.process.task(), Arc::clone(&self.store));
        self.process.spawn(async move {
            if task.submit(request).await.is_ok() {
                store.accepted.store(true, SeqCst);
            }
        });
    }

    /// Submits the saga under a key, and comes again while it is told to.
    pub(crate) fn submit_with_key(&mut self, key: String, request: fn() -> T::Request) {
        let (task, store) = (self.process.task(), Arc::clone(&self.store));
        self.process.spawn(async move {
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
        let task = self.process.task();
        self.process.enter(what(task))
    }

    /// Runs until it is stopped, or that is so.
    pub(crate) fn run_until(&mut self, limit: Duration, is_so: impl Fn(&Store) -> bool) -> Ran {
        let (store, line) = (Arc::clone(&self.store), Arc::clone(&self.line));
        let becomes_so = async {
            while !is_so(&store) {
                sleep(Duration::from_secs(1)).await;
            }
        };
        self.process.enter(async move {
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
        self.process.enter(async move {
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
        self.process.wake(wakes, goes_on);
    }

    /// What a handle says.
    pub(crate) fn outcome(&mut self) -> Option<End> {
        let (id, _) = self.store.place()?;
        self.ask(move |task| async move {
            let saga = task.handle(id).await.expect("the journal has it");
            let outcome = timeout(SOON, saga.outcome()).await.expect("it is at rest");
            Some(End::seen(outcome))
        })
    }

    /// Dies as by `kill -9`: whatever destructors say afterwards, nobody hears it.
    pub(crate) fn kill(self) {
        let Self { process, store, line } = self;
        let before = store.appends();
        line.bury();
        process.kill();
        assert_eq!(store.appends(), before, "a dead process wrote");
    }

    /// Leaves in peace.
    pub(crate) fn leave(self) {
        assert!(self.process.leave(), "there was nothing left to do");
    }
}
