//! That a candidate says again and again that it stands, and what it says of itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    LeaderElectionOptions, beats::OwnedBeat, candidate::Candidate, fitness::Fitness, peers::Peers,
    said::Said,
};
use crate::{
    coordination::{
        Coordination,
        gather::{Together as _, moment},
    },
    kernel::Timestamp,
    lease::{CandidateStore, Owner},
};

/// After how long one that failed is tried again at the latest.
const AGAIN: Duration = Duration::from_secs(2);
/// How long it takes at most to say that it stands no more.
const FAREWELL: Duration = Duration::from_secs(1);

/// The beats of one candidate.
pub(super) struct Pulse {
    coordination: Coordination,
    election: Arc<str>,
    key: Arc<str>,
    candidate: Arc<str>,
    said: Arc<Said>,
    interval: Duration,
    /// As whom it wants to lead, or leads.
    owner: watch::Sender<Option<Owner>>,
    /// What it said, and may be heard yet.
    under_way: TaskTracker,
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
            key: election.key().into(),
            candidate: Arc::clone(&election.candidate),
            said: Arc::clone(&candidate.said),
            interval: election.options.heartbeat_interval,
            owner: watch::Sender::new(None),
            under_way: TaskTracker::new(),
        })
    }

    /// It wants to lead as this owner from now on.
    pub(super) fn is(&self, owner: &Owner) {
        self.owner.send_replace(Some(owner.clone()));
    }

    /// Beats: when it is time, when the owner is another one, when its health turns, when it says something else of
    /// itself, and when somebody may be gone whom it counts on.
    pub(super) async fn run(&self, fitness: &Fitness, peers: &Peers) -> Infallible {
        let (mut owners, mut said) = (self.owner.subscribe(), self.said.follow());
        loop {
            let was_healthy = fitness.is_healthy();
            let owner = owners.borrow_and_update().clone();
            said.mark_unchanged();
            let next = self.beat(owner, fitness, was_healthy, peers).await;
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
        owner: Option<Owner>,
        fitness: &Fitness,
        is_healthy: bool,
        peers: &Peers,
    ) -> Timestamp {
        let Coordination { inner, .. } = &self.coordination;
        let asked = inner.clock.now();
        let beat = OwnedBeat {
            name: Arc::clone(&self.key),
            candidate: Arc::clone(&self.candidate),
            owner,
            is_healthy,
            health_score: fitness.score(),
            metadata: self.said.now(),
            interval: self.interval,
            _under_way: self.under_way.token(),
        };
        let due = moment(asked.plus(self.interval), self.interval, inner.beats.together());
        let again = due.min(asked.plus(AGAIN));
        let next = match timeout(beat.lasts(), inner.beats.ask(&inner.store, beat)).await {
            Ok(Ok(live)) => {
                peers.see(live.candidates, asked);
                let gone = asked.plus(live.next_gone.saturating_add(Duration::from_millis(1)));
                if peers.count() { due.min(gone) } else { due }
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
        next
    }

    /// Says that it stands no more, when what it said before was heard, if that does not take too long: heard behind
    /// this it stands until three intervals are over.
    pub(super) async fn leave(&self) {
        let Some(store) = self.store() else { return };
        self.under_way.close();
        let leaving = async {
            let _ = timeout(FAREWELL / 2, self.under_way.wait()).await;
            store.leave(&self.key, &self.candidate).await
        };
        // If it is not heard in time it is gone all the same, later.
        let _ = timeout(FAREWELL, leaving).await;
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
