//! Keys: what is known of a saga by its id, for as long as a second start may come.

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure},
    records::{owned_from_the_start, then},
    samples::{back, compensated, completed, done, intended, parked},
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{Created, Item, Known, NewSaga, Stage, Verdict as Ruling},
    kernel::{Cause, Fingerprint, Group, Place, SagaId, SagaStatus, Timestamp},
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
        let known = Known { id: saga, fingerprint, stage: Stage::Accepted };
        ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    }
    Ok(())
}

pub(super) async fn exists(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create_as(keyed(&desk, PRINT).await?).await?;
    let again = async || Ok::<_, Failure>(NewSaga { id: saga, ..keyed(&desk, OTHER).await? });
    let known = |stage| Created::Exists(Known { id: saga, fingerprint: Some(PRINT), stage });
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
        let known = Known { id: saga, fingerprint: Some(PRINT), stage: wanted };
        ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    }
    desk.claim_this(&seat, saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Accepted)
}

pub(super) async fn accepted_at_once(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let mut item = begin(&desk).await?;
    let saga = item.saga;
    item.create.iter_mut().for_each(|create| create.admission = None);
    ensure_eq(desk.commit(&dead, item).await?, Ruling::Written { mail: false })?;
    ensure_eq(stage(&desk, saga).await?, Stage::Accepted)?;
    desk.outlive(&dead).await;
    desk.journal.reap(dead.id).await?;
    let heir = desk.seat().await?;
    desk.claim_this(&heir, saga).await?;
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
    // It waits until nothing of the start can still run.
    let due = desk.soon();
    desk.write(&heir, &claimed, smallvec![done(0)], Place::Timed(due)).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    desk.pass_until(due).await;
    desk.journal.pulse(heir.id, None).await?;
    claimed = desk.claim_this(&heir, saga).await?;
    desk.write(&heir, &claimed, smallvec![back(Cause::Abandoned)], Place::Ready).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    claimed = desk.claim_this(&heir, saga).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    let over = smallvec![compensated(Cause::Abandoned, None)];
    desk.write(&heir, &claimed, over, Place::Ended).await?;
    ensure_eq(stage(&desk, saga).await?, Stage::Abandoned)
}

pub(super) async fn given_back(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let due = Place::Timed(desk.far(1));
    let groups: [Group; 3] =
        [Group::new(), smallvec![done(0)], smallvec![back(Cause::Abandoned), intended(0)]];
    for (group, place) in groups.iter().flat_map(|group| [(group, Place::Ready), (group, due)]) {
        let first = begin(&desk).await?;
        let saga = first.saga;
        let next = then(&first, group.clone(), place);
        for item in [first, next] {
            ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
        }
        ensure_eq(stage(&desk, saga).await?, Stage::Starting)?;
    }
    Ok(())
}

pub(super) async fn accepted(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let groups = [
        (parked(), Place::Parked),
        (parked(), Place::Owned),
        (back(Cause::Deadline), Place::Owned),
        (intended(1), Place::Ready),
    ];
    for (record, place) in groups {
        let first = begin(&desk).await?;
        let saga = first.saga;
        let next = then(&first, smallvec![record], place);
        for item in [first, next] {
            ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
        }
        ensure_eq(stage(&desk, saga).await?, Stage::Accepted)?;
    }
    Ok(())
}

pub(super) async fn ended(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let completed = desk.placed(&seat, Place::Ended).await?;
    let last = compensated(Cause::Deadline, None);
    let undone = desk.create_over(desk.started_with(PRINT), last).await?;
    ensure_eq(stage(&desk, completed).await?, Stage::Ended(SagaStatus::Completed))?;
    ensure_eq(stage(&desk, undone).await?, Stage::Ended(SagaStatus::Compensated))
}

fn ended_as(id: SagaId, status: SagaStatus) -> Known {
    Known { id, fingerprint: Some(PRINT), stage: Stage::Ended(status) }
}

/// When the key of a saga that is over since then may be forgotten, or shortly before: as long as it
/// takes to look.
fn almost_forgotten(desk: &Desk, since: Timestamp) -> Timestamp {
    since.plus(desk.keys * 13 / 16)
}

/// When the key of a saga that is over since then must be forgotten, where its records are gone.
async fn forget(desk: &Desk, saga: SagaId, since: Timestamp) -> Result<bool, Failure> {
    desk.pass_until(since.plus(2 * desk.keys)).await;
    desk.bury(saga).await
}

pub(super) async fn tombstone(desk: Desk) -> Verdict {
    let over = desk.journal.now();
    let saga = desk.create_over(desk.started_with(PRINT), completed()).await?;
    let known = ended_as(saga, SagaStatus::Completed);
    desk.bury(saga).await?;
    ensure_eq(desk.journal.find(saga).await?, Some(known))?;
    desk.pass_until(almost_forgotten(&desk, over)).await;
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
    let known = ended_as(saga, SagaStatus::Completed);
    ensure_eq(desk.journal.create(again).await?, Created::Exists(known))?;
    let begun = Item { saga, ..begin(&desk).await? };
    ensure_eq(desk.commit(&seat, begun).await?, Ruling::NotOwner)?;
    ensure_eq(desk.journal.read(saga, 0).await?.is_none(), gone)
}

