//! How a candidacy stands.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{
    ElectionEvent, ElectionEvents, LeaderInfo, Metadata, candidacy::Stopped, candidate::Candidate,
    fitness::Fitness, office::Office, peers::Peers, rank::Rank, said::Said,
};
use crate::{
    coordination::{Coordination, text},
    kernel::{Fence, Timestamp},
};

/// What a candidate is at the moment.
///
/// ```text
///              somebody leads          granted            stop, step down
///  Follower ◀────────────────▶ Candidate ─────▶ Leader ─────────────────▶ Releasing
///     ▲            nobody does                    │ lost                     │
///     └───────────────────────────────────────────┴──────────────────────────┘
/// ```
///
/// See [`Candidacy`](super::Candidacy) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It stands by: somebody else leads, or it waits before it asks again, or it has stopped.
    Follower,
    /// It asks to lead, and sees nobody who does.
    Candidate,
    /// It leads.
    Leader,
    /// It leads, begins nothing new, and waits for what runs.
    Releasing,
}

/// A tenure of this candidate.
///
/// See [`Candidacy`](super::Candidacy) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CurrentLeadership {
    /// Its fence.
    pub fence: Fence,
    /// Since when, on the wall clock of this machine.
    pub acquired_at: Timestamp,
}

/// Who was seen to lead, and how long ago.
///
/// See [`Candidacy`](super::Candidacy) for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObservedLeader {
    /// Who it was; `None` if the store said that nobody did.
    pub leader: Option<LeaderInfo>,
    /// How long ago that was.
    #[serde(with = "text")]
    pub age: Duration,
}

/// How a candidacy stands, all of it at one moment.
///
/// See [`Candidacy`](super::Candidacy) for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ElectionSnapshot {
    /// What it is.
    pub role: Role,
    /// Who [stands](super::Election::candidate).
    pub candidate: Arc<str>,
    /// Its tenure, if it leads.
    pub leadership: Option<CurrentLeadership>,
    /// Who was seen to lead; `None` before the first look.
    pub observed: Option<ObservedLeader>,
}

/// All that changes.
#[derive(Clone)]
struct State {
    role: Role,
    office: Option<Office>,
    seen: Option<(Option<LeaderInfo>, Timestamp)>,
    trouble: Option<Arc<str>>,
}

/// What a candidacy shares with the task that runs it.
pub(super) struct Standing {
    pub(super) candidate: Arc<str>,
    pub(super) fitness: Fitness,
    pub(super) peers: Peers,
    pub(super) rank: Rank,
    pub(super) said: Arc<Said>,
    pub(super) coordination: Coordination,
    state: watch::Sender<State>,
    /// Ends with the task that sends.
    events: broadcast::WeakSender<ElectionEvent>,
    pub(super) over: CancellationToken,
    pub(super) outcome: OnceLock<Stopped>,
}

impl Standing {
    pub(super) fn new(it: &Candidate, events: &broadcast::Sender<ElectionEvent>) -> Self {
        let (election, said) = (&it.election, Arc::clone(&it.said));
        let (candidate, coordination) =
            (Arc::clone(&election.candidate), election.coordination.clone());
        let fitness = Fitness::new(&election.options);
        let peers = Peers::new(&election.options, &coordination);
        let rank = Rank::new(&election.options);
        let state = State { role: Role::Follower, office: None, seen: None, trouble: None };
        let (state, events) = (watch::Sender::new(state), events.downgrade());
        let (over, outcome) = (CancellationToken::new(), OnceLock::new());
        Self { candidate, fitness, peers, rank, said, coordination, state, events, over, outcome }
    }

    /// Whether it may come to lead.
    pub(super) fn is_eligible(&self) -> bool {
        self.fitness.is_fit() && self.peers.suffice()
    }

    /// Whether it wants to lead where nobody does, and may.
    pub(super) fn asks(&self) -> bool {
        self.is_eligible() && !self.rank.gives_way()
    }

    /// Whether it may go on to lead.
    fn may_stay(&self) -> bool {
        self.fitness.may_stay() && self.peers.suffice()
    }

    /// Returns when it does not want to lead any more, or may not.
    pub(super) async fn steps_back(&self) {
        tokio::select! {
            () = self.fitness.unfit() => {}
            () = self.peers.too_few() => {}
            () = self.rank.outranked() => {}
        }
    }

    /// Why it does not come to lead.
    pub(super) fn complaint(&self) -> Option<String> {
        match (self.fitness.complaint(), self.peers.complaint()) {
            (Some(one), Some(other)) => Some(format!("{one}, and {other}")),
            (one, other) => one.or(other),
        }
    }

