//! The contract of [`QuorumNode`], as checks, beside that of a store of leases.

use std::{sync::Arc, time::Duration};

use futures_util::{TryStreamExt, future::BoxFuture};

use super::{
    lease::Subject,
    rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules},
};
use crate::{
    kernel::Fence,
    lease::{
        Acquired, Agreed, Ballot, Grant, HeldName, LeaseError, Owner, QuorumNode, Renewed, RunEnd,
        Vote,
    },
};

/// Checks every rule of the contract, each on a store that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     conformance::{self, lease::Subject},
/// };
///
/// conformance::quorum_node::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<N: QuorumNode>(mut make: impl AsyncFnMut() -> Subject<N>) {
    check_all(RULES, async || {
        let Subject { store, lease, pass } = make().await;
        Desk { store: Arc::new(store), lease, pass: pass.into() }
    })
    .await;
}

#[derive(Clone)]
struct Desk {
    store: Arc<dyn QuorumNode>,
    lease: Duration,
    pass: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

const RULES: &[Rule<Desk>] = rules! {
    "a vote takes the name, or says whose it is" => votes,
    "a vote on a run takes the name as well, whether or not runs are counted" => votes_on_runs,
    "a vote tells the life that it was given in" => tells_its_life,
    "a tenure has the fence that was agreed on, higher or lower than its own" => takes_what_was_agreed,
    "what was agreed on is never lowered" => is_never_lowered,
    "whoever looks is told whether its fence was agreed on" => tells_that_it_was_agreed,
    "later tenures have higher fences than what was agreed on, and than its own" => rises,
    "a run is the attempt that was agreed on, higher or lower than its own, and the next is one more" => tells_the_attempt,
    "what was agreed on is told of no run that is not counted" => not_counted,
    "a run that ended, or did not begin, is not counted, whatever is agreed on then" => no_run,
    "nobody tells the fence of what somebody else has" => own_only,
    "a tenure that is over hears nothing" => over,
};

const NAME: &str = "nightly-report";

/// More than two tenures are apart by themselves.
const FAR: u64 = 3_600_000_000;

/// None of these may run out while a rule looks.
const LONG: u32 = 100;

impl Desk {
    async fn vote(&self, owner: &Owner, lease: Duration) -> Result<Vote, LeaseError> {
        self.store.vote(Ballot { name: NAME, owner, lease, is_run: false }).await
    }

    async fn granted(&self, owner: &Owner) -> Result<Grant, Failure> {
        granted(self.vote(owner, LONG * self.lease).await?)
    }

    async fn raise(&self, owner: &Owner, fence: Fence) -> Result<Renewed, LeaseError> {
        self.store.raise(NAME, owner, Agreed { fence, attempt: None }).await
    }

    async fn begun(&self, owner: &Owner) -> Result<Grant, Failure> {
        let ballot = Ballot { name: NAME, owner, lease: LONG * self.lease, is_run: true };
        granted(self.store.vote(ballot).await?)
    }

