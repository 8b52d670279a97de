//! Time, definitions, and looking at all sagas.

use std::{sync::Arc, time::Duration};

use super::desk::Desk;
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    kernel::{Definition, Place, SagaId},
};

pub(super) async fn time_moves(desk: Desk) -> Verdict {
    let before = desk.journal.now();
    desk.pass(Duration::from_secs(5)).await;
    let after = desk.journal.now();
    ensure(after >= before.plus(Duration::from_secs(5)), || {
        format!("after 5 s it went from {before:?} to {after:?}")
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

/// Sagas in every place, in the order of their ids.
async fn everywhere(desk: &Desk) -> Result<Vec<(SagaId, Place)>, super::desk::Failure> {
    let seat = desk.seat().await?;
    let due = Place::Timed(desk.journal.now().plus(Duration::from_secs(5)));
    let mut sagas = vec![(desk.owned(&seat).await?.id, Place::Owned)];
    for place in [due, Place::Parked, Place::Ended] {
        sagas.push((desk.placed(&seat, place).await?, place));
    }
    sagas.push((desk.create().await?, Place::Ready));
    sagas.sort_by_key(|(saga, _)| *saga);
    Ok(sagas)
}

pub(super) async fn lists(desk: Desk) -> Verdict {
    let sagas = everywhere(&desk).await?;
    for page in [1, 2, sagas.len(), 100] {
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let rows = desk.journal.list(after, page).await?;
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

pub(super) async fn audits(desk: Desk) -> Verdict {
    let open = everywhere(&desk).await?.iter().filter(|(_, at)| *at != Place::Ended).count();
    let (mut seen, mut after) = (0, None);
    loop {
        let audited = desk.journal.audit(after, 2).await?;
        ensure_eq(audited.mended, vec![])?;
        ensure(audited.seen <= 2, || format!("a page of 2 has {} sagas", audited.seen))?;
        seen += audited.seen;
        after = audited.next;
        if after.is_none() {
            // Those that are over may be looked at too.
            return ensure(seen >= open, || format!("{seen} of {open} were looked at"));
        }
    }
}
