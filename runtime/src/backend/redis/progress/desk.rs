//! The task that follows who watches here: it listens to their sagas, and tells the other processes.
//!
//! The owner of a saga publishes while it knows that somebody watches. It is told when a watch
//! begins, and every few seconds again: for the case that it was not heard, that another process
//! owns the saga now, or that messages to here were lost. Each time the states come back, too.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::{
    super::link::{Link, Subscription},
    hub::Hub,
    names::Names,
    scripts::ANNOUNCE,
};
use crate::kernel::SagaId;

/// How often what is watched is announced.
const EVERY: Duration = Duration::from_secs(5);
/// So many sagas are announced by one call.
const PAGE: usize = 128;

pub(super) struct Desk {
    pub(super) link: Arc<Link>,
    pub(super) names: Arc<Names>,
    pub(super) hub: Arc<Hub>,
    pub(super) subscription: Subscription,
    /// For how many milliseconds states are kept.
    pub(super) kept: Bytes,
    /// The sagas to which it listens.
    pub(super) sagas: HashSet<SagaId>,
}

impl Desk {
    /// Never ends by itself.
    pub(super) async fn run(mut self) {
        let mut again = interval(EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_time = tokio::select! {
                () = self.hub.changed.notified() => false,
                _ = again.tick() => true,
            };
            // What is not listened to yet is not announced: its states would have a hole.
            let changes = self.hub.changes();
            let begun = self.follow(changes.sagas).await;
            let announced = if is_time || changes.gap { self.hub.sweep() } else { begun };
            self.announce(&announced).await;
        }
    }

    /// Listens to what is watched now, and no more to what is not. Answers what came.
    async fn follow(&mut self, changed: Vec<SagaId>) -> Vec<SagaId> {
        let mut begun = Vec::new();
        let (mut come, mut gone) = (Vec::new(), Vec::new());
        for saga in HashSet::<SagaId>::from_iter(changed) {
            if !self.hub.is_here(saga) {
                gone.extend(self.sagas.take(&saga));
                continue;
            }
            begun.push(saga);
            if self.sagas.insert(saga) {
                come.push(saga);
            }
        }
        let channel = |saga: SagaId| self.names.channel(saga);
        join_all(gone.into_iter().map(|saga| self.subscription.remove(channel(saga)))).await;
        join_all(come.into_iter().map(|saga| self.subscription.add(channel(saga)))).await;
        begun
    }

    /// What fails is done again with the next announcement.
    async fn announce(&self, sagas: &[SagaId]) {
        for page in sagas.chunks(PAGE) {
            let keys: Vec<Vec<u8>> = page.iter().map(|saga| self.names.state(*saga)).collect();
            let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            let args = [
                self.names.everybody().into(),
                self.names.announcement(page),
                self.names.own().into(),
                self.kept.clone(),
            ];
            if let Err(error) = self.link.script(&ANNOUNCE, &keys, &args).await {
                tracing::debug!(%error, "not announced who is watched, later again");
                return;
            }
        }
    }
}
