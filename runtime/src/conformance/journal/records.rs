//! Group: who may append, and what stays.

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure},
    samples::{completed, done, fences, intended, kinds, parked},
};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{ClaimFrom, Created, Item, NewOwned, NewSaga, Verdict as Ruling},
    kernel::{Fence, Group, Place},
};

pub(super) async fn creates(desk: Desk) -> Verdict {
    let saga = desk.create().await?;
    let history = desk.history(saga).await?;
    ensure_eq(history.definition, desk.definition.hash())?;
    ensure_eq(history.place, Place::Ready)?;
    ensure_eq(&*kinds(&history.records), "started intended")?;
    ensure_eq(fences(&history.records), vec![Fence::NONE; 2])?;
    let seat = desk.seat().await?;
    desk.claim_this(&seat, saga).await.map(drop)
}

pub(super) async fn exists(desk: Desk) -> Verdict {
    let saga = desk.create().await?;
    let again = NewSaga { id: saga, records: smallvec![parked()], ..desk.new_saga().await? };
    let created = desk.journal.create(again).await?;
    ensure(matches!(created, Created::Exists(_)), || format!("{created:?} was answered"))?;
    ensure_eq(desk.told(saga).await?, ("started intended".into(), Place::Ready))?;
    let seat = desk.seat().await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![saga])
}

pub(super) async fn exists_when_over(desk: Desk) -> Verdict {
    let saga = desk.create_over(desk.started(None), completed()).await?;
    let again = NewSaga { id: saga, ..desk.new_saga().await? };
    let created = desk.journal.create(again).await?;
    ensure(matches!(created, Created::Exists(_)), || format!("{created:?} was answered"))?;
    let seat = desk.seat().await?;
    let begun = Item { saga, ..owned_from_the_start(&desk).await? };
    ensure_eq(desk.commit(&seat, begun).await?, Ruling::NotOwner)?;
    ensure_eq(desk.told(saga).await?, ("started finished".into(), Place::Ended))?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])
}

pub(super) async fn created_without_a_ticket(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for (place, last) in [(Place::Ended, completed()), (Place::Parked, parked())] {
        let records = smallvec![desk.started(None), last];
        let saga = NewSaga { records, place, ..desk.new_saga().await? };
        let id = desk.create_as(saga).await?;
        ensure_eq(desk.told(id).await?.1, place)?;
    }
    ensure_eq(desk.claim_all(&seat).await?, vec![])
}

/// What starts a saga in the hands of its owner.
pub(super) async fn owned_from_the_start(desk: &Desk) -> Result<Item, Failure> {
    let NewSaga { id, at, definition, records, admission, .. } = desk.new_saga().await?;
    Ok(Item {
        saga: id,
        fence: Fence(at.0),
        seq: 0,
        at,
        records,
        folded: Vec::new(),
        place: Place::Owned,
        guarded: false,
        create: Some(NewOwned { definition, key: None, admission: Some(admission) }),
    })
}

/// What its owner writes after that.
pub(super) fn then(first: &Item, records: Group, place: Place) -> Item {
    Item {
        saga: first.saga,
        fence: first.fence,
        seq: first.records.len() as u64,
        at: first.at,
        records,
        folded: Vec::new(),
        place,
        guarded: true,
        create: None,
    }
}

pub(super) async fn created_owned(desk: Desk) -> Verdict {
    let (seat, worker) = (desk.seat().await?, desk.seat().await?);
    let item = owned_from_the_start(&desk).await?;
    let (saga, fence) = (item.saga, item.fence);
    let hand_over = then(&item, smallvec![done(0), intended(1)], Place::Ready);
    ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
    ensure_eq(desk.told(saga).await?, ("started intended".into(), Place::Owned))?;
    ensure_eq(desk.claim_all(&worker).await?, vec![])?;
    ensure_eq(desk.commit(&seat, hand_over).await?, Ruling::Written { mail: false })?;
    let claimed = desk.claim_this(&worker, saga).await?;
    ensure_eq(fences(&claimed.records), vec![fence; 4])?;
    ensure(claimed.fence > fence, || "its first claim has no higher fence".into())
}

pub(super) async fn not_created_twice(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    let again = Item { saga, ..owned_from_the_start(&desk).await? };
    ensure_eq(desk.commit(&seat, again).await?, Ruling::NotOwner)?;
    ensure_eq(desk.told(saga).await?, ("started intended".into(), Place::Ready))
}

