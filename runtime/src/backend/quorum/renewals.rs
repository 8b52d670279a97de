//! Keeping names: those that are asked for together go to each server in one call.

use std::{iter::zip, ops::ControlFlow, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::watch;

use super::{
    Inner,
    acquire::not_renewed,
    answers::Answers,
    calls::{Tell, Verdict, is_decided},
    claims::{Claim, Turn},
    error::{NodeFailure, QuorumError},
    rules::reliable,
    tally,
};
use crate::{
    clock::Clock as _,
    kernel::Timestamp,
    lease::{LeaseError, Renewal, Renewed, answers_to},
};

/// A renewal on its way.
struct Begun {
    claim: Arc<Claim>,
    lease: Duration,
    at: Timestamp,
    /// Where it ends before it is kept, nothing is.
    verdict: watch::Sender<Verdict>,
    answers: Answers<Renewed>,
}

/// What one server is asked for one renewal.
pub(super) struct Asked {
    pub(super) claim: Arc<Claim>,
    turn: Turn,
    pub(super) lease: Duration,
    answer: Tell<Renewed>,
    pub(super) verdict: watch::Receiver<Verdict>,
}

impl Inner {
    pub(super) async fn try_renew(
        self: &Arc<Self>,
        claim: &Arc<Claim>,
        lease: Duration,
    ) -> Result<Renewed, LeaseError> {
        let one = self.renew_all(vec![(Arc::clone(claim), lease)]).await.pop();
        one.expect("it answers for each")
    }

    /// Of each enough servers must say that the owner has it. A renewal needs no servers that are old enough: what
    /// counts is that they know this tenure, and not what else they forgot.
    pub(super) async fn renew_all(
        self: &Arc<Self>,
        wanted: Vec<(Arc<Claim>, Duration)>,
    ) -> Vec<Result<Renewed, LeaseError>> {
        let mut of_nodes: Vec<Vec<Asked>> = self.nodes.iter().map(|_| Vec::new()).collect();
        let begin = |(claim, lease)| self.begin(claim, lease, &mut of_nodes);
        let begun: Vec<_> = wanted.into_iter().map(begin).collect();
        for (node, asked) in of_nodes.into_iter().enumerate() {
            self.tasks.spawn_on(Arc::clone(self).renew_on(node, asked), &self.runtime);
        }
        let end = async |begun| match begun {
            ControlFlow::Continue(begun) => self.end(begun).await,
            ControlFlow::Break(renewed) => renewed,
        };
        join_all(begun.into_iter().map(end)).await
    }

    /// Says what each server is to be asked, unless it is decided without them.
    fn begin(
        self: &Arc<Self>,
        claim: Arc<Claim>,
        lease: Duration,
        of_nodes: &mut [Vec<Asked>],
    ) -> ControlFlow<Result<Renewed, LeaseError>, Begun> {
        if let Err(error) = self.check(lease) {
            return ControlFlow::Break(Err(error));
        }
        let at = self.clock.now();
        if claim.held().is_some_and(|held| held.until <= at) {
            // Some of the servers may have it for a moment yet.
            self.give_up(&claim);
            return ControlFlow::Break(Ok(Renewed::NotOwner));
        }
        let (verdict, told) = watch::channel(Verdict::Open);
        let (tells, answers) = self.tells();
        for (asked, answer) in zip(of_nodes, tells) {
            let turn = claim.line_up(answer.node);
            let (claim, verdict) = (Arc::clone(&claim), told.clone());
            asked.push(Asked { claim, turn, lease, answer, verdict });
        }
        ControlFlow::Continue(Begun { claim, lease, at, verdict, answers })
    }

    async fn end(self: &Arc<Self>, begun: Begun) -> Result<Renewed, LeaseError> {
        let Begun { claim, lease, at, verdict, mut answers } = begun;
        let (needed, majority) = (self.rules.needed(), self.rules.majority());
        let limit = self.rules.limit(lease);
        match answers.decide(limit, |answers| tally::renewal(answers, needed, majority)).await {
            Some(Renewed::Renewed) => {}
            Some(lost @ (Renewed::NotOwner | Renewed::Forced)) => {
                self.give_up(&claim);
                return Ok(lost);
            }
            None => {
                // Where most are not enough they still know whose it is: a server that lost it is given it again,
                // and agrees the next time.
                if tally::renewal(&answers.of, majority, majority) == Some(Renewed::Renewed) {
                    verdict.send_replace(Verdict::Kept(claim.held().map(|held| held.agreed)));
                }
                return Err(answers.error(&self.nodes, needed, not_renewed).into());
            }
        }
        let until = at.plus(reliable(lease));
        let held = claim.extend(until);
        if self.until(held.map_or(until, |held| held.until)) <= self.rules.least(lease) {
            let took = self.clock.now().since(at);
            return Err(QuorumError::Expired { took, lease }.into());
        }
        verdict.send_replace(Verdict::Kept(held.map(|held| held.agreed)));
        Ok(Renewed::Renewed)
    }

    /// What has to wait until that server has done something else for its owner goes alone.
    async fn renew_on(self: Arc<Self>, node: usize, asked: Vec<Asked>) {
        let mut together = Vec::with_capacity(asked.len());
        for mut one in asked {
            if one.turn.has_come() {
                together.push(one);
            } else {
                let this = Arc::clone(&self);
                let later = async move {
                    one.turn.comes().await;
                    this.renew_now(node, vec![one]).await;
                };
                self.tasks.spawn_on(later, &self.runtime);
            }
        }
        self.renew_now(node, together).await;
    }

    async fn renew_now(self: Arc<Self>, node: usize, mut asked: Vec<Asked>) {
        // What was decided without this server is not asked for.
        asked.retain(|one| !is_decided(&one.verdict));
        // Stores end their calls much sooner; before this time a call that was given up may be done yet.
        let Some(longest) = asked.iter().map(|one| one.lease).max() else { return };
        let renewals: Vec<_> = asked.iter().map(Asked::renewal).collect();
        let renewing = async {
            let said = self.store(node).renew_all(&renewals).await?;
            answers_to(said, renewals.len())
        };
        let said = self.counted(node, longest, renewing).await;
        for (one, renewed) in zip(asked, of_each(said, renewals.len())) {
            // What an operator took away there is not asked for again.
            let is_lost = matches!(renewed, Ok(Renewed::NotOwner));
            one.answer.tell(renewed);
            if is_lost {
                self.tasks.spawn_on(Arc::clone(&self).give_again(node, one), &self.runtime);
            }
        }
    }
}

impl Asked {
    fn renewal(&self) -> Renewal {
        let Claim { name, owner, .. } = &*self.claim;
        Renewal { name: name.as_str().into(), owner: owner.clone(), lease: self.lease }
    }
}

/// What went wrong for all went wrong for each.
fn of_each(
    said: Result<Vec<Result<Renewed, LeaseError>>, NodeFailure>,
    many: usize,
) -> Vec<Result<Renewed, NodeFailure>> {
    match said {
        Ok(said) => said.into_iter().map(|one| one.map_err(NodeFailure::Failed)).collect(),
        Err(failure) if many == 1 => vec![Err(failure)],
        Err(failure) => (0..many).map(|_| Err(failure.again())).collect(),
    }
}
