//! Whether somebody stands who is to lead rather than this candidate.

use std::time::Duration;

use tokio::sync::watch;

use super::{CandidateHealth, LeaderElectionOptions, said::PRIORITY};
use crate::kernel::Timestamp;

/// So many looks a candidate gives way to one that does not come to lead.
const PATIENCE: u32 = 3;

impl CandidateHealth {
    /// Its [priority](super::Election::priority), if it says one.
    pub fn priority(&self) -> Option<i32> {
        self.metadata.get(PRIORITY)?.parse().ok()
    }
}

/// The priority of a candidate, among those that it sees.
pub(super) struct Rank {
    own: Option<i32>,
    patience: Duration,
    seen: watch::Sender<Seen>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// It does not ask to lead.
    gives_way: bool,
    /// Since when nobody was seen to lead.
    nobody_since: Option<Timestamp>,
    /// It stepped down, and lets others lead until then.
    lets_until: Option<Timestamp>,
}

impl Rank {
    pub(super) fn new(options: &LeaderElectionOptions) -> Self {
        let (own, patience) = (options.priority, options.retry_interval.saturating_mul(PATIENCE));
        let seen = Seen { gives_way: own.is_some(), nobody_since: None, lets_until: None };
        Self { own, patience, seen: watch::Sender::new(seen) }
    }

    /// Whether it looks at the others.
    pub(super) fn looks(&self) -> bool {
        self.own.is_some()
    }

    /// It looks anew before it asks.
    pub(super) fn forget(&self) {
        self.seen.send_modify(|seen| {
            (seen.gives_way, seen.nobody_since) = (self.looks(), None);
        });
    }

    /// It steps down: others lead, if they want to, before it asks again.
    pub(super) fn let_others(&self, now: Timestamp) {
        let until = now.plus(self.patience.saturating_mul(2));
        self.seen.send_modify(|seen| seen.lets_until = Some(until));
    }

    /// Whether it does not ask to lead.
    pub(super) fn gives_way(&self) -> bool {
        self.seen.borrow().gives_way
    }

    /// Notes who stands, and whether anybody leads.
    pub(super) fn see(&self, all: &[CandidateHealth], is_led: bool, now: Timestamp) {
        let fit = || all.iter().filter(|it| it.is_healthy);
        let is_outranked = fit().any(|it| self.own < it.priority());
        let is_alone = fit().count() < 2;
        self.seen.send_modify(|seen| {
            let nobody_since = (!is_led).then(|| seen.nobody_since.unwrap_or(now));
            let is_patient = nobody_since.is_none_or(|since| now.since(since) < self.patience);
            let lets_until = seen.lets_until.filter(|until| now < *until && !is_alone);
            let gives_way = is_outranked && is_patient || lets_until.is_some();
            *seen = Seen { gives_way, nobody_since, lets_until };
        });
    }

    /// Returns when it gives way to nobody.
    pub(super) async fn first(&self) {
        self.wait(|seen| !seen.gives_way).await;
    }

    /// Returns when it gives way to somebody.
    pub(super) async fn outranked(&self) {
        self.wait(|seen| seen.gives_way).await;
    }

    async fn wait(&self, is_so: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.subscribe();
        seen.wait_for(is_so).await.expect("it is here that they are sent");
    }
}
