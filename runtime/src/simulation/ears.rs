//! Signals on their way from the store to a process: lost, late, more than once, in any order.

use std::{sync::Arc, time::Duration};

use super::{gate::Gate, scene::Scene};
use crate::journal::{Signal, Signals};

/// Between the store and the ears of a process.
pub(super) struct Relay {
    pub(super) scene: Arc<Scene>,
    pub(super) gate: Arc<Gate>,
    pub(super) ears: Arc<dyn Signals>,
    pub(super) name: Arc<str>,
}

impl Signals for Relay {
    fn signal(&self, signal: Signal) {
        if self.scene.is_hushed() {
            return;
        }
        let arrivals = self.scene.signal();
        self.scene.trace(&self.name, || {
            let what: String = format!("{signal:?}").chars().take(48).collect();
            format!("is signalled {what} after {arrivals:?}")
        });
        for after in arrivals {
            if after.is_zero() && self.gate.is_open() {
                self.ears.signal(signal.clone());
            } else {
                self.later(after, signal.clone());
            }
        }
    }
}

impl Relay {
    fn later(&self, after: Duration, signal: Signal) {
        let (gate, ears) = (Arc::clone(&self.gate), Arc::clone(&self.ears));
        tokio::spawn(async move {
            gate.sleep(after).await;
            ears.signal(signal);
        });
    }
}