pub(super) async fn appends(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    desk.write(&seat, &saga, smallvec![done(0), intended(1)], Place::Owned).await?;
    let history = desk.history(saga.id).await?;
    ensure_eq(&*kinds(&history.records), "started intended ended intended")?;
    ensure_eq(fences(&history.records), vec![Fence::NONE, Fence::NONE, saga.fence, saga.fence])?;
    ensure_eq(history.place, Place::Owned)
}

pub(super) async fn refuses_strangers(desk: Desk) -> Verdict {
    let (owner, stranger) = (desk.seat().await?, desk.seat().await?);
    let saga = desk.owned(&owner).await?;
    for place in [Place::Owned, Place::Ready, Place::Ended] {
        let item = desk.item(&saga, smallvec![done(0), completed()], place);
        ensure_eq(desk.commit(&stranger, item).await?, Ruling::NotOwner)?;
        ensure_eq(desk.told(saga.id).await?, ("started intended".into(), Place::Owned))?;
    }
    desk.write(&owner, &saga, smallvec![done(0), completed()], Place::Ended).await
}

pub(super) async fn refuses_old_fences(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let first = desk.owned(&seat).await?;
    desk.write(&seat, &first, Group::new(), Place::Ready).await?;
    let again = desk.claim_this(&seat, first.id).await?;
    let stale = desk.item(&first, smallvec![done(0), intended(1)], Place::Owned);
    ensure_eq(desk.commit(&seat, stale).await?, Ruling::NotOwner)?;
    ensure_eq(desk.told(first.id).await?, ("started intended".into(), Place::Owned))?;
    desk.write(&seat, &again, smallvec![done(0), intended(1)], Place::Owned).await
}

pub(super) async fn refuses_other_sequences(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    for seq in [0, 1, 3] {
        let item = desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
        ensure_eq(desk.commit(&seat, Item { seq, ..item }).await?, Ruling::NotOwner)?;
    }
    ensure_eq(desk.told(saga.id).await?, ("started intended".into(), Place::Owned))
}

pub(super) async fn verdict_an_item(desk: Desk) -> Verdict {
    let (seat, other) = (desk.seat().await?, desk.seat().await?);
    let (first, second) = (desk.owned(&seat).await?, desk.owned(&seat).await?);
    let foreign = desk.owned(&other).await?;
    let end = |saga| desk.item(saga, smallvec![done(0), completed()], Place::Ended);
    let items = smallvec![end(&first), end(&foreign), end(&second)];
    let written = Ruling::Written { mail: false };
    ensure_eq(
        desk.commit_all(&seat, items).await?.to_vec(),
        vec![written, Ruling::NotOwner, written],
    )?;
    ensure_eq(desk.told(second.id).await?.1, Place::Ended)?;
    ensure_eq(desk.told(foreign.id).await?.1, Place::Owned)
}

pub(super) async fn times_never_fall(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let early = desk.journal.now();
    desk.pass(desk.a_while()).await;
    let saga = desk.owned(&seat).await?;
    let late_writer = desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
    desk.commit(&seat, Item { at: early, ..late_writer }).await?;
    let times: Vec<_> = desk.history(saga.id).await?.records.iter().map(|s| s.at).collect();
    ensure(times.is_sorted(), || format!("they fall: {times:?}"))
}

pub(super) async fn reads(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    desk.write(&seat, &saga, smallvec![done(0), intended(1)], Place::Owned).await?;
    for (from, wanted) in
        [(0, "started intended ended intended"), (2, "ended intended"), (4, ""), (9, "")]
    {
        let history = desk.journal.read(saga.id, from).await?.ok_or("the saga is not there")?;
        ensure_eq(&*kinds(&history.records), wanted)?;
        ensure_eq(history.place, Place::Owned)?;
    }
    let unknown = desk.new_saga().await?.id;
    ensure(desk.journal.read(unknown, 0).await?.is_none(), || "it knows what is unknown".into())?;
    let claim = desk
        .journal
        .claim(seat.id, ClaimFrom::Sagas(desk.definition.hash(), &[unknown]), 1)
        .await?;
    ensure(claim.sagas.is_empty(), || "it was claimed".into())
}
