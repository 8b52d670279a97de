//! The contract of [`LeaseAdmin`], as checks. What it shares with other lease stores is in
//! [`lease`](super::lease).

mod readers;
mod words;

use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt;

use self::{
    readers::{
        makes_way, remembers_a_thousand, takes_a_share, takes_again, takes_from_readers_only,
        tells_a_thousand, tells_no_other_reader, tells_readers, tells_the_reader,
    },
    words::{
        forgets_words, hands_no_words_over, keeps_words, refuses_many_words, takes_no_words,
        tells_words, words_keep_nothing,
    },
};
use super::{
    lease::{DeskOf, Subject},
    rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules},
};
use crate::{
    kernel::Fence,
    lease::{Acquired, HeldName, LeaseAdmin, Owner, Released, Renewed, Share, Turn, Want},
};

/// Checks every rule of the contract, each on a store that `make` makes for it. Where the store has
/// [a line](crate::lease::LockStore), the rules about it as well.
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
/// conformance::admin::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<L: LeaseAdmin>(mut make: impl AsyncFnMut() -> Subject<L>) {
    check_all(RULES, async || make().await.on_a_desk(|store| store as Arc<dyn LeaseAdmin>)).await;
}

type Desk = DeskOf<dyn LeaseAdmin>;

const RULES: &[Rule<Desk>] = rules! {
    "every name that somebody has is told, with its holder" => tells_all,
    "a name that nobody has is not told" => tells_no_other,
    "who shares a name and who waits is counted" => counts,
    "a tenure that is ended by an operator is over at once" => frees,
    "its holder is told so when it renews, and nobody else is" => tells_the_holder,
    "its holder frees nothing any more" => frees_no_more,
    "a tenure is ended by its own fence only" => by_its_fence,
    "ending it again says the same, and does not end the next one" => once,
    "the next tenure has a higher fence" => fence_rises,
    "who is first in line gets it" => line_moves,
    "each who shares a name is told, by its owner, with what is left of its time" => tells_readers,
    "who does not share a name, or no more, is not told" => tells_no_other_reader,
    "of very many who share a name a thousand are told that end first" => tells_a_thousand,
    "a share is taken away from its owner, and others keep theirs" => takes_a_share,
    "who shared it is told so when it renews, and nobody else is" => tells_the_reader,
    "a share is taken away from those only who share" => takes_from_readers_only,
    "taking a share away again says the same" => takes_again,
    "who had it alone and the last thousand who shared it are told so, each of them" => remembers_a_thousand,
    "when the last share is taken away who is first in line is told" => makes_way,
    "what a holder says is told to whoever looks, and what it says later is told instead" => tells_words,
    "a renewal keeps what was said" => keeps_words,
    "what is said lengthens no lease, and brings none back" => words_keep_nothing,
    "nobody says anything of what somebody else has, or shares, or nobody has" => takes_no_words,
    "nothing is said yet of a tenure that begins, however the last one ended" => forgets_words,
    "nothing is said yet of what was handed over" => hands_no_words_over,
    "more than is kept is refused, and what was said before stays" => refuses_many_words,
};

const NAME: &str = "nightly-report";

/// None of these may run out while a rule looks.
const LONG: u32 = 100;

impl Desk {
    async fn granted(&self, name: &str, owner: &Owner) -> Result<Fence, Failure> {
        match self.store.try_acquire(name, owner, self.lease * LONG).await? {
            Acquired::Granted(grant) => Ok(grant.fence),
            Acquired::Busy(busy) => Err(format!("{busy:?} was answered").into()),
        }
    }

    async fn names(&self) -> Result<Vec<HeldName>, Failure> {
        let mut names: Vec<HeldName> = self.store.names().try_collect().await?;
        names.sort_by(|one, other| one.name.cmp(&other.name));
        // One that is told twice is told.
        names.dedup_by(|one, other| one.name == other.name);
        Ok(names)
    }

    async fn forced(&self, fence: Fence) -> Verdict {
        let ended = self.store.force_release(NAME, fence, "ops: it hangs").await?;
        self.in_time(ensure(ended.is_some(), || "it was not ended".into()))
    }

    async fn line(&self, owner: &Owner, share: Share) -> Result<Option<Turn>, Failure> {
        let Some(line) = self.store.locks() else { return Ok(None) };
        let (lease, stay) = (self.lease, self.lease * 8);
        let want = Want { share, stay, ..Want::alone(NAME, owner, lease) };
        Ok(Some(line.acquire_in_turn(want).await?))
    }
}

async fn tells_all(desk: Desk) -> Verdict {
    // More than a page.
    let mut wanted = Vec::new();
    for number in 0..1_200 {
        let (name, owner) = (format!("{{{number:04}}}:%"), Owner::draw());
        let fence = desk.granted(&name, &owner).await?;
        wanted.push((name, owner, fence));
    }
    let told = desk.names().await?.into_iter().map(|name| {
        let holder = name.holder.ok_or("nobody has it")?;
        let left = holder.expires_in.ok_or("it has no end")?;
        ensure(Duration::ZERO < left && left <= desk.lease * LONG, || format!("{left:?} is left"))?;
        Ok((name.name, holder.owner, holder.fence))
    });
    desk.in_time(ensure_eq(told.collect::<Result<Vec<_>, Failure>>()?, wanted))
}

