//! The contract of [`LeaseStore`], as checks.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all};

use super::rule::{Failure, Rule, TooSlow, Verdict, check_all, ensure, ensure_eq, rules};
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::{Fence, Timestamp},
    lease::{Acquired, Busy, Grant, LeaseStore, Owner, Released, Renewal, Renewed, Tenure},
};

/// A fresh store, and what a suite must know of it.
///
/// See [`run`] for an example.
pub struct Subject<L> {
    /// The store, where every name is free.
    pub store: L,
    /// A lease that does not run out by itself while a rule makes a few calls.
    pub lease: Duration,
    /// Lets time pass in the store.
    pub pass: Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
}

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
/// conformance::lease::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<L: LeaseStore>(mut make: impl AsyncFnMut() -> Subject<L>) {
    check_all(RULES, async || make().await.on_a_desk(|store| store as Arc<dyn LeaseStore>)).await;
}

/// A store on a desk, as a check sees it.
pub(super) struct DeskOf<S: ?Sized> {
    pub(super) store: Arc<S>,
    pub(super) lease: Duration,
    pub(super) pass: Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>,
    begun: TokioClock,
}

type Desk = DeskOf<dyn LeaseStore>;

impl<L> Subject<L> {
    pub(super) fn on_a_desk<S: ?Sized>(self, seen: impl FnOnce(Arc<L>) -> Arc<S>) -> DeskOf<S> {
        let Self { store, lease, pass } = self;
        let begun = TokioClock::starting_at(Timestamp(0));
        DeskOf { store: seen(Arc::new(store)), lease, pass: pass.into(), begun }
    }
}

impl<S: ?Sized> DeskOf<S> {
    /// Some of the lease passes.
    pub(super) async fn some(&self) {
        (self.pass)(self.lease / 2).await;
    }

    /// The lease is over, also where clocks are coarse.
    pub(super) async fn over(&self) {
        (self.pass)(self.lease + self.lease / 4).await;
    }

    /// How much is left is told as it is, within what clocks and calls may take.
    pub(super) fn about(&self, left: Option<Duration>, wanted: Duration) -> Verdict {
        let said = || format!("{left:?} was left where about {wanted:?} was wanted");
        ensure(left.is_some_and(|left| left <= wanted), said)?;
        let in_time = ensure(left.is_some_and(|left| left + self.lease / 4 >= wanted), said);
        in_time.map_err(|slow| Box::new(TooSlow(slow)) as Failure)
    }

    /// What proves something only if no lease can have run out.
    pub(super) fn in_time<T>(&self, found: Result<T, Failure>) -> Result<T, Failure> {
        self.in_time_since(Timestamp(0), found)
    }

    /// How long the check has taken.
    pub(super) fn now(&self) -> Timestamp {
        self.begun.now()
    }

    /// What proves something only if no lease can have run out that was asked for then.
    pub(super) fn in_time_since<T>(
        &self,
        asked: Timestamp,
        found: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match found {
            Err(failure) if self.now() >= asked.plus(self.lease) => Err(Box::new(TooSlow(failure))),
            found => found,
        }
    }
}

const RULES: &[Rule<Desk>] = rules! {
    "a name that is free is granted, for so long, under a fence that is not 0" => grants,
    "of many who want a name at a time one gets it" => grants_one,
    "a name that somebody has is busy: whose it is is told, and for how long" => is_busy,
    "an owner that acquires what it has keeps it, with its fence" => keeps,
    "acquiring again never shortens" => acquiring_never_shortens,
    "the owner renews what it has" => renews,
    "a renewal never shortens" => renewing_never_shortens,
    "nobody renews what somebody else has" => renews_own_only,
    "a lease is over when its time is" => runs_out,
    "a tenure that is over is never brought back" => never_brought_back,
    "of several that are renewed together each is answered for itself, in order" => renews_several,
    "a lease of no time is one of a moment, or an error" => no_time,
    "the owner frees what it has, at once" => frees,
    "nobody frees what somebody else has" => frees_own_only,
    "freeing what is over, or free, does nothing and says so" => frees_nothing,
    "each tenure has a higher fence than all before it" => fences_rise,
    "no two names are one, and every text is a name" => names_are_apart,
    "looking tells whose a name is, its fence, since when and for how long" => tells,
    "looking changes nothing" => looking_changes_nothing,
    "clocks that are told go on as time passes" => clocks_go_on,
};

const NAME: &str = "nightly-report";

impl Desk {
    async fn acquire(&self, name: &str, owner: &Owner) -> Result<Acquired, Failure> {
        Ok(self.store.try_acquire(name, owner, self.lease).await?)
    }

    /// Takes a name that is free.
    async fn granted(&self, name: &str, owner: &Owner) -> Result<Grant, Failure> {
        self.granted_for(self.lease, name, owner).await
    }

    /// Takes a name that is free, and does not become so while a rule makes many calls.
    async fn granted_for_long(&self, name: &str, owner: &Owner) -> Result<Grant, Failure> {
        self.granted_for(self.lease * 8, name, owner).await
    }

