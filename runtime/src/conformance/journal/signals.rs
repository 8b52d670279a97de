//! Signals: hints that save a wait.

use std::{sync::Arc, time::Duration};

use smallvec::smallvec;

use futures_util::future::select_all;

use super::{
    desk::{Desk, Failure, Seat},
    heard::Heard,
    samples::{completed, done, intended, parked},
};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{Left, ListenerId, NewSaga, Reaped, Signal},
    kernel::{Definition, Group, Place, SagaStatus, Timestamp},
};

pub(super) async fn ready(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for _ in 0..2 {
        ensure_eq(desk.claim_all(&seat).await?, vec![])?;
        let saga = desk.create().await?;
        match seat.heard.next().await {
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
        futures_util::future::select(Box::pin(first.heard.next()), Box::pin(second.heard.next()))
            .await
            .factor_first();
        Ok::<_, Failure>(())
    };
    woken(1).await?;
    let both = first.heard.take().is_some() || second.heard.take().is_some();
    ensure(!both, || "one ticket woke two seats".into())?;
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
async fn woken(idle: &mut Vec<Seat>) -> Result<Seat, Failure> {
    let (signal, index, _) = select_all(idle.iter().map(|seat| Box::pin(seat.heard.next()))).await;
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
        let woken = woken(&mut idle).await?;
        ensure(busy.heard.take().is_none(), || "it was woken".into())?;
        desk.claim_this(&woken, saga).await?;
    }
    Ok(())
}

pub(super) async fn passes_on_what_it_does_not_want(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let busy = woken(&mut idle).await?;
    ensure_eq(desk.claim(&busy, 0).await?.sagas.len(), 0)?;
    let next = woken(&mut idle).await?;
    desk.claim_this(&next, saga).await.map(drop)
}

pub(super) async fn passes_on_what_is_left(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 3).await?;
    let sagas = desk.create_many(2).await?;
    let (first, _slow) = (woken(&mut idle).await?, woken(&mut idle).await?);
    desk.claim_this(&first, sagas[0]).await?;
    let next = woken(&mut idle).await?;
    desk.claim_this(&next, sagas[1]).await.map(drop)
}

pub(super) async fn heir_of_a_wake_up(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let leaving = woken(&mut idle).await?;
    ensure_eq(desk.journal.leave(leaving.id).await?, Left::Left)?;
    let heir = woken(&mut idle).await?;
    desk.claim_this(&heir, saga).await.map(drop)
}

pub(super) async fn heir_of_a_dead_wake_up(desk: Desk) -> Verdict {
    let mut idle = idle(&desk, 2).await?;
    let saga = desk.create().await?;
    let dead = woken(&mut idle).await?;
    desk.outlive(&dead).await;
    desk.journal.pulse(idle[0].id, None).await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    let heir = woken(&mut idle).await?;
    desk.claim_this(&heir, saga).await.map(drop)
}

pub(super) async fn mail(desk: Desk) -> Verdict {
    let (owner, other) = (desk.seat().await?, desk.seat().await?);
    let saga = desk.owned(&owner).await?;
    desk.journal.tell(saga.id, desk.cancel()).await?;
    match owner.heard.next().await {
        Signal::Mail(signalled) => ensure_eq(signalled, saga.id)?,
        signal => return Err(format!("{signal:?} was signalled").into()),
    }
    ensure(other.heard.take().is_none(), || "somebody else was told too".into())
}

pub(super) async fn timer(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let now = desk.journal.now();
    for seconds in [5, 3] {
        let due = now.plus(Duration::from_secs(seconds));
        desk.placed(&seat, Place::Timed(due)).await?;
        match seat.heard.next().await {
            Signal::Timer(signalled) => ensure_eq(signalled, due)?,
            other => return Err(format!("{other:?} was signalled").into()),
        }
    }
    Ok(())
}

/// A seat that set a timer, and when that is due: after the seat's lease.
async fn timed(desk: &Desk) -> Result<(Seat, Timestamp), Failure> {
    let seat = desk.seat().await?;
    let due = seat.deadline.plus(Duration::from_secs(5));
    desk.placed(&seat, Place::Timed(due)).await?;
    Ok((seat, due))
}

async fn hears_of(heir: &Seat, due: Timestamp) -> Verdict {
    match heir.heard.next().await {
        Signal::Timer(signalled) => ensure_eq(signalled, due),
        other => Err(format!("{other:?} was signalled").into()),
    }
}

pub(super) async fn heir_of_a_timer(desk: Desk) -> Verdict {
    let (leaving, due) = timed(&desk).await?;
    let heir = desk.seat().await?;
    ensure_eq(desk.journal.leave(leaving.id).await?, Left::Left)?;
    hears_of(&heir, due).await
}

pub(super) async fn heir_of_a_dead_timer(desk: Desk) -> Verdict {
    let (dead, due) = timed(&desk).await?;
    desk.pass(Duration::from_secs(1)).await;
    let heir = desk.seat().await?;
    desk.outlive(&dead).await;
    desk.journal.pulse(heir.id, None).await?;
    ensure_eq(desk.journal.reap(dead.id).await?, Reaped::Reaped(0))?;
    hears_of(&heir, due).await
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
    let at_once = NewSaga {
        records: smallvec![desk.started(Some(listener)), completed()],
        place: Place::Ended,
        ..desk.new_saga().await?
    };
    let at_once = desk.create_as(at_once).await?;
    for saga in [saga, at_once] {
        match heard.next().await {
            Signal::Ended(signalled, finished) => {
                ensure_eq(signalled, saga)?;
                ensure_eq(SagaStatus::of(&finished), SagaStatus::Completed)?;
            }
            other => return Err(format!("{other:?} was signalled").into()),
        }
    }
    ensure(seat.heard.take().is_none(), || "somebody else was told too".into())
}

/// Ends a saga that replies to this listener, and one that replies to another, who must hear of it.
/// The first must not.
async fn hears_nothing(desk: &Desk, deaf: (&Heard, ListenerId)) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    desk.create_over(desk.started(Some(deaf.1)), completed()).await?;
    let told = desk.create_over(desk.started(Some(listener)), completed()).await?;
    match heard.next().await {
        Signal::Ended(signalled, _) => ensure_eq(signalled, told)?,
        other => return Err(format!("{other:?} was signalled").into()),
    }
    match deaf.0.take() {
        None => Ok(()),
        Some(signal) => Err(format!("it heard {signal:?}").into()),
    }
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
    for task in ["refund", "exchange"] {
        // What is known is no news.
        desk.journal.define(Arc::clone(&desk.other)).await?;
        let hash = new(task).hash();
        for _ in 0..2 {
            desk.journal.define(new(task)).await?;
        }
        for heard in [&seat.heard, &heard] {
            match heard.next().await {
                Signal::Defined(signalled) => ensure_eq(signalled, hash)?,
                other => return Err(format!("{other:?} was signalled").into()),
            }
        }
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
    match heard.next().await {
        Signal::Parked(signalled) => ensure_eq(signalled, saga),
        other => Err(format!("{other:?} was signalled").into()),
    }
}
