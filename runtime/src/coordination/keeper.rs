//! Where leases are kept: on a thread of its own, so that user code that blocks its executor loses
//! nothing.

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::event_loop;

/// Runs what keeps leases. When it is dropped it takes nothing new, and ends when all that it runs has
/// ended by itself.
pub(super) struct Keeper {
    runtime: Handle,
    running: TaskTracker,
    stop: CancellationToken,
}

impl Keeper {
    /// On a thread of its own.
    ///
    /// # Panics
    /// As [`std::thread::spawn`] does, when the machine has no thread left.
    pub(super) fn on_a_thread() -> Self {
        let (running, stop) = (TaskTracker::new(), CancellationToken::new());
        let (all, stopped) = (running.clone(), stop.clone());
        let until = async move {
            stopped.cancelled().await;
            all.wait().await;
        };
        let runtime = event_loop::start("coordination", until)
            .expect("the machine has a place for one more thread");
        Self { runtime, running, stop }
    }

    /// On a runtime that is there.
    pub(super) fn on(runtime: Handle) -> Self {
        Self { runtime, running: TaskTracker::new(), stop: CancellationToken::new() }
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.running.spawn_on(work, &self.runtime)
    }

    /// Returns when all that runs has ended.
    pub(super) async fn drained(&self) {
        self.running.close();
        self.running.wait().await;
        self.running.reopen();
    }

    /// How many leases are kept or given back.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.running.close();
        self.stop.cancel();
    }
}
