//! What follows from the options of an election, and what is wrong with them.

use std::{fmt, ops::RangeInclusive, time::Duration};

use super::options::{LeaderElectionOptions, Metadata};
use crate::{
    coordination::terms::{InvalidLease, OnUnreachable, Renewing, Terms},
    lease::{Beat, metadata_bytes},
};

/// How long a leader stays one if it dies, unless it is said.
const LEASE: Duration = Duration::from_secs(15);
/// How often something may happen again and again.
const INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
/// How much a candidate may say of itself, in bytes.
const MOST_METADATA: usize = Beat::MAX_METADATA;
/// How long a candidate's name may be, in bytes.
const LONGEST_NAME: usize = 256;

/// On which terms a candidate stands, as they were found to be possible.
///
/// See [`LeaderElectionOptions`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElectionTerms {
    lease: Duration,
    renew: Duration,
    retry: Duration,
    grace: Duration,
    warnings: Vec<ElectionWarning>,
}

/// What a set of options means for who depends on it.
///
/// ```
/// use distributed_task::coordination::LeaderElectionOptions;
///
/// let margins = LeaderElectionOptions::default().check()?.margins();
/// assert_eq!(margins.takeover.as_secs(), 17);
/// println!("{margins}");
/// # Ok::<(), distributed_task::coordination::InvalidElection>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Margins {
    /// How often a leader tries to renew its lease, at least, before it gives up.
    pub renew_chances: u32,
    /// How long an outage of the store leaves a leader in office, whenever it begins.
    pub longest_outage: Duration,
    /// How long after the crash of a leader another one leads at the latest, if the store answers.
    pub takeover: Duration,
    /// How long an old leader has known that it leads no more, at least, before a new one may begin. So
    /// this is how much they do *not* overlap; it is never less than what clocks are trusted to differ.
    pub gap: Duration,
}

impl fmt::Display for Margins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { renew_chances, longest_outage, takeover, gap } = self;
        write!(
            f,
            "a leader tries {renew_chances} times to renew before it gives up, bears outages of \
             {longest_outage:?}, is followed {takeover:?} after a crash at the latest, and knows that it \
             leads no more {gap:?} before another one may"
        )
    }
}

/// Options that cannot be followed: all that is wrong with them.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::coordination::LeaderElectionOptions;
///
/// let mut options = LeaderElectionOptions::default();
/// options.renew_interval = Some(Duration::from_secs(14));
/// options.retry_interval = Duration::ZERO;
/// let error = options.check().expect_err("nothing is left of the lease to renew it in");
/// assert_eq!(error.findings.len(), 2);
/// println!("{error}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", told(.findings))]
#[non_exhaustive]
pub struct InvalidElection {
    /// Each of them, with what to write instead.
    pub findings: Vec<ElectionFinding>,
}

fn told(findings: &[ElectionFinding]) -> String {
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("; ")
}

/// Something that is wrong with the options of an election.
///
/// See [`InvalidElection`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElectionFinding {
    /// It was said twice, and not the same.
    #[error(
        "`lease_duration` is {lease_duration:?} and `leadership_timeout` {leadership_timeout:?}: both \
         are one thing, say it once"
    )]
    TwoLeases {
        /// Under its name.
        lease_duration: Duration,
        /// Under its other name.
        leadership_timeout: Duration,
    },
    /// No lease is so short or so long.
    #[error("`lease_duration`: {0}")]
    InvalidLease(#[from] InvalidLease),
    /// What happens again and again does so after a time.
    #[error(
        "`{option}` is {interval:?}: take one from {:?} to {:?}",
        INTERVALS.start(),
        INTERVALS.end()
    )]
    Interval {
        /// Which of them it is.
        option: &'static str,
        /// How long it is.
        interval: Duration,
    },
    /// What is left of a lease when it is renewed does not suffice for it.
    #[error(
        "`renew_interval` is {renew_interval:?} of a lease of {lease_duration:?}: take less than \
         {latest:?}, so that there is time to renew it, better a third of it"
    )]
    NoAttemptFits {
        /// After how long it would be renewed.
        renew_interval: Duration,
        /// How long it is.
        lease_duration: Duration,
        /// When it is too late to renew it.
        latest: Duration,
    },
    /// Nobody is so healthy, or everybody is.
    #[error("`minimum_health_score` is {0}: take a number from 0 to 1")]
    HealthScore(String),
    /// Nobody stands where nobody leads.
    #[error("`min_candidates` is 0: take at least 1, or leave it out")]
    NoCandidates,
    /// Candidates are to be counted where nobody knows them.
    #[error(
        "`min_candidates` is {0}, and this lease store does not know who stands: take one that does, such as \
         `RedisLeases`, or `QuorumLeases` over several of them. Two things are called a quorum: of \
         candidates, which is `min_candidates`, and of servers, which is `QuorumLeases`"
    )]
    UnknownCandidates(u32),
    /// Candidates are to be compared where nobody knows them.
    #[error(
        "`priority` is {0}, and this lease store does not know who stands: take one that does, such as \
         `RedisLeases`, or leave it out"
    )]
    UnknownPriorities(i32),
    /// Whether others stand is to be seen where nobody knows them.
    #[error(
        "`lead_if_alone_unhealthy` is true, and this lease store does not know who stands: take one that does, such \
         as `RedisLeases`, or leave it out"
    )]
    UnknownOthers,
    /// A quorum is to be had where there is none.
    #[error(
        "`require_quorum` is true, and there is none: of servers, take `QuorumLeases` as the store; of candidates, \
         set `min_candidates` to 2 or more"
    )]
    NoQuorum,
    /// Candidates are to be counted by one who does not look after it.
    #[error("`min_candidates` is {0}, which a campaign does not look after: use `Election::start`")]
    OnlyStanding(u32),
    /// A candidate without a name, or with a very long one.
    #[error("`candidate_id` has {0} bytes: take 1 to {LONGEST_NAME}")]
    CandidateId(usize),
    /// A candidate says too much of itself.
    #[error("`candidate_metadata` has {0} bytes: take at most {MOST_METADATA}")]
    TooMuchMetadata(usize),
}