    async fn granted_for(
        &self,
        lease: Duration,
        name: &str,
        owner: &Owner,
    ) -> Result<Grant, Failure> {
        match self.store.try_acquire(name, owner, lease).await? {
            Acquired::Granted(grant) => Ok(grant),
            Acquired::Busy(busy) => Err(format!("{busy:?} was answered").into()),
        }
    }

    /// Wants a name that somebody has.
    async fn busy(&self, name: &str, owner: &Owner) -> Result<Busy, Failure> {
        match self.acquire(name, owner).await? {
            Acquired::Busy(busy) => Ok(busy),
            Acquired::Granted(grant) => self.in_time(Err(format!("{grant:?} was answered").into())),
        }
    }

    async fn tenure(&self) -> Result<Tenure, Failure> {
        match self.store.inspect(NAME).await? {
            Some(tenure) => Ok(tenure),
            None => self.in_time(Err("nobody has it".into())),
        }
    }
}

async fn grants(desk: Desk) -> Verdict {
    let grant = desk.granted(NAME, &Owner::draw()).await?;
    ensure(grant.fence > Fence::NONE, || "its fence is 0".into())?;
    desk.about(Some(grant.left), desk.lease)
}

async fn grants_one(desk: Desk) -> Verdict {
    let racers = (0..100).map(|_| {
        let desk = &desk;
        async move { desk.acquire(NAME, &Owner::draw()).await }
    });
    let mut winners = 0;
    for answer in join_all(racers).await {
        winners += usize::from(matches!(answer?, Acquired::Granted(_)));
    }
    desk.in_time(ensure_eq(winners, 1))
}

async fn is_busy(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.granted(NAME, &owner).await?;
    let busy = desk.busy(NAME, &Owner::draw()).await?;
    ensure(busy.holder.is_none_or(|holder| holder == owner), || "another holder is told".into())?;
    desk.about(busy.retry_after, desk.lease)
}

