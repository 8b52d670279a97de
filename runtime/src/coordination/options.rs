//! What a process may set for all of its coordination, under the names and with the defaults that users of
//! other libraries know.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    LeaderElectionOptions, RwPolicy,
    terms::{InvalidLease, LEASES},
    text,
};

/// What a process sets for all of its coordination, for example in a file. All of it can be left out, and
/// durations are text.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, CoordinationOptions},
/// };
///
/// let options: CoordinationOptions = serde_json::from_str(
///     r#"{
///         "locking": { "default_lock_timeout": "45s", "max_lock_retries": 20 },
///         "leader_election": { "lease_duration": "30s" },
///         "debugging": { "enable_lock_tracing": true }
///     }"#,
/// )?;
/// let coordination = Coordination::new(MemoryLeases::new()).with_options(options)?;
/// let held = coordination.lock("nightly-report").acquire().await?;
/// assert_eq!(held.ttl().as_secs(), 45);
///
/// let wrong = r#"{ "locking": { "default_lock_timeout": "1ms" }, "batching": { "batch_size": 0 } }"#;
/// let wrong: CoordinationOptions = serde_json::from_str(wrong)?;
/// let error = wrong.check().expect_err("a millisecond is no lease, and none is no batch");
/// assert_eq!(error.findings.len(), 2);
/// println!("{error}");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CoordinationOptions {
    /// Of locks, and of jobs that one process at a time runs.
    pub locking: LockingOptions,
    /// Of elections that do not say otherwise.
    pub leader_election: LeaderElectionOptions,
    /// How leases are renewed together, and candidates say together that they stand.
    pub batching: BatchingOptions,
    /// What is logged.
    pub debugging: DebuggingOptions,
}

/// On which terms a lock is wanted that does not say otherwise.
///
/// These are the terms of a process that [sets options](super::Coordination::with_options). One that does
/// not leases locks for 30 seconds, and waits for them without a limit.
///
/// See [`CoordinationOptions`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LockingOptions {
    /// How long a lock is held if its holder dies. Default 5 minutes; 30 seconds are better, since a lock
    /// is extended while its holder lives. A quorum has a limit of its own, which is 1 minute by default.
    #[serde(with = "text")]
    pub default_lock_timeout: Duration,
    /// How often who waits asks if it is told nothing, give or take a half. Default 100 milliseconds; at most
    /// every second in a store that [tells](crate::lease::LockStore) whose turn it is.
    #[serde(with = "text")]
    pub lock_retry_delay: Duration,
    /// How often who waits asks again without having been told to, before it gives up. Default 10: with
    /// the default delay, about a second. `acquire_timeout` knows no such limit.
    pub max_lock_retries: u32,
    /// Whether a lock is extended while it is held. Default: it is. A job always is, while it runs.
    pub enable_lock_extension: bool,
    /// After how long it is, where that is less than a third of its lease. Default 1 minute.
    #[serde(with = "text")]
    pub lock_extension_interval: Duration,
    /// Whether those of this process who wait for one lock wait as one: one of them asks the store, and who
    /// has it [hands it over](crate::lease::LockStore::hand_over) to the next one. Default: they do.
    pub enable_lock_pooling: bool,
    /// For how many locks at a time, 1 or more. Those who wait for another one do so each for itself. Default
    /// 100.
    pub lock_pool_size: usize,
    /// Who comes first at a lock that readers share: `queue_fair`, `prefer_writers` or `prefer_readers`. Default
    /// `queue_fair`, which starves nobody. All processes that use such a lock should say the same.
    pub rw_lock_policy: RwPolicy,
    /// Whether a grant, its fence and the line are one step in the store. Default: they are. There is no other
    /// way: `false` is refused.
    pub use_lua_scripts: bool,
}

impl Default for LockingOptions {
    fn default() -> Self {
        Self {
            default_lock_timeout: Duration::from_secs(300),
            lock_retry_delay: Duration::from_millis(100),
            max_lock_retries: 10,
            enable_lock_extension: true,
            lock_extension_interval: Duration::from_secs(60),
            enable_lock_pooling: true,
            lock_pool_size: 100,
            rw_lock_policy: RwPolicy::QueueFair,
            use_lua_scripts: true,
        }
    }
}