impl ElectionFinding {
    /// What is wrong with what a candidate says of itself.
    pub(super) fn of_metadata(metadata: &Metadata) -> Option<Self> {
        let bytes = metadata_bytes(metadata);
        (bytes > MOST_METADATA).then_some(Self::TooMuchMetadata(bytes))
    }

    /// Which option it is.
    pub(in crate::coordination) fn option(&self) -> &'static str {
        match self {
            Self::TwoLeases { .. } | Self::InvalidLease(_) => "lease_duration",
            Self::Interval { option, .. } => option,
            Self::NoAttemptFits { .. } => "renew_interval",
            Self::HealthScore(_) => "minimum_health_score",
            Self::NoCandidates | Self::UnknownCandidates(_) | Self::OnlyStanding(_) => {
                "min_candidates"
            }
            Self::UnknownPriorities(_) => "priority",
            Self::UnknownOthers => "lead_if_alone_unhealthy",
            Self::NoQuorum => "require_quorum",
            Self::CandidateId(_) => "candidate_id",
            Self::TooMuchMetadata(_) => "candidate_metadata",
        }
    }
}

/// Something that is possible, and maybe not what was meant.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::coordination::LeaderElectionOptions;
///
/// // Kubernetes renews a lease of 15 seconds after 10.
/// let mut options = LeaderElectionOptions::default();
/// options.renew_interval = Some(Duration::from_secs(10));
/// let terms = options.check()?;
/// assert_eq!(terms.grace(), Duration::from_millis(4250));
/// for warning in terms.warnings() {
///     println!("{warning}");
/// }
/// # Ok::<(), distributed_task::coordination::InvalidElection>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElectionWarning {
    /// A lease is renewed late.
    LateRenewal {
        /// After how long it is renewed.
        renew_interval: Duration,
        /// A third of the lease.
        third: Duration,
    },
    /// There is no room for all of the grace period.
    ShorterGrace {
        /// How long it was to be.
        grace_period: Duration,
        /// How long it is.
        effective: Duration,
    },
}

impl fmt::Display for ElectionWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LateRenewal { renew_interval, third } => write!(
                f,
                "`renew_interval` is {renew_interval:?}, more than a third of the lease ({third:?}): few \
                 renewals may fail before leadership is lost"
            ),
            Self::ShorterGrace { grace_period, effective } => write!(
                f,
                "`grace_period` is {effective:?} and not {grace_period:?}: no more is left of a lease \
                 when it is renewed"
            ),
        }
    }
}

