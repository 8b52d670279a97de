//! Being told to stop.

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears, from its making on, when the user or the system wants the program to end.
pub(crate) struct Stop {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    hang_up: Signal,
    #[cfg(unix)]
    quit: Signal,
}

#[cfg(unix)]
impl Stop {
    pub(crate) fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hang_up = signal(SignalKind::hangup())?;
        let quit = signal(SignalKind::quit())?;
        Ok(Self { interrupt, terminate, hang_up, quit })
    }

    /// Waits for it, and answers the exit status that shells expect. Cancel safe.
    pub(crate) async fn wanted(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
            _ = self.quit.recv() => 131,
        }
    }
}

#[cfg(not(unix))]
impl Stop {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for it, and answers the exit status that shells expect. Cancel safe.
    pub(crate) async fn wanted(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
