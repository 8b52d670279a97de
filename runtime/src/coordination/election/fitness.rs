//! Whether a candidate is healthy enough to lead.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::LeaderElectionOptions;
use crate::kernel::Timestamp;

/// How healthy a candidate is, and how healthy it must be.
pub(super) struct Fitness {
    now: watch::Sender<Now>,
    was: Mutex<Was>,
    /// Where health counts.
    least: Option<f64>,
    steps_down: bool,
    /// Somebody who is ill leads where nobody else stands.
    leads_alone: bool,
}

#[derive(Clone, Copy)]
struct Now {
    score: f64,
    is_alone: bool,
    /// How often it was fit and was no more: one that is noticed late counts.
    falls: u64,
}

#[derive(Clone, Copy, Default)]
struct Was {
    /// When it came to be fit, if it was not before.
    fit_since: Option<Timestamp>,
    /// When it stepped down since it was not.
    stepped_down: Option<Timestamp>,
}

impl Fitness {
    pub(super) fn new(options: &LeaderElectionOptions) -> Self {
        let least = options.enable_health_checks.then_some(options.minimum_health_score);
        let steps_down = least.is_some() && options.step_down_when_unhealthy;
        let (was, leads_alone) = (Mutex::default(), options.lead_if_alone_unhealthy);
        let now = watch::Sender::new(Now { score: 1.0, is_alone: false, falls: 0 });
        Self { now, was, least, steps_down, leads_alone }
    }

    /// Notes a score that it has now. What is no number is none.
    pub(super) fn set(&self, score: f64, at: Timestamp) {
        let score = if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) };
        self.change(|now| Now { score, ..now }, at);
    }

    /// Notes whether nobody else stands.
    pub(super) fn set_alone(&self, is_alone: bool, at: Timestamp) {
        self.change(|now| Now { is_alone, ..now }, at);
    }

    fn change(&self, change: impl FnOnce(Now) -> Now, at: Timestamp) {
        // One after the other.
        let mut was = self.was();
        let (old, mut new) = (*self.now.borrow(), change(*self.now.borrow()));
        match (self.suffices(old), self.suffices(new)) {
            (false, true) => was.fit_since = Some(at),
            (true, false) => new.falls += 1,
            _ => {}
        }
        self.now.send_replace(new);
    }

    /// It leads no more, since it is not fit.
    pub(super) fn step_down(&self, at: Timestamp) {
        self.was().stepped_down = Some(at);
    }

    /// Since when it may come to lead, if once it might not.
    pub(super) fn fit_since(&self) -> Option<Timestamp> {
        self.was().fit_since
    }

    /// When it stepped down since it was not fit, if it has.
    pub(super) fn stepped_down(&self) -> Option<Timestamp> {
        self.was().stepped_down
    }

    fn was(&self) -> MutexGuard<'_, Was> {
        self.was.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How healthy it is.
    pub(super) fn score(&self) -> f64 {
        self.now.borrow().score
    }

    /// Whether it is healthy enough, also if that does not matter.
    pub(super) fn is_healthy(&self) -> bool {
        self.is_enough(self.score())
    }

    /// Whether it may come to lead.
    pub(super) fn is_fit(&self) -> bool {
        self.suffices(*self.now.borrow())
    }

    /// Whether it may go on to lead.
    pub(super) fn may_stay(&self) -> bool {
        !self.steps_down || self.is_fit()
    }

    /// Why it does not come to lead.
    pub(super) fn complaint(&self) -> Option<String> {
        let score = self.score();
        let least = self.least.filter(|_| !self.is_fit())?;
        Some(format!("its health is {score}, and to lead takes {least}"))
    }

    pub(super) async fn fit(&self) {
        self.wait(|now| self.suffices(now)).await;
    }

    pub(super) async fn unfit(&self) {
        self.wait(|now| !self.suffices(now)).await;
    }

    /// Returns when it is healthy where it was not, or the other way round.
    pub(super) async fn turned(&self, was_healthy: bool) {
        self.wait(|now| self.is_enough(now.score) != was_healthy).await;
    }

    /// How often it has fallen ill so far.
    pub(super) fn falls(&self) -> u64 {
        self.now.borrow().falls
    }

    /// Returns when it is too ill to lead, or was since it had fallen ill so often.
    pub(super) async fn may_not_stay(&self, falls: u64) {
        let is_ill = |now: Now| falls < now.falls || !self.suffices(now);
        self.wait(|now| self.steps_down && is_ill(now)).await;
    }

    fn suffices(&self, now: Now) -> bool {
        self.is_enough(now.score) || self.leads_alone && now.is_alone
    }

    fn is_enough(&self, score: f64) -> bool {
        self.least.is_none_or(|least| least <= score)
    }

    async fn wait(&self, is_so: impl Fn(Now) -> bool) {
        let mut changes = self.now.subscribe();
        changes.wait_for(|now| is_so(*now)).await.expect("it is here that they are sent");
    }
}
