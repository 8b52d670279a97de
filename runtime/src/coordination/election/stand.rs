//! The life of a candidacy, as one task where leases are kept: it asks to lead, sees who does, leads, and
//! begins again until it is stopped.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{broadcast, mpsc::UnboundedSender, watch},
    time::{sleep, timeout},
};

use super::{
    ElectionEvent, LeaderInfo, Leadership, LeadershipEnd, Role,
    callbacks::News,
    candidacy::{Seat, Stopped},
    candidate::Candidate,
    candidates::Roll,
    office::Office,
    pulse::Pulse,
    run::Pauses,
    state::Standing,
};
use crate::{coordination::ReleaseOutcome, kernel::Timestamp, lease::LeaseError};

/// What the owner of a candidacy wants of it. Later ones are not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    Stand,
    Stop,
    StopNow,
}

/// All that ends with the task that runs a candidacy.
pub(super) struct Stand {
    pub(super) candidate: Candidate,
    pub(super) standing: Arc<Standing>,
    pub(super) events: broadcast::Sender<ElectionEvent>,
    pub(super) orders: watch::Receiver<Order>,
    pub(super) news: Option<UnboundedSender<News>>,
    /// Where it says that it stands.
    pub(super) pulse: Option<Pulse>,
    /// When it was asked last what a leader says of itself, in microseconds.
    pub(super) described: AtomicU64,
    pub(super) _seat: Seat,
}

/// How it came that work should end.
enum Leaving {
    Lost,
    /// It steps down, and goes on to stand.
    GivenUp,
    Ordered(Order),
}

impl Stand {
    pub(super) fn run(self) -> impl Future<Output = ()> {
        let standing = Arc::clone(&self.standing);
        // Also if it is dropped half way, or before it begins.
        let over = standing.over.clone().drop_guard();
        async move {
            let _over = over;
            let outcome = self.stand_and_beat().await;
            standing.leave();
            // Its name is free, and its events have ended, when it says that it is over.
            drop(self);
            let _ = standing.outcome.set(outcome);
        }
    }

    async fn stand_and_beat(&self) -> Stopped {
        let Some(pulse) = &self.pulse else { return self.stand().await };
        let outcome = tokio::select! {
            outcome = self.stand() => outcome,
            never = pulse.run(&self.standing.fitness, &self.standing.peers) => match never {},
        };
        // Before its name is free: whoever stands under it again does not find itself gone.
        pulse.leave().await;
        outcome
    }

    async fn stand(&self) -> Stopped {
        let mut pauses = self.candidate.pauses();
        loop {
            let leadership = tokio::select! {
                biased;
                _ = self.ordered(Order::Stop) => return Stopped::NotLeading,
                leadership = self.seek(&mut pauses) => leadership,
            };
            if let Some(stopped) = self.lead(leadership, &mut pauses).await {
                return stopped;
            }
            tokio::select! {
                biased;
                _ = self.ordered(Order::Stop) => return Stopped::NotLeading,
                () = sleep(pauses.next()) => {}
            }
        }
    }

    /// Returns when this is wanted, or more.
    async fn ordered(&self, least: Order) -> Order {
        let mut orders = self.orders.clone();
        // Whoever drops a candidacy does not wait.
        orders.wait_for(|order| least <= *order).await.map_or(Order::StopNow, |order| *order)
    }

    fn tell(&self, event: ElectionEvent) {
        let election = &self.candidate.election;
        let observed = &election.coordination.inner.observed;
        observed.note_election(&election.name, &election.candidate, event.clone());
        // Nobody may listen.
        let _ = self.events.send(event);
    }

    /// Asks to lead until it does.
    async fn seek(&self, pauses: &mut Pauses) -> Leadership {
        let clock = self.candidate.election.coordination.clock();
        self.standing.rank.forget();
        loop {
            tokio::select! {
                biased;
                () = self.eligible() => {}
                never = self.look_often() => match never {},
            }
            self.standing.be(Role::Candidate);
            let (begun, owner) = (clock.now(), self.candidate.owner());
            if let Some(pulse) = &self.pulse {
                pulse.is(&owner);
            }
            let asked = tokio::select! {
                biased;
                () = self.standing.steps_back() => {
                    self.standing.be(Role::Follower);
                    continue;
                }
                asked = self.candidate.stand(owner) => asked,
                never = self.look_often() => match never {},
            };
            match asked {
                // It may have been granted meanwhile.
                Ok(_) if !self.may_lead() => continue,
                Ok(leadership) => {
                    // Nobody may have looked since somebody else led.
                    self.standing.be(Role::Candidate);
                    return leadership;
                }
                Err(error) => {
                    self.standing.be(Role::Follower);
                    let error: Arc<str> = error.to_string().into();
                    self.standing.miss(Arc::clone(&error));
                    self.tell(ElectionEvent::AcquisitionFailed { error });
                }
            }
            if clock.now().since(begun) >= self.candidate.terms.lease() {
                pauses.reset();
            }
            sleep(pauses.next()).await;
        }
    }

