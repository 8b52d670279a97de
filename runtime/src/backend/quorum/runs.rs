//! Runs that are counted, by each server, until it is told what the others agreed on.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use super::{Inner, QuorumLeases, claims::Claim, tally};
use crate::lease::{Acquired, Busy, LeaseError, Owner, RunEnd, RunStore, Turn, Waiting};

impl Inner {
    async fn say_of_run(
        self: &Arc<Self>,
        claim: &Arc<Claim>,
        how: RunEnd,
    ) -> Result<(), LeaseError> {
        // A server that is given the name again begins no run that has ended.
        if how == RunEnd::Ended {
            claim.count(false);
        }
        let (limit, majority) = (self.rules.limit(self.rules.max_lease), self.rules.majority());
        let left = claim.held().map_or(limit, |held| self.until(held.until).max(limit));
        let mut heard = self.ask_all(|heard| {
            let turn = claim.line_up(heard.node);
            Arc::clone(self).end_run(Arc::clone(claim), turn, how, left, heard)
        });
        match heard.decide(limit, |heard| tally::heard(heard, majority)).await {
            Some(()) => Ok(()),
            None => Err(heard.error(&self.nodes, majority, |()| None).into()),
        }
    }
}

impl RunStore for QuorumLeases {
    /// There is no line.
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        _stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        let claim = self.0.claim(name, owner);
        claim.count(true);
        async move {
            Ok(match self.0.try_acquire(claim, lease).await? {
                Acquired::Granted(grant) => Turn::Granted(grant),
                Acquired::Busy(Busy { holder, retry_after }) => {
                    Turn::Waiting(Waiting { holder, ahead: 0, retry_after })
                }
            })
        }
        .boxed()
    }

    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        async move { self.0.say_of_run(&self.0.claim(name, owner), how).await }.boxed()
    }
}
