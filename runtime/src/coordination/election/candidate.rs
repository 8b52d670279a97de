//! Who stands, and who leads.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::DropGuard;

use super::{
    CampaignError, Election, ElectionTerms, Leadership, LeadershipContext, Metadata, pulse::Pulse,
    run::Pauses, said::Said,
};
use crate::coordination::text;
use crate::{
    coordination::{Lease, LeaseGuard, tenure::salt},
    kernel::{Fence, Timestamp},
    lease::{Owner, Tenure},
};

/// What tells a candidate from all others that are called the same.
#[derive(Clone)]
pub(super) struct Identity(Arc<str>);

/// So many characters of it do.
const IDENTITY: usize = 16;

impl Identity {
    /// A new one. Nobody who knows it knows an owner of a lease by it.
    pub(super) fn draw() -> Self {
        let mut text = String::new();
        for byte in &Sha256::digest(Owner::draw().as_str())[..IDENTITY / 2] {
            write!(text, "{byte:02x}").expect("a string takes everything");
        }
        Self(text.into())
    }

    pub(super) fn name(&self, id: &str) -> Arc<str> {
        format!("{id}/{}", self.0).into()
    }
}

/// Whose the lease of a leader is: what nobody else knows, as [`Owner`] wants it, and its name.
fn owner(candidate: &str) -> Owner {
    Owner::from(format!("{}/{candidate}", Owner::draw().as_str()))
}

/// The name in an owner, which has two parts before it.
fn candidate(owner: &Owner) -> &str {
    let name = owner.as_str().splitn(3, '/').nth(2);
    // Of another maker.
    name.unwrap_or("?")
}

/// Who leads, as somebody sees it who looks.
///
/// See [`Election`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeaderInfo {
    /// What it is [called](Election::candidate).
    pub id: Arc<str>,
    /// The fence of its tenure.
    pub fence: Fence,
    /// Since when it leads, on the store's clock; in what a candidate says of itself, on its own.
    pub acquired_at: Timestamp,
    /// When it leads no more if it does not renew its lease; `None` if that has no end, which is damage
    /// from outside.
    #[serde(with = "text::or_none")]
    pub expires_in: Option<Duration>,
    /// What it [says of itself](Election::metadata); `None` where that is not known: it does not beat, or
    /// has not beaten yet, or the store keeps nothing of the kind. What a candidacy sees of another one is as old as
    /// a [beat](Election::heartbeat_interval) at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

impl LeaderInfo {
    pub(super) fn read(tenure: &Tenure) -> Self {
        let Tenure { owner, fence, since, expires_in, .. } = tenure;
        let id = candidate(owner).into();
        let (acquired_at, expires_in) = (*since, *expires_in);
        Self { id, fence: *fence, acquired_at, expires_in, metadata: None }
    }
}

/// A candidate whose options were found to be possible.
pub(super) struct Candidate {
    pub(super) election: Election,
    pub(super) terms: ElectionTerms,
    pub(super) said: Arc<Said>,
}

impl Candidate {
    pub(super) fn new(election: &Election, terms: ElectionTerms) -> Self {
        let said = Arc::new(Said::new(&election.options));
        Self { election: election.clone(), terms, said }
    }

    /// Who it is in one attempt.
    pub(super) fn owner(&self) -> Owner {
        owner(&self.election.candidate)
    }

    /// One attempt of a candidacy, which beats itself.
    pub(super) async fn stand(&self, owner: Owner) -> Result<Leadership, CampaignError> {
        Ok(self.lead(self.lease(owner).acquire().await?, None))
    }

    pub(super) async fn campaign(&self) -> Result<Leadership, CampaignError> {
        let owner = self.owner();
        let beats = self.beats(&owner);
        Ok(self.lead(self.lease(owner).acquire().await?, beats))
    }

    pub(super) async fn try_campaign(&self) -> Result<Option<Leadership>, CampaignError> {
        let owner = self.owner();
        let asked = self.lease(owner.clone()).try_acquire().await?;
        Ok(asked.map(|guard| self.lead(guard, self.beats(&owner))))
    }

    /// It beats where it has something to say, for as long as somebody has this.
    fn beats(&self, owner: &Owner) -> Option<DropGuard> {
        if self.election.options.said().is_empty() {
            return None;
        }
        let pulse = Pulse::of(self)?;
        pulse.is(owner);
        Some(pulse.start(&self.election.options))
    }

    /// How long it waits before it asks again.
    pub(super) fn pauses(&self) -> Pauses {
        Pauses::new(self.terms.retry(), salt(&Owner::from(self.election.candidate.to_string())))
    }

    fn lease(&self, owner: Owner) -> Lease {
        self.election.lease().on(self.terms.of_lease()).drawn(owner)
    }

    fn lead(&self, guard: LeaseGuard, beats: Option<DropGuard>) -> Leadership {
        let context = LeadershipContext::new(self, guard.view());
        Leadership::new(guard, context, beats)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_its_owner() {
        for name in ["web-1/00", "a/b/c/00", "/00", "ü/00"] {
            assert_eq!(candidate(&owner(name)), name);
        }
        assert_ne!(owner("web-1/00"), owner("web-1/00"));
        assert_eq!(candidate(&Owner::from("made elsewhere".to_owned())), "?");
    }
}
