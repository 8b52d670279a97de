//! A process: a runtime of its own whose clock skips time, and one host of the task in it.

use std::{sync::Arc, time::Duration};

use tokio::{
    runtime::{Builder, Runtime},
    time::advance,
};

use super::clock::{Epoch, StoreClock};
use crate::{BuildError, Task, builder::TaskBuilder, task::TaskSteps};

/// Longer than anything that the engine waits for when it leaves.
pub const SOON: Duration = Duration::from_secs(20);

/// A process with one host of a task.
pub struct Process<T: TaskSteps> {
    runtime: Runtime,
    epoch: Epoch,
    clock: Arc<StoreClock>,
    task: Task<T>,
}

/// How a process that was stopped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakes {
    /// All its timers are due: it may notice that it was away before it does anything.
    Aware,
    /// Its clock stood still, as that of a suspended machine may.
    Unaware,
}

impl<T: TaskSteps> Process<T> {
    /// Starts one. The task is put together inside its runtime.
    ///
    /// # Errors
    /// What the builder says.
    pub fn start(
        clock: &Arc<StoreClock>,
        builder: impl FnOnce() -> TaskBuilder<T>,
    ) -> Result<Self, BuildError> {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime can be built");
        let (epoch, task) = runtime.block_on(async {
            let epoch = clock.begin();
            clock.resume(epoch);
            (epoch, builder().build().await)
        });
        let process = |task| Self { runtime, epoch, clock: Arc::clone(clock), task };
        let started = task.map(process);
        clock.pause();
        started
    }

    /// The task of its host.
    pub fn task(&self) -> Task<T> {
        self.task.clone()
    }

    /// Begins something, without waiting for it.
    pub fn spawn(&self, what: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(what);
    }

    /// Runs until that is over. What it slept through it makes up for.
    pub fn enter<R>(&mut self, what: impl Future<Output = R>) -> R {
        self.wake(Wakes::Aware, what)
    }

    /// The same, for one that may not know how long it slept.
    pub fn wake<R>(&mut self, wakes: Wakes, what: impl Future<Output = R>) -> R {
        let (clock, epoch) = (&self.clock, self.epoch);
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

    /// Dies as by `kill -9`, but for threads that run: what they began they end.
    pub fn kill(self) {
        let Self { runtime, task, .. } = self;
        drop(runtime);
        drop(task);
    }

    /// The same, without waiting for threads, so that it can be done inside another runtime.
    pub fn abandon(self) {
        self.runtime.shutdown_background();
    }

    /// Leaves in peace; `false` when something did not end.
    pub fn leave(mut self) -> bool {
        let task = self.task.clone();
        self.enter(async move { task.shutdown(SOON).await.in_time })
    }
}
