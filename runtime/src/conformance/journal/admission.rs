//! Admission: back-pressure on new sagas, and on nothing else.

use smallvec::smallvec;

use super::{
    desk::Desk,
    records::{owned_from_the_start, then},
    samples::{completed, done, intended, parked},
};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{Admission, Created, JournalError, NewSaga, Reaped, Verdict as Ruling},
    kernel::{DefinitionHash, Group, Letter, Place},
};

/// Takes all the room there is.
async fn fill(desk: &Desk) -> Result<Vec<Admission>, JournalError> {
    let mut all = Vec::new();
    for _ in 0..desk.capacity {
        all.push(desk.journal.admit(desk.definition.hash()).await?);
    }
    Ok(all)
}

async fn is_full(desk: &Desk) -> Verdict {
    is_full_of(desk, desk.definition.hash()).await
}

async fn is_full_of(desk: &Desk, definition: DefinitionHash) -> Verdict {
    let admitted = desk.within_a_blur(desk.journal.admit(definition)).await;
    ensure(admitted.is_none(), || "one more than the capacity was admitted".into())
}

pub(super) async fn waits(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let sagas = desk.create_many(desk.capacity).await?;
    is_full(&desk).await?;
    let mut admission = desk.journal.admit(desk.definition.hash());
    let admitted = desk.within_a_blur(&mut admission).await;
    ensure(admitted.is_none(), || "it did not wait".into())?;
    let claimed = desk.claim_this(&seat, sagas[0]).await?;
    drop(admission.await?);
    // Only the first claim makes room.
    desk.create().await?;
    desk.write(&seat, &claimed, Group::new(), Place::Ready).await?;
    desk.claim_this(&seat, claimed.id).await?;
    is_full(&desk).await
}

pub(super) async fn dropped(desk: Desk) -> Verdict {
    let mut all = fill(&desk).await?;
    is_full(&desk).await?;
    drop(all.pop());
    drop(desk.journal.admit(desk.definition.hash()).await?);
    Ok(())
}

pub(super) async fn exists(desk: Desk) -> Verdict {
    let known = desk.create().await?;
    for _ in 0..=desk.capacity {
        let again = NewSaga { id: known, ..desk.new_saga().await? };
        let created = desk.journal.create(again).await?;
        ensure(matches!(created, Created::Exists(_)), || format!("{created:?} was answered"))?;
    }
    Ok(())
}

pub(super) async fn over_at_once(desk: Desk) -> Verdict {
    for _ in 0..=desk.capacity {
        let records = smallvec![desk.started(None), completed()];
        let saga = NewSaga { records, place: Place::Ended, ..desk.new_saga().await? };
        desk.create_as(saga).await?;
    }
    Ok(())
}

pub(super) async fn parked_at_once(desk: Desk) -> Verdict {
    for _ in 0..=desk.capacity {
        let records = smallvec![desk.started(None), parked()];
        let saga = NewSaga { records, place: Place::Parked, ..desk.new_saga().await? };
        desk.create_as(saga).await?;
    }
    Ok(())
}

pub(super) async fn set_aside(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let due = Place::Timed(desk.far(1));
    // Sagas that begin in an owner's hands, and leave them otherwise than by a ticket.
    let aside = [(Place::Parked, parked()), (due, intended(1))];
    for (place, last) in aside.iter().cycle().take(2 * (desk.capacity + 1)) {
        let begin = owned_from_the_start(&desk).await?;
        let next = then(&begin, smallvec![done(0), last.clone()], *place);
        for item in [begin, next] {
            let written = desk.commit(&seat, item).await?;
            ensure_eq(written, Ruling::Written { mail: false })?;
        }
    }
    Ok(())
}

pub(super) async fn of_each_definition(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let own = desk.create_many(desk.capacity).await?;
    is_full(&desk).await?;
    let other = desk.other.hash();
    let others: Vec<_> = (0..desk.capacity).map(|_| desk.journal.admit(other)).collect();
    let mut admitted = Vec::new();
    for admission in others {
        admitted.push(admission.await?);
    }
    is_full_of(&desk, other).await?;
    // Neither makes room for the other.
    drop(admitted);
    is_full(&desk).await?;
    desk.claim_this(&seat, own[0]).await?;
    desk.create().await.map(drop)
}

pub(super) async fn cancelled(desk: Desk) -> Verdict {
    let all = fill(&desk).await?;
    for _ in 0..8 {
        is_full(&desk).await?;
    }
    drop(all);
    fill(&desk).await.map(drop).map_err(Into::into)
}

pub(super) async fn wake_ups(desk: Desk) -> Verdict {
    let (seat, dying) = (desk.seat().await?, desk.seat().await?);
    let due = desk.soon();
    let timed = desk.placed(&seat, Place::Timed(due)).await?;
    let parked = desk.placed(&seat, Place::Parked).await?;
    let given_back = desk.owned(&seat).await?;
    let reaped = desk.owned(&dying).await?;
    let _all = fill(&desk).await?;
    desk.write(&seat, &given_back, Group::new(), Place::Ready).await?;
    desk.journal.tell(parked, desk.letter(Letter::Unpark { by: "alice".into() })).await?;
    desk.outlive(&dying).await;
    desk.journal.pulse(seat.id, None).await?;
    ensure_eq(desk.journal.reap(dying.id).await?, Reaped::Reaped(1))?;
    desk.pass_until(due).await;
    desk.journal.pulse(seat.id, None).await?;
    let mut claimed = desk.claim_all(&seat).await?;
    let mut wanted = vec![timed, parked, given_back.id, reaped.id];
    claimed.sort();
    wanted.sort();
    ensure_eq(claimed, wanted)
}
