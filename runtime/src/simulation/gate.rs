//! What a process can do at this moment: everything, nothing, or nothing any more.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

/// Everything that a process says, hears or does passes here. Whoever waits goes on in the order in
/// which it came: with a watch channel of tokio that would be left to chance.
pub(super) struct Gate {
    is: Mutex<Is>,
    changed: Notify,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Running,
    Paused,
    Dead,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { is: Mutex::new(Is::Running), changed: Notify::new() }
    }

    fn is(&self) -> Is {
        *self.is.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self) -> bool {
        self.is() == Is::Running
    }

    pub(super) fn pause(&self) {
        self.set(Is::Paused);
    }

    pub(super) fn resume(&self) {
        self.set(Is::Running);
    }

    pub(super) fn kill(&self) {
        self.set(Is::Dead);
    }

    fn set(&self, to: Is) {
        let mut is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        // The dead stay dead.
        if *is != Is::Dead {
            *is = to;
        }
        drop(is);
        self.changed.notify_waiters();
    }

    /// Goes on when the process does: never, if it is dead.
    pub(super) async fn passes(&self) {
        self.becomes(Is::Running).await;
    }

    /// Resolves when the process is dead.
    pub(super) async fn dies(&self) {
        self.becomes(Is::Dead).await;
    }

    async fn becomes(&self, wanted: Is) {
        loop {
            let changed = self.changed.notified();
            if self.is() == wanted {
                return;
            }
            changed.await;
        }
    }

    /// Time passes for the code of the process.
    pub(super) async fn sleep(&self, time: Duration) {
        if !time.is_zero() {
            sleep(time).await;
        }
        self.passes().await;
    }
}