    async fn fence(&self) -> Result<Option<Fence>, Failure> {
        Ok(self.store.inspect(NAME).await?.map(|tenure| tenure.fence))
    }
}

fn granted(vote: Vote) -> Result<Grant, Failure> {
    match vote.acquired {
        Acquired::Granted(grant) => Ok(grant),
        Acquired::Busy(busy) => Err(format!("{busy:?} was answered").into()),
    }
}

async fn votes(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let grant = desk.granted(&owner).await?;
    ensure_eq(desk.granted(&owner).await?.fence, grant.fence)?;
    let vote = desk.vote(&Owner::draw(), desk.lease).await?;
    let Acquired::Busy(busy) = vote.acquired else { return Err("two owners have it".into()) };
    ensure(busy.holder.is_none_or(|holder| holder == owner), || "another holder is told".into())
}

async fn votes_on_runs(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let grant = desk.begun(&owner).await?;
    ensure_eq(desk.fence().await?, Some(grant.fence))?;
    let is_counted = desk.store.runs().is_some();
    ensure_eq(grant.attempt, is_counted.then_some(1))
}

async fn tells_its_life(desk: Desk) -> Verdict {
    let life = desk.store.life().await?;
    let vote = desk.vote(&Owner::draw(), desk.lease).await?;
    ensure_eq(&vote.life.id, &life.id)?;
    ensure(vote.life.age >= life.age, || format!("{:?} came after {life:?}", vote.life))
}

async fn takes_what_was_agreed(desk: Desk) -> Verdict {
    for difference in [FAR, 0] {
        let owner = Owner::draw();
        let own = desk.granted(&owner).await?.fence;
        let agreed = Fence((own.0 - 1) + difference);
        ensure_eq(desk.raise(&owner, agreed).await?, Renewed::Renewed)?;
        ensure_eq(desk.fence().await?, Some(agreed))?;
        ensure_eq(desk.granted(&owner).await?.fence, agreed)?;
        desk.store.release(NAME, &owner).await?;
    }
    Ok(())
}

async fn tells_that_it_was_agreed(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let own = desk.granted(&owner).await?.fence;
    for wanted in [false, true, true] {
        let told = desk.store.inspect(NAME).await?.map(|tenure| tenure.is_agreed);
        ensure_eq(told, Some(wanted))?;
        if let Some(admin) = desk.store.admin() {
            let names: Vec<HeldName> = admin.names().try_collect().await?;
            let told = names.into_iter().filter_map(|held| held.holder);
            ensure_eq(told.map(|tenure| tenure.is_agreed).collect(), vec![wanted])?;
        }
        desk.raise(&owner, own).await?;
    }
    Ok(())
}

async fn is_never_lowered(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let own = desk.granted(&owner).await?.fence;
    let [low, high] = [own, Fence(own.0 + FAR)];
    for (told, wanted) in [(low, low), (high, high), (low, high), (high, high)] {
        ensure_eq(desk.raise(&owner, told).await?, Renewed::Renewed)?;
        ensure_eq(desk.fence().await?, Some(wanted))?;
    }
    Ok(())
}

async fn rises(desk: Desk) -> Verdict {
    for higher in [true, false] {
        let owner = Owner::draw();
        let own = desk.granted(&owner).await?.fence;
        let agreed = Fence(if higher { own.0 + FAR } else { own.0 - 1 });
        desk.raise(&owner, agreed).await?;
        desk.store.release(NAME, &owner).await?;
        let next = Owner::draw();
        let later = desk.granted(&next).await?.fence;
        ensure(later > own.max(agreed), || format!("{later:?} after {own:?} and {agreed:?}"))?;
        desk.store.release(NAME, &next).await?;
    }
    Ok(())
}

async fn tells_the_attempt(desk: Desk) -> Verdict {
    let Some(runs) = desk.store.runs() else { return Ok(()) };
    let mut own = 1;
    for (agreed, next) in [(7, 8), (3, 4)] {
        let owner = Owner::draw();
        let grant = desk.begun(&owner).await?;
        ensure_eq(grant.attempt, Some(own))?;
        // Of what is told later the higher fence was agreed on last.
        let [late, other, again] =
            [(-1, 20), (1, 30), (2, agreed)].map(|(apart, attempt)| Agreed {
                fence: Fence(grant.fence.0.saturating_add_signed(apart)),
                attempt: Some(attempt),
            });
        let first = Agreed { attempt: Some(agreed), ..grant.into() };
        let kept = [(first, first), (first, first), (late, first), (other, other), (first, other)];
        for (told, kept) in kept.into_iter().chain([(again, again)]) {
            ensure_eq(desk.store.raise(NAME, &owner, told).await?, Renewed::Renewed)?;
            ensure_eq(desk.begun(&owner).await?.attempt, kept.attempt)?;
        }
        desk.store.release(NAME, &owner).await?;
        own = next;
    }
    // Who is told, and begins nothing, is not counted.
    let owner = Owner::draw();
    let grant = desk.begun(&owner).await?;
    let agreed = Agreed { attempt: Some(9), ..grant.into() };
    desk.store.raise(NAME, &owner, agreed).await?;
    runs.end_run(NAME, &owner, RunEnd::NotBegun).await?;
    desk.store.release(NAME, &owner).await?;
    ensure_eq(desk.begun(&Owner::draw()).await?.attempt, Some(9))
}

async fn not_counted(desk: Desk) -> Verdict {
    if desk.store.runs().is_none() {
        return Ok(());
    }
    let first = Owner::draw();
    ensure_eq(desk.begun(&first).await?.attempt, Some(1))?;
    desk.store.release(NAME, &first).await?;
    let plain = Owner::draw();
    let agreed = Agreed { attempt: Some(7), ..desk.granted(&plain).await?.into() };
    desk.store.raise(NAME, &plain, agreed).await?;
    ensure_eq(desk.granted(&plain).await?.attempt, None)?;
    desk.store.release(NAME, &plain).await?;
    ensure_eq(desk.begun(&Owner::draw()).await?.attempt, Some(2))
}

async fn no_run(desk: Desk) -> Verdict {
    let Some(runs) = desk.store.runs() else { return Ok(()) };
    let cut_off = Owner::draw();
    desk.begun(&cut_off).await?;
    desk.store.release(NAME, &cut_off).await?;
    for (how, next) in [(RunEnd::NotBegun, 2), (RunEnd::Ended, 1)] {
        let owner = Owner::draw();
        let grant = desk.begun(&owner).await?;
        runs.end_run(NAME, &owner, how).await?;
        desk.store.raise(NAME, &owner, Agreed { attempt: Some(7), ..grant.into() }).await?;
        desk.store.release(NAME, &owner).await?;
        let after = Owner::draw();
        ensure_eq(desk.begun(&after).await?.attempt, Some(next))?;
        desk.store.release(NAME, &after).await?;
    }
    Ok(())
}

async fn own_only(desk: Desk) -> Verdict {
    let own = desk.granted(&Owner::draw()).await?.fence;
    let theirs = Fence(own.0 + FAR);
    ensure_eq(desk.raise(&Owner::draw(), theirs).await?, Renewed::NotOwner)?;
    ensure_eq(desk.fence().await?, Some(own))
}

async fn over(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let vote = desk.vote(&owner, desk.lease).await?;
    let Acquired::Granted(grant) = vote.acquired else { return Err("it was free".into()) };
    (desk.pass)(desk.lease + desk.lease / 4).await;
    let raised = desk.raise(&owner, Fence(grant.fence.0 + FAR)).await?;
    ensure_eq(raised, Renewed::NotOwner)?;
    ensure_eq(desk.fence().await?, None)
}
