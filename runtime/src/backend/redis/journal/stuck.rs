//! A step that blocks the threads of its runtime also blocks those who ask for a pulse. The thread of the
//! connection notices that, and renews the seats of the process until the runtime runs again: others would
//! take its sagas from a process that is only busy (schedule B17).

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinHandle},
    time::sleep,
};

use super::{Inner, partition::micros, scripts::Call};
use crate::backend::redis::link::{Link, LinkError};

/// Looks after a runtime until it is dropped.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
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
    /// Looks after the runtime that this is called in, from that of the connection.
    pub(super) fn start(inner: &Arc<Inner>, link: &Link) -> Self {
        let (pace, runtime) = (inner.settings.lease / 4, Handle::current());
        Self(link.spawn(watch(Arc::downgrade(inner), runtime, pace)).abort_handle())
    }
}

async fn watch(inner: Weak<Inner>, runtime: Handle, pace: Duration) {
    let (mut probe, mut was_stuck) = (Probe::send(&runtime), false);
    loop {
        sleep(pace).await;
        let Some(inner) = inner.upgrade() else { return };
        let is_stuck = probe.is_stuck();
        if is_stuck {
            if !was_stuck {
                tracing::warn!("no task of the runtime runs: does a step block its threads?");
            }
            if let Err(error) = inner.renew().await {
                tracing::warn!(%error, "the seats were not renewed from outside of the runtime");
            }
        } else {
            probe = Probe::send(&runtime);
        }
        was_stuck = is_stuck;
    }
}

impl Inner {
    async fn renew(&self) -> Result<(), LinkError> {
        for partition in &self.partitions {
            let seats: Vec<_> = partition.seats().keys().copied().collect();
            let mut request = partition.request(Call::Renew, (1 + seats.len(), 20 * seats.len()));
            request.number(micros(self.settings.lease));
            for seat in seats {
                request.arg(seat.0.as_bytes());
            }
            partition.run(&request).await?;
        }
        Ok(())
    }
}