    /// Returns when it is healthy, sees enough candidates, and gives way to none of them.
    async fn eligible(&self) {
        loop {
            self.recovered().await;
            self.standing.peers.enough().await;
            self.standing.rank.first().await;
            // It may have fallen ill meanwhile, also if it is well again.
            if self.may_lead() {
                return;
            }
        }
    }

    /// Whether it may come to lead, now.
    fn may_lead(&self) -> bool {
        self.standing.is_eligible() && self.recovers_in().is_zero()
    }

    /// When it may lead if it stays healthy: at once, or where it was not, when it has been for a beat; and if it
    /// stepped down for that, and others stand, not within a lease.
    fn recovers_in(&self) -> Duration {
        let Standing { fitness, peers, .. } = &*self.standing;
        let Candidate { election, terms, .. } = &self.candidate;
        let Some(since) = fitness.fit_since() else { return Duration::ZERO };
        let well = since.plus(election.options.heartbeat_interval);
        let stepped_down = fitness.stepped_down().filter(|_| peers.others());
        let until = stepped_down.map_or(well, |at| at.plus(terms.lease()).max(well));
        until.since(election.coordination.clock().now())
    }

    async fn recovered(&self) {
        let Standing { fitness, peers, .. } = &*self.standing;
        loop {
            fitness.fit().await;
            let rest = self.recovers_in();
            if rest.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = fitness.unfit() => {}
                () = peers.seen() => {}
                () = sleep(rest) => {}
            }
        }
    }

    async fn look_often(&self) -> Infallible {
        let (mut looks, longest) = (self.candidate.pauses(), self.candidate.terms.lease());
        loop {
            match timeout(longest, self.look()).await {
                Ok(Ok(leader)) => {
                    self.standing.be(match leader {
                        Some(_) => Role::Follower,
                        None if self.may_lead() && self.standing.asks() => Role::Candidate,
                        None => Role::Follower,
                    });
                    if let Some(event) = self.standing.see(leader) {
                        self.tell(event);
                    }
                }
                Ok(Err(error)) => self.standing.miss(error.to_string().into()),
                Err(_) => self.standing.miss("the lease store does not answer".into()),
            }
            looks.reset();
            sleep(looks.next()).await;
        }
    }

    /// Who leads, and who is to lead rather than this one.
    async fn look(&self) -> Result<Option<LeaderInfo>, LeaseError> {
        let (election, rank) = (&self.candidate.election, &self.standing.rank);
        let leader = self.leader().await?;
        if rank.looks() {
            let in_time = self.candidate.terms.lease() / 2;
            let all = match timeout(in_time, Roll::of(election).candidates()).await {
                Ok(Ok(all)) => all,
                // Whom nobody knows nobody gives way to.
                failed => {
                    tracing::warn!(election = %election.name, ?failed, "who stands is not told");
                    Vec::new()
                }
            };
            rank.see(&all, leader.is_some(), election.coordination.clock().now());
        }
        Ok(leader)
    }

    /// Who leads. Who beats itself also asks what a leader says of itself: of a new one, and then once for each beat.
    async fn leader(&self) -> Result<Option<LeaderInfo>, LeaseError> {
        let Candidate { election, terms, .. } = &self.candidate;
        let Some(leader) = election.leader().await? else { return Ok(None) };
        let (known, now) =
            (self.standing.metadata_of(&leader), election.coordination.clock().now());
        let asked = Timestamp(self.described.load(Ordering::Relaxed));
        let is_known = known.is_some() && now.since(asked) < election.options.heartbeat_interval;
        if is_known || self.pulse.is_none() {
            return Ok(Some(LeaderInfo { metadata: known, ..leader }));
        }
        let (roll, in_time) = (Roll::of(election), terms.lease() / 4);
        let metadata = match timeout(in_time, roll.metadata_of(&leader.id)).await {
            Ok(Ok(metadata)) => {
                self.described.store(now.0, Ordering::Relaxed);
                metadata
            }
            // That somebody leads is known without it, and it is asked again.
            _ => known,
        };
        Ok(Some(LeaderInfo { metadata, ..leader }))
    }

    /// Leads until it does no more. Says how it stopped, if it did.
    async fn lead(&self, leadership: Leadership, pauses: &mut Pauses) -> Option<Stopped> {
        let clock = self.candidate.election.coordination.clock();
        let (office, begun) = (Office::take(&leadership), clock.now());
        let (fitness, mut is_ill) = (&self.standing.fitness, false);
        let falls = fitness.falls();
        self.begin(&office);
        let leaving = tokio::select! {
            biased;
            _ = leadership.lost() => Leaving::Lost,
            order = self.ordered(Order::Stop) => Leaving::Ordered(order),
            () = office.given_up() => Leaving::GivenUp,
            () = fitness.may_not_stay(falls) => {
                is_ill = true;
                office.give_up(LeadershipEnd::Unhealthy);
                Leaving::GivenUp
            }
            () = self.standing.peers.too_few() => {
                office.give_up(LeadershipEnd::TooFewCandidates);
                Leaving::GivenUp
            }
        };
        if matches!(leaving, Leaving::GivenUp) {
            self.standing.rank.let_others(clock.now());
        }
        let stopped = self.wind_down(leadership, &office, &leaving).await;
        if is_ill {
            // What it leaves to run out is nobody's for a lease more.
            let leaves = match stopped {
                Stopped::Released(_) => Duration::ZERO,
                _ => self.candidate.terms.lease(),
            };
            fitness.step_down(clock.now().plus(leaves));
        }
        if clock.now().since(begun) >= self.candidate.terms.lease() {
            pauses.reset();
        }
        // Who was told to stop meanwhile is told how it did.
        let is_over = *self.orders.borrow() >= Order::Stop || self.orders.has_changed().is_err();
        (is_over || matches!(leaving, Leaving::Ordered(_))).then_some(stopped)
    }

    fn begin(&self, office: &Office) {
        let seen = self.standing.see(Some(office.info()));
        self.standing.take(office);
        self.tell(ElectionEvent::BecameLeader { fence: office.context.fence() });
        if let Some(event) = seen {
            self.tell(event);
        }
        if let Some(news) = &self.news {
            // Its runtime may have ended.
            let _ = news.send((office.clone(), office.working()));
        }
    }

    /// Ends what runs, then the leadership here, then in the store.
    async fn wind_down(
        &self,
        leadership: Leadership,
        office: &Office,
        leaving: &Leaving,
    ) -> Stopped {
        office.context.cancel();
        let is_idle = match leaving {
            Leaving::Lost | Leaving::Ordered(Order::StopNow) => false,
            Leaving::GivenUp | Leaving::Ordered(_) => {
                self.standing.be(Role::Releasing);
                tokio::select! {
                    biased;
                    _ = leadership.lost() => false,
                    () = office.idle() => true,
                    _ = self.ordered(Order::StopNow) => false,
                    () = sleep(self.stop_timeout()) => false,
                }
            }
        };
        let running = office.works();
        // Nobody is told of the end before it can be seen.
        office.context.end_as(LeadershipEnd::Resigned);
        let releasing = match is_idle {
            true => Some(leadership.let_go()),
            // What may still run is over before somebody else may begin.
            false => {
                leadership.detach();
                None
            }
        };
        self.standing.leave();
        let (fence, cause) = (office.context.fence(), office.context.ended().await.cause);
        self.tell(ElectionEvent::LostLeadership { fence, cause });
        office.leave();
        let Some(releasing) = releasing else {
            return match cause {
                LeadershipEnd::Lost(cause) => Stopped::Lost(cause),
                _ => Stopped::StillRunning(running),
            };
        };
        let outcome = releasing.await;
        if outcome == ReleaseOutcome::Released
            && let Some(event) = self.standing.see(None)
        {
            self.tell(event);
        }
        Stopped::Released(outcome)
    }

    fn stop_timeout(&self) -> Duration {
        self.candidate.election.options.stop_timeout
    }
}
