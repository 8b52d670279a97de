//! The keys and channels, and what is sent there.

use bytes::Bytes;
use uuid::Uuid;

use super::super::draw;
use crate::{kernel::SagaId, progress::Progress};

/// All names begin with one tag, so that a script may use several.
pub(super) struct Names {
    tag: String,
    /// Of this process.
    process: Uuid,
}

impl Names {
    pub(super) fn new(namespace: &str) -> Self {
        Self { tag: format!("{{{namespace}:progress}}:"), process: draw() }
    }

    /// Where the state of a saga is held.
    pub(super) fn state(&self, saga: SagaId) -> Vec<u8> {
        format!("{}{saga}", self.tag).into_bytes()
    }

    /// Where its states are sent to.
    pub(super) fn channel(&self, saga: SagaId) -> Vec<u8> {
        format!("{}of:{saga}", self.tag).into_bytes()
    }

    /// Where it is said who is watched: every process listens.
    pub(super) fn everybody(&self) -> Vec<u8> {
        format!("{}watched", self.tag).into_bytes()
    }

    /// Where only this process listens.
    pub(super) fn own(&self) -> Vec<u8> {
        format!("{}to:{}", self.tag, self.process).into_bytes()
    }

    /// Says that these sagas are watched here.
    pub(super) fn announcement(&self, sagas: &[SagaId]) -> Bytes {
        let ids = sagas.iter().map(|saga| saga.0.as_bytes().as_slice());
        std::iter::once(self.process.as_bytes().as_slice()).chain(ids).flatten().copied().collect()
    }

    /// The sagas that another process says it watches.
    pub(super) fn announced(&self, payload: &[u8]) -> Vec<SagaId> {
        let mut ids = payload.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok());
        if ids.next().is_none_or(|process| process == self.process) {
            return Vec::new();
        }
        ids.map(SagaId).collect()
    }
}

/// A state, and when the store took it: of two states of one `seq` the later one counts.
pub(super) struct Held {
    pub(super) at: u64,
    pub(super) progress: Progress,
}

impl Held {
    /// Reads what the scripts write: the time, a space, and JSON.
    pub(super) fn read(text: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let space = text.iter().position(|byte| *byte == b' ').ok_or("not a state")?;
        let at = std::str::from_utf8(&text[..space])?.parse()?;
        Ok(Self { at, progress: serde_json::from_slice(&text[space + 1..])? })
    }

    pub(super) fn is_over_or_newer(&self, other: &Self) -> bool {
        let (held, new) = (&self.progress, &other.progress);
        held.status.is_terminal() || (held.seq, self.at) >= (new.seq, other.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_hears_what_others_announce_and_not_what_it_says_itself() {
        let (here, there) = (Names::new("shop"), Names::new("shop"));
        let sagas: Vec<SagaId> = (1..4).map(|id| SagaId(Uuid::from_u128(id))).collect();
        assert_eq!(there.announced(&here.announcement(&sagas)), sagas);
        assert_eq!(here.announced(&here.announcement(&sagas)), []);
        assert_eq!(here.announced(b"of another version"), []);
        assert_eq!(here.announced(b""), []);
    }

    #[test]
    fn what_is_not_a_state_is_an_error() {
        for text in ["", "12", "12 {}", "x {}", " "] {
            assert!(Held::read(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
