//! What a candidate says of itself, which may change while it stands.

use tokio::sync::watch;

use super::{ElectionFinding, InvalidElection, LeaderElectionOptions, Metadata};

/// What others read a priority by.
pub(super) const PRIORITY: &str = "priority";

impl LeaderElectionOptions {
    /// All that a candidate says of itself.
    pub(super) fn said(&self) -> Metadata {
        with(self.candidate_metadata.clone(), self.priority)
    }
}

fn with(mut metadata: Metadata, priority: Option<i32>) -> Metadata {
    metadata.extend(priority.map(|priority| (PRIORITY.to_owned(), priority.to_string())));
    metadata
}

/// What one candidate says of itself.
pub(super) struct Said {
    priority: Option<i32>,
    now: watch::Sender<Metadata>,
}

impl Said {
    pub(super) fn new(options: &LeaderElectionOptions) -> Self {
        Self { priority: options.priority, now: watch::Sender::new(options.said()) }
    }

    pub(super) fn now(&self) -> Metadata {
        self.now.borrow().clone()
    }

    /// What it says now, and later changes of it.
    pub(super) fn follow(&self) -> watch::Receiver<Metadata> {
        self.now.subscribe()
    }

    /// Says this from now on.
    pub(super) fn say(&self, metadata: Metadata) -> Result<(), InvalidElection> {
        let metadata = with(metadata, self.priority);
        if let Some(finding) = ElectionFinding::of_metadata(&metadata) {
            return Err(InvalidElection { findings: vec![finding] });
        }
        self.now.send_replace(metadata);
        Ok(())
    }
}
