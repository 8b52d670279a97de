//! Why a Redis cannot be used at all.

use std::time::Duration;

use redis::RedisError;
use thiserror::Error;

use super::{
    address::Way,
    error::{Outage, Said},
};

/// Why a Redis cannot be used. Nothing was changed there.
///
/// ```
/// use distributed_task::backend::redis::RedisOpenError;
///
/// fn may_help_itself(error: &RedisOpenError) -> bool {
///     use RedisOpenError::{Loading, NoPrimary, Silent, Unreachable};
///     matches!(error, Loading { .. } | NoPrimary { .. } | Silent { .. } | Unreachable { .. })
/// }
///
/// let error = RedisOpenError::Evicts {
///     address: "Redis at cache.internal:6379".into(),
///     policy: "allkeys-lru".into(),
/// };
/// assert!(!may_help_itself(&error));
/// assert!(error.to_string().contains("maxmemory-policy noeviction"));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedisOpenError {
    /// The address cannot be understood.
    #[error("the address of Redis is no address: {what}")]
    Address {
        /// What is wrong with it, and what to write instead.
        what: String,
    },
    /// Nobody is there.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Where, without user and password.
        address: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It takes too long.
    #[error("{address} did not answer within {limit:?}: it is stopped, or a firewall is between")]
    Silent {
        /// Where, without user and password.
        address: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// It answers with an error: user and password are wrong, say.
    #[error("{address} cannot be used: {what}")]
    Refused {
        /// Where, without user and password.
        address: String,
        /// What it says, and what to do.
        what: String,
        /// What it says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else is there.
    #[error(
        "what answers at {place} is not Redis: look at host and port; where Redis wants TLS, the \
         address begins with rediss://"
    )]
    NotRedis {
        /// Host and port, or the socket.
        place: String,
    },
    /// It has started, and is not ready.
    #[error("{address} was still reading its data after {limit:?}: start this program again later")]
    Loading {
        /// Where, without user and password.
        address: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// No sentinel names a primary that takes writes.
    #[error("{address}: {what}")]
    NoPrimary {
        /// Which one, of which sentinels.
        address: String,
        /// What they say.
        what: String,
    },
    /// It copies another server.
    #[error(
        "{address} is a replica, and takes no writes: name the primary, or let sentinels name it: redis+sentinel://host:port,host:port/<name of the primary>"
    )]
    Replica {
        /// Where, without user and password.
        address: String,
    },
    /// It is part of a cluster.
    #[error(
        "{address} runs in cluster mode, which is not supported yet: use a server with `cluster-enabled no`, alone or with sentinels"
    )]
    Cluster {
        /// Where, without user and password.
        address: String,
    },
    /// It is older than what is needed.
    #[error("{address} is version {found}, and {needed} or newer is needed")]
    TooOld {
        /// Where, without user and password.
        address: String,
        /// What is there.
        found: String,
        /// The oldest that will do.
        needed: &'static str,
    },
    /// It throws away what it should keep.
    #[error(
        "{address} has `maxmemory-policy {policy}`: when its memory is full it would throw away what this program has written; set `maxmemory-policy noeviction`, or use a server of its own"
    )]
    Evicts {
        /// Where, without user and password.
        address: String,
        /// What it is set to.
        policy: String,
    },
    /// The machine has no place for its thread, or that has ended.
    #[error(
        "there is no thread for the connection of the journal in Redis: {source}; how many a process may have is limited by `ulimit -u` and by its container"
    )]
    NoThread {
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A setting that makes no sense.
    #[error("{setting} of the journal in Redis: {what}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// What is wrong with it, and what to write instead.
        what: String,
    },
    /// The processes of a namespace must agree on this.
    #[error(
        "{address} has sagas in the namespace `{namespace}` with {setting} {there}, and this process \
         says {here}: say the same, or take another namespace"
    )]
    Disagrees {
        /// Where, without user and password.
        address: String,
        /// The namespace.
        namespace: String,
        /// What they disagree on.
        setting: &'static str,
        /// What the first process said.
        there: String,
        /// What this one says.
        here: String,
    },
}

impl RedisOpenError {
    pub(super) fn address(what: impl Into<String>) -> Self {
        Self::Address { what: what.into() }
    }

    pub(super) fn refused(way: &Way, source: RedisError) -> Self {
        let what = Said(&source).to_string();
        Self::Refused { address: way.to_string(), what, source: source.into() }
    }

    pub(super) fn no_thread(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::NoThread { source: source.into() }
    }

    /// What was in the way, in the end.
    pub(super) fn outage(way: &Way, outage: Outage, limit: Duration) -> Self {
        let address = way.to_string();
        match outage {
            Outage::Unreachable(source) => Self::Unreachable { address, source: source.into() },
            Outage::Broken(source) => Self::Unreachable { address, source: source.into() },
            Outage::Refused(source) => Self::refused(way, source),
            Outage::NotRedis => match way.place() {
                Some(place) => Self::NotRedis { place: place.to_string() },
                None => {
                    let what = "what answers where the sentinels say that it is is not Redis";
                    Self::NoPrimary { address, what: what.to_owned() }
                }
            },
            Outage::Loading => Self::Loading { address, limit },
            Outage::Replica if way.is_sentinel() => {
                let what = "the sentinels name a server that is a replica by now: \
                            start this program again when they agree";
                Self::NoPrimary { address, what: what.to_owned() }
            }
            Outage::Replica => Self::Replica { address },
            Outage::Silent(_) => Self::Silent { address, limit },
            Outage::NoPrimary(what) => Self::NoPrimary { address, what },
        }
    }
}
