//! How a way to Redis behaves.

use std::{fmt, time::Duration};

/// Where the server is, and how long anything may take.
#[derive(Clone)]
pub(crate) struct LinkSettings {
    /// The address, with the password.
    pub(super) url: String,
    /// How long a call may wait, for a connection and for its answer together; besides the time that what
    /// is sent may take on a network that is not fast, and ten times as long while answers come.
    pub(super) response_limit: Duration,
    /// How long the start may take.
    pub(super) open_limit: Duration,
    /// For how long a connection may be silent before a second one is tried.
    pub(super) patience: Duration,
    /// How long the connecting of one connection may take.
    pub(super) connect_limit: Duration,
    /// How often a connection that only listens is asked whether it is still there.
    pub(super) listen_pulse: Duration,
}

impl LinkSettings {
    /// The server at `url`, with the limits that suit a network where answers take milliseconds.
    pub(crate) fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            response_limit: Duration::from_secs(2),
            open_limit: Duration::from_secs(5),
            patience: Duration::from_millis(300),
            connect_limit: Duration::from_secs(1),
            listen_pulse: Duration::from_secs(5),
        }
    }

    /// The same where the server itself waits for so long before it answers.
    pub(crate) fn for_calls_of(mut self, longest: Duration) -> Self {
        self.response_limit = self.response_limit.saturating_add(longest);
        self.patience = self.patience.saturating_add(longest);
        self
    }
}

/// Without the address, which may hold a password.
impl fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkSettings")
            .field("response_limit", &self.response_limit)
            .field("open_limit", &self.open_limit)
            .finish_non_exhaustive()
    }
}
