//! Keys: what is known of a saga by its id, for as long as a second start may come.

use std::time::Duration;

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure},
    records::{owned_from_the_start, then},
    samples::{back, compensated, completed, done, intended},
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{Created, Item, Known, NewSaga, Stage, Verdict as Ruling},
    kernel::{Cause, Fingerprint, Place, SagaId, SagaStatus},
};

const PRINT: Fingerprint = Fingerprint([7; 16]);
const OTHER: Fingerprint = Fingerprint([8; 16]);

/// A saga that is about to be created under a key.
async fn keyed(desk: &Desk, fingerprint: Fingerprint) -> Result<NewSaga, Failure> {
    let records = smallvec![desk.started_with(fingerprint), intended(0)];
    Ok(NewSaga { records, ..desk.new_saga().await? })
}

async fn stage(desk: &Desk, saga: SagaId) -> Result<Stage, Failure> {
    let known = desk.journal.find(saga).await?;
    known.map(|known| known.stage).ok_or_else(|| format!("saga {saga} is not found").into())
}

pub(super) async fn nothing(desk: Desk) -> Verdict {
    let unknown = desk.new_saga().await?.id;
    ensure_eq(desk.journal.find(unknown).await?, None)
}

pub(super) async fn fingerprint(desk: Desk) -> Verdict {
    let with = desk.create_as(keyed(&desk, PRINT).await?).await?;
    let without = desk.create().await?;
    for (saga, fingerprint) in [(with, Some(PRINT)), (without, None)] {
        let known = Known { fingerprint, stage: Stage::Accepted };
        ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    }
    Ok(())
}

pub(super) async fn exists(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create_as(keyed(&desk, PRINT).await?).await?;
    let again = async || Ok::<_, Failure>(NewSaga { id: saga, ..keyed(&desk, OTHER).await? });
    let known = |stage| Created::Exists(Known { fingerprint: Some(PRINT), stage });
    ensure_eq(desk.journal.create(again().await?).await?, known(Stage::Accepted))?;
    let claimed = desk.claim_this(&seat, saga).await?;
    desk.write(&seat, &claimed, smallvec![done(0), completed()], Place::Ended).await?;
    let ended = Stage::Ended(SagaStatus::Completed);
    ensure_eq(desk.journal.create(again().await?).await?, known(ended))
}

/// Begins a saga in an owner's hands, under a key.
async fn begin(desk: &Desk) -> Result<Item, Failure> {
    let records = smallvec![desk.started_with(PRINT), intended(0)];
    Ok(Item { records, ..owned_from_the_start(desk).await? })
}

pub(super) async fn starting(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let item = begin(&desk).await?;
    let saga = item.saga;
    let more = then(&item, smallvec![done(0)], Place::Owned);
    let hand_over = Item { seq: 3, ..then(&item, smallvec![intended(1)], Place::Ready) };
    for (item, wanted) in
        [(item, Stage::Starting), (more, Stage::Starting), (hand_over, Stage::Accepted)]
    {
        ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
        let known = Known { fingerprint: Some(PRINT), stage: wanted };
        ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    }
    desk.claim_this(&seat, saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Accepted)
}

pub(super) async fn abandoned(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let item = begin(&desk).await?;
    let saga = item.saga;
    desk.commit(&dead, item).await?;
    desk.outlive(&dead).await;
    desk.journal.reap(dead.id).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    let heir = desk.seat().await?;
    let mut claimed = desk.claim_this(&heir, saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    desk.write(&heir, &claimed, smallvec![back(Cause::Abandoned)], Place::Ready).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    claimed = desk.claim_this(&heir, saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    let over = smallvec![compensated(Cause::Abandoned, None)];
    desk.write(&heir, &claimed, over, Place::Ended).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Abandoned)
}

pub(super) async fn ended(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let completed = desk.placed(&seat, Place::Ended).await?;
    let last = compensated(Cause::Deadline, None);
    let undone = desk.create_over(desk.started_with(PRINT), last).await?;
    ensure_eq(stage(&desk, completed).await?, Stage::Ended(SagaStatus::Completed))?;
    ensure_eq(stage(&desk, undone).await?, Stage::Ended(SagaStatus::Compensated))
}

const BLINK: Duration = Duration::from_millis(1);

pub(super) async fn tombstone(desk: Desk) -> Verdict {
    let saga = desk.create_over(desk.started_with(PRINT), completed()).await?;
    let known = Known { fingerprint: Some(PRINT), stage: Stage::Ended(SagaStatus::Completed) };
    desk.bury(saga).await?;
    ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    desk.pass(desk.keys - BLINK).await;
    ensure_eq(desk.journal.find(saga).await?, Some(known))
}

pub(super) async fn abandoned_tombstone(desk: Desk) -> Verdict {
    let last = compensated(Cause::Abandoned, None);
    let saga = desk.create_over(desk.started_with(PRINT), last).await?;
    desk.bury(saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Abandoned)
}

pub(super) async fn taken(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create_over(desk.started_with(PRINT), completed()).await?;
    let gone = desk.bury(saga).await?;
    let again = NewSaga { id: saga, ..keyed(&desk, OTHER).await? };
    let stage = Stage::Ended(SagaStatus::Completed);
    let known = Known { fingerprint: Some(PRINT), stage };
    ensure_eq(desk.journal.create(again).await?, Created::Exists(known))?;
    let begun = Item { saga, ..begin(&desk).await? };
    ensure_eq(desk.commit(&seat, begun).await?, Ruling::NotOwner)?;
    ensure_eq(desk.journal.read(saga, 0).await?.is_none(), gone)
}

pub(super) async fn forgotten(desk: Desk) -> Verdict {
    let saga = desk.create_over(desk.started_with(PRINT), completed()).await?;
    let gone = desk.bury(saga).await?;
    stage(&desk, saga).await?;
    desk.pass(2 * desk.keys).await;
    if gone {
        ensure_eq(desk.journal.find(saga).await?, None)?;
        let again = NewSaga { id: saga, ..keyed(&desk, OTHER).await? };
        ensure_eq(desk.journal.create(again).await?, Created::Created)?;
    }
    Ok(())
}

pub(super) async fn no_key(desk: Desk) -> Verdict {
    let saga = desk.create_over(desk.started(None), completed()).await?;
    if desk.bury(saga).await? {
        ensure_eq(desk.journal.find(saga).await?, None)?;
    }
    Ok(())
}
