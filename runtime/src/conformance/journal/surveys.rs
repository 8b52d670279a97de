//! Time, definitions, and looking at all sagas.

use std::{collections::BTreeMap, sync::Arc};

use super::desk::{Desk, Failure};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{ListFilter, NewSaga, PlaceKind},
    kernel::{Definition, Place, SagaId},
};

pub(super) async fn time_moves(desk: Desk) -> Verdict {
    let before = desk.journal.now();
    let time = desk.a_while();
    desk.pass(time).await;
    let after = desk.journal.now();
    ensure(after.plus(desk.blur()) >= before.plus(time), || {
        format!("after {time:?} it went from {before:?} to {after:?}")
    })?;
    let times: Vec<_> = (0..1_000).map(|_| desk.journal.now()).collect();
    ensure(times.is_sorted(), || "it fell".into())
}

pub(super) async fn definitions(desk: Desk) -> Verdict {
    let known = desk.journal.definition(desk.definition.hash()).await?;
    ensure_eq(known.as_deref(), Some(&*desk.definition))?;
    let other = Definition { task: "refund".into(), ..Definition::clone(&desk.definition) };
    ensure(desk.journal.definition(other.hash()).await?.is_none(), || {
        "it knows what was never defined".into()
    })?;
    let hash = other.hash();
    // Twice is once.
    desk.journal.define(Arc::new(other.clone())).await?;
    desk.journal.define(Arc::new(other.clone())).await?;
    ensure_eq(desk.journal.definition(hash).await?.as_deref(), Some(&other))
}

pub(super) async fn all_definitions(desk: Desk) -> Verdict {
    let more = ["refund", "exchange", "gift"]
        .map(|task| Definition { task: task.into(), ..Definition::clone(&desk.definition) });
    let mut wanted: BTreeMap<_, _> =
        [&desk.definition, &desk.other].map(|known| (known.hash(), Arc::clone(known))).into();
    for definition in more.map(Arc::new) {
        for _ in 0..2 {
            desk.journal.define(Arc::clone(&definition)).await?;
        }
        wanted.insert(definition.hash(), definition);
    }
    ensure_eq(desk.journal.definitions().await?, wanted.into_values().collect())
}

pub(super) async fn counts_definitions(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    ensure_eq(desk.journal.pulse(seat.id, None).await?.definitions, 2)?;
    let more = Definition { task: "refund".into(), ..Definition::clone(&desk.definition) };
    for _ in 0..2 {
        desk.journal.define(Arc::new(more.clone())).await?;
        ensure_eq(desk.journal.pulse(seat.id, None).await?.definitions, 3)?;
    }
    Ok(())
}

/// So many sagas in every place, in the order of their ids.
async fn everywhere(desk: &Desk, each: usize) -> Result<Vec<(SagaId, Place)>, Failure> {
    let seat = desk.seat().await?;
    let due = Place::Timed(desk.far(1));
    let mut sagas = Vec::new();
    for _ in 0..each {
        sagas.push((desk.owned(&seat).await?.id, Place::Owned));
        for place in [due, Place::Parked, Place::Ended] {
            sagas.push((desk.placed(&seat, place).await?, place));
        }
    }
    let ready = desk.create_many(each).await?;
    sagas.extend(ready.into_iter().map(|saga| (saga, Place::Ready)));
    sagas.sort_by_key(|(saga, _)| *saga);
    Ok(sagas)
}

pub(super) async fn lists(desk: Desk) -> Verdict {
    let sagas = everywhere(&desk, 1).await?;
    for page in [1, 2, sagas.len(), 100] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let rows = desk.journal.list(ListFilter::default(), after, page).await?;
            ensure(rows.len() <= page, || format!("a page of {page} has {} rows", rows.len()))?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            let of = desk.definition.hash();
            ensure(rows.iter().all(|row| row.definition == of), || "wrong definition".into())?;
            listed.extend(rows.into_iter().map(|row| (row.id, row.place)));
        }
        ensure_eq(&listed, &sagas)?;
    }
    Ok(())
}

pub(super) async fn filters(desk: Desk) -> Verdict {
    let sagas = everywhere(&desk, 2).await?;
    let other = NewSaga { definition: desk.other.hash(), ..desk.new_saga().await? };
    let other = desk.create_as(other).await?;
    let (usual, unusual) = (desk.definition.hash(), desk.other.hash());
    let of = |kind| move |(_, place): &&(SagaId, Place)| kind_of(*place) == kind;
    for kind in
        [PlaceKind::Ready, PlaceKind::Owned, PlaceKind::Timed, PlaceKind::Parked, PlaceKind::Ended]
    {
        let mut wanted: Vec<_> = sagas.iter().filter(of(kind)).map(|(saga, _)| *saga).collect();
        ensure_eq(wanted.len(), 2)?;
        let filter = ListFilter { place: Some(kind), definition: Some(usual) };
        ensure_eq(&listed(&desk, filter).await?, &wanted)?;
        if kind == PlaceKind::Ready {
            wanted.push(other);
        }
        let filter = ListFilter { place: Some(kind), definition: None };
        ensure_eq(&listed(&desk, filter).await?, &wanted)?;
    }
    let filter = ListFilter { place: None, definition: Some(unusual) };
    ensure_eq(listed(&desk, filter).await?, vec![other])?;
    let filter = ListFilter { place: Some(PlaceKind::Ended), definition: Some(unusual) };
    ensure_eq(listed(&desk, filter).await?, vec![])
}

/// Everything that fits, in pages of one.
async fn listed(desk: &Desk, filter: ListFilter) -> Result<Vec<SagaId>, Failure> {
    let mut listed = Vec::new();
    loop {
        let rows = desk.journal.list(filter, listed.last().copied(), 1).await?;
        match &rows[..] {
            [] => return Ok(listed),
            [row] => listed.push(row.id),
            _ => return Err("a page of 1 has more rows".into()),
        }
    }
}

fn kind_of(place: Place) -> PlaceKind {
    match place {
        Place::Ready => PlaceKind::Ready,
        Place::Owned => PlaceKind::Owned,
        Place::Timed(_) => PlaceKind::Timed,
        Place::Parked => PlaceKind::Parked,
        Place::Ended => PlaceKind::Ended,
    }
}

pub(super) async fn audits(desk: Desk) -> Verdict {
    let open = everywhere(&desk, 1).await?.iter().filter(|(_, at)| *at != Place::Ended).count();
    let (mut seen, mut after) = (0, None);
    loop {
        let audited = desk.journal.audit(after, 2).await?;
        ensure_eq(audited.mended, vec![])?;
        seen += audited.seen;
        after = audited.next;
        if after.is_none() {
            // Those that are over may be looked at too.
            return ensure(seen >= open, || format!("{seen} of {open} were looked at"));
        }
    }
}
