//! What a candidate may set, under the names and with the defaults that users of other elections know.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::terms::{self, ElectionTerms, InvalidElection};
use crate::coordination::text;

/// What a candidate says of itself.
pub type Metadata = BTreeMap<String, String>;

/// On which terms a candidate stands. All of it can be left out, and durations are text.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::coordination::LeaderElectionOptions;
///
/// let options: LeaderElectionOptions = serde_json::from_str(
///     r#"{ "lease_duration": "30s", "renew_interval": "10s", "candidate_metadata": { "region": "eu" } }"#,
/// )?;
/// assert_eq!(options.retry_interval, Duration::from_secs(2));
///
/// let terms = options.check()?;
/// println!("{}", terms.margins());
/// assert_eq!(terms.warnings(), []);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LeaderElectionOptions {
    /// How long a leader stays one if it dies. Default 15 seconds.
    #[serde(with = "text::or_none", skip_serializing_if = "Option::is_none")]
    pub lease_duration: Option<Duration>,
    /// Another name of `lease_duration`.
    #[serde(with = "text::or_none", skip_serializing_if = "Option::is_none")]
    pub leadership_timeout: Option<Duration>,
    /// After how long a leader renews its lease. Default: a third of it.
    #[serde(
        with = "text::or_none",
        skip_serializing_if = "Option::is_none",
        alias = "renewal_interval"
    )]
    pub renew_interval: Option<Duration>,
    /// How often somebody who does not lead looks who does, give or take a half. Default 2 seconds.
    #[serde(with = "text")]
    pub retry_interval: Duration,
    /// For how long a leader tries to renew its lease while the store does not answer. Default 5 seconds,
    /// or what the lease has room for.
    #[serde(with = "text")]
    pub grace_period: Duration,
    /// How long work may take to end when its leader stops. Default 30 seconds.
    #[serde(with = "text")]
    pub stop_timeout: Duration,
    /// Whether the health of a candidate counts. Default: it does.
    pub enable_health_checks: bool,
    /// How healthy a candidate must be to lead, from 0 to 1. Default 0.8.
    pub minimum_health_score: f64,
    /// Whether a leader that is less healthy steps down. Default: it does.
    pub step_down_when_unhealthy: bool,
    /// Whether a candidate that is less healthy leads all the same while it sees nobody else
    /// [stand](super::Election::candidates). Default: it does not, and nobody leads.
    pub lead_if_alone_unhealthy: bool,
    /// Whether there must be a quorum: of servers, by [`QuorumLeases`](crate::backend::quorum::QuorumLeases), or of
    /// candidates, by `min_candidates`. Where there is neither, nobody stands. A store in memory counts as one: no
    /// server of it fails alone. Default: it does not matter.
    pub require_quorum: bool,
    /// How many candidates there must be for one of them to lead, this one included: one that sees fewer
    /// steps down, and stands on. Default: it does not matter. In a file `minimum_nodes` is the same. For a quorum of *servers* take
    /// [`QuorumLeases`](crate::backend::quorum::QuorumLeases).
    #[serde(skip_serializing_if = "Option::is_none", alias = "minimum_nodes")]
    pub min_candidates: Option<u32>,
    /// How much a candidate is to be preferred to others: see [`Election::priority`](super::Election::priority).
    /// Default: it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// How often a candidate says that it stands. One that is silent for three times as long is gone.
    /// Default 10 seconds.
    #[serde(with = "text")]
    pub heartbeat_interval: Duration,
    /// What candidates are called; each puts something behind it that no other one has. Default
    /// `candidate`.
    #[serde(alias = "instance_id")]
    pub candidate_id: String,
    /// What a candidate says of itself, such as its region and version. At most 4 KiB of names and values.
    #[serde(alias = "metadata")]
    pub candidate_metadata: Metadata,
}

impl Default for LeaderElectionOptions {
    fn default() -> Self {
        Self {
            lease_duration: None,
            leadership_timeout: None,
            renew_interval: None,
            retry_interval: Duration::from_secs(2),
            grace_period: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(30),
            enable_health_checks: true,
            minimum_health_score: 0.8,
            step_down_when_unhealthy: true,
            lead_if_alone_unhealthy: false,
            require_quorum: false,
            min_candidates: None,
            priority: None,
            heartbeat_interval: Duration::from_secs(10),
            candidate_id: "candidate".to_owned(),
            candidate_metadata: Metadata::new(),
        }
    }
}

impl LeaderElectionOptions {
    /// What follows from them.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn check(&self) -> Result<ElectionTerms, InvalidElection> {
        terms::check(self, [])
    }
}
