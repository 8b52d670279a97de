//! What kind of server it is, and whether it can keep a journal.

use std::collections::HashMap;

use redis::{RedisError, Value, cmd, from_redis_value};

use super::{RedisOpenError, address::Way, line::Line};
use crate::journal::Durability;

/// The oldest version that will do: scripts may be long, and `INFO` and `CONFIG GET` take several
/// names.
const NEEDED: (u32, &str) = (7, "7.0");

/// What a full server must do: refuse what is written, and keep what it has.
const EVICTS_NOTHING: &str = "noeviction";
/// The log is flushed before each answer,
const ALWAYS: (&str, &str) = ("appendfsync", "always");
/// also while it is rewritten.
const REWRITING: (&str, &str) = ("no-appendfsync-on-rewrite", "no");

/// What the check at the start found.
#[derive(Debug)]
pub(crate) struct ServerFacts {
    /// What what is written survives. Behind sentinels it is the end of a process at most: a
    /// replica that takes over may lack the last writes.
    pub(crate) durability: Durability,
    /// Another server may take over, and lack the last writes.
    pub(crate) is_replicated: bool,
}

impl ServerFacts {
    /// Asks the server.
    pub(super) async fn of(way: &Way, line: &Line) -> Result<Self, RedisOpenError> {
        let refused = |error| RedisOpenError::refused(way, error);
        let info: String = text(line.query(&cmd("INFO")).await).map_err(refused)?;
        // Who may not ask does not know, and promises less.
        let ask = cmd("CONFIG").arg("GET").arg(ALWAYS.0).arg(REWRITING.0).take();
        let config: HashMap<String, String> = text(line.query(&ask).await).unwrap_or_default();
        let says = |(name, value): (&str, &str)| config.get(name).is_some_and(|is| is == value);
        Self::judge(way, &Info(&info), says(ALWAYS) && says(REWRITING))
    }

    /// What has changed for the worse since then, by what the server says of its memory and its replicas.
    pub(crate) fn doubts(&self, address: &str, info: &str) -> Vec<String> {
        let info = Info(info);
        let policy = info.of("maxmemory_policy").filter(|policy| *policy != EVICTS_NOTHING);
        let policy = policy.map(|policy| {
            format!(
                "{address} has `maxmemory-policy {policy}`: when its memory is full leases may be thrown away; set \
                 `maxmemory-policy {EVICTS_NOTHING}`"
            )
        });
        let has_new = !self.is_replicated && has_replicas(&info);
        let replicas = has_new.then(|| {
            format!(
                "{address} has replicas since this process opened it: a fail-over to one of them may lose leases; \
                 open it anew, so that `safety` says so, or check fences"
            )
        });
        policy.into_iter().chain(replicas).collect()
    }

    fn judge(way: &Way, info: &Info<'_>, is_flushed: bool) -> Result<Self, RedisOpenError> {
        let address = || way.to_string();
        let version = info.of("redis_version").unwrap_or("unknown");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < NEEDED.0) {
            let found = version.to_owned();
            return Err(RedisOpenError::TooOld { address: address(), found, needed: NEEDED.1 });
        }
        if info.of("cluster_enabled") == Some("1") {
            return Err(RedisOpenError::Cluster { address: address() });
        }
        let policy = info.of("maxmemory_policy").unwrap_or("unknown");
        if policy != EVICTS_NOTHING {
            return Err(RedisOpenError::Evicts { address: address(), policy: policy.to_owned() });
        }
        let is_on_disk = info.of("aof_enabled") == Some("1") && is_flushed;
        Ok(Self {
            durability: match is_on_disk && !way.is_sentinel() {
                true => Durability::Fsync,
                false => Durability::Process,
            },
            is_replicated: way.is_sentinel() || has_replicas(info),
        })
    }
}

fn has_replicas(info: &Info<'_>) -> bool {
    info.of("connected_slaves").is_some_and(|replicas| replicas != "0")
}

fn text<T: redis::FromRedisValue>(answer: Result<Value, RedisError>) -> Result<T, RedisError> {
    Ok(from_redis_value(answer?)?)
}

/// Lines of `name:value`.
pub(super) struct Info<'a>(pub(super) &'a str);

impl<'a> Info<'a> {
    pub(super) fn of(&self, name: &str) -> Option<&'a str> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\n# Memory\r\n\
                        maxmemory_policy:noeviction\r\naof_enabled:1\r\ncluster_enabled:0\r\n";

    fn judge(url: &str, info: &str, is_flushed: bool) -> Result<ServerFacts, RedisOpenError> {
        ServerFacts::judge(&Way::parse(url).expect("an address"), &Info(info), is_flushed)
    }

    #[test]
    fn only_a_log_that_is_flushed_before_the_answer_survives_power_loss() {
        let durability = |url: &str, info: &str, is_flushed| {
            judge(url, info, is_flushed).expect("a good server").durability
        };
        let (alone, sentinel) = ("redis://h", "redis+sentinel://h:1/m");
        assert_eq!(durability(alone, GOOD, true), Durability::Fsync);
        assert_eq!(durability(alone, GOOD, false), Durability::Process);
        let no_log = GOOD.replace("aof_enabled:1", "aof_enabled:0");
        assert_eq!(durability(alone, &no_log, true), Durability::Process);
        assert_eq!(durability(sentinel, GOOD, true), Durability::Process);
    }

    #[test]
    fn a_server_that_is_too_old_is_refused_with_what_was_found() {
        let old = GOOD.replace("7.0.15", "6.2.14");
        let error = judge("redis://u:secret@h", &old, false).expect_err("it is too old");
        let text = error.to_string();
        assert_eq!(text, "Redis at h:6379 is version 6.2.14, and 7.0 or newer is needed");
    }
}
