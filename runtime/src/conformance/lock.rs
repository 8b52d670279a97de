//! The contract of [`LockStore`], as checks. What it shares with other lease stores is in
//! [`lease`](super::lease).

mod goes_first;
mod hand_over;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};

use self::{
    goes_first::{
        first_of_the_first, keeps_its_place, reader_passes, told_what_is_in_its_way, writer_passes,
    },
    hand_over::{given_waits_no_more, hands_over, hands_over_again, hands_over_own_only},
};
use super::{
    lease::{DeskOf, Subject},
    rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules, too_slow},
};
use crate::{
    kernel::Fence,
    lease::{
        Acquired, Grant, LockStore, Owner, Released, Renewed, Share, Turn, Waiting, Wake, Want,
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
/// conformance::lock::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<L: LockStore>(mut make: impl AsyncFnMut() -> Subject<L>) {
    check_all(RULES, async || make().await.on_a_desk(|store| store as Arc<dyn LockStore>)).await;
}

type Desk = DeskOf<dyn LockStore>;

const RULES: &[Rule<Desk>] = rules! {
    "a name is had by one owner alone, or shared by any number" => alone_or_shared,
    "who comes first gets a name first" => first_come,
    "who comes later does not pass one who waits, whether it shares or not" => nobody_passes,
    "`try_acquire` passes nobody in line" => trying_passes_nobody,
    "asking again keeps the place" => asking_keeps_the_place,
    "asking again finds what was granted, and never shortens it" => asking_finds,
    "a place whose owner does not ask in time is gone" => places_run_out,
    "who asks again too late is at the end" => late_is_last,
    "who does not wait has no place" => no_stay_no_place,
    "giving a place back lets the next one move up" => places_are_given_back,
    "who waits is told whose it is, how many are before, and when to ask" => waiting_tells,
    "a name is handed over past those who wait, with a fence and a lease of its own" => hands_over,
    "nobody hands over what it does not have" => hands_over_own_only,
    "handing over again finds what was granted, and never shortens it" => hands_over_again,
    "who is given what it waits for waits no more" => given_waits_no_more,
    "each who shares has a lease of its own" => shares_run_out_alone,
    "who shares renews what it has, never shortens it and never brings it back" => shares_renew,
    "who shares frees what it has, and no more" => shares_are_freed,
    "a shared fence is below that of who is alone later, and not below that of who was" => fences,
    "who is next is told when a name becomes free" => next_is_told,
    "the last who shares makes way for one alone, and not an earlier one" => last_makes_way,
    "those who share one after the other are told one after the other" => sharers_follow,
    "who leaves the line passes on what it was told" => leaving_tells_the_next,
    "a downgrade lets others share, and nobody be alone in between" => downgrades,
    "nobody shares by a downgrade what it does not have" => downgrades_own_only,
    "who shares and goes first passes one alone who waits, while others share" => reader_passes,
    "who is alone and goes first passes those who wait, and is told before them" => writer_passes,
    "those who go first are before all others, in the order in which they came" => first_of_the_first,
    "who goes first and asks again keeps its place" => keeps_its_place,
    "who goes first is told of what is in its way, and not of whom it passes" => told_what_is_in_its_way,
};

const NAME: &str = "catalogue";

impl Desk {
    fn want<'a>(&self, owner: &'a Owner, share: Share) -> Want<'a> {
        let (lease, stay) = (self.lease, self.lease * 8);
        Want { share, stay, ..Want::alone(NAME, owner, lease) }
    }

    async fn ask(&self, owner: &Owner, share: Share) -> Result<Turn, Failure> {
        Ok(self.store.acquire_in_turn(self.want(owner, share)).await?)
    }

    /// It gets it.
    async fn granted(&self, owner: &Owner, share: Share) -> Result<Grant, Failure> {
        self.granted_to(self.want(owner, share)).await
    }

    /// It does not get it, and has so many before it.
    async fn waits(&self, owner: &Owner, share: Share, ahead: u64) -> Result<Waiting, Failure> {
        self.keeps_waiting(self.want(owner, share), ahead).await
    }

    async fn granted_to(&self, want: Want<'_>) -> Result<Grant, Failure> {
        match self.store.acquire_in_turn(want).await? {
            Turn::Granted(grant) => Ok(grant),
            Turn::Waiting(waiting) => Err(format!("{waiting:?} was answered").into()),
        }
    }

    async fn keeps_waiting(&self, want: Want<'_>, ahead: u64) -> Result<Waiting, Failure> {
        match self.store.acquire_in_turn(want).await? {
            Turn::Waiting(waiting) => {
                self.in_time(ensure_eq(waiting.ahead, ahead))?;
                Ok(waiting)
            }
            Turn::Granted(grant) => self.in_time(Err(format!("{grant:?} was answered").into())),
        }
    }

    async fn free(&self, owner: &Owner) -> Verdict {
        let released = self.store.release(NAME, owner).await?;
        self.in_time(ensure_eq(released, Released::Released))
    }
}

