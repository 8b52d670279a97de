//! Why a quorum did not come about.

use std::{fmt, time::Duration};

use crate::lease::LeaseError;

/// Why several servers did not decide: the source of the [`LeaseError`].
///
/// ```
/// use std::{error::Error as _, time::Duration};
/// use distributed_task::{backend::quorum::QuorumError, lease::LeaseError};
///
/// let (took, lease) = (Duration::from_millis(290), Duration::from_millis(300));
/// let error = LeaseError::Unanswered(QuorumError::Expired { took, lease }.into());
/// let why = error.source().and_then(|source| source.downcast_ref::<QuorumError>());
/// assert!(matches!(why, Some(QuorumError::Expired { .. })));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// Too few servers agreed.
    #[error("{agreed} of {} servers agreed, and {needed} are needed{}", .servers.len(), Wrong(.servers))]
    NoQuorum {
        /// How many did.
        agreed: usize,
        /// How many had to: most of them, or [what was said](super::QuorumLeasesBuilder::min_store_nodes).
        needed: usize,
        /// Each of them, and why it did not; `None` if it did.
        servers: Vec<(String, Option<NodeFailure>)>,
    },
    /// Enough of them agreed, too late to rely on it.
    #[error(
        "enough servers agreed after {took:?}, and of a lease of {lease:?} too little was left"
    )]
    Expired {
        /// How long it took.
        took: Duration,
        /// What was asked for.
        lease: Duration,
    },
    /// It is longer than a server that starts again is kept out.
    #[error("a lease of {lease:?} is too long: `max_lease` is {max_lease:?}")]
    TooLong {
        /// What was asked for.
        lease: Duration,
        /// What is allowed.
        max_lease: Duration,
    },
}

/// Why one server did not agree.
///
/// See [`QuorumError`] for an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeFailure {
    /// It did not answer in time.
    #[error("did not answer within {0:?}")]
    Silent(Duration),
    /// It answered with an error.
    #[error("{0}")]
    Failed(#[source] LeaseError),
    /// Somebody else has the name there.
    #[error("somebody else has the name there")]
    Busy,
    /// The owner has the name there no more.
    #[error("the owner does not have the name there")]
    NotOwner,
    /// It started a short while ago, and may have forgotten who has the name.
    #[error("it started {age:?} ago or later, and does not count before {needed:?}")]
    Young {
        /// How long ago, at most.
        age: Duration,
        /// From when on it counts.
        needed: Duration,
    },
    /// It is the same server as another one, and has one vote.
    #[error("it is the same server as {0}")]
    Same(String),
}

impl NodeFailure {
    /// The same for another one of those whom it concerns.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Silent(limit) => Self::Silent(*limit),
            Self::Failed(error) => Self::Failed(error.again()),
            Self::Busy => Self::Busy,
            Self::NotOwner => Self::NotOwner,
            Self::Young { age, needed } => Self::Young { age: *age, needed: *needed },
            Self::Same(other) => Self::Same(other.clone()),
        }
    }

    /// Whether the server may have done what it was asked for, or will yet.
    pub(super) fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Failed(error) => error.is_outcome_unknown(),
            Self::Silent(_) | Self::Young { .. } | Self::Same(_) => true,
            Self::Busy | Self::NotOwner => false,
        }
    }

    /// Whether somebody has to change something.
    fn is_for_good(&self) -> bool {
        match self {
            Self::Failed(error) => !error.is_retryable(),
            Self::Same(_) => true,
            Self::Silent(_) | Self::Young { .. } | Self::Busy | Self::NotOwner => false,
        }
    }
}

impl From<QuorumError> for LeaseError {
    fn from(error: QuorumError) -> Self {
        let QuorumError::NoQuorum { agreed, needed, servers } = &error else {
            return match error {
                QuorumError::TooLong { .. } => {
                    Self::Refused { source: error.into(), retryable: false }
                }
                _ => Self::Unanswered(error.into()),
            };
        };
        let failures = || servers.iter().filter_map(|(_, failure)| failure.as_ref());
        let is_for_good = |failure: &&NodeFailure| failure.is_for_good();
        if servers.len() - failures().filter(is_for_good).count() < *needed {
            return Self::Refused { source: error.into(), retryable: false };
        }
        match *agreed > 0 || failures().any(NodeFailure::is_outcome_unknown) {
            true => Self::Unanswered(error.into()),
            false => Self::Refused { source: error.into(), retryable: true },
        }
    }
}

/// `: <server>: <why>; ..`, of those that did not agree.
struct Wrong<'a>(&'a [(String, Option<NodeFailure>)]);

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.0.iter().filter_map(|(server, why)| Some((server, why.as_ref()?)));
        for (number, (server, why)) in wrong.enumerate() {
            write!(f, "{} {server}: {why}", if number == 0 { ':' } else { ';' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(failures: Vec<Option<NodeFailure>>) -> LeaseError {
        let agreed = failures.iter().filter(|failure| failure.is_none()).count();
        let servers = failures.into_iter().enumerate().map(|(at, why)| (format!("s{at}"), why));
        let servers: Vec<_> = servers.collect();
        QuorumError::NoQuorum { agreed, needed: servers.len() / 2 + 1, servers }.into()
    }

    fn refused(retryable: bool) -> Option<NodeFailure> {
        Some(NodeFailure::Failed(LeaseError::Refused { source: "no".into(), retryable }))
    }

    #[test]
    fn each_server_that_did_not_agree_is_named_with_the_reason() {
        let silent = NodeFailure::Silent(Duration::from_millis(50));
        let text = error(vec![None, Some(silent), refused(true)]).to_string();
        let wanted = "the lease store did not answer: 1 of 3 servers agreed, and 2 are needed: \
                      s1: did not answer within 50ms; s2: the lease store did nothing: no";
        assert_eq!(text, wanted);
    }

    #[test]
    fn what_most_servers_refuse_for_good_is_not_worth_repeating() {
        assert!(!error(vec![refused(false), refused(false), None]).is_retryable());
        assert!(error(vec![refused(false), refused(true), None]).is_retryable());
    }

    #[test]
    fn the_outcome_is_known_where_no_server_can_have_done_it() {
        assert!(!error(vec![refused(true), refused(true), refused(false)]).is_outcome_unknown());
        assert!(error(vec![refused(true), refused(true), None]).is_outcome_unknown());
        let silent = Some(NodeFailure::Silent(Duration::from_millis(50)));
        assert!(error(vec![refused(true), refused(true), silent]).is_outcome_unknown());
    }
}