pub(super) async fn forgotten(desk: Desk) -> Verdict {
    let saga = desk.create_over(desk.started_with(PRINT), completed()).await?;
    desk.bury(saga).await?;
    stage(&desk, saga).await?;
    if forget(&desk, saga, desk.journal.now()).await? {
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

// ---- keys whose first start was abandoned -----------------------------------------------------------

/// A start under a key that was abandoned, and is undone.
async fn abandoned_start(desk: &Desk) -> Result<SagaId, Failure> {
    desk.create_over(desk.started_with(PRINT), compensated(Cause::Abandoned, None)).await
}

/// A saga that is about to be created under the key of this one.
async fn next(desk: &Desk, first: SagaId) -> Result<NewSaga, Failure> {
    Ok(NewSaga { id: desk.id_beside(first), key: Some(first), ..keyed(desk, PRINT).await? })
}

/// An abandoned start, and the one that follows it and waits for its first claim.
async fn followed(desk: &Desk) -> Result<(SagaId, SagaId), Failure> {
    let first = abandoned_start(desk).await?;
    let latest = desk.create_as(next(desk, first).await?).await?;
    Ok((first, latest))
}

pub(super) async fn latest(desk: Desk) -> Verdict {
    let (first, latest) = followed(&desk).await?;
    let known = Known { id: latest, fingerprint: Some(PRINT), stage: Stage::Accepted };
    for id in [first, latest] {
        ensure_eq(desk.journal.find(id).await?, Some(known))?;
    }
    let seat = desk.seat().await?;
    let claimed = desk.claim_this(&seat, latest).await?;
    desk.write(&seat, &claimed, smallvec![done(0), completed()], Place::Ended).await?;
    ensure_eq(desk.journal.find(first).await?, Some(ended_as(latest, SagaStatus::Completed)))
}

pub(super) async fn one_open(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let (first, latest) = followed(&desk).await?;
    let known = Known { id: latest, fingerprint: Some(PRINT), stage: Stage::Accepted };
    let third = next(&desk, first).await?;
    let id = third.id;
    ensure_eq(desk.journal.create(third).await?, Created::Exists(known))?;
    let again = NewSaga { id: first, ..keyed(&desk, PRINT).await? };
    ensure_eq(desk.journal.create(again).await?, Created::Exists(known))?;
    let mut begun = begin(&desk).await?;
    begun.saga = desk.id_beside(first);
    if let Some(create) = &mut begun.create {
        create.key = Some(first);
    }
    ensure_eq(desk.commit(&seat, begun).await?, Ruling::NotOwner)?;
    ensure_eq(desk.journal.find(id).await?, None)?;
    ensure_eq(desk.journal.find(first).await?, Some(known))
}

pub(super) async fn abandoned_again(desk: Desk) -> Verdict {
    let dead = desk.seat().await?;
    let first = abandoned_start(&desk).await?;
    let mut begun = begin(&desk).await?;
    begun.saga = desk.id_beside(first);
    if let Some(create) = &mut begun.create {
        create.key = Some(first);
    }
    let second = begun.saga;
    ensure_eq(desk.commit(&dead, begun).await?, Ruling::Written { mail: false })?;
    let known = |id, stage| Some(Known { id, fingerprint: Some(PRINT), stage });
    ensure_eq(desk.journal.find(first).await?, known(second, Stage::Starting))?;
    desk.outlive(&dead).await;
    desk.journal.reap(dead.id).await?;
    let heir = desk.seat().await?;
    let claimed = desk.claim_this(&heir, second).await?;
    let over = smallvec![back(Cause::Abandoned), compensated(Cause::Abandoned, None)];
    desk.write(&heir, &claimed, over, Place::Ended).await?;
    ensure_eq(desk.journal.find(first).await?, known(second, Stage::Abandoned))?;
    let third = desk.create_as(next(&desk, first).await?).await?;
    ensure_eq(desk.journal.find(first).await?, known(third, Stage::Accepted))
}

pub(super) async fn latest_is_open(desk: Desk) -> Verdict {
    let (first, latest) = followed(&desk).await?;
    desk.bury(first).await?;
    desk.pass_until(desk.journal.now().plus(2 * desk.keys)).await;
    let known = Known { id: latest, fingerprint: Some(PRINT), stage: Stage::Accepted };
    ensure_eq(desk.journal.find(first).await?, Some(known))?;
    let again = NewSaga { id: first, ..keyed(&desk, PRINT).await? };
    ensure_eq(desk.journal.create(again).await?, Created::Exists(known))
}

pub(super) async fn latest_is_over(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let (first, latest) = followed(&desk).await?;
    desk.bury(first).await?;
    let claimed = desk.claim_this(&seat, latest).await?;
    let over = desk.journal.now();
    desk.write(&seat, &claimed, smallvec![done(0), completed()], Place::Ended).await?;
    desk.bury(latest).await?;
    desk.pass_until(almost_forgotten(&desk, over)).await;
    let known = ended_as(latest, SagaStatus::Completed);
    for id in [first, latest] {
        ensure_eq(desk.journal.find(id).await?, Some(known))?;
    }
    let again = NewSaga { id: first, ..keyed(&desk, PRINT).await? };
    ensure_eq(desk.journal.create(again).await?, Created::Exists(known))?;
    if forget(&desk, latest, desk.journal.now()).await? {
        ensure_eq(desk.journal.find(first).await?, None)?;
        let again = NewSaga { id: first, ..keyed(&desk, OTHER).await? };
        ensure_eq(desk.journal.create(again).await?, Created::Created)?;
    }
    Ok(())
}
