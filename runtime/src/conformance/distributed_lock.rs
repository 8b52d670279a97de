//! The contract of [`DistributedLock`], as checks.

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};

use super::rule::{Failure, Rule, TooSlow, Verdict, check_all, ensure, rules};
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::{Fence, Timestamp},
    lease::Owner,
    lock::{DistributedLock, HeldByOwner, HeldLock, Tried},
};

/// Two processes that share what nobody holds, and what a suite must know of them.
///
/// See [`run`] for an example.
pub struct Subject {
    /// The process that may be cut off.
    pub ours: Arc<dyn DistributedLock>,
    /// The other one.
    pub theirs: Arc<dyn DistributedLock>,
    /// Cuts `ours` off from what both share, for good: as if it were gone, for those who are left.
    pub cut_off: Box<dyn Fn() + Send + Sync>,
    /// A time that does not run out while a rule makes a few calls.
    pub ttl: Duration,
    /// Lets time pass.
    pub pass: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

/// Checks every rule of the contract, those of [`LockByOwner`](crate::lock::LockByOwner) where it is one, each on a subject that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(all(feature = "in-process", feature = "coordination"))]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::{
///     sync::{Arc, atomic::{AtomicBool, Ordering}},
///     time::Duration,
/// };
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     conformance::{self, distributed_lock::Subject},
///     coordination::Coordination,
///     lease::{Acquired, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure},
/// };
/// use futures_util::future::{BoxFuture, pending};
///
/// /// A store that can be cut off: then it never answers.
/// struct Line(MemoryLeases, Arc<AtomicBool>);
///
/// impl Line {
///     fn or<'a, T: Send + 'a>(&self, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
///         if self.1.load(Ordering::SeqCst) { Box::pin(pending()) } else { call }
///     }
/// }
///
/// impl LeaseStore for Line {
///     // …
/// #     fn safety(&self) -> Safety { self.0.safety() }
/// #     fn try_acquire<'a>(&'a self, name: &'a str, owner: &'a Owner, lease: Duration)
/// #         -> BoxFuture<'a, Result<Acquired, LeaseError>> { self.or(self.0.try_acquire(name, owner, lease)) }
/// #     fn try_renew<'a>(&'a self, name: &'a str, owner: &'a Owner, lease: Duration)
/// #         -> BoxFuture<'a, Result<Renewed, LeaseError>> { self.or(self.0.try_renew(name, owner, lease)) }
/// #     fn release<'a>(&'a self, name: &'a str, owner: &'a Owner)
/// #         -> BoxFuture<'a, Result<Released, LeaseError>> { self.or(self.0.release(name, owner)) }
/// #     fn inspect<'a>(&'a self, name: &'a str)
/// #         -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> { self.or(self.0.inspect(name)) }
/// }
///
/// conformance::distributed_lock::run(async || {
///     let (store, is_cut) = (MemoryLeases::new(), Arc::new(AtomicBool::new(false)));
///     let line = Line(store.clone(), Arc::clone(&is_cut));
///     Subject {
///         ours: Arc::new(Coordination::on_this_runtime(line)),
///         theirs: Arc::new(Coordination::on_this_runtime(store)),
///         cut_off: Box::new(move || is_cut.store(true, Ordering::SeqCst)),
///         ttl: Duration::from_millis(300),
///         pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
///     }
/// })
/// .await;
/// # }
/// # #[cfg(not(all(feature = "in-process", feature = "coordination")))]
/// # fn main() {}
/// ```
pub async fn run(mut make: impl AsyncFnMut() -> Subject) {
    check_all(RULES, async || Desk { subject: make().await, begun: begun() }).await;
}

struct Desk {
    subject: Subject,
    begun: TokioClock,
}

fn begun() -> TokioClock {
    TokioClock::starting_at(Timestamp(0))
}

const RULES: &[Rule<Desk>] = rules! {
    "a resource that is free is granted, under a fence that is not 0" => grants,
    "one that somebody holds is `None`, also for its holder" => is_busy,
    "of many who try at a time one gets it, in whichever processes" => grants_one,
    "no two resources are one, and every text is a resource" => resources_are_apart,
    "it is held for as long as its holder lives, also for longer than its `ttl`" => is_renewed,
    "what a holder held that is gone is free when its `ttl` is over" => runs_out,
    "a `ttl` of nothing is refused" => refuses_nothing,
    "each tenure has a higher fence than all before it" => fences_rise,
    "a holder that cannot renew is told so, before anybody else has the resource" => is_told,
    "work that has not ended when the lock is lost is dropped" => drops_work,
    "a release frees at once, and says that it was held until then" => frees,
    "what is dropped is given back in the background" => drops_free,
    "to release what was lost is an error, and frees nothing that somebody else has" => lost_frees_nothing,
    "an owner that acquires what it has keeps it, with its fence" => owners_keep,
    "for the longer of what is left and `ttl`: no renewal makes it shorter" => owners_keep_longer,
    "what is left is kept from all others until its `ttl` is over" => what_is_left_runs_out,
    "whose a resource is that somebody else holds is told, if he acquired it as an owner" => tells_whose,
    "what one process lost another one goes on with, as the same owner" => owners_go_on,
};

const NAME: &str = "account:4711";

type Held = Box<dyn HeldLock>;

impl Desk {
    async fn ours(&self, resource: &str) -> Result<Option<Held>, Failure> {
        Ok(self.subject.ours.try_acquire(resource, self.subject.ttl).await?)
    }

