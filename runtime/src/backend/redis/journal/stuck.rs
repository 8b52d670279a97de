//! A step that blocks the threads of its runtime also blocks the pulse. A thread of its own notices that,
//! and renews the seats of the process until the runtime runs again: others would take its sagas from a
//! process that is only busy (schedule B17).

use std::{
    sync::{Arc, Weak},
    thread::{self, Thread},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
};

use super::{Inner, partition::micros, scripts::Call};
use crate::backend::redis::link::{Link, LinkError, LinkSettings};

/// Looks after a runtime until it is dropped.
pub(super) struct Watch(Thread);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.unpark();
    }
}

/// A task that does nothing but show that tasks are run, or that there is no runtime any more.
struct Probe(JoinHandle<()>);

impl Probe {
    fn send(runtime: &Handle) -> Self {
        Self(runtime.spawn(async {}))
    }

    fn is_stuck(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Watch {
    /// Looks after the runtime that this is called in. Without a thread there is no watch.
    pub(super) fn start(inner: &Arc<Inner>, link: LinkSettings) -> Option<Self> {
        let (pace, runtime) = (inner.settings.lease / 4, Handle::current());
        let inner = Arc::downgrade(inner);
        let thread = thread::Builder::new().name("distributed-task-watch".to_owned());
        let thread = thread.spawn(move || watch(&inner, &runtime, &link, pace));
        match thread {
            Ok(thread) => Some(Self(thread.thread().clone())),
            Err(error) => {
                tracing::warn!(%error, "no thread: a step that blocks all threads costs the seat");
                None
            }
        }
    }
}

fn watch(inner: &Weak<Inner>, runtime: &Handle, link: &LinkSettings, pace: Duration) {
    let mut probe = Probe::send(runtime);
    loop {
        thread::park_timeout(pace);
        let Some(inner) = inner.upgrade() else { return };
        if probe.is_stuck() {
            tracing::warn!("no task of the runtime runs: does a step block its threads?");
            if let Err(error) = renew_until(&inner, link, pace, &probe) {
                tracing::warn!(error, "the seats were not renewed from outside of the runtime");
            }
        } else {
            probe = Probe::send(runtime);
        }
    }
}

/// Renews all seats, over a connection of its own, until the probe has run.
fn renew_until(
    inner: &Inner,
    link: &LinkSettings,
    pace: Duration,
    probe: &Probe,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let link = Link::open(link.clone()).await?;
        while probe.is_stuck() {
            inner.renew(&link).await?;
            tokio::time::sleep(pace).await;
        }
        Ok(())
    })
}

impl Inner {
    async fn renew(&self, link: &Link) -> Result<(), LinkError> {
        for partition in &self.partitions {
            let seats: Vec<_> = partition.seats().keys().copied().collect();
            let mut request = partition.request(Call::Renew, (1 + seats.len(), 20 * seats.len()));
            request.number(micros(self.settings.lease));
            for seat in seats {
                request.arg(seat.0.as_bytes());
            }
            partition.run_over(link, &request).await?;
        }
        Ok(())
    }
}
