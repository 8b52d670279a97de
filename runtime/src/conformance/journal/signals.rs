//! Signals: hints that save a wait.

use std::sync::Arc;

use smallvec::smallvec;

use futures_util::future::{select, select_all};

use super::{
    desk::{Desk, Failure, Seat},
    heard::Heard,
    samples::{completed, done, intended, parked},
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{Left, ListenerId, NewSaga, Reaped, Signal},
    kernel::{Definition, Group, Place, SagaId, SagaStatus, Timestamp},
};

pub(super) async fn ready(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for _ in 0..2 {
        ensure_eq(desk.claim_all(&seat).await?, vec![])?;
        let saga = desk.create().await?;
        match desk.hears(&seat.heard).await? {
            Signal::Ready => ensure_eq(desk.claim_all(&seat).await?, vec![saga])?,
            other => return Err(format!("{other:?} was signalled").into()),
        }
    }
    Ok(())
}

pub(super) async fn wake_one(desk: Desk) -> Verdict {
    let (first, second) = (desk.seat().await?, desk.seat().await?);
    for seat in [&first, &second] {
        desk.claim_all(seat).await?;
    }
    let woken = async |sagas: usize| {
        desk.create_many(sagas).await?;
        let (first, second) = (Box::pin(first.heard.next()), Box::pin(second.heard.next()));
        desk.comes(select(first, second)).await.map(drop)
    };
    woken(1).await?;
    for seat in [&first, &second] {
        desk.hears_nothing(&seat.heard).await?;
    }
    // The next ticket wakes the other one.
    woken(1).await
}

/// So many idle seats.
async fn idle(desk: &Desk, seats: usize) -> Result<Vec<Seat>, Failure> {
    let mut idle = Vec::new();
    for _ in 0..seats {
        idle.push(desk.seat().await?);
    }
    for seat in &idle {
        ensure_eq(desk.claim_all(seat).await?, vec![])?;
    }
    Ok(idle)
}

/// Takes the seat out of `idle` that is woken first.
async fn woken(desk: &Desk, idle: &mut Vec<Seat>) -> Result<Seat, Failure> {
    let signals = select_all(idle.iter().map(|seat| Box::pin(seat.heard.next())));
    let (signal, index, _) = desk.comes(signals).await?;
    match signal {
        Signal::Ready => Ok(idle.remove(index)),
        other => Err(format!("{other:?} was signalled").into()),
    }
}

pub(super) async fn not_idle(desk: Desk) -> Verdict {
    for busy in 0..2 {
        let mut idle = idle(&desk, 2).await?;
        let busy = idle.remove(busy);
        ensure_eq(desk.claim(&busy, 0).await?.sagas.len(), 0)?;
        let saga = desk.create().await?;
        let woken = woken(&desk, &mut idle).await?;
        desk.hears_nothing(&busy.heard).await?;
        desk.claim_this(&woken, saga).await?;
    }
    Ok(())
}

pub(super) async fn passes_on_what_it_does_not_want(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let busy = woken(&desk, &mut idle).await?;
    ensure_eq(desk.claim(&busy, 0).await?.sagas.len(), 0)?;
    let next = woken(&desk, &mut idle).await?;
    desk.claim_this(&next, saga).await.map(drop)
}

pub(super) async fn passes_on_what_is_left(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 3).await?;
    let sagas = desk.create_many(2).await?;
    let (first, _slow) = (woken(&desk, &mut idle).await?, woken(&desk, &mut idle).await?);
    desk.claim_this(&first, sagas[0]).await?;
    let next = woken(&desk, &mut idle).await?;
    desk.claim_this(&next, sagas[1]).await.map(drop)
}

pub(super) async fn heir_of_a_wake_up(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let leaving = woken(&desk, &mut idle).await?;
    ensure_eq(desk.journal.leave(leaving.id).await?, Left::Left)?;
    let heir = woken(&desk, &mut idle).await?;
    desk.claim_this(&heir, saga).await.map(drop)
}

pub(super) async fn heir_of_a_dead_wake_up(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let dead = woken(&desk, &mut idle).await?;
    desk.outlive(&dead).await;
    desk.journal.pulse(idle[0].id, None).await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    let heir = woken(&desk, &mut idle).await?;
    desk.claim_this(&heir, saga).await.map(drop)
}

pub(super) async fn mail(desk: Desk) -> Verdict {
    let (owner, other) = (desk.seat().await?, desk.seat().await?);
    let saga = desk.owned(&owner).await?;
    desk.journal.tell(saga.id, desk.cancel()).await?;
    match desk.hears(&owner.heard).await? {
        Signal::Mail(signalled) => ensure_eq(signalled, saga.id)?,
        signal => return Err(format!("{signal:?} was signalled").into()),
    }
    desk.hears_nothing(&other.heard).await
}

pub(super) async fn timer(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for due in [desk.far(3), desk.far(2)] {
        desk.placed(&seat, Place::Timed(due)).await?;
        match desk.hears(&seat.heard).await? {
            Signal::Timer(signalled) => ensure_eq(signalled, due)?,
            other => return Err(format!("{other:?} was signalled").into()),
        }
    }
    Ok(())
}