    async fn theirs(&self, resource: &str) -> Result<Option<Held>, Failure> {
        Ok(self.subject.theirs.try_acquire(resource, self.subject.ttl).await?)
    }

    /// Somebody holds it.
    async fn is_held(&self) -> Verdict {
        for asked in [self.theirs(NAME).await?, self.ours(NAME).await?] {
            ensure(asked.is_none(), || format!("{asked:?} was granted beside its holder"))?;
        }
        Ok(())
    }

    /// So many times its `ttl` pass.
    async fn pass(&self, times: f64) {
        (self.subject.pass)(self.subject.ttl.mul_f64(times)).await;
    }

    /// What proves something only if nothing can have run out.
    fn in_time<T>(&self, found: Result<T, Failure>) -> Result<T, Failure> {
        match found {
            Err(failure) if self.begun.now() >= Timestamp(0).plus(self.subject.ttl) => {
                Err(Box::new(TooSlow(failure)))
            }
            found => found,
        }
    }
}

fn granted(asked: Option<Held>) -> Result<Held, Failure> {
    asked.ok_or_else(|| "it was not granted".into())
}

async fn grants(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    ensure(held.fence() > Fence(0), || format!("its fence is {:?}", held.fence()))?;
    ensure(held.resource() == NAME, || format!("it is called {:?}", held.resource()))?;
    desk.in_time(held.check().map_err(Failure::from))
}

async fn is_busy(desk: Desk) -> Verdict {
    let _held = granted(desk.ours(NAME).await?)?;
    desk.is_held().await
}

async fn grants_one(desk: Desk) -> Verdict {
    let tries = (0..16)
        .map(async |n| if n % 2 == 0 { desk.ours(NAME).await } else { desk.theirs(NAME).await });
    let mut held = Vec::new();
    for asked in join_all(tries).await {
        held.extend(asked?);
    }
    desk.in_time(ensure(held.len() == 1, || format!("{} of 16 got it", held.len())))
}

async fn resources_are_apart(desk: Desk) -> Verdict {
    let long = "x".repeat(300);
    let names = ["a", "A", " a", "a ", "", "a:b", "{a}", "{a}b", "a*", "ä", "a\n", "a\0", &long];
    let mut held = Vec::new();
    for name in names {
        let asked = desk.ours(name).await?;
        held.push(asked.ok_or_else(|| format!("{name:?} was taken for another one"))?);
    }
    Ok(())
}

async fn is_renewed(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    for _ in 0..6 {
        desk.pass(0.5).await;
        // A machine that is too slow to renew loses it, as it should.
        let slow = |lost| Box::new(TooSlow(Failure::from(lost))) as Failure;
        held.check().map_err(slow)?;
        let asked = desk.theirs(NAME).await?;
        let lost = held.check();
        ensure(asked.is_none() || lost.is_err(), || "it was granted beside its holder".into())?;
    }
    Ok(())
}

async fn runs_out(desk: Desk) -> Verdict {
    let _held = granted(desk.ours(NAME).await?)?;
    (desk.subject.cut_off)();
    let asked = desk.theirs(NAME).await?;
    desk.in_time(ensure(asked.is_none(), || "it was free at once".into()))?;
    desk.pass(1.25).await;
    granted(desk.theirs(NAME).await?).map(drop)
}

async fn refuses_nothing(desk: Desk) -> Verdict {
    let asked = desk.subject.ours.try_acquire(NAME, Duration::ZERO).await;
    ensure(asked.is_err(), || "it was not".into())
}

async fn fences_rise(desk: Desk) -> Verdict {
    let mut fences = BTreeSet::new();
    for tenure in 0..6 {
        let asked =
            if tenure % 2 == 0 { desk.ours(NAME).await? } else { desk.theirs(NAME).await? };
        let held = granted(asked)?;
        let fence = held.fence();
        let above = fences.last().is_none_or(|last| *last < fence);
        ensure(above, || format!("{fence:?} came after {fences:?}"))?;
        fences.insert(fence);
        // That it was lost meanwhile is no matter here.
        let _ = held.release().await;
    }
    let held = granted(desk.ours(NAME).await?)?;
    (desk.subject.cut_off)();
    desk.pass(1.25).await;
    let next = granted(desk.theirs(NAME).await?)?;
    ensure(held.fence() < next.fence(), || {
        format!("{:?} came after {:?}", next.fence(), held.fence())
    })
}

async fn is_told(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    desk.in_time(ensure(held.lost().now_or_never().is_none(), || "it was lost at once".into()))?;
    (desk.subject.cut_off)();
    let told = held.lost();
    let others = async {
        loop {
            if let Some(next) = desk.theirs(NAME).await? {
                break Ok::<_, Failure>(next);
            }
            (desk.subject.pass)(desk.subject.ttl / 16).await;
        }
    };
    let next = others.await?;
    ensure(held.check().is_err(), || "`check` did not tell it".into())?;
    ensure(told.now_or_never().is_some(), || "`lost` did not tell it".into())?;
    drop(next);
    desk.pass(0.5).await;
    ensure(held.check().is_err(), || "it came back".into())?;
    ensure(held.lost().now_or_never().is_some(), || "who asked later was not told".into())
}

async fn drops_work(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    let done = held.run_if_held(async { 42 }).await;
    desk.in_time(done.map(drop).map_err(Failure::from))?;
    (desk.subject.cut_off)();
    let ran = held.run_if_held(pending::<()>()).await;
    ensure(ran.is_err(), || "it ended".into())?;
    let mut began = false;
    let ran = held.run_if_held(async { began = true }).await;
    ensure(ran.is_err() && !began, || "more was begun afterwards".into())
}

async fn frees(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    desk.in_time(held.release().await.map_err(Failure::from))?;
    granted(desk.theirs(NAME).await?).map(drop)
}

async fn drops_free(desk: Desk) -> Verdict {
    drop(granted(desk.ours(NAME).await?)?);
    // It would not be free by itself for a while.
    for _ in 0..16 {
        if desk.theirs(NAME).await?.is_some() {
            return Ok(());
        }
        desk.pass(1.0 / 32.0).await;
    }
    desk.in_time(Err("it was not free half of its `ttl` later".into()))
}

async fn lost_frees_nothing(desk: Desk) -> Verdict {
    let held = granted(desk.ours(NAME).await?)?;
    (desk.subject.cut_off)();
    desk.pass(1.25).await;
    let next = granted(desk.theirs(NAME).await?)?;
    ensure(held.release().await.is_err(), || "it said that it was held until then".into())?;
    let asked = desk.theirs(NAME).await?;
    ensure(asked.is_none() || next.check().is_err(), || "it was free".into())
}

type HeldAs = Box<dyn HeldByOwner>;

impl Desk {
    /// As an owner; nothing where there are none.
    async fn try_as(
        &self,
        lock: &Arc<dyn DistributedLock>,
        owner: &Owner,
    ) -> Result<Option<Result<HeldAs, Option<Owner>>>, Failure> {
        let Some(lock) = lock.by_owner() else { return Ok(None) };
        Ok(Some(match lock.try_acquire_as(NAME, owner, self.subject.ttl).await? {
            Tried::Held(held) => Ok(held),
            Tried::Busy { holder } => Err(holder),
        }))
    }
}

fn granted_as(asked: Result<HeldAs, Option<Owner>>) -> Result<HeldAs, Failure> {
    asked.map_err(|holder| format!("{holder:?} has it").into())
}

async fn owners_keep(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let Some(first) = desk.try_as(&desk.subject.ours, &owner).await? else { return Ok(()) };
    let first = granted_as(first)?;
    let fence = first.fence();
    first.leave();
    let Some(again) = desk.try_as(&desk.subject.theirs, &owner).await? else { return Ok(()) };
    let again = granted_as(again)?;
    let same = again.fence() == fence;
    desk.in_time(ensure(same, || format!("{:?} came after {fence:?}", again.fence())))?;
    desk.in_time(again.release().await.map_err(Failure::from))?;
    granted(desk.theirs(NAME).await?).map(drop)
}

async fn owners_keep_longer(desk: Desk) -> Verdict {
    let (owner, long) = (Owner::draw(), desk.subject.ttl * 3);
    let Some(held) = desk.try_as(&desk.subject.ours, &owner).await? else { return Ok(()) };
    let held = granted_as(held)?;
    let Some(lock) = desk.subject.ours.by_owner() else { return Ok(()) };
    match lock.try_acquire_as(NAME, &owner, long).await? {
        Tried::Held(held) => held.leave(),
        Tried::Busy { holder } => return desk.in_time(Err(format!("{holder:?} has it").into())),
    }
    let until = desk.begun.now().plus(long);
    // It is renewed meanwhile.
    desk.pass(0.5).await;
    held.leave();
    desk.pass(1.25).await;
    let asked = desk.theirs(NAME).await?;
    // A machine that is too slow is too late.
    if asked.is_some() && until <= desk.begun.now() {
        return Err(Box::new(TooSlow("it was free when its time was over".into())));
    }
    ensure(asked.is_none(), || "it was free before".into())?;
    desk.pass(1.5).await;
    granted(desk.theirs(NAME).await?).map(drop)
}

async fn what_is_left_runs_out(desk: Desk) -> Verdict {
    let asked = desk.try_as(&desk.subject.ours, &Owner::draw()).await?;
    let Some(held) = asked else { return Ok(()) };
    granted_as(held)?.leave();
    desk.pass(0.5).await;
    let asked = desk.theirs(NAME).await?;
    desk.in_time(ensure(asked.is_none(), || "it was free before".into()))?;
    desk.pass(0.75).await;
    granted(desk.theirs(NAME).await?).map(drop)
}

async fn tells_whose(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let Some(held) = desk.try_as(&desk.subject.ours, &owner).await? else { return Ok(()) };
    let _held = granted_as(held)?;
    match desk.try_as(&desk.subject.theirs, &Owner::draw()).await? {
        Some(Err(holder)) => {
            let told = holder == Some(owner);
            desk.in_time(ensure(told, || format!("{holder:?} was told")))
        }
        _ => desk.in_time(Err("it was granted beside its holder".into())),
    }
}

async fn owners_go_on(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let Some(first) = desk.try_as(&desk.subject.ours, &owner).await? else { return Ok(()) };
    let first = granted_as(first)?;
    let Some(next) = desk.try_as(&desk.subject.theirs, &owner).await? else { return Ok(()) };
    let next = granted_as(next)?;
    (desk.subject.cut_off)();
    // The first one finds out, and gives nothing back that the next one has.
    desk.pass(1.25).await;
    ensure(first.check().is_err(), || "it was not told".into())?;
    first.leave();
    desk.pass(1.25).await;
    let slow = |lost| Box::new(TooSlow(Failure::from(lost))) as Failure;
    next.check().map_err(slow)?;
    match desk.try_as(&desk.subject.theirs, &Owner::draw()).await? {
        Some(Ok(_)) if next.check().is_ok() => Err("it was granted beside its holder".into()),
        _ => Ok(()),
    }
}
