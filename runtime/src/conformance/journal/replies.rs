//! Lost replies: batches are numbered where an answer can get lost on the way.

use smallvec::smallvec;

use super::{
    desk::Desk,
    samples::{done, intended},
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{JournalError, Verdict as Ruling},
    kernel::Place,
};

pub(super) async fn ignores_numbers(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for number in [7, 7, 3] {
        let saga = desk.owned(&seat).await?;
        let item = desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
        let verdicts = desk.commit_as(&seat, number, smallvec![item]).await?;
        ensure_eq(verdicts.to_vec(), vec![Ruling::Written { mail: false }])?;
    }
    Ok(())
}

pub(super) async fn repeats(desk: Desk) -> Verdict {
    let (seat, other) = (desk.seat().await?, desk.seat().await?);
    let (own, foreign) = (desk.owned(&seat).await?, desk.owned(&other).await?);
    let items = || {
        [&own, &foreign]
            .map(|saga| desk.item(saga, smallvec![done(0), intended(1)], Place::Owned))
            .into_iter()
            .collect()
    };
    let first = desk.commit_as(&seat, 1, items()).await?;
    ensure_eq(first.to_vec(), vec![Ruling::Written { mail: false }, Ruling::NotOwner])?;
    ensure_eq(desk.commit_as(&seat, 1, items()).await?, first)?;
    ensure_eq(desk.told(own.id).await?.0, "started intended ended intended".into())
}

pub(super) async fn diverges(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    for number in [0, 2, 9] {
        let item = desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
        match desk.commit_as(&seat, number, smallvec![item]).await {
            Err(JournalError::Diverged(diverged)) => ensure_eq(diverged, seat.id)?,
            other => return Err(format!("number {number} was answered {other:?}").into()),
        }
    }
    ensure_eq(desk.told(saga.id).await?, ("started intended".into(), Place::Owned))
}

pub(super) async fn fenced(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let item = || desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
    desk.commit_as(&seat, 1, smallvec![item()]).await?;
    desk.outlive(&seat).await;
    desk.journal.reap(seat.id).await?;
    match desk.commit_as(&seat, 1, smallvec![item()]).await {
        Err(JournalError::Fenced(fenced)) => ensure_eq(fenced, seat.id),
        other => Err(format!("it was answered {other:?}").into()),
    }
}
