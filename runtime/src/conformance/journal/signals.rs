//! Signals: hints that save a wait.

use std::time::Duration;

use smallvec::smallvec;

use super::desk::{Desk, completed, done, parked};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{NewSaga, Signal},
    kernel::{Group, Place, SagaStatus},
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
        Ok::<_, super::desk::Failure>(())
    };
    woken(1).await?;
    let both = first.heard.take().is_some() || second.heard.take().is_some();
    ensure(!both, || "one ticket woke two seats".into())?;
    // The next ticket wakes the other one.
    woken(1).await
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

pub(super) async fn end(desk: Desk) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    let seat = desk.seat().await?;
    let records = smallvec![desk.started(Some(listener)), super::desk::intended(0)];
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

pub(super) async fn parked_saga(desk: Desk) -> Verdict {
    let (heard, listener) = desk.listen().await?;
    let seat = desk.seat().await?;
    let records = smallvec![desk.started(Some(listener)), super::desk::intended(0)];
    let saga = NewSaga { records, ..desk.new_saga().await? };
    let saga = desk.create_as(saga).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    desk.write(&seat, &claimed, smallvec![parked()], Place::Parked).await?;
    match heard.next().await {
        Signal::Parked(signalled) => ensure_eq(signalled, saga),
        other => Err(format!("{other:?} was signalled").into()),
    }
}