impl LockingOptions {
    /// For how many locks those who wait do so as one.
    pub(super) fn pooled(&self) -> usize {
        if self.enable_lock_pooling { self.lock_pool_size } else { 0 }
    }
}

/// How leases are renewed together, and how candidates of a process say together that they stand. Acquiring and
/// releasing is never delayed, nor is what a candidate says at once: as which owner it stands, that its health turned,
/// or something else of itself.
///
/// See [`CoordinationOptions`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BatchingOptions {
    /// Whether one call is for several. Default: it is.
    pub enable_batching: bool,
    /// For how many it is at most, from 1 to 1,000. Default 50.
    pub batch_size: usize,
    /// How much earlier than it has to be a lease is renewed at most, or a candidate heard, to be so with others;
    /// never by more than a tenth of the interval. Default 100 milliseconds.
    #[serde(with = "text")]
    pub batch_timeout: Duration,
}

impl Default for BatchingOptions {
    fn default() -> Self {
        let batch_timeout = Duration::from_millis(100);
        Self { enable_batching: true, batch_size: 50, batch_timeout }
    }
}

impl BatchingOptions {
    /// For how many one call is at most.
    pub(super) fn most(&self) -> usize {
        if self.enable_batching { self.batch_size } else { 1 }
    }
}

/// What is logged. Losses and failures always are, as warnings.
///
/// See [`CoordinationOptions`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DebuggingOptions {
    /// What is acquired and let go is logged at the level `info`, and not `debug`.
    pub enable_lock_tracing: bool,
    /// The same for the transitions of elections.
    pub enable_leader_election_logging: bool,
    /// All [events](super::CoordinationEvent) are logged at the level `info`, renewals too.
    pub log_coordination_events: bool,
    /// From which average on it is told that those who want names of a class wait for long. Default 5
    /// seconds.
    #[serde(with = "text")]
    pub contention_threshold: Duration,
}

impl Default for DebuggingOptions {
    fn default() -> Self {
        Self {
            enable_lock_tracing: false,
            enable_leader_election_logging: false,
            log_coordination_events: false,
            contention_threshold: Duration::from_secs(5),
        }
    }
}

/// Options that cannot be followed: all that is wrong with them.
///
/// See [`CoordinationOptions`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .findings.join("; "))]
#[non_exhaustive]
pub struct InvalidOptions {
    /// Each of them: where it is, what is wrong, and what to write instead.
    pub findings: Vec<String>,
}

impl CoordinationOptions {
    /// Looks at all of them.
    ///
    /// # Errors
    /// All that is wrong with them, at once.
    pub fn check(&self) -> Result<(), InvalidOptions> {
        let Self { locking, leader_election, batching, debugging } = self;
        let mut findings = Vec::new();
        let mut find = |is_wrong: bool, path: &str, finding: String| {
            if is_wrong {
                findings.push(format!("`{path}`: {finding}"));
            }
        };
        let lease = locking.default_lock_timeout;
        let is_none = !LEASES.contains(&lease);
        find(is_none, "locking.default_lock_timeout", InvalidLease { lease }.to_string());
        for (path, interval) in [
            ("locking.lock_retry_delay", locking.lock_retry_delay),
            ("locking.lock_extension_interval", locking.lock_extension_interval),
            ("debugging.contention_threshold", debugging.contention_threshold),
        ] {
            let least = Duration::from_millis(1);
            find(interval < least, path, format!("it is {interval:?}: take {least:?} or more"));
        }
        find(
            locking.lock_pool_size == 0,
            "locking.lock_pool_size",
            "it is 0: take 1 or more, or set `enable_lock_pooling` to `false`".to_owned(),
        );
        find(
            !locking.use_lua_scripts,
            "locking.use_lua_scripts",
            "it is `false`: leave it out, since fences and lines need scripts".to_owned(),
        );
        let size = batching.batch_size;
        let is_none = !(1..=1000).contains(&size);
        find(
            is_none,
            "batching.batch_size",
            format!("it is {size}: take a number from 1 to 1,000"),
        );
        if let Err(error) = leader_election.check() {
            for finding in error.findings {
                let path = format!("leader_election.{}", finding.option());
                find(true, &path, finding.to_string());
            }
        }
        match findings.is_empty() {
            true => Ok(()),
            false => Err(InvalidOptions { findings }),
        }
    }
}