async fn tells_no_other(desk: Desk) -> Verdict {
    let (released, expired) = (Owner::draw(), Owner::draw());
    desk.granted("released", &released).await?;
    desk.store.release("released", &released).await?;
    let expires = desk.store.try_acquire("expired", &expired, desk.lease).await?;
    ensure(matches!(expires, Acquired::Granted(_)), || format!("{expires:?}"))?;
    desk.over().await;
    ensure_eq(desk.names().await?, vec![])
}

async fn counts(desk: Desk) -> Verdict {
    for _ in 0..2 {
        if desk.line(&Owner::draw(), Share::Shared).await?.is_none() {
            return Ok(());
        }
    }
    desk.line(&Owner::draw(), Share::Alone).await?;
    let names = desk.names().await?;
    let seen: Vec<_> = names.iter().map(|name| (&*name.name, name.readers, name.waiting)).collect();
    desk.in_time(ensure_eq(seen, vec![(NAME, 2, 1)]))
}

async fn frees(desk: Desk) -> Verdict {
    let fence = desk.granted(NAME, &Owner::draw()).await?;
    desk.forced(fence).await?;
    ensure_eq(desk.names().await?, vec![])?;
    ensure_eq(desk.store.inspect(NAME).await?, None)?;
    desk.granted(NAME, &Owner::draw()).await.map(drop)
}

async fn tells_the_holder(desk: Desk) -> Verdict {
    let (holder, next) = (Owner::draw(), Owner::draw());
    let fence = desk.granted(NAME, &holder).await?;
    desk.forced(fence).await?;
    ensure_eq(desk.store.try_renew(NAME, &holder, desk.lease).await?, Renewed::Forced)?;
    desk.granted(NAME, &next).await?;
    ensure_eq(desk.store.try_renew(NAME, &holder, desk.lease).await?, Renewed::Forced)?;
    let renewed = desk.store.try_renew(NAME, &next, desk.lease).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    let renewed = desk.store.try_renew(NAME, &Owner::draw(), desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)
}

async fn frees_no_more(desk: Desk) -> Verdict {
    let (holder, next) = (Owner::draw(), Owner::draw());
    let fence = desk.granted(NAME, &holder).await?;
    desk.forced(fence).await?;
    ensure_eq(desk.store.release(NAME, &holder).await?, Released::AlreadyExpired)?;
    desk.granted(NAME, &next).await?;
    let released = desk.store.release(NAME, &holder).await?;
    desk.in_time(ensure_eq(released, Released::NotOwner))
}

async fn by_its_fence(desk: Desk) -> Verdict {
    let holder = Owner::draw();
    let fence = desk.granted(NAME, &holder).await?;
    for other in [Fence(fence.0 - 1), Fence(fence.0 + 1), Fence::NONE] {
        let ended = desk.store.force_release(NAME, other, "ops").await?;
        ensure(ended.is_none(), || format!("{other:?} ended {fence:?}"))?;
    }
    let ended = desk.store.force_release("another", fence, "ops").await?;
    ensure(ended.is_none(), || "a name that nobody has was taken away".into())?;
    let renewed = desk.store.try_renew(NAME, &holder, desk.lease).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))
}

async fn once(desk: Desk) -> Verdict {
    let (holder, next) = (Owner::draw(), Owner::draw());
    let fence = desk.granted(NAME, &holder).await?;
    desk.forced(fence).await?;
    desk.granted(NAME, &next).await?;
    let ended = desk.store.force_release(NAME, fence, "ops").await?;
    ensure_eq(ended, Some(holder))?;
    let renewed = desk.store.try_renew(NAME, &next, desk.lease).await?;
    desk.in_time(ensure_eq(renewed, Renewed::Renewed))
}

async fn fence_rises(desk: Desk) -> Verdict {
    let fence = desk.granted(NAME, &Owner::draw()).await?;
    desk.forced(fence).await?;
    let next = desk.granted(NAME, &Owner::draw()).await?;
    ensure(next > fence, || format!("{next:?} came after {fence:?}"))
}

async fn line_moves(desk: Desk) -> Verdict {
    let (holder, first, second) = (Owner::draw(), Owner::draw(), Owner::draw());
    let fence = desk.granted(NAME, &holder).await?;
    let Some(line) = desk.store.locks() else { return Ok(()) };
    desk.line(&first, Share::Alone).await?;
    desk.line(&second, Share::Alone).await?;
    let mut wakes = desk.listen(line).await?;
    desk.forced(fence).await?;
    desk.told(&mut wakes, &first).await?;
    let passed = desk.line(&second, Share::Alone).await?;
    desk.in_time(ensure(matches!(passed, Some(Turn::Waiting(_))), || format!("{passed:?}")))?;
    let turn = desk.line(&first, Share::Alone).await?;
    desk.in_time(ensure(matches!(turn, Some(Turn::Granted(_))), || format!("{turn:?}")))
}