/// A seat that set a timer, and when that is due: long after the seat's lease.
async fn timed(desk: &Desk) -> Result<(Seat, Timestamp), Failure> {
    let seat = desk.seat().await?;
    let due = desk.far(1);
    desk.placed(&seat, Place::Timed(due)).await?;
    Ok((seat, due))
}

async fn hears_of(desk: &Desk, heir: &Seat, due: Timestamp) -> Verdict {
    match desk.hears(&heir.heard).await? {
        Signal::Timer(signalled) => ensure_eq(signalled, due),
        other => Err(format!("{other:?} was signalled").into()),
    }
}

pub(super) async fn heir_of_a_timer(desk: Desk) -> Verdict {
    let (leaving, due) = timed(&desk).await?;
    let heir = desk.seat().await?;
    ensure_eq(desk.journal.leave(leaving.id).await?, Left::Left)?;
    hears_of(&desk, &heir, due).await
}

pub(super) async fn heir_of_a_dead_timer(desk: Desk) -> Verdict {
    let (dead, due) = timed(&desk).await?;
    desk.pass(desk.blur()).await;
    let heir = desk.seat().await?;
    desk.outlive(&dead).await;
    desk.journal.pulse(heir.id, None).await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    hears_of(&desk, &heir, due).await
}

pub(super) async fn end(desk: Desk) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    let seat = desk.seat().await?;
    let records = smallvec![desk.started(Some(listener)), intended(0)];
    let saga = NewSaga { records, ..desk.new_saga().await? };
    let saga = desk.create_as(saga).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    let last: Group = smallvec![done(0), completed()];
    desk.write(&seat, &claimed, last, Place::Ended).await?;
    hears_of_the_end(&desk, &heard, saga).await?;
    let at_once = NewSaga {
        records: smallvec![desk.started(Some(listener)), completed()],
        place: Place::Ended,
        ..desk.new_saga().await?
    };
    let at_once = desk.create_as(at_once).await?;
    hears_of_the_end(&desk, &heard, at_once).await?;
    desk.hears_nothing(&seat.heard).await
}

async fn hears_of_the_end(desk: &Desk, heard: &Heard, saga: SagaId) -> Verdict {
    match desk.hears(heard).await? {
        Signal::Ended(signalled, finished) => {
            ensure_eq(signalled, saga)?;
            ensure_eq(SagaStatus::of(&finished), SagaStatus::Completed)
        }
        other => Err(format!("{other:?} was signalled").into()),
    }
}

/// Ends a saga that replies to this listener, and one that replies to another, who must hear of it.
/// The first must not.
async fn hears_nothing(desk: &Desk, deaf: (&Heard, ListenerId)) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    desk.create_over(desk.started(Some(deaf.1)), completed()).await?;
    let told = desk.create_over(desk.started(Some(listener)), completed()).await?;
    hears_of_the_end(desk, &heard, told).await?;
    desk.hears_nothing(deaf.0).await
}

pub(super) async fn unlistened(desk: Desk) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    desk.journal.unlisten(listener).await?;
    hears_nothing(&desk, (&heard, listener)).await
}

pub(super) async fn unlistened_twice(desk: Desk) -> Verdict {
    let (_, listener) = desk.listen().await?;
    for _ in 0..2 {
        desk.journal.unlisten(listener).await?;
    }
    Ok(())
}

pub(super) async fn left(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    ensure_eq(desk.journal.leave(seat.id).await?, Left::Left)?;
    hears_nothing(&desk, (&seat.heard, seat.listener)).await
}

pub(super) async fn reaped(desk: Desk) -> Verdict {
    let seat = desk.reaped_seat().await?;
    hears_nothing(&desk, (&seat.heard, seat.listener)).await
}

pub(super) async fn defined(desk: Desk) -> Verdict {
    let (seat, (heard, _)) = (desk.seat().await?, desk.listen().await?);
    let new = |task: &'static str| {
        Arc::new(Definition { task: task.into(), ..Definition::clone(&desk.definition) })
    };
    let mut known = vec![Arc::clone(&desk.other)];
    for task in ["gift", "refund", "exchange"] {
        known.push(new(task));
        // What is known is no news.
        for definition in known.iter().chain(known.last()) {
            desk.journal.define(Arc::clone(definition)).await?;
        }
        for heard in [&seat.heard, &heard] {
            match desk.hears(heard).await? {
                Signal::Defined(signalled) => ensure_eq(signalled, new(task).hash())?,
                other => return Err(format!("{other:?} was signalled").into()),
            }
        }
    }
    for heard in [&seat.heard, &heard] {
        desk.hears_nothing(heard).await?;
    }
    Ok(())
}

pub(super) async fn parked_saga(desk: Desk) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    let seat = desk.seat().await?;
    let records = smallvec![desk.started(Some(listener)), intended(0)];
    let saga = NewSaga { records, ..desk.new_saga().await? };
    let saga = desk.create_as(saga).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    desk.write(&seat, &claimed, smallvec![parked()], Place::Parked).await?;
    match desk.hears(&heard).await? {
        Signal::Parked(signalled) => ensure_eq(signalled, saga),
        other => Err(format!("{other:?} was signalled").into()),
    }
}
