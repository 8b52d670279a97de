//! Seats: who lives, and what becomes of what the dead owned.

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure, Seat},
    samples::{completed, done, intended},
};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{ClaimFrom, JournalError, Left, Reaped},
    kernel::{Group, Place},
};

/// Fails unless the journal refused the seat.
fn is_fenced<T: std::fmt::Debug>(answer: Result<T, JournalError>, seat: &Seat) -> Verdict {
    match answer {
        Err(JournalError::Fenced(fenced)) => ensure_eq(fenced, seat.id),
        other => Err(format!("the seat was not refused: {other:?}").into()),
    }
}

pub(super) async fn renews(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    ensure(seat.deadline > desk.journal.now(), || "it is dead on arrival".into())?;
    desk.pass(desk.blur()).await;
    let deadline = desk.journal.pulse(seat.id, None).await?.deadline;
    ensure(deadline > Some(seat.deadline), || format!("it is still {deadline:?}"))
}

pub(super) async fn lives_until_its_deadline(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    ensure_eq(desk.journal.reap(seat.id).await?, Reaped::Alive)?;
    desk.write(&seat, &saga, smallvec![done(0), intended(1)], Place::Owned).await?;
    desk.outlive(&seat).await;
    ensure_eq(desk.journal.reap(seat.id).await?, Reaped::Reaped(1))
}

pub(super) async fn names_the_dead(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    desk.pass(desk.blur()).await;
    let alive = desk.seat().await?;
    ensure_eq(desk.journal.pulse(alive.id, None).await?.dead, vec![])?;
    desk.outlive(&dead).await;
    ensure_eq(desk.journal.pulse(alive.id, None).await?.dead, vec![dead.id])?;
    desk.journal.reap(dead.id).await?;
    ensure_eq(desk.journal.pulse(alive.id, None).await?.dead, vec![])
}

pub(super) async fn gives_back(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let (first, second) = (desk.owned(&dead).await?, desk.owned(&dead).await?);
    let new = desk.create().await?;
    desk.outlive(&dead).await;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(2))?;
    ensure_eq(desk.told(first.id).await?.1, Place::Ready)?;
    let heir = desk.seat().await?;
    let claimed = desk.claim(&heir, 8).await?.sagas;
    let crashes = |id| claimed.iter().find(|saga| saga.id == id).map(|saga| saga.crashes);
    ensure_eq([first.id, second.id, new].map(crashes), [Some(1), Some(1), Some(0)])?;
    ensure_eq(claimed.last().map(|saga| saga.id), Some(new))
}

pub(super) async fn takes_nothing_from_others(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    desk.owned(&dead).await?;
    desk.pass(desk.blur()).await;
    let alive = desk.seat().await?;
    let saga = desk.owned(&alive).await?;
    desk.outlive(&dead).await;
    desk.journal.pulse(alive.id, None).await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(1))?;
    desk.write(&alive, &saga, smallvec![done(0), completed()], Place::Ended).await
}

/// Lets a new seat own the saga, perhaps write, and die. The crashes that its claim told of.
async fn own_and_die(desk: &Desk, records: Group) -> Result<u32, Failure> {
    let seat = desk.seat().await?;
    let saga = desk.claim(&seat, 1).await?.sagas.pop().ok_or("it is not to be claimed")?;
    if !records.is_empty() {
        desk.write(&seat, &saga, records, Place::Owned).await?;
    }
    desk.outlive(&seat).await;
    desk.journal.reap(seat.id).await?;
    Ok(saga.crashes)
}

pub(super) async fn counts_since_the_last_record(desk: Desk) -> Verdict {
    // Each life takes a lease; together they stay below what a suite may wait.
    desk.create().await?;
    ensure_eq(own_and_die(&desk, Group::new()).await?, 0)?;
    ensure_eq(own_and_die(&desk, smallvec![done(0), intended(1)]).await?, 1)?;
    let heir = desk.seat().await?;
    let saga = desk.claim(&heir, 1).await?.sagas.pop().ok_or("it is not to be claimed")?;
    ensure_eq(saga.crashes, 1)
}

pub(super) async fn says_when(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let saga = desk.owned(&dead).await?;
    ensure_eq((saga.crashes, saga.crashed_at), (0, None))?;
    desk.outlive(&dead).await;
    desk.pass(desk.a_while()).await;
    let before = desk.journal.now();
    desk.journal.reap(dead.id).await?;
    let after = desk.journal.now();
    desk.pass(desk.a_while()).await;
    let heir = desk.seat().await?;
    let saga = desk.claim_this(&heir, saga.id).await?;
    let at = saga.crashed_at.ok_or("the crash has no time")?;
    let is_then = before <= at.plus(desk.blur()) && at <= after.plus(desk.blur());
    ensure(is_then, || format!("{at:?} is not the time of the reaping"))?;
    // Nothing was written: it is as it was, for the next owner.
    desk.write(&heir, &saga, Group::new(), Place::Ready).await?;
    let saga = desk.claim_this(&heir, saga.id).await?;
    ensure_eq((saga.crashes, saga.crashed_at), (1, Some(at)))?;
    desk.write(&heir, &saga, smallvec![done(0), intended(1)], Place::Ready).await?;
    let saga = desk.claim_this(&heir, saga.id).await?;
    ensure_eq((saga.crashes, saga.crashed_at), (0, None))
}

