//! Whether a candidate is healthy enough to lead.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::LeaderElectionOptions;
use crate::kernel::Timestamp;

/// How healthy a candidate is, and how healthy it must be.
pub(super) struct Fitness {
    score: watch::Sender<f64>,
    /// When it was healthy enough again, if it was not before.
    fit_since: Mutex<Option<Timestamp>>,
    /// Where health counts.
    least: Option<f64>,
    steps_down: bool,
}

impl Fitness {
    pub(super) fn new(options: &LeaderElectionOptions) -> Self {
        let least = options.enable_health_checks.then_some(options.minimum_health_score);
        let steps_down = least.is_some() && options.step_down_when_unhealthy;
        Self { score: watch::Sender::new(1.0), fit_since: Mutex::default(), least, steps_down }
    }

    /// Notes a score that it has now. What is no number is none.
    pub(super) fn set(&self, score: f64, now: Timestamp) {
        let score = if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) };
        if self.suffices(score) && !self.is_fit() {
            *self.since() = Some(now);
        }
        self.score.send_replace(score);
    }

    /// Since when it may come to lead, if once it might not.
    pub(super) fn fit_since(&self) -> Option<Timestamp> {
        *self.since()
    }

    fn since(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.fit_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How healthy it is.
    pub(super) fn score(&self) -> f64 {
        *self.score.borrow()
    }

    /// Whether it may come to lead.
    pub(super) fn is_fit(&self) -> bool {
        self.suffices(self.score())
    }

    /// Whether it may go on to lead.
    pub(super) fn may_stay(&self) -> bool {
        !self.steps_down || self.is_fit()
    }

    /// Why it does not come to lead.
    pub(super) fn complaint(&self) -> Option<String> {
        let score = self.score();
        let least = self.least.filter(|_| !self.suffices(score))?;
        Some(format!("its health is {score}, and to lead takes {least}"))
    }

    pub(super) async fn fit(&self) {
        self.wait(|score| self.suffices(score)).await;
    }

    pub(super) async fn unfit(&self) {
        self.wait(|score| !self.suffices(score)).await;
    }

    /// Returns when it is fit where it was not, or the other way round.
    pub(super) async fn turned(&self, was_fit: bool) {
        self.wait(|score| self.suffices(score) != was_fit).await;
    }

    pub(super) async fn may_not_stay(&self) {
        self.wait(|score| self.steps_down && !self.suffices(score)).await;
    }

    fn suffices(&self, score: f64) -> bool {
        self.least.is_none_or(|least| least <= score)
    }

    async fn wait(&self, is_so: impl Fn(f64) -> bool) {
        let mut scores = self.score.subscribe();
        scores.wait_for(|score| is_so(*score)).await.expect("it is here that they are sent");
    }
}
