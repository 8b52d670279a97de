//! Which life of a server is at the other end of a connection.

use std::time::Duration;

use super::facts::Info;
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::Timestamp,
    lease::Life,
};

/// When a server began to live, as it was told when the connection was made: a connection ends with the
/// life that it was made to.
#[derive(Debug)]
pub(super) struct Birth {
    /// `run_id`; empty if it was not told.
    id: String,
    /// How old it was then, at least.
    age: Duration,
    since: TokioClock,
}

impl Birth {
    /// From what `INFO server` says.
    pub(super) fn of(info: &str) -> Option<Self> {
        let info = Info(info);
        let seconds: i64 = info.of("uptime_in_seconds")?.parse().ok()?;
        // It counts in whole seconds of the clock, and so one too many at times; less than none where the clock
        // went back.
        let age = Duration::from_secs(u64::try_from(seconds.saturating_sub(1)).unwrap_or(0));
        Some(Self {
            id: info.of("run_id")?.to_owned(),
            age,
            since: TokioClock::starting_at(Timestamp(0)),
        })
    }

    /// The life, as old as it was when it was asked.
    pub(super) fn life(&self, Asked(asked): &Asked) -> Life {
        let (now, waited) = (self.since.now(), asked.now().since(Timestamp(0)));
        let known = now.since(Timestamp(0)).saturating_sub(waited);
        Life { id: self.id.clone(), age: self.age + known }
    }
}

/// When something was asked.
pub(super) struct Asked(TokioClock);

impl Asked {
    pub(super) fn now() -> Self {
        Self(TokioClock::starting_at(Timestamp(0)))
    }
}

/// What is known of a server that does not say: it may have started just now.
impl Default for Birth {
    fn default() -> Self {
        let since = TokioClock::starting_at(Timestamp(0));
        Self { id: String::new(), age: Duration::ZERO, since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_never_said_to_be_older_than_it_is() {
        let info =
            |seconds: i64| format!("# Server\r\nrun_id:67f8\r\nuptime_in_seconds:{seconds}\r\n");
        let birth = |seconds| Birth::of(&info(seconds)).expect("it says both");
        assert_eq!(birth(7).id, "67f8");
        assert_eq!((birth(7).age, birth(0).age), (Duration::from_secs(6), Duration::ZERO));
        assert_eq!((birth(-3600).id, birth(-3600).age), ("67f8".to_owned(), Duration::ZERO));
        assert!(Birth::of("# Server\r\nrun_id:67f8\r\n").is_none());
    }
}
