//! Whether a candidacy does what it should, for those who look after a process.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::state::Standing;

/// How well something is: the worse, the greater.
///
/// See [`ElectionHealth`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// It does what it should. A candidate leads, or sees who does.
    Healthy,
    /// It does less than it should. A candidate sees nobody who leads, or leads and is ill.
    Degraded,
    /// It does not work. The store does not answer a candidate, or what keeps its leadership has not noticed
    /// that it is over.
    Unhealthy,
}

/// What a health check of a process says about an election.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, HealthStatus},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let candidacy = coordination.election("job-scheduler").start()?;
/// let health = candidacy.health();
/// if health.status != HealthStatus::Healthy {
///     println!("{}", serde_json::to_string(&health)?);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ElectionHealth {
    /// How well it is.
    pub status: HealthStatus,
    /// Whether this candidate leads.
    pub is_leader: bool,
    /// Who was seen to lead.
    pub current_leader_id: Option<Arc<str>>,
    /// Who this candidate is.
    pub candidate_id: Arc<str>,
    /// Why it is not healthy.
    pub reason: Option<Arc<str>>,
}

impl ElectionHealth {
    pub(super) fn of(standing: &Standing) -> Self {
        let is_leader = standing.office().is_some();
        let observed = standing.snapshot().observed.and_then(|seen| seen.leader);
        let (status, reason) = match (standing.is_late(), standing.trouble()) {
            (true, _) => {
                let late = "its tenure is over, and what keeps it has not noticed";
                (HealthStatus::Unhealthy, Some(late.into()))
            }
            (_, Some(trouble)) => (HealthStatus::Unhealthy, Some(trouble)),
            _ if standing.over.is_cancelled() => {
                (HealthStatus::Degraded, Some("it has stopped".into()))
            }
            _ if is_leader && !standing.fitness.is_healthy() => {
                let score = standing.fitness.score();
                let why = format!("its health is {score}, and it leads all the same");
                (HealthStatus::Degraded, Some(why.into()))
            }
            _ if observed.is_some() => (HealthStatus::Healthy, None),
            _ => {
                let nobody = "nobody is seen to lead";
                let why = standing.complaint();
                let why = why.map_or(nobody.to_owned(), |why| format!("{nobody}, and {why}"));
                (HealthStatus::Degraded, Some(why.into()))
            }
        };
        let (current_leader_id, candidate_id) =
            (observed.map(|leader| leader.id), Arc::clone(&standing.candidate));
        Self { status, is_leader, current_leader_id, candidate_id, reason }
    }
}