/// With what else was found.
pub(super) fn check(
    options: &LeaderElectionOptions,
    found: impl IntoIterator<Item = ElectionFinding>,
) -> Result<ElectionTerms, InvalidElection> {
    let mut findings = Vec::new();
    let lease = match (options.lease_duration, options.leadership_timeout) {
        (Some(lease_duration), Some(leadership_timeout))
            if lease_duration != leadership_timeout =>
        {
            findings.push(ElectionFinding::TwoLeases { lease_duration, leadership_timeout });
            lease_duration
        }
        (lease, other) => lease.or(other).unwrap_or(LEASE),
    };
    let renew = options.renew_interval.unwrap_or(lease / 3);
    // Of a lease that is none nothing follows.
    match Terms::new(lease).check() {
        Err(invalid) => findings.push(invalid.into()),
        Ok(()) => {
            let latest = lease - lease / 6 - Terms::drift(lease);
            if latest <= renew {
                let (renew_interval, lease_duration) = (renew, lease);
                let finding =
                    ElectionFinding::NoAttemptFits { renew_interval, lease_duration, latest };
                findings.push(finding);
            }
        }
    }
    let intervals = [
        ("renew_interval", options.renew_interval),
        ("retry_interval", Some(options.retry_interval)),
        ("heartbeat_interval", Some(options.heartbeat_interval)),
    ];
    findings.extend(intervals.into_iter().filter_map(|(option, interval)| {
        let interval = interval.filter(|interval| !INTERVALS.contains(interval))?;
        Some(ElectionFinding::Interval { option, interval })
    }));
    let score = options.minimum_health_score;
    if !(0.0..=1.0).contains(&score) {
        findings.push(ElectionFinding::HealthScore(score.to_string()));
    }
    let name = options.candidate_id.len();
    if !(1..=LONGEST_NAME).contains(&name) {
        findings.push(ElectionFinding::CandidateId(name));
    }
    findings.extend(ElectionFinding::of_metadata(&options.said()));
    if options.min_candidates == Some(0) {
        findings.push(ElectionFinding::NoCandidates);
    }
    findings.extend(found);
    match findings.is_empty() {
        true => Ok(ElectionTerms::follow(lease, renew, options)),
        false => Err(InvalidElection { findings }),
    }
}

impl ElectionTerms {
    fn follow(lease: Duration, renew: Duration, options: &LeaderElectionOptions) -> Self {
        let grace_period = options.grace_period;
        let room = lease.saturating_sub(renew + (lease / 20).max(Duration::from_millis(50)));
        // Whoever would wait for no answer asks once all the same.
        let grace = grace_period.min(room).max(Terms::new(lease).slot());
        let third = lease / 3;
        let late = ElectionWarning::LateRenewal { renew_interval: renew, third };
        let shorter = ElectionWarning::ShorterGrace { grace_period, effective: grace };
        let warnings = [(third < renew, late), (grace < grace_period, shorter)];
        let warnings = warnings.into_iter().filter_map(|(is_so, warning)| is_so.then_some(warning));
        Self { lease, renew, retry: options.retry_interval, grace, warnings: warnings.collect() }
    }

    /// How long a leader stays one if it dies.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// After how long a leader renews its lease at the latest.
    pub fn renew(&self) -> Duration {
        self.renew
    }

    /// How often somebody who does not lead looks who does.
    pub fn retry(&self) -> Duration {
        self.retry
    }

    /// For how long a leader tries to renew its lease while the store does not answer: the grace period,
    /// as far as the lease has room for it.
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// What may not be what was meant.
    pub fn warnings(&self) -> &[ElectionWarning] {
        &self.warnings
    }

    /// What it means for who depends on it.
    pub fn margins(&self) -> Margins {
        let terms = Terms::new(self.lease);
        let slot = terms.slot();
        // A timer is late by a millisecond.
        let apart = slot + Duration::from_millis(1);
        let chances = self.grace.as_nanos().div_ceil(apart.as_nanos());
        let renew_chances = u32::try_from(chances).expect("a lease has 18 slots");
        let known = (self.renew + self.grace).min(self.lease - Terms::drift(self.lease));
        Margins {
            renew_chances,
            longest_outage: slot * (renew_chances - 1),
            takeover: self.lease + self.retry,
            gap: self.lease - known,
        }
    }

    /// On which a leader has its lease.
    pub(super) fn of_lease(&self) -> Terms {
        Terms {
            on_unreachable: OnUnreachable::LoseAfter(self.grace),
            renewed: Renewing::AsChecked(self.renew),
            retry_delay: Some(self.retry),
            ..Terms::new(self.lease)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordination::terms::LEASES;

    #[test]
    fn a_lease_has_room_for_what_is_promised() {
        for lease in [*LEASES.start(), LEASE, *LEASES.end()] {
            let latest = lease - lease / 6 - Terms::drift(lease);
            for renew in [Duration::from_millis(1), lease / 3, latest - Duration::from_millis(1)] {
                let options = LeaderElectionOptions {
                    lease_duration: Some(lease),
                    renew_interval: Some(renew),
                    grace_period: Duration::MAX,
                    ..Default::default()
                };
                let terms = options.check().expect("it is possible");
                let Margins { renew_chances, longest_outage, gap, .. } = terms.margins();
                assert!(renew_chances >= 1 && longest_outage < terms.grace(), "{terms:?}");
                assert!(gap >= Terms::drift(lease), "{terms:?}");
            }
        }
    }
}