impl<S: ?Sized> DeskOf<S> {
    /// Listens, from now on.
    pub(super) async fn listen(
        &self,
        line: &dyn LockStore,
    ) -> Result<BoxStream<'static, Wake>, Failure> {
        let mut wakes = line.wakes();
        // A store that listens over a wire says when it does.
        (self.pass)(self.lease / 4).await;
        while let Some(Some(wake)) = wakes.next().now_or_never() {
            ensure(matches!(wake, Wake::Everybody | Wake::Nobody), || {
                format!("{wake:?} was told")
            })?;
        }
        Ok(wakes)
    }

    /// This one is told, and nobody before.
    pub(super) async fn told(
        &self,
        wakes: &mut BoxStream<'static, Wake>,
        owner: &Owner,
    ) -> Verdict {
        // Of what had run out nobody is told.
        let mut untold = self.in_time(Err("nobody was told".into()));
        let told = async {
            loop {
                match wakes.next().await {
                    // It listens only now.
                    Some(Wake::Everybody) => untold = too_slow("it was told before it listened"),
                    Some(Wake::Nobody) => {}
                    told => break told,
                }
            }
        };
        match tokio::time::timeout(self.lease * 4, told).await {
            Ok(told) => ensure_eq(told, Some(Wake::Turn(owner.clone()))),
            Err(_) => untold,
        }
    }

    /// Nobody is told.
    async fn silent(&self, wakes: &mut BoxStream<'static, Wake>) -> Verdict {
        (self.pass)(self.lease / 4).await;
        match wakes.next().now_or_never() {
            None => Ok(()),
            Some(Some(Wake::Everybody)) => too_slow("it listens only now"),
            Some(told) => self.in_time(Err(format!("{told:?} was told").into())),
        }
    }
}

fn owners<const N: usize>() -> [Owner; N] {
    std::array::from_fn(|_| Owner::draw())
}

use Share::{Alone, Shared};

async fn alone_or_shared(desk: Desk) -> Verdict {
    let [a, b, c, d] = owners();
    desk.granted(&a, Shared).await?;
    desk.granted(&b, Shared).await?;
    desk.waits(&c, Alone, 0).await?;
    desk.free(&a).await?;
    desk.waits(&c, Alone, 0).await?;
    desk.free(&b).await?;
    desk.granted(&c, Alone).await?;
    desk.waits(&d, Shared, 0).await?;
    desk.free(&c).await?;
    desk.granted(&d, Shared).await.map(drop)
}

async fn first_come(desk: Desk) -> Verdict {
    let [holder, a, b, c] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Alone, 0).await?;
    desk.waits(&b, Shared, 1).await?;
    desk.waits(&c, Alone, 2).await?;
    desk.free(&holder).await?;
    desk.waits(&c, Alone, 2).await?;
    desk.waits(&b, Shared, 1).await?;
    desk.granted(&a, Alone).await?;
    desk.free(&a).await?;
    desk.waits(&c, Alone, 1).await?;
    desk.granted(&b, Shared).await?;
    desk.free(&b).await?;
    desk.granted(&c, Alone).await.map(drop)
}

async fn nobody_passes(desk: Desk) -> Verdict {
    let [reader, writer, late] = owners();
    desk.granted(&reader, Shared).await?;
    desk.waits(&writer, Alone, 0).await?;
    desk.waits(&late, Shared, 1).await?;
    desk.free(&reader).await?;
    desk.waits(&late, Shared, 1).await?;
    desk.granted(&writer, Alone).await.map(drop)
}

async fn trying_passes_nobody(desk: Desk) -> Verdict {
    let [holder, waiter, hasty] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&waiter, Alone, 0).await?;
    desk.free(&holder).await?;
    let tried = desk.store.try_acquire(NAME, &hasty, desk.lease).await?;
    let busy = matches!(tried, Acquired::Busy(_));
    desk.in_time(ensure(busy, || "it was granted to one who does not wait".into()))?;
    desk.granted(&waiter, Alone).await.map(drop)
}

async fn asking_keeps_the_place(desk: Desk) -> Verdict {
    let [holder, a, b] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Alone, 0).await?;
    desk.waits(&b, Alone, 1).await?;
    for _ in 0..3 {
        desk.waits(&a, Alone, 0).await?;
    }
    desk.waits(&b, Alone, 1).await.map(drop)
}

