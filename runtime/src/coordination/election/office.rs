//! One tenure of a candidacy, as all share it who have to do with it.

use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

use super::{LeaderInfo, Leadership, LeadershipContext, LeadershipEnd};
use crate::{
    clock::{Clock as _, SystemClock},
    kernel::Timestamp,
};

/// Cloning it shares it.
#[derive(Clone)]
pub(super) struct Office {
    pub(super) context: LeadershipContext,
    /// On the wall clock of this machine.
    pub(super) since: Timestamp,
    work: TaskTracker,
    given_up: CancellationToken,
    left: CancellationToken,
}

impl Office {
    pub(super) fn take(leadership: &Leadership) -> Self {
        let (context, since) = (leadership.context().clone(), SystemClock::default().now());
        let (given_up, left) = (CancellationToken::new(), CancellationToken::new());
        Self { context, since, work: TaskTracker::new(), given_up, left }
    }

    /// Who leads, as its leader knows it.
    pub(super) fn info(&self) -> LeaderInfo {
        LeaderInfo {
            id: self.context.candidate().into(),
            fence: self.context.fence(),
            acquired_at: self.since,
            expires_in: self.context.check().ok().map(|held| held.remaining()),
            metadata: Some(self.context.metadata()),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.context.check().is_ok()
    }

    /// Work counts as running for as long as somebody has this.
    pub(super) fn working(&self) -> TaskTrackerToken {
        self.work.token()
    }

    pub(super) fn works(&self) -> usize {
        self.work.len()
    }

    /// Returns when no work runs, of that which began before.
    pub(super) async fn idle(&self) {
        self.work.close();
        self.work.wait().await;
    }

    /// Asks its leader to step down.
    pub(super) fn give_up(&self, why: LeadershipEnd) {
        self.context.end_as(why);
        self.given_up.cancel();
    }

    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// It is over, and everybody can see it.
    pub(super) fn leave(&self) {
        self.left.cancel();
    }

    pub(super) async fn left(&self) {
        self.left.cancelled().await;
    }
}
