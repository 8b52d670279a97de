//! The contract of [`RunStore`], as checks. What it shares with other lease stores is in
//! [`lease`](super::lease).

use std::{sync::Arc, time::Duration};

use super::{
    lease::{DeskOf, Subject},
    rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules},
};
use crate::lease::{Acquired, Grant, Owner, Renewed, RunEnd, RunStore, Turn};

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
/// conformance::runs::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<L: RunStore>(mut make: impl AsyncFnMut() -> Subject<L>) {
    check_all(RULES, async || make().await.on_a_desk(|store| store as Arc<dyn RunStore>)).await;
}

type Desk = DeskOf<dyn RunStore>;

const RULES: &[Rule<Desk>] = rules! {
    "a run is told how many were cut off before it, and one more" => counts,
    "a run has the name alone, for so long, under a fence of its own" => is_a_tenure,
    "who begins again what it has is told the same, and not counted twice" => counts_once,
    "after a run that ended the next one is the first" => ends,
    "a run that ended is over also where its lease runs out, and whatever is said again" => ends_before_its_lease,
    "a run that never began is not counted" => not_begun,
    "nobody says what became of the run of somebody else" => own_only,
    "who waits for a name is not counted" => waiting_is_no_run,
    "who has a name otherwise is not counted, and changes no number" => others_change_nothing,
    "what an operator took away was cut off" => forced,
    "a number that is renewed, released and looked at stays what it is" => stays,
    "no two names have one number" => names_are_apart,
};

const NAME: &str = "data-backup";

impl Desk {
    async fn ask(&self, name: &str, owner: &Owner) -> Result<Turn, Failure> {
        Ok(self.store.begin_run(name, owner, self.lease, Duration::ZERO).await?)
    }

    async fn begin_as(&self, owner: &Owner) -> Result<Grant, Failure> {
        match self.ask(NAME, owner).await? {
            Turn::Granted(grant) => Ok(grant),
            Turn::Waiting(waiting) => Err(format!("{waiting:?} was answered").into()),
        }
    }

    /// A run begins, and is told that it is this attempt.
    async fn begins(&self, attempt: u64) -> Result<Owner, Failure> {
        let owner = Owner::draw();
        ensure_eq(self.begin_as(&owner).await?.attempt, Some(attempt))?;
        Ok(owner)
    }

    async fn say(&self, owner: &Owner, how: RunEnd) -> Verdict {
        Ok(self.store.end_run(NAME, owner, how).await?)
    }

    async fn free(&self, owner: &Owner) -> Verdict {
        Ok(self.store.release(NAME, owner).await.map(drop)?)
    }
}

async fn counts(desk: Desk) -> Verdict {
    for attempt in 1..=3 {
        desk.begins(attempt).await?;
        desk.over().await;
    }
    // Without a word.
    for attempt in 4..=12 {
        let owner = desk.begins(attempt).await?;
        desk.free(&owner).await?;
    }
    Ok(())
}

async fn is_a_tenure(desk: Desk) -> Verdict {
    let (owner, other) = (Owner::draw(), Owner::draw());
    let grant = desk.begin_as(&owner).await?;
    desk.about(Some(grant.left), desk.lease)?;
    let turn = desk.ask(NAME, &other).await?;
    desk.in_time(ensure(matches!(turn, Turn::Waiting(_)), || format!("{turn:?} was answered")))?;
    desk.over().await;
    let next = desk.begin_as(&other).await?;
    ensure(next.fence > grant.fence, || format!("{:?} came after {:?}", next.fence, grant.fence))
}

async fn counts_once(desk: Desk) -> Verdict {
    desk.begins(1).await?;
    desk.over().await;
    let owner = desk.begins(2).await?;
    for _ in 0..3 {
        let again = desk.begin_as(&owner).await?.attempt;
        desk.in_time(ensure_eq(again, Some(2)))?;
    }
    desk.over().await;
    desk.begins(3).await.map(drop)
}

async fn ends(desk: Desk) -> Verdict {
    desk.begins(1).await?;
    desk.over().await;
    let asked = desk.now();
    let second = desk.begins(2).await?;
    desk.say(&second, RunEnd::Ended).await?;
    let turn = desk.ask(NAME, &Owner::draw()).await?;
    let is_held = ensure(matches!(turn, Turn::Waiting(_)), || "its name was freed".into());
    desk.in_time_since(asked, is_held)?;
    desk.free(&second).await?;
    desk.in_time_since(asked, desk.begins(1).await)?;
    desk.over().await;
    desk.begins(2).await.map(drop)
}

