//! Who leads: one of many candidates, until it resigns or cannot renew its lease any more.

mod beats;
mod callbacks;
mod candidacy;
mod candidate;
mod candidates;
mod context;
mod event;
mod fitness;
mod follow;
mod health;
mod leadership;
mod office;
mod options;
mod peers;
mod pulse;
mod rank;
mod reporter;
mod run;
mod said;
mod stand;
mod state;
mod terms;

use std::{any::Any, error::Error, fmt, future::Future, sync::Arc, time::Duration};

pub(super) use self::{beats::OwnedBeat, candidacy::Seats};
use futures_util::FutureExt;

use self::{callbacks::Callbacks, candidate::Candidate, candidates::Roll, context::Extensions};
pub use self::{
    candidacy::{Candidacy, NotLeading, StartError, Stopped},
    candidate::LeaderInfo,
    candidates::CandidateHealth,
    context::LeadershipContext,
    event::{ElectionEvent, ElectionEvents},
    health::{ElectionHealth, HealthStatus},
    leadership::{Leadership, LeadershipEnd, LeadershipLost},
    options::{LeaderElectionOptions, Metadata},
    reporter::HealthReporter,
    state::{CurrentLeadership, ElectionSnapshot, ElectionSnapshots, ObservedLeader, Role},
    terms::{ElectionFinding, ElectionTerms, ElectionWarning, InvalidElection, Margins},
};
use super::{AcquireError, Coordination, Lease};
use crate::lease::{LeaseError, Safety};

/// A name that one of many candidates leads under, as one of them sees it. Making and cloning it asks
/// nobody.
///
/// A leader has a [lease](Lease) on the name and renews it. It gives up when the store says that the lease
/// is somebody else's, when its time is over, and before that when the store does not answer for the
/// [grace period](Self::grace_period). So two never lead at a time, as far as a lease
/// [holds](super#what-holds-and-what-does-not); what a leader writes carries its
/// [fence](Leadership::fence).
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let election = coordination
///     .election("job-scheduler")
///     .candidate_id("web-1")
///     .lease_duration(Duration::from_secs(30));
///
/// let leadership = election.campaign().await?;
/// let leader = election.leader_info().await?.expect("it is us");
/// assert_eq!((&*leader.id, leader.fence), (election.candidate(), leadership.fence()));
///
/// let jobs = leadership.run(async { 3 }).await?;
/// println!("{jobs} jobs were scheduled");
/// leadership.resign().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct Election {
    coordination: Coordination,
    name: Arc<str>,
    options: LeaderElectionOptions,
    candidate: Arc<str>,
    identity: candidate::Identity,
    extensions: Extensions,
    callbacks: Callbacks,
}

/// What no name of a lock begins with.
pub(super) const PREFIX: &str = "election\u{1f}";

impl Election {
    pub(super) fn new(coordination: &Coordination, name: &str) -> Self {
        let options = coordination.options.as_ref().map(|options| options.leader_election.clone());
        let (options, identity) = (options.unwrap_or_default(), candidate::Identity::draw());
        let candidate = identity.name(&options.candidate_id);
        let (coordination, name) = (coordination.clone(), name.into());
        let (extensions, callbacks) = (Extensions::default(), Callbacks::default());
        Self { coordination, name, options, candidate, identity, extensions, callbacks }
    }

    /// All options at once, instead of those that were set before.
    #[must_use]
    pub fn options(mut self, options: LeaderElectionOptions) -> Self {
        self.candidate = self.identity.name(&options.candidate_id);
        self.options = options;
        self
    }

    /// How long a leader stays one if it dies. From 100 milliseconds to a day; default 15 seconds.
    #[must_use]
    pub fn lease_duration(mut self, lease: Duration) -> Self {
        self.options.lease_duration = Some(lease);
        self.options.leadership_timeout = None;
        self
    }

    /// Another name of [`lease_duration`](Self::lease_duration).
    #[must_use]
    pub fn leadership_timeout(self, lease: Duration) -> Self {
        self.lease_duration(lease)
    }

    /// After how long a leader renews its lease. Default: a third of it.
    #[must_use]
    pub fn renew_interval(mut self, interval: Duration) -> Self {
        self.options.renew_interval = Some(interval);
        self
    }

    /// How often somebody who does not lead looks who does, give or take a half. Default 2 seconds.
    #[must_use]
    pub fn retry_interval(mut self, interval: Duration) -> Self {
        self.options.retry_interval = interval;
        self
    }

    /// For how long a leader tries to renew its lease while the store does not answer. Default 5 seconds,
    /// or what the lease has room for.
    #[must_use]
    pub fn grace_period(mut self, grace: Duration) -> Self {
        self.options.grace_period = grace;
        self
    }

    /// How long work may take to end when its leader stops. Default 30 seconds.
    #[must_use]
    pub fn stop_timeout(mut self, limit: Duration) -> Self {
        self.options.stop_timeout = limit;
        self
    }

    /// How [healthy](HealthReporter::update_health) a candidate must be to lead, from 0 to 1. Default 0.8.
    #[must_use]
    pub fn minimum_health_score(mut self, score: f64) -> Self {
        self.options.minimum_health_score = score;
        self
    }