    /// What a leader that was seen before said of itself.
    pub(super) fn metadata_of(&self, leader: &LeaderInfo) -> Option<Metadata> {
        let state = self.state.borrow();
        let seen = state.seen.as_ref().and_then(|(seen, _)| seen.as_ref());
        seen.filter(|seen| seen.fence == leader.fence && seen.id == leader.id)?.metadata.clone()
    }

    pub(super) fn be(&self, role: Role) {
        self.state.send_if_modified(|state| {
            let changes = state.role != role;
            state.role = role;
            changes
        });
    }

    pub(super) fn take(&self, office: &Office) {
        self.state.send_modify(|state| {
            state.role = Role::Leader;
            state.office = Some(office.clone());
            state.trouble = None;
        });
    }

    pub(super) fn leave(&self) {
        self.state.send_modify(|state| {
            state.role = Role::Follower;
            state.office = None;
        });
    }

    /// Notes who leads. Returns what changed by that.
    pub(super) fn see(&self, leader: Option<LeaderInfo>) -> Option<ElectionEvent> {
        let now = self.coordination.clock().now();
        let of = |leader: &Option<LeaderInfo>| leader.as_ref().map(|it| (it.id.clone(), it.fence));
        let (new, mut previous) = (of(&leader), None);
        self.state.send_modify(|state| {
            previous = state.seen.take().and_then(|(leader, _)| of(&leader));
            state.seen = Some((leader, now));
            state.trouble = None;
        });
        let changes = previous != new;
        let fence = new.as_ref().map(|(_, fence)| *fence);
        let (previous, new) = (previous.map(|(id, _)| id), new.map(|(id, _)| id));
        changes.then_some(ElectionEvent::LeaderChanged { previous, new, fence })
    }

    /// Notes that the store does not answer.
    pub(super) fn miss(&self, why: Arc<str>) {
        self.state.send_modify(|state| state.trouble = Some(why));
    }

    pub(super) fn trouble(&self) -> Option<Arc<str>> {
        self.state.borrow().trouble.clone()
    }

    /// The tenure, if new work may begin in it.
    pub(super) fn office(&self) -> Option<Office> {
        let state = self.state.borrow();
        let office = state.office.as_ref().filter(|_| state.role == Role::Leader);
        office.filter(|office| office.is_held() && self.may_stay()).cloned()
    }

    /// Whether a tenure is over, and the task that runs the candidacy does not know it.
    pub(super) fn is_late(&self) -> bool {
        self.state.borrow().office.as_ref().is_some_and(|office| !office.is_held())
    }

    pub(super) fn snapshot(&self) -> ElectionSnapshot {
        let State { role, office, seen, .. } = self.state.borrow().clone();
        let office = office.filter(Office::is_held);
        let role = match role {
            Role::Leader | Role::Releasing if office.is_none() => Role::Follower,
            role => role,
        };
        let now = self.coordination.clock().now();
        let observed = match &office {
            // It knows that by itself.
            Some(office) => {
                Some(ObservedLeader { leader: Some(office.info()), age: Duration::ZERO })
            }
            None => seen.map(|(leader, at)| ObservedLeader { leader, age: now.since(at) }),
        };
        let leadership = office.map(|office| CurrentLeadership {
            fence: office.context.fence(),
            acquired_at: office.since,
        });
        ElectionSnapshot { role, candidate: Arc::clone(&self.candidate), leadership, observed }
    }

    pub(super) fn events(&self) -> ElectionEvents {
        ElectionEvents::new(self.events.upgrade().map(|events| events.subscribe()))
    }

    pub(super) fn watch(self: &Arc<Self>) -> ElectionSnapshots {
        let mut changes = self.state.subscribe();
        changes.mark_changed();
        let from = (Arc::clone(self), changes);
        let next = |(standing, mut changes): (Arc<Self>, watch::Receiver<State>)| async move {
            tokio::select! {
                biased;
                changed = changes.changed() => changed.ok()?,
                () = standing.over.cancelled() => return None,
            }
            changes.borrow_and_update();
            Some((standing.snapshot(), (standing, changes)))
        };
        ElectionSnapshots(stream::unfold(from, next).boxed())
    }
}

/// How a candidacy stands, now and after each change: a [`Stream`] with a `next` of its own. Somebody who
/// reads slowly misses what was in between, and never the newest.
///
/// See [`Candidacy`](super::Candidacy) for an example.
pub struct ElectionSnapshots(BoxStream<'static, ElectionSnapshot>);

impl ElectionSnapshots {
    /// The next one; `None` when the candidacy is over. Cancel safe.
    pub async fn next(&mut self) -> Option<ElectionSnapshot> {
        self.0.next().await
    }
}

impl Stream for ElectionSnapshots {
    type Item = ElectionSnapshot;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ElectionSnapshot>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}
