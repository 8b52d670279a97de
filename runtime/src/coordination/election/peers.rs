//! Whether a candidate sees enough others to lead.

use std::{future::pending, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::LeaderElectionOptions;
use crate::{coordination::Coordination, kernel::Timestamp, lease::Beat};

/// How many candidates were seen, and how many there must be.
pub(super) struct Peers {
    /// Where it counts how many there are.
    least: Option<u64>,
    /// For how long what was seen counts.
    lasts: Duration,
    coordination: Coordination,
    seen: watch::Sender<Option<Seen>>,
}

/// So many, then.
#[derive(Clone, Copy)]
struct Seen {
    candidates: u64,
    at: Timestamp,
}

impl Peers {
    pub(super) fn new(options: &LeaderElectionOptions, coordination: &Coordination) -> Self {
        let (least, coordination) = (options.min_candidates.map(u64::from), coordination.clone());
        let lasts = options.heartbeat_interval.saturating_mul(Beat::MISSED);
        Self { least, lasts, coordination, seen: watch::Sender::new(None) }
    }

    /// Whether it counts how many there are.
    pub(super) fn count(&self) -> bool {
        self.least.is_some()
    }

    /// Notes what was answered to somebody who asked then.
    pub(super) fn see(&self, candidates: u64, at: Timestamp) {
        self.seen.send_replace(Some(Seen { candidates, at }));
    }

    /// Whether there are enough, now.
    pub(super) fn suffice(&self) -> bool {
        self.least.is_none_or(|least| least <= self.live())
    }

    /// Whether anybody else was seen to stand.
    pub(super) fn others(&self) -> bool {
        1 < self.live()
    }

    /// Whether it was seen that nobody else stands.
    pub(super) fn are_none(&self) -> bool {
        self.live() == 1
    }

    /// Returns when it was seen once more who stands.
    pub(super) async fn seen(&self) {
        changed(&mut self.seen.subscribe()).await;
    }

    /// Why it does not lead.
    pub(super) fn complaint(&self) -> Option<String> {
        let (live, least) = (self.live(), self.least?);
        (live < least)
            .then(|| format!("it sees {live} of the {least} candidates that it takes to lead"))
    }

    /// Returns when there are enough.
    pub(super) async fn enough(&self) {
        let mut seen = self.seen.subscribe();
        while !self.suffice() {
            changed(&mut seen).await;
        }
    }

    /// Returns when there are too few.
    pub(super) async fn too_few(&self) {
        if self.least.is_none() {
            return pending().await;
        }
        let mut seen = self.seen.subscribe();
        while self.suffice() {
            tokio::select! {
                () = changed(&mut seen) => {}
                // A timer is late, and never early by more than that.
                () = sleep(self.left() + Duration::from_millis(1)) => {}
            }
        }
    }

    /// What was seen too long ago is none.
    fn live(&self) -> u64 {
        let seen = *self.seen.borrow();
        seen.filter(|_| !self.left().is_zero()).map_or(0, |seen| seen.candidates)
    }

    /// For how long what was seen counts from now on.
    fn left(&self) -> Duration {
        let at = self.seen.borrow().map(|seen| seen.at);
        at.map_or(Duration::ZERO, |at| at.plus(self.lasts).since(self.coordination.clock().now()))
    }
}

async fn changed(seen: &mut watch::Receiver<Option<Seen>>) {
    seen.changed().await.expect("it is here that they are sent");
}