async fn asking_finds(desk: Desk) -> Verdict {
    for share in [Alone, Shared] {
        let [owner, other] = owners();
        let first = desk.granted(&owner, share).await?;
        let (lease, stay) = (desk.lease / 8, Duration::ZERO);
        let short = Want { lease, stay, ..desk.want(&owner, share) };
        let Turn::Granted(again) = desk.store.acquire_in_turn(short).await? else {
            return desk.in_time(Err("its own is busy".into()));
        };
        let is_same = again.fence == first.fence || share == Shared;
        ensure(is_same && again.fence >= first.fence, || format!("{again:?} after {first:?}"))?;
        desk.in_time(ensure(again.left > desk.lease / 2, || format!("{again:?} was left")))?;
        desk.waits(&other, Alone, 0).await?;
        desk.store.release(NAME, &other).await?;
        desk.free(&owner).await?;
    }
    Ok(())
}

async fn places_run_out(desk: Desk) -> Verdict {
    let [holder, dead, alive] = owners();
    desk.granted(&holder, Alone).await?;
    let stay = desk.lease / 2;
    desk.store.acquire_in_turn(Want { stay, ..desk.want(&dead, Alone) }).await?;
    desk.waits(&alive, Alone, 1).await?;
    desk.free(&holder).await?;
    let waiting = desk.waits(&alive, Alone, 1).await?;
    let soon = waiting.retry_after.is_some_and(|after| after <= stay);
    ensure(soon, || format!("{waiting:?}: the place before it is gone sooner"))?;
    desk.over().await;
    desk.granted(&alive, Alone).await.map(drop)
}

async fn late_is_last(desk: Desk) -> Verdict {
    let [holder, first, late, other] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&first, Alone, 0).await?;
    let stay = desk.lease / 8;
    desk.store.acquire_in_turn(Want { stay, ..desk.want(&late, Alone) }).await?;
    desk.some().await;
    desk.ask(&other, Alone).await?;
    let hasty = Want { stay: Duration::ZERO, ..desk.want(&late, Alone) };
    let told = desk.store.acquire_in_turn(hasty).await?;
    let is_behind = matches!(&told, Turn::Waiting(waiting) if waiting.ahead >= 2);
    desk.in_time(ensure(is_behind, || format!("{told:?} was answered, and two are before it")))?;
    desk.waits(&late, Alone, 2).await.map(drop)
}

async fn no_stay_no_place(desk: Desk) -> Verdict {
    let [holder, hasty, patient] = owners();
    desk.granted(&holder, Alone).await?;
    for share in [Alone, Shared] {
        let want = Want { stay: Duration::ZERO, ..desk.want(&hasty, share) };
        let turn = desk.store.acquire_in_turn(want).await?;
        desk.in_time(ensure(matches!(turn, Turn::Waiting(_)), || format!("{turn:?}")))?;
    }
    desk.waits(&patient, Alone, 0).await.map(drop)
}

async fn places_are_given_back(desk: Desk) -> Verdict {
    let [holder, a, b, c] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Alone, 0).await?;
    desk.waits(&b, Shared, 1).await?;
    desk.waits(&c, Alone, 2).await?;
    let released = desk.store.release(NAME, &b).await?;
    desk.in_time(ensure_eq(released, Released::NotOwner))?;
    desk.waits(&c, Alone, 1).await?;
    desk.store.release(NAME, &a).await?;
    desk.waits(&c, Alone, 0).await.map(drop)
}

async fn waiting_tells(desk: Desk) -> Verdict {
    let [holder, alone, shared] = owners();
    desk.granted(&holder, Alone).await?;
    let waiting = desk.waits(&alone, Alone, 0).await?;
    ensure(waiting.holder.is_none_or(|told| told == holder), || "another holder is told".into())?;
    let about = |left: Option<Duration>| {
        let is_so = left.is_some_and(|left| left <= desk.lease && left >= desk.lease / 2);
        desk.in_time(ensure(is_so, || format!("{left:?} of {:?} is told", desk.lease)))
    };
    about(waiting.retry_after)?;
    desk.free(&holder).await?;
    desk.store.release(NAME, &alone).await?;
    desk.granted(&shared, Shared).await?;
    let waiting = desk.waits(&alone, Alone, 0).await?;
    ensure_eq(waiting.holder, None)?;
    about(waiting.retry_after)
}

async fn shares_run_out_alone(desk: Desk) -> Verdict {
    let [crashed, alive, writer] = owners();
    desk.granted(&crashed, Shared).await?;
    desk.granted(&alive, Shared).await?;
    for _ in 0..3 {
        desk.some().await;
        let renewed = desk.store.try_renew(NAME, &alive, desk.lease).await?;
        desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    }
    let renewed = desk.store.try_renew(NAME, &crashed, desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)?;
    desk.store.release(NAME, &alive).await?;
    desk.granted(&writer, Alone).await.map(drop)
}

