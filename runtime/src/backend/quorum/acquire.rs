//! Taking a name: enough servers grant it, and as many hear under which fence.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc::unbounded_channel, watch},
    time::sleep,
};

use super::{
    Inner,
    answers::{Answer, Answers},
    calls::{Tell, Verdict},
    claims::{Claim, Held},
    error::{NodeFailure, QuorumError},
    rules::{moment, reliable},
    tally::{self, Vote},
};
use crate::{
    clock::Clock as _,
    lease::{Acquired, Agreed, Grant, LeaseError, Renewed},
};

/// How often owners who want a name at the same time try again before it counts as busy.
const TRIES: u32 = 6;

/// What became of one attempt.
enum Attempt {
    Over(Acquired),
    /// Nobody has enough of the servers; what is said when it stays so.
    Split(Acquired),
}

impl Inner {
    /// An owner that has the name renews it: under the same fence, and what fails takes nothing away.
    pub(super) async fn try_acquire(
        self: &Arc<Self>,
        claim: Arc<Claim>,
        lease: Duration,
    ) -> Result<Acquired, LeaseError> {
        let begun = self.clock.now();
        if claim.held().is_some()
            && self.try_renew(&claim, lease).await? == Renewed::Renewed
            && let Some(held) = claim.held()
        {
            let left = held.until.since(begun);
            return Ok(granted(held.agreed, left));
        }
        self.check(lease)?;
        let mut turn = 0;
        loop {
            match self.attempt(&claim, lease).await? {
                Attempt::Over(acquired) => return Ok(acquired),
                Attempt::Split(acquired) if turn == TRIES => return Ok(acquired),
                Attempt::Split(_) => {}
            }
            turn += 1;
            sleep(drawn(moment(lease) * turn)).await;
        }
    }

    /// Where this returns, or is given up, before the verdict that it is kept, each server frees what it
    /// granted.
    async fn attempt(
        self: &Arc<Self>,
        claim: &Arc<Claim>,
        lease: Duration,
    ) -> Result<Attempt, LeaseError> {
        let (begun, limit) = (self.clock.now(), self.rules.limit(lease));
        let (needed, majority) = (self.rules.needed(), self.rules.majority());
        let (verdict, told) = watch::channel(Verdict::Open);
        let (raises, raised) = unbounded_channel();
        let mut votes = self.ask_all(|votes| {
            let raises = Tell { node: votes.node, to: raises.clone() };
            let turn = claim.line_up(votes.node);
            Arc::clone(self).vote(Arc::clone(claim), turn, lease, votes, raises, told.clone())
        });
        let grant = match votes.decide(limit, |votes| tally::vote(votes, needed, majority)).await {
            Some(Vote::Agreed(grant)) => grant,
            Some(Vote::Busy(busy)) => return Ok(Attempt::Over(Acquired::Busy(busy))),
            Some(Vote::Split(busy)) => return Ok(Attempt::Split(Acquired::Busy(busy))),
            None => return Err(votes.error(&self.nodes, needed, not_granted).into()),
        };
        let agreed = Agreed::from(grant);
        verdict.send_replace(Verdict::Agreed(agreed));
        // Most would do for whoever looks. Where more are needed as many have to hear it: so the fence rises over
        // what servers lose for as long as that lets no second owner in.
        let mut raised = Answers::new(votes.of.into_iter().map(heard).collect(), raised);
        let heard = raised.decide(limit, |raised| tally::renewal(raised, needed, majority)).await;
        if heard != Some(Renewed::Renewed) {
            return Err(raised.error(&self.nodes, needed, not_renewed).into());
        }
        let held = Held { agreed, until: begun.plus(reliable(grant.left)) };
        if self.until(held.until) <= self.rules.least(lease) {
            let took = self.clock.now().since(begun);
            return Err(QuorumError::Expired { took, lease }.into());
        }
        claim.hold(held);
        verdict.send_replace(Verdict::Kept(Some(agreed)));
        // Who asked counts from before the question.
        Ok(Attempt::Over(granted(agreed, held.until.since(begun))))
    }

    pub(super) fn check(&self, lease: Duration) -> Result<(), LeaseError> {
        let max_lease = self.rules.max_lease;
        match lease > max_lease {
            true => Err(QuorumError::TooLong { lease, max_lease }.into()),
            false => Ok(()),
        }
    }
}

fn granted(Agreed { fence, attempt }: Agreed, left: Duration) -> Acquired {
    Acquired::Granted(Grant { fence, left, attempt })
}

/// Who is told what was agreed on: who granted it, and who has not answered yet.
fn heard(vote: Answer<Acquired>) -> Answer<Renewed> {
    match vote {
        Answer::Said(Acquired::Granted(_)) | Answer::Awaited => Answer::Awaited,
        Answer::Said(Acquired::Busy(_)) => Answer::Failed(NodeFailure::Busy),
        // Its vote does not count, and its ears do; but nobody has to wait for them.
        Answer::Failed(failure) => Answer::Failed(failure),
    }
}

fn not_granted(vote: Acquired) -> Option<NodeFailure> {
    match vote {
        Acquired::Granted(_) => None,
        Acquired::Busy(_) => Some(NodeFailure::Busy),
    }
}

pub(super) fn not_renewed(renewed: Renewed) -> Option<NodeFailure> {
    match renewed {
        Renewed::Renewed => None,
        Renewed::NotOwner | Renewed::Forced => Some(NodeFailure::NotOwner),
    }
}

/// Some of it. Nobody needs to repeat it: owners who tried at the same time should not again.
fn drawn(longest: Duration) -> Duration {
    let part = RandomState::new().hash_one(()) % 1024;
    longest * u32::try_from(part).unwrap_or_default() / 1024
}