async fn ends_before_its_lease(desk: Desk) -> Verdict {
    desk.begins(1).await?;
    desk.over().await;
    let asked = desk.now();
    let owner = desk.begins(2).await?;
    for how in [RunEnd::Ended, RunEnd::Ended, RunEnd::NotBegun] {
        desk.say(&owner, how).await?;
    }
    // It is no other run.
    let again = desk.begin_as(&owner).await?.attempt;
    desk.in_time_since(asked, ensure_eq(again, Some(2)))?;
    desk.over().await;
    // One of several servers may hear of the end too late, as long as most did.
    desk.in_time(desk.begins(1).await.map(drop))
}

async fn not_begun(desk: Desk) -> Verdict {
    for before in 0..3 {
        let asked = desk.now();
        let owner = desk.begins(before + 1).await?;
        desk.say(&owner, RunEnd::NotBegun).await?;
        desk.say(&owner, RunEnd::NotBegun).await?;
        desk.free(&owner).await?;
        desk.say(&owner, RunEnd::NotBegun).await?;
        desk.in_time_since(asked, desk.begins(before + 1).await)?;
        desk.over().await;
    }
    Ok(())
}

async fn own_only(desk: Desk) -> Verdict {
    let first = desk.begins(1).await?;
    desk.over().await;
    let second = desk.begins(2).await?;
    for how in [RunEnd::Ended, RunEnd::NotBegun] {
        for other in [&first, &Owner::draw()] {
            desk.say(other, how).await?;
        }
    }
    desk.free(&second).await?;
    desk.say(&second, RunEnd::Ended).await?;
    desk.begins(3).await.map(drop)
}

async fn waiting_is_no_run(desk: Desk) -> Verdict {
    let (first, waits) = (desk.begins(1).await?, Owner::draw());
    for _ in 0..3 {
        let turn = desk.store.begin_run(NAME, &waits, desk.lease, desk.lease).await?;
        let is_waiting = matches!(turn, Turn::Waiting(_));
        desk.in_time(ensure(is_waiting, || format!("{turn:?} was answered")))?;
    }
    desk.free(&first).await?;
    ensure_eq(desk.begin_as(&waits).await?.attempt, Some(2))
}

async fn others_change_nothing(desk: Desk) -> Verdict {
    desk.begins(1).await?;
    desk.over().await;
    let plain = Owner::draw();
    for _ in 0..2 {
        match desk.store.try_acquire(NAME, &plain, desk.lease).await? {
            Acquired::Granted(grant) => ensure_eq(grant.attempt, None)?,
            Acquired::Busy(busy) => return Err(format!("{busy:?} was answered").into()),
        }
        desk.say(&plain, RunEnd::Ended).await?;
        desk.say(&plain, RunEnd::NotBegun).await?;
        desk.free(&plain).await?;
    }
    desk.begins(2).await.map(drop)
}

async fn forced(desk: Desk) -> Verdict {
    let Some(admin) = desk.store.admin() else { return Ok(()) };
    let owner = Owner::draw();
    let grant = desk.begin_as(&owner).await?;
    admin.force_release(NAME, grant.fence, "it hangs").await?;
    desk.say(&owner, RunEnd::Ended).await?;
    desk.begins(2).await.map(drop)
}

async fn stays(desk: Desk) -> Verdict {
    let owner = desk.begins(1).await?;
    for _ in 0..3 {
        desk.some().await;
        let renewed = desk.store.try_renew(NAME, &owner, desk.lease).await?;
        desk.in_time(ensure_eq(renewed, Renewed::Renewed))?;
    }
    desk.store.inspect(NAME).await?;
    desk.free(&owner).await?;
    desk.store.inspect(NAME).await?;
    desk.begins(2).await.map(drop)
}

async fn names_are_apart(desk: Desk) -> Verdict {
    desk.begins(1).await?;
    for name in ["", "a", "data-backup ", "Data-backup", "{data-backup}", "data-backup:n"] {
        match desk.ask(name, &Owner::draw()).await? {
            Turn::Granted(grant) => ensure_eq(grant.attempt, Some(1))?,
            Turn::Waiting(waiting) => return Err(format!("{name:?}: {waiting:?}").into()),
        }
    }
    Ok(())
}
