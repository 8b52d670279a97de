//! Who stands in an election, as somebody sees it who looks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Election, Metadata};
use crate::{
    coordination::Coordination,
    kernel::Timestamp,
    lease::{CandidateStore, LeaseError, LiveCandidate},
};

/// How a candidate is, by what it said last and what the store knows.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, Role},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let election = coordination.election("job-scheduler").metadata("region", "eu");
/// let candidacy = election.start()?;
/// # let mut states = candidacy.watch();
/// # while states.next().await.is_some_and(|state| state.role != Role::Leader) {}
/// for it in candidacy.candidates().await? {
///     println!("{} is in {}: {}", it.candidate, it.metadata["region"], it.health_score);
/// }
/// # candidacy.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CandidateHealth {
    /// What it is [called](Election::candidate).
    pub candidate: Arc<str>,
    /// Whether it is healthy enough to lead, by [what it takes](Election::minimum_health_score) where it
    /// runs. Where health does not count it always is.
    pub is_healthy: bool,
    /// How healthy it is, from 0 to 1.
    pub health_score: f64,
    /// Whether it leads: what the lease says at the moment of the look.
    pub is_leader: bool,
    /// When it said so, on the store's clock.
    pub last_updated: Timestamp,
    /// What it says of itself.
    pub metadata: Metadata,
}

impl From<LiveCandidate> for CandidateHealth {
    fn from(live: LiveCandidate) -> Self {
        Self {
            candidate: live.candidate.into(),
            is_healthy: live.is_healthy,
            health_score: live.health_score,
            is_leader: live.is_leader,
            last_updated: live.last_seen,
            metadata: live.metadata,
        }
    }
}

/// Where candidates are looked up.
#[derive(Clone)]
pub(super) struct Roll {
    coordination: Coordination,
    key: Arc<str>,
}

impl Roll {
    pub(super) fn of(election: &Election) -> Self {
        Self { coordination: election.coordination.clone(), key: election.key().into() }
    }

    pub(super) async fn candidates(&self) -> Result<Vec<CandidateHealth>, LeaseError> {
        let live = self.store().ok_or_else(unknown)?.list(&self.key).await?;
        Ok(live.into_iter().map(CandidateHealth::from).collect())
    }

    /// What one of them says of itself, where that is known.
    pub(super) async fn metadata_of(&self, id: &str) -> Result<Option<Metadata>, LeaseError> {
        let Some(store) = self.store() else { return Ok(None) };
        Ok(store.find(&self.key, id).await?.map(|found| found.metadata))
    }

    fn store(&self) -> Option<&dyn CandidateStore> {
        self.coordination.inner.store.candidates()
    }
}

fn unknown() -> LeaseError {
    let source = "this lease store does not know who stands in an election".into();
    LeaseError::Refused { source, retryable: false }
}