async fn shares_renew(desk: Desk) -> Verdict {
    let [reader, writer] = owners();
    desk.granted(&reader, Shared).await?;
    let renewed = desk.store.try_renew(NAME, &reader, desk.lease / 8).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    desk.some().await;
    desk.waits(&writer, Alone, 0).await?;
    let renewed = desk.store.try_renew(NAME, &reader, desk.lease).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    desk.over().await;
    let renewed = desk.store.try_renew(NAME, &reader, desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)?;
    desk.granted(&writer, Alone).await.map(drop)
}

async fn shares_are_freed(desk: Desk) -> Verdict {
    let [a, b, stranger] = owners();
    desk.granted(&a, Shared).await?;
    desk.granted(&b, Shared).await?;
    desk.free(&a).await?;
    desk.store.release(NAME, &a).await?;
    desk.store.release(NAME, &stranger).await?;
    desk.waits(&stranger, Alone, 0).await?;
    desk.free(&b).await?;
    desk.granted(&stranger, Alone).await.map(drop)
}

async fn fences(desk: Desk) -> Verdict {
    let [before, reader, other, after] = owners();
    let first = desk.granted(&before, Alone).await?.fence;
    desk.free(&before).await?;
    let shared = desk.granted(&reader, Shared).await?.fence;
    let is_after = first <= shared && shared > Fence::NONE;
    ensure(is_after, || format!("{shared:?} came after {first:?}"))?;
    let shared = shared.max(desk.granted(&other, Shared).await?.fence);
    desk.free(&reader).await?;
    desk.free(&other).await?;
    let last = desk.granted(&after, Alone).await?.fence;
    ensure(shared < last, || format!("{last:?} came after {shared:?}"))
}

async fn next_is_told(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [holder, a, b] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Alone, 0).await?;
    desk.waits(&b, Alone, 1).await?;
    desk.silent(&mut wakes).await?;
    desk.store.release(NAME, &holder).await?;
    desk.told(&mut wakes, &a).await?;
    desk.silent(&mut wakes).await?;
    desk.granted(&a, Alone).await?;
    desk.store.release(NAME, &a).await?;
    desk.told(&mut wakes, &b).await
}

async fn last_makes_way(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [a, b, writer] = owners();
    desk.granted(&a, Shared).await?;
    desk.granted(&b, Shared).await?;
    desk.waits(&writer, Alone, 0).await?;
    desk.free(&a).await?;
    desk.silent(&mut wakes).await?;
    desk.store.release(NAME, &b).await?;
    desk.told(&mut wakes, &writer).await
}

async fn sharers_follow(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [holder, a, b, writer] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Shared, 0).await?;
    desk.waits(&b, Shared, 1).await?;
    desk.waits(&writer, Alone, 2).await?;
    desk.free(&holder).await?;
    desk.told(&mut wakes, &a).await?;
    desk.granted(&a, Shared).await?;
    desk.told(&mut wakes, &b).await?;
    desk.granted(&b, Shared).await?;
    desk.silent(&mut wakes).await
}

async fn leaving_tells_the_next(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [holder, a, b] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&a, Alone, 0).await?;
    desk.waits(&b, Alone, 1).await?;
    desk.free(&holder).await?;
    desk.told(&mut wakes, &a).await?;
    desk.store.release(NAME, &a).await?;
    desk.told(&mut wakes, &b).await?;
    desk.granted(&b, Alone).await.map(drop)
}

async fn downgrades(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [holder, reader, writer] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&reader, Shared, 0).await?;
    desk.waits(&writer, Alone, 1).await?;
    for _ in 0..2 {
        let downgraded = desk.store.downgrade(NAME, &holder, desk.lease).await?;
        desk.in_time(ensure_eq(downgraded, Renewed::Renewed))?;
    }
    desk.told(&mut wakes, &reader).await?;
    desk.granted(&reader, Shared).await?;
    desk.store.release(NAME, &reader).await?;
    desk.waits(&writer, Alone, 0).await?;
    desk.free(&holder).await?;
    desk.granted(&writer, Alone).await.map(drop)
}

async fn downgrades_own_only(desk: Desk) -> Verdict {
    let [holder, stranger] = owners();
    desk.granted(&holder, Alone).await?;
    let downgraded = desk.store.downgrade(NAME, &stranger, desk.lease).await?;
    ensure_eq(downgraded, Renewed::NotOwner)?;
    desk.over().await;
    let downgraded = desk.store.downgrade(NAME, &holder, desk.lease).await?;
    ensure_eq(downgraded, Renewed::NotOwner)?;
    desk.granted(&stranger, Alone).await.map(drop)
}
