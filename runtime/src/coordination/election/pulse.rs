//! That a candidate says again and again that it stands, and what it says of itself.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    LeaderElectionOptions, candidate::Candidate, fitness::Fitness, peers::Peers, said::Said,
};
use crate::{
    coordination::Coordination,
    kernel::Timestamp,
    lease::{Beat, CandidateStore, Owner},
};

/// How long a beat waits for its answer at most.
const ANSWER: Duration = Duration::from_secs(3);
/// After how long one that failed is tried again at the latest.
const AGAIN: Duration = Duration::from_secs(2);
/// How long it takes at most to say that it stands no more.
const FAREWELL: Duration = Duration::from_secs(1);

/// The beats of one candidate.
pub(super) struct Pulse {
    coordination: Coordination,
    election: Arc<str>,
    key: String,
    candidate: Arc<str>,
    said: Arc<Said>,
    interval: Duration,
    /// As whom it wants to lead, or leads.
    owner: watch::Sender<Option<Owner>>,
}

/// Whether there is anything to say, for who stands for as long as it runs.
pub(super) fn is_wanted(options: &LeaderElectionOptions) -> bool {
    options.enable_health_checks || options.min_candidates.is_some() || !options.said().is_empty()
}

impl Pulse {
    /// Where the store knows who stands.
    pub(super) fn of(candidate: &Candidate) -> Option<Self> {
        let election = &candidate.election;
        let coordination = election.coordination.clone();
        coordination.inner.store.candidates()?;
        Some(Self {
            coordination,
            election: Arc::clone(&election.name),
            key: election.key(),
            candidate: Arc::clone(&election.candidate),
            said: Arc::clone(&candidate.said),
            interval: election.options.heartbeat_interval,
            owner: watch::Sender::new(None),
        })
    }

    /// It wants to lead as this owner from now on.
    pub(super) fn is(&self, owner: &Owner) {
        self.owner.send_replace(Some(owner.clone()));
    }

    /// Beats: when it is time, when the owner is another one, when its health turns, when it says something else of
    /// itself, and when somebody may be gone whom it counts on.
    pub(super) async fn run(&self, fitness: &Fitness, peers: &Peers) -> Infallible {
        let Some(store) = self.store() else { return pending().await };
        let (mut owners, mut said) = (self.owner.subscribe(), self.said.follow());
        loop {
            let was_healthy = fitness.is_healthy();
            let owner = owners.borrow_and_update().clone();
            said.mark_unchanged();
            let next = self.beat(store, owner, fitness, was_healthy, peers).await;
            tokio::select! {
                changed = owners.changed() => changed.expect("it is here that they are sent"),
                changed = said.changed() => changed.expect("it is here that it is said"),
                () = fitness.turned(was_healthy) => {}
                () = sleep(next.since(self.coordination.clock().now())) => {}
            }
        }
    }

    /// Beats once. Says when to beat again.
    async fn beat(
        &self,
        store: &dyn CandidateStore,
        owner: Option<Owner>,
        fitness: &Fitness,
        is_healthy: bool,
        peers: &Peers,
    ) -> Timestamp {
        let (asked, metadata) = (self.coordination.clock().now(), self.said.now());
        let beat = Beat {
            name: &self.key,
            candidate: &self.candidate,
            owner: owner.as_ref(),
            is_healthy,
            health_score: fitness.score(),
            metadata: &metadata,
            interval: self.interval,
        };
        let again = self.interval.min(AGAIN);
        let pause = match timeout(self.interval.min(ANSWER), store.beat(beat)).await {
            Ok(Ok(live)) => {
                peers.see(live.candidates, asked);
                match peers.count() {
                    true => {
                        self.interval.min(live.next_gone.saturating_add(Duration::from_millis(1)))
                    }
                    false => self.interval,
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(election = %self.election, %error, "a beat failed");
                again
            }
            Err(_) => {
                tracing::warn!(election = %self.election, "a beat was not answered");
                again
            }
        };
        fitness.set_alone(peers.are_none(), asked);
        asked.plus(pause)
    }

    /// Says that it stands no more.
    pub(super) async fn leave(&self) {
        let Some(store) = self.store() else { return };
        // If it is not heard it is gone all the same, later.
        let _ = timeout(FAREWELL, store.leave(&self.key, &self.candidate)).await;
    }

    /// The same for a campaign: beats for as long as somebody has this.
    pub(super) fn start(self, options: &LeaderElectionOptions) -> DropGuard {
        let is_over = CancellationToken::new();
        let (fitness, peers) = (Fitness::new(options), Peers::new(options, &self.coordination));
        let (over, keeper) = (is_over.clone(), self.coordination.clone());
        keeper.inner.keeper.spawn(async move {
            tokio::select! {
                biased;
                () = over.cancelled() => {}
                never = self.run(&fitness, &peers) => match never {},
            }
            self.leave().await;
        });
        is_over.drop_guard()
    }

    fn store(&self) -> Option<&dyn CandidateStore> {
        self.coordination.inner.store.candidates()
    }
}
