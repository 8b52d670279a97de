//! What one server is asked, in a task of its own: the answer may come after the others have decided,
//! and what it did is put right then.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join;
use tokio::{
    sync::{mpsc::UnboundedSender, watch},
    time::{sleep, timeout},
};

use super::{
    Inner,
    claims::{Claim, Turn},
    error::NodeFailure,
    renewals::Asked,
};
use crate::{
    clock::Clock as _,
    kernel::Timestamp,
    lease::{
        Acquired, Agreed, Ballot, LeaseError, QuorumNode, Released, Renewed, RunEnd, Tenure, Vote,
    },
};

/// What was decided. Where it ends before it is kept, nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Not yet.
    Open,
    /// Enough servers granted it, and are told this.
    Agreed(Agreed),
    /// It is the owner's, with this, if this process knows that.
    Kept(Option<Agreed>),
}

/// Where the answer of one server goes to.
pub(super) struct Tell<T> {
    pub(super) node: usize,
    pub(super) to: UnboundedSender<(usize, Result<T, NodeFailure>)>,
}

impl<T> Tell<T> {
    /// Nobody may be waiting any more.
    pub(super) fn tell(&self, answer: Result<T, NodeFailure>) {
        let _ = self.to.send((self.node, answer));
    }
}

/// Between two releases that were not answered.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Inner {
    pub(super) fn store(&self, node: usize) -> &dyn QuorumNode {
        &*self.nodes[node].store
    }

    /// Asks for the name; then tells what was agreed on, or frees what this attempt took.
    pub(super) async fn vote(
        self: Arc<Self>,
        claim: Arc<Claim>,
        mut turn: Turn,
        lease: Duration,
        votes: Tell<Acquired>,
        raises: Tell<Renewed>,
        mut verdict: watch::Receiver<Verdict>,
    ) {
        let node = votes.node;
        turn.comes().await;
        // It was decided without this server, which has done nothing.
        if is_decided(&verdict) {
            return;
        }
        let (store, name, owner) = (self.store(node), &claim.name, &claim.owner);
        let vote = self.ask_for(node, &claim, lease).await;
        // It says whose it is, or that it did nothing. In all other cases there may be something to free.
        let has_none = match &vote {
            Ok(vote) => matches!(vote.acquired, Acquired::Busy(_)),
            Err(failure) => !failure.is_outcome_unknown(),
        };
        votes.tell(vote.and_then(|vote| {
            self.lives.judge(node, &vote.life, self.clock.now()).map(|()| vote.acquired)
        }));
        if has_none {
            return;
        }
        let decided = verdict.wait_for(|verdict| *verdict != Verdict::Open).await.map(|it| *it);
        let Ok(Verdict::Agreed(agreed) | Verdict::Kept(Some(agreed))) = decided else {
            return self.take_back(node, &claim, lease).await;
        };
        raises.tell(self.counted(node, lease, store.raise(name, owner, agreed)).await);
        if verdict.wait_for(|verdict| matches!(verdict, Verdict::Kept(_))).await.is_err() {
            self.take_back(node, &claim, lease).await;
        }
    }

    /// Gives a tenure to a server that lost it, if most of the others still have it.
    pub(super) async fn give_again(self: Arc<Self>, node: usize, mut renewal: Asked) {
        let Asked { claim, lease, verdict, .. } = &mut renewal;
        let kept = verdict.wait_for(|verdict| *verdict != Verdict::Open).await.map(|kept| *kept);
        if let Ok(Verdict::Kept(Some(agreed))) = kept
            && claim.held().is_some_and(|held| self.clock.now() < held.until)
        {
            // What comes of it is seen at the next renewal.
            let _ = self.ask_for(node, claim, *lease).await;
            let raise = self.store(node).raise(&claim.name, &claim.owner, agreed);
            let _ = within(*lease, raise).await;
        }
    }

    async fn ask_for(
        &self,
        node: usize,
        claim: &Claim,
        lease: Duration,
    ) -> Result<Vote, NodeFailure> {
        let Claim { name, owner, .. } = claim;
        let ballot = Ballot { name, owner, lease, is_run: claim.is_run() };
        within(lease, self.store(node).vote(ballot)).await
    }

    /// Frees what nothing was begun with.
    async fn take_back(&self, node: usize, claim: &Claim, left: Duration) {
        if claim.is_run() {
            // What does not hear it takes it for one that was cut off.
            let _ = self.say(node, claim, RunEnd::NotBegun, left).await;
        }
        self.free(node, claim, left).await;
    }

    /// Says what became of a run.
    async fn say(
        &self,
        node: usize,
        claim: &Claim,
        how: RunEnd,
        left: Duration,
    ) -> Result<(), NodeFailure> {
        match self.store(node).runs() {
            Some(runs) => within(left, runs.end_run(&claim.name, &claim.owner, how)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn end_run(
        self: Arc<Self>,
        claim: Arc<Claim>,
        mut turn: Turn,
        how: RunEnd,
        left: Duration,
        heard: Tell<()>,
    ) {
        turn.comes().await;
        heard.tell(self.say(heard.node, &claim, how, left).await);
    }

    /// What one server says, which counts once, however many addresses lead to it.
    pub(super) async fn counted<T>(
        &self,
        node: usize,
        left: Duration,
        call: impl Future<Output = Result<T, LeaseError>>,
    ) -> Result<T, NodeFailure> {
        let (answer, life) = within(left, try_join(call, self.store(node).life())).await?;
        self.lives.is_alone(node, &life)?;
        Ok(answer)
    }

    /// Frees what the owner has there, also where the answer is long in coming.
    pub(super) async fn release(
        self: Arc<Self>,
        claim: Arc<Claim>,
        mut turn: Turn,
        left: Duration,
        releases: Tell<Released>,
    ) {
        let node = releases.node;
        turn.comes().await;
        let released = within(left, self.store(node).release(&claim.name, &claim.owner)).await;
        let is_done = released.is_ok();
        releases.tell(released);
        if !is_done {
            self.free(node, &claim, left).await;
        }
    }

    pub(super) async fn look(
        self: Arc<Self>,
        name: Arc<str>,
        limit: Duration,
        looks: Tell<Option<Tenure>>,
    ) {
        looks.tell(within(limit, self.store(looks.node).inspect(&name)).await);
    }

    /// Frees it, or tries until it has run out. A call that was given up before may be done yet, and is
    /// before this one where both go over one connection.
    async fn free(&self, node: usize, claim: &Claim, left: Duration) {
        let over = self.clock.now().plus(left);
        let mut pause = PAUSE;
        loop {
            let released = self.store(node).release(&claim.name, &claim.owner);
            if within(left, released).await.is_ok() || self.clock.now() >= over {
                return;
            }
            sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// How long it is until then.
    pub(super) fn until(&self, then: Timestamp) -> Duration {
        then.since(self.clock.now())
    }
}

/// Whether nobody waits for what is asked now: it is decided, or was given up.
pub(super) fn is_decided(verdict: &watch::Receiver<Verdict>) -> bool {
    verdict.has_changed().is_err() || *verdict.borrow() != Verdict::Open
}

/// A call that ends by itself ends before; after this time nothing that it did is left.
async fn within<T>(
    left: Duration,
    call: impl Future<Output = Result<T, LeaseError>>,
) -> Result<T, NodeFailure> {
    match timeout(left, call).await {
        Ok(answer) => answer.map_err(NodeFailure::Failed),
        Err(_) => Err(NodeFailure::Silent(left)),
    }
}