pub(super) async fn adds_up(desk: Desk) -> Verdict {
    desk.create().await?;
    ensure_eq(own_and_die(&desk, Group::new()).await?, 0)?;
    ensure_eq(own_and_die(&desk, Group::new()).await?, 1)?;
    let heir = desk.seat().await?;
    let saga = desk.claim(&heir, 1).await?.sagas.pop().ok_or("it is not to be claimed")?;
    ensure_eq(saga.crashes, 2)
}

pub(super) async fn takes_only_what_is_owned(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let due = Place::Timed(desk.far(1));
    let timed = desk.placed(&dead, due).await?;
    let parked = desk.placed(&dead, Place::Parked).await?;
    let over = desk.placed(&dead, Place::Ended).await?;
    desk.outlive(&dead).await;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    for (saga, place) in [(timed, due), (parked, Place::Parked)] {
        ensure_eq(desk.told(saga).await?.1, place)?;
    }
    // Its records may be gone by now.
    let history = desk.journal.read(over, 0).await?;
    ensure(history.is_none_or(|history| history.place == Place::Ended), || "it is open".into())?;
    let heir = desk.seat().await?;
    ensure_eq(desk.claim_all(&heir).await?, vec![])
}

pub(super) async fn overdue(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let more = desk.create().await?;
    desk.outlive(&seat).await;
    desk.write(&seat, &saga, smallvec![done(0), completed()], Place::Ended).await?;
    desk.claim_this(&seat, more).await.map(drop)
}

pub(super) async fn revives(desk: Desk) -> Verdict {
    let late = desk.seat().await?;
    let saga = desk.owned(&late).await?;
    desk.outlive(&late).await;
    desk.journal.pulse(late.id, None).await?;
    ensure_eq(desk.journal.reap(late.id).await?, Reaped::Alive)?;
    desk.write(&late, &saga, smallvec![done(0), completed()], Place::Ended).await
}

pub(super) async fn never_again(desk: Desk) -> Verdict {
    let dead = desk.reaped_seat().await?;
    is_fenced(desk.journal.pulse(dead.id, None).await, &dead)?;
    is_fenced(desk.journal.pulse(dead.id, None).await, &dead)?;
    is_fenced(desk.claim(&dead, 1).await, &dead)?;
    is_fenced(desk.commit_all(&dead, smallvec![]).await, &dead)
}

pub(super) async fn stale_commit(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let saga = desk.owned(&dead).await?;
    desk.outlive(&dead).await;
    desk.journal.reap(dead.id).await?;
    let stale = || smallvec![desk.item(&saga, smallvec![done(0), completed()], Place::Ended)];
    is_fenced(desk.commit_all(&dead, stale()).await, &dead)?;
    ensure_eq(desk.told(saga.id).await?, ("started intended".into(), Place::Ready))?;
    let heir = desk.seat().await?;
    let claimed = desk.claim_this(&heir, saga.id).await?;
    is_fenced(desk.commit_all(&dead, stale()).await, &dead)?;
    desk.write(&heir, &claimed, smallvec![done(0), completed()], Place::Ended).await
}

pub(super) async fn stale_claim(desk: Desk) -> Verdict {
    let dead = desk.reaped_seat().await?;
    let saga = desk.create().await?;
    is_fenced(desk.claim(&dead, 1).await, &dead)?;
    let by_id =
        desk.journal.claim(dead.id, ClaimFrom::Sagas(desk.definition.hash(), &[saga]), 1).await;
    is_fenced(by_id, &dead)?;
    let alive = desk.seat().await?;
    desk.claim_this(&alive, saga).await.map(drop)
}

pub(super) async fn owners_stay(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let (first, second) = (desk.owned(&seat).await?, desk.owned(&seat).await?);
    ensure_eq(desk.journal.leave(seat.id).await?, Left::Owns(2))?;
    desk.write(&seat, &first, Group::new(), Place::Ready).await?;
    ensure_eq(desk.journal.leave(seat.id).await?, Left::Owns(1))?;
    desk.write(&seat, &second, smallvec![done(0), completed()], Place::Ended).await?;
    ensure_eq(desk.journal.leave(seat.id).await?, Left::Left)
}

pub(super) async fn leaves(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    ensure_eq(desk.journal.leave(seat.id).await?, Left::Left)?;
    is_fenced(desk.claim(&seat, 1).await, &seat)?;
    is_fenced(desk.journal.pulse(seat.id, None).await, &seat)
}

pub(super) async fn gone_is_gone(desk: Desk) -> Verdict {
    let dead = desk.reaped_seat().await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    ensure_eq(desk.journal.leave(dead.id).await?, Left::Left)
}
