//! Keeping a name, giving it back, and looking at it.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Inner, acquire::not_renewed, answers::Answers, calls::Verdict, claims::Claim,
    error::QuorumError, rules::reliable, tally,
};
use crate::{
    clock::Clock as _,
    lease::{LeaseError, Released, Renewed, Tenure},
};

impl Inner {
    /// Enough servers must say that the owner has it. A renewal needs no servers that are old enough: what
    /// counts is that they know this tenure, and not what else they forgot.
    pub(super) async fn try_renew(
        self: &Arc<Self>,
        claim: &Arc<Claim>,
        lease: Duration,
    ) -> Result<Renewed, LeaseError> {
        self.check(lease)?;
        let begun = self.clock.now();
        if claim.held().is_some_and(|held| held.until <= begun) {
            // Some of the servers may have it for a moment yet.
            self.give_up(claim);
            return Ok(Renewed::NotOwner);
        }
        let (needed, majority) = (self.rules.needed(), self.rules.majority());
        let (verdict, told) = watch::channel(Verdict::Open);
        let mut renewals = self.ask_all(|renewals| {
            let turn = claim.line_up(renewals.node);
            Arc::clone(self).renew(Arc::clone(claim), turn, lease, renewals, told.clone())
        });
        let limit = self.rules.limit(lease);
        match renewals.decide(limit, |renewals| tally::renewal(renewals, needed, majority)).await {
            Some(Renewed::Renewed) => {}
            Some(lost @ (Renewed::NotOwner | Renewed::Forced)) => {
                self.give_up(claim);
                return Ok(lost);
            }
            None => {
                // Where most are not enough they still know whose it is: a server that lost it is given it again,
                // and agrees the next time.
                if tally::renewal(&renewals.of, majority, majority) == Some(Renewed::Renewed) {
                    verdict.send_replace(Verdict::Kept(claim.held().map(|held| held.agreed)));
                }
                return Err(renewals.error(&self.nodes, needed, not_renewed).into());
            }
        }
        let until = begun.plus(reliable(lease));
        let held = claim.extend(until);
        if self.until(held.map_or(until, |held| held.until)) <= self.rules.least(lease) {
            let took = self.clock.now().since(begun);
            return Err(QuorumError::Expired { took, lease }.into());
        }
        verdict.send_replace(Verdict::Kept(held.map(|held| held.agreed)));
        Ok(Renewed::Renewed)
    }

    /// It is not this owner's any more, whatever some servers say.
    fn give_up(self: &Arc<Self>, claim: &Arc<Claim>) {
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