async fn keeps(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let first = desk.granted(NAME, &owner).await?;
    desk.some().await;
    let again = desk.granted(NAME, &owner).await?;
    desk.in_time(ensure_eq(again.fence, first.fence))?;
    desk.about(Some(again.left), desk.lease)?;
    desk.some().await;
    desk.some().await;
    // What was left of the first one is over.
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn acquiring_never_shortens(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.granted(NAME, &owner).await?;
    let short = desk.store.try_acquire(NAME, &owner, desk.lease / 8).await?;
    let Acquired::Granted(short) = short else { return Err("its own name is busy".into()) };
    desk.about(Some(short.left), desk.lease)?;
    desk.some().await;
    desk.busy(NAME, &Owner::draw()).await.map(drop)
}

async fn renews(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    let grant = desk.granted(NAME, &owner).await?;
    desk.some().await;
    let renewed = desk.store.try_renew(NAME, &owner, desk.lease).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    let tenure = desk.tenure().await?;
    ensure_eq(tenure.fence, grant.fence)?;
    desk.about(tenure.expires_in, desk.lease)
}

async fn renewing_never_shortens(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    desk.granted(NAME, &owner).await?;
    let renewed = desk.store.try_renew(NAME, &owner, desk.lease / 8).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    desk.some().await;
    desk.busy(NAME, &Owner::draw()).await.map(drop)
}

async fn renews_own_only(desk: Desk) -> Verdict {
    desk.granted(NAME, &Owner::draw()).await?;
    desk.some().await;
    let renewed = desk.store.try_renew(NAME, &Owner::draw(), 8 * desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)?;
    desk.some().await;
    desk.some().await;
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn runs_out(desk: Desk) -> Verdict {
    desk.granted(NAME, &Owner::draw()).await?;
    desk.some().await;
    desk.busy(NAME, &Owner::draw()).await?;
    desk.some().await;
    desk.some().await;
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn never_brought_back(desk: Desk) -> Verdict {
    let (first, second) = (Owner::draw(), Owner::draw());
    desk.granted(NAME, &first).await?;
    desk.over().await;
    let renewed = desk.store.try_renew(NAME, &first, desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)?;
    ensure_eq(desk.store.inspect(NAME).await?, None)?;
    desk.granted(NAME, &second).await?;
    let renewed = desk.store.try_renew(NAME, &first, desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)
}

async fn renews_several(desk: Desk) -> Verdict {
    let (ours, theirs) = (Owner::draw(), Owner::draw());
    let names = ["ours", "free", "theirs", "ours too"];
    desk.granted("ours", &ours).await?;
    desk.granted("theirs", &theirs).await?;
    desk.granted("ours too", &ours).await?;
    desk.some().await;
    let renewal =
        |name: &str| Renewal { name: name.into(), owner: ours.clone(), lease: desk.lease };
    let answers = desk.store.renew_all(&names.map(renewal)).await?;
    let answers = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let (its, others) = (Renewed::Renewed, Renewed::NotOwner);
    desk.in_time(ensure_eq(answers, vec![its, others, others, its]))?;
    ensure(desk.store.renew_all(&[]).await?.is_empty(), || "nobody was asked for".into())?;
    desk.some().await;
    desk.some().await;
    desk.granted("theirs", &Owner::draw()).await.map(drop)
}

async fn no_time(desk: Desk) -> Verdict {
    match desk.store.try_acquire(NAME, &Owner::draw(), Duration::ZERO).await {
        Ok(Acquired::Granted(grant)) => {
            let left = grant.left;
            ensure(left <= Duration::from_millis(1), || format!("{left:?} was left"))?;
        }
        Ok(Acquired::Busy(busy)) => return Err(format!("{busy:?} was answered").into()),
        // Who counts on less than a store's word has nothing left.
        Err(_) => {}
    }
    desk.some().await;
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn frees(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    // It is not the time that frees it.
    desk.granted_for_long(NAME, &owner).await?;
    let released = desk.store.release(NAME, &owner).await?;
    desk.in_time(ensure_eq(released, Released::Released))?;
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn frees_own_only(desk: Desk) -> Verdict {
    desk.granted(NAME, &Owner::draw()).await?;
    let released = desk.store.release(NAME, &Owner::draw()).await?;
    desk.in_time(ensure_eq(released, Released::NotOwner))?;
    desk.busy(NAME, &Owner::draw()).await.map(drop)
}

async fn frees_nothing(desk: Desk) -> Verdict {
    let owner = Owner::draw();
    ensure_eq(desk.store.release(NAME, &owner).await?, Released::AlreadyExpired)?;
    desk.granted(NAME, &owner).await?;
    desk.store.release(NAME, &owner).await?;
    ensure_eq(desk.store.release(NAME, &owner).await?, Released::AlreadyExpired)?;
    let late = Owner::draw();
    desk.granted(NAME, &late).await?;
    desk.over().await;
    ensure_eq(desk.store.release(NAME, &late).await?, Released::AlreadyExpired)
}

async fn fences_rise(desk: Desk) -> Verdict {
    let mut last = Fence::NONE;
    for turn in 0..20 {
        let owner = Owner::draw();
        let grant = desk.granted(NAME, &owner).await?;
        ensure(grant.fence > last, || format!("{:?} came after {last:?}", grant.fence))?;
        last = grant.fence;
        // By its owner or by the time.
        match turn {
            9 => desk.over().await,
            _ => drop(desk.store.release(NAME, &owner).await?),
        }
    }
    Ok(())
}

async fn names_are_apart(desk: Desk) -> Verdict {
    let long = "long ".repeat(2_000);
    let names = [
        "",
        " ",
        "a",
        "A",
        "a ",
        "{a}",
        "}{",
        "{}",
        "%7B",
        "%",
        "a:b",
        "a/b",
        "a\nb",
        "a\0b",
        "*",
        "ä",
        "a\u{308}",
        "名前",
        &long,
        &long[1..],
    ];
    let mut fences = BTreeSet::new();
    for name in names {
        let grant = desk.granted_for_long(name, &Owner::draw()).await;
        fences.insert(grant.map_err(|error| format!("{name:?}: {error}"))?.fence);
    }
    for name in names {
        let busy = desk.busy(name, &Owner::draw()).await;
        desk.in_time(busy.map_err(|error| format!("{name:?}: {error}").into()))?;
    }
    Ok(())
}

async fn tells(desk: Desk) -> Verdict {
    let (first, owner) = (Owner::draw(), Owner::draw());
    desk.granted(NAME, &first).await?;
    let before = desk.tenure().await?.since;
    desk.store.release(NAME, &first).await?;
    desk.some().await;
    let grant = desk.granted(NAME, &owner).await?;
    let tenure = desk.tenure().await?;
    ensure_eq(tenure.owner, owner.clone())?;
    ensure_eq(tenure.fence, grant.fence)?;
    let passed = tenure.since.since(before);
    ensure(passed >= desk.lease / 4, || format!("it began {passed:?} after the first one"))?;
    desk.about(tenure.expires_in, desk.lease)?;
    desk.store.release(NAME, &owner).await?;
    ensure_eq(desk.store.inspect(NAME).await?, None)
}

async fn looking_changes_nothing(desk: Desk) -> Verdict {
    ensure_eq(desk.store.inspect(NAME).await?, None)?;
    desk.granted(NAME, &Owner::draw()).await?;
    desk.some().await;
    desk.store.inspect(NAME).await?;
    desk.some().await;
    desk.some().await;
    ensure_eq(desk.store.inspect(NAME).await?, None)
}

async fn clocks_go_on(desk: Desk) -> Verdict {
    let before = desk.store.clocks().await;
    desk.some().await;
    let after = desk.store.clocks().await;
    for then in before {
        // One that is slow is left out.
        let Some(now) = after.iter().find(|now| now.address == then.address) else { continue };
        let passed = now.now.since(then.now);
        ensure(passed >= desk.lease / 4, || format!("{now:?} came {passed:?} after {then:?}"))?;
    }
    Ok(())
}
