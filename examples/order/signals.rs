//! Being told to stop: Ctrl-C, and what `kill` sends.
//!
//! A hang-up is left to the system, which ends the process, or does not under `nohup`. That is as
//! good: an order needs no farewell.

use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for it, and answers the exit status that shells expect. Cancel safe.
    pub(crate) async fn wanted(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}
