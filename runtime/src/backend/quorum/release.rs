//! Giving a name back, and looking at it.

use std::{sync::Arc, time::Duration};

use super::{Inner, answers::Answers, claims::Claim, tally};
use crate::lease::{LeaseError, Released, Tenure};

impl Inner {
    /// It is not this owner's any more, whatever some servers say.
    pub(super) fn give_up(self: &Arc<Self>, claim: &Arc<Claim>) {
        claim.forget();
        drop(self.free_all(claim, self.rules.limit(self.rules.max_lease)));
    }

    pub(super) async fn try_release(
        self: &Arc<Self>,
        claim: Arc<Claim>,
    ) -> Result<Released, LeaseError> {
        let limit = self.rules.limit(self.rules.max_lease);
        let majority = self.rules.majority();
        let left = claim.forget().map_or(self.rules.max_lease, |held| self.until(held.until));
        let mut releases = self.free_all(&claim, left.max(limit));
        match releases.decide(limit, |releases| tally::release(releases, majority)).await {
            Some(released) => Ok(released),
            None => Err(releases.error(&self.nodes, majority, |_| None).into()),
        }
    }

    /// Frees it on all servers, where it is left for so long.
    fn free_all(self: &Arc<Self>, claim: &Arc<Claim>, left: Duration) -> Answers<Released> {
        self.ask_all(|releases| {
            let turn = claim.line_up(releases.node);
            Arc::clone(self).release(Arc::clone(claim), turn, left, releases)
        })
    }

    pub(super) async fn inspect(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<Option<Tenure>, LeaseError> {
        let limit = self.rules.limit(self.rules.max_lease);
        let majority = self.rules.majority();
        let name: Arc<str> = name.into();
        let mut looks =
            self.ask_all(|looks| Arc::clone(self).look(Arc::clone(&name), limit, looks));
        match looks.decide(limit, |looks| tally::look(looks, majority)).await {
            Some(tenure) => Ok(tenure),
            None => Err(looks.error(&self.nodes, majority, |_| None).into()),
        }
    }
}