    /// How many candidates there must be for one of them to lead, this one included. A
    /// [candidacy](Self::start) that sees fewer does not come to lead, and
    /// [does not lead](Candidacy::is_leader) any more: it steps down as one that is ill does, stands on, and
    /// leads again when there are enough. What was seen counts for three
    /// [beats](Self::heartbeat_interval); who cannot ask for longer sees nobody. Default: it does not matter.
    ///
    /// This is no quorum of servers, which [`QuorumLeases`](crate::backend::quorum::QuorumLeases) is; and it
    /// takes a store that [knows who stands](crate::lease::CandidateStore).
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let candidacy = coordination.election("job-scheduler").min_candidates(2).start()?;
    /// assert!(!candidacy.is_leader(), "it is alone");
    /// # candidacy.stop().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    #[must_use]
    pub fn min_candidates(mut self, least: u32) -> Self {
        self.options.min_candidates = Some(least);
        self
    }

    /// How often a candidate says that it stands, how healthy it is, and what else it says of itself. One
    /// that is silent for three times as long is gone. It may say so earlier, to do so with others of its process: by
    /// [`batch_timeout`](crate::coordination::BatchingOptions::batch_timeout), and a tenth of this at most. Default 10
    /// seconds.
    #[must_use]
    pub fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.options.heartbeat_interval = interval;
        self
    }

    /// How much this candidate is to be preferred: the greater, the more. A [candidacy](Self::start) with a
    /// priority does not ask to lead while a healthy candidate with a greater one
    /// [stands](Self::candidates), unless nobody leads for three [looks](Self::retry_interval) all the same.
    /// It is a wish, no right: who leads goes on to lead, who [steps down](Candidacy::step_down) lets others
    /// lead for twice as long, and who says no priority gives way to nobody, nor does a
    /// [campaign](Self::campaign). Others see it as the entry `priority` of its [metadata](Self::metadata).
    ///
    /// It takes a store that [knows who stands](crate::lease::CandidateStore). Default: none.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// What this candidate is called, as [`candidate`](Self::candidate) tells.
    #[must_use]
    pub fn candidate_id(mut self, id: impl Into<String>) -> Self {
        self.options.candidate_id = id.into();
        self.candidate = self.identity.name(&self.options.candidate_id);
        self
    }

    /// Something that this candidate says of itself. [Others](Self::candidates) see it while it stands, and
    /// [of who leads](Self::leader_info).
    #[must_use]
    pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.candidate_metadata.insert(name.into(), value.into());
        self
    }

    /// Something for those who are told that they lead: a pool of connections, a handle of an
    /// application. One of each type.
    #[must_use]
    pub fn extension<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.extensions.insert(value);
        self
    }

    /// What runs when this process, which [stands](Self::start), comes to lead: what is to happen only
    /// there, or what begins it. It should end when its context is
    /// [cancelled](LeadershipContext::cancelled); when the leadership was lost, it is dropped after
    /// [`stop_timeout`](Self::stop_timeout). An error, or a panic, steps down.
    ///
    /// It is a task of its own: however long it takes, the lease is renewed, and while it runs nothing
    /// later is told. A tenure that is over before it could begin is not told of at all.
    ///
    /// See [`Candidacy`] for an example.
    #[must_use]
    pub fn on_acquired<E, W>(
        mut self,
        tell: impl Fn(LeadershipContext) -> W + Send + Sync + 'static,
    ) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
        W: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.callbacks.acquired = Some(Arc::new(move |leader| {
            let told = tell(leader);
            async move { told.await.map_err(Into::into) }.boxed()
        }));
        self
    }

    /// What runs when this process leads no more: once for each tenure that was
    /// [told of](Self::on_acquired), and after that has ended. It has [`stop_timeout`](Self::stop_timeout)
    /// to end.
    ///
    /// See [`Candidacy`] for an example.
    #[must_use]
    pub fn on_lost<W: Future<Output = ()> + Send + 'static>(
        mut self,
        tell: impl Fn(LeadershipContext, LeadershipLost) -> W + Send + Sync + 'static,
    ) -> Self {
        self.callbacks.lost = Some(Arc::new(move |leader, lost| tell(leader, lost).boxed()));
        self
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the lease of its leader is called: no lock can be called so by mistake.
    pub fn key(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// What this candidate is called: its [id](Self::candidate_id), and something that no other one has.
    pub fn candidate(&self) -> &str {
        &self.candidate
    }

    /// What follows from the options.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn terms(&self) -> Result<ElectionTerms, InvalidElection> {
        terms::check(&self.options, self.not_seen().chain(self.no_quorum()))
    }

    /// Candidates are to be looked at, and the store does not know them.
    fn not_seen(&self) -> impl Iterator<Item = ElectionFinding> + use<> {
        let LeaderElectionOptions { min_candidates, priority, lead_if_alone_unhealthy, .. } =
            self.options;
        let counts = min_candidates.map(ElectionFinding::UnknownCandidates);
        let ranks = priority.map(ElectionFinding::UnknownPriorities);
        let looks = lead_if_alone_unhealthy.then_some(ElectionFinding::UnknownOthers);
        let is_known = self.coordination.inner.store.candidates().is_some();
        counts.into_iter().chain(ranks).chain(looks).filter(move |_| !is_known)
    }

    /// There is to be a quorum, and is none.
    fn no_quorum(&self) -> Option<ElectionFinding> {
        let LeaderElectionOptions { require_quorum, min_candidates, .. } = self.options;
        let is_safe = self.coordination.inner.store.safety() >= Safety::Quorum;
        (require_quorum && !is_safe && min_candidates.is_none_or(|least| least < 2))
            .then_some(ElectionFinding::NoQuorum)
    }

    /// Waits until it leads. Looks every [`retry_interval`](Self::retry_interval), and when the lease of
    /// the leader is over.
    ///
    /// # Errors
    /// [`CampaignError`]: it does not wait for a store that does not answer.
    ///
    /// # Cancellation
    /// What was granted to somebody who does not wait any more is given back.
    pub async fn campaign(&self) -> Result<Leadership, CampaignError> {
        self.alone()?.campaign().await
    }

    /// Asks once whether it may lead. `None` if somebody else does.
    ///
    /// # Errors
    /// [`CampaignError`].
    ///
    /// # Cancellation
    /// As [`campaign`](Self::campaign).
    pub async fn try_campaign(&self) -> Result<Option<Leadership>, CampaignError> {
        self.alone()?.try_campaign().await
    }

    /// Who leads, if anybody, with what it [says of itself](Self::metadata). Changes nothing.
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not say.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn leader_info(&self) -> Result<Option<LeaderInfo>, LeaseError> {
        let leader = self.leader().await?;
        Ok(self.described(leader).await)
    }

    /// With what it says of itself, if that can be had: that somebody leads is known without it.
    async fn described(&self, leader: Option<LeaderInfo>) -> Option<LeaderInfo> {
        let leader = leader?;
        let metadata = Roll::of(self).metadata_of(&leader.id).await.unwrap_or_default();
        Some(LeaderInfo { metadata, ..leader })
    }

    /// Who stands, in the order of their names: those who beat within three of their
    /// [intervals](Self::heartbeat_interval). A [candidacy](Self::start) beats if health counts, or it says
    /// something of itself, or counts the others, or was started [with health](Self::start_with_health); a [campaign](Self::campaign) beats while it waits or
    /// leads, if it says something of itself. Changes nothing.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// for it in coordination.election("job-scheduler").candidates().await? {
    ///     println!("{}: {} {:?}", it.candidate, it.health_score, it.metadata);
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`LeaseError`] when the store does not say, or does not know.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn candidates(&self) -> Result<Vec<CandidateHealth>, LeaseError> {
        Roll::of(self).candidates().await
    }

    /// Who leads, without what it says of itself.
    async fn leader(&self) -> Result<Option<LeaderInfo>, LeaseError> {
        let tenure = self.lease().info().await?;
        Ok(tenure.map(|tenure| LeaderInfo::read(&tenure)))
    }

    /// The lease of whoever leads.
    fn lease(&self) -> Lease {
        self.coordination.lease(self.key())
    }

    /// For a campaign, which does not look at others.
    fn alone(&self) -> Result<Candidate, InvalidElection> {
        let counts = self.options.min_candidates.map(ElectionFinding::OnlyStanding);
        let found = counts.into_iter().chain(self.no_quorum());
        Ok(self.on(terms::check(&self.options, found)?))
    }

    fn stand(&self) -> Result<Candidate, InvalidElection> {
        Ok(self.on(self.terms()?))
    }

    fn on(&self, terms: ElectionTerms) -> Candidate {
        for warning in terms.warnings() {
            tracing::warn!(election = %self.name, %warning, "options");
        }
        Candidate::new(self, terms)
    }
}

impl fmt::Debug for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Election")
            .field("name", &self.name)
            .field("candidate", &self.candidate)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why a campaign did not go on.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{CampaignError, Coordination},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let hasty = coordination.election("job-scheduler").retry_interval(Duration::ZERO);
/// match hasty.campaign().await {
///     Ok(leadership) => println!("we lead under {:?}", leadership.fence()),
///     Err(CampaignError::Invalid(options)) => println!("never: {options}"),
///     Err(CampaignError::Store(error)) => println!("later, maybe: {error}"),
/// }
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// Its options cannot be followed.
    #[error(transparent)]
    Invalid(#[from] InvalidElection),
    /// The store did not do what it was asked. If it did without saying so, what it granted is given
    /// back.
    #[error(transparent)]
    Store(#[from] LeaseError),
}

impl From<AcquireError> for CampaignError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Store(error) => error.into(),
            AcquireError::InvalidLease(lease) => {
                InvalidElection { findings: vec![lease.into()] }.into()
            }
            AcquireError::NotAcquired(_)
            | AcquireError::Lost(_)
            | AcquireError::TooDeep { .. }
            | AcquireError::WouldDeadlock { .. } => {
                unreachable!("no limit was set, and nothing is taken twice")
            }
        }
    }
}
