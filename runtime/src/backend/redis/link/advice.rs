//! What to do about the errors that a server answers with, by the first word of each.

/// What to do, where there is something to say.
pub(super) fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "LOADING" => "it answers when it has read its data",
        "READONLY" => {
            "it takes no writes: name the primary, or let sentinels name it: \
             redis+sentinel://host:port,host:port/<name of the primary>"
        }
        "MASTERDOWN" => "it is a replica that has lost its primary: name the primary",
        "OOM" => {
            "its memory is full: raise `maxmemory`, or keep what has ended for a shorter time; \
             nothing is lost, and what waits goes on when there is room"
        }
        "MISCONF" => {
            "it cannot write its data to the disk: its log says why; what waits goes on when that \
             is mended"
        }
        "BUSY" => "a script has been running there for seconds; `SCRIPT KILL` ends it",
        "NOREPLICAS" => {
            "too few replicas follow it: bring them back, or lower `min-replicas-to-write`"
        }
        "NOAUTH" => {
            "it wants a password: put it into the address: redis://user:password@host, or \
             redis://:password@host"
        }
        "WRONGPASS" => {
            "user or password are wrong: they stand in the address: redis://user:password@host, \
             with % for what has a meaning there: %40 for @"
        }
        "NOPERM" => {
            "the user may not do this: give it the command, the keys and the channels with \
             `ACL SETUSER`"
        }
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => {
            "it is part of a cluster, which is not supported yet: name a server that is not"
        }
        _ => return None,
    })
}

/// Whether the same may succeed later, without a change of this program or its settings.
pub(crate) fn will_pass(code: &str) -> bool {
    // A script can be forgotten once more, behind the call that brought it.
    is_elsewhere(code)
        || matches!(code, "OOM" | "MISCONF" | "BUSY" | "NOREPLICAS" | "NOSCRIPT" | "TRYAGAIN")
}

/// Whether another server may take what this one does not, or this one when it is ready: a new
/// connection finds out.
pub(super) fn is_elsewhere(code: &str) -> bool {
    matches!(code, "LOADING" | "READONLY" | "MASTERDOWN")
}
