//! Tickets and claims: who gets which saga, and in which order.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::try_join_all;
use smallvec::smallvec;

use super::{
    desk::{Desk, Failure, Seat},
    records::{owned_from_the_start, then},
    samples::{done, intended, kinds},
};
use crate::{
    conformance::rule::{Verdict, ensure, ensure_eq},
    journal::{Carry, ClaimFrom, Item, JournalError, NewSaga, Signal, Verdict as Ruling},
    kernel::{DefinitionHash, Fence, Group, Letter, Place, SagaId},
};

async fn carry(
    desk: &Desk,
    seat: &Seat,
    definition: DefinitionHash,
    limit: usize,
) -> Result<Vec<SagaId>, Failure> {
    let carry = Carry { definitions: &[definition], limit };
    let carried = desk.journal.pulse(seat.id, Some(carry)).await?.carried;
    ensure(carried.iter().all(|(_, of)| *of == definition), || {
        "a ticket of another definition was carried".into()
    })?;
    Ok(carried.into_iter().map(|(saga, _)| saga).collect())
}

pub(super) async fn claims(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    ensure_eq(claimed.definition, desk.definition.hash())?;
    ensure_eq(&*kinds(&claimed.records), "started intended")?;
    ensure_eq((claimed.crashes, claimed.mail.len()), (0, 0))?;
    ensure(claimed.fence > Fence::NONE, || "its fence is nobody's".into())?;
    ensure_eq(desk.told(saga).await?.1, Place::Owned)
}

pub(super) async fn only_what_it_names(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let other = NewSaga { definition: desk.other.hash(), ..desk.new_saga().await? };
    let other = desk.create_as(other).await?;
    let usual = desk.create().await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![usual])?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    ensure_eq(desk.told(other).await?.1, Place::Ready)?;
    let both = [desk.definition.hash(), desk.other.hash()];
    let claimed = desk.journal.claim(seat.id, ClaimFrom::Definitions(&both), 8).await?;
    ensure_eq(claimed.sagas.iter().map(|saga| saga.id).collect(), vec![other])
}

pub(super) async fn limited(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    desk.create_many(2).await?;
    let claimed = desk.claim(&seat, 1).await?;
    ensure_eq(claimed.sagas.len(), 1)?;
    let claimed = desk.claim(&seat, 2).await?;
    ensure_eq(claimed.sagas.len(), 1)
}

pub(super) async fn finds_nothing(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let claimed = desk.claim(&seat, 8).await?;
    ensure_eq(claimed.sagas.len(), 0)
}

pub(super) async fn fences_rise(desk: Desk) -> Verdict {
    let (first, second) = (desk.seat().await?, desk.seat().await?);
    let mut last = Fence::NONE;
    for turn in 0..6 {
        // In turns, again the same saga and a new one, at once and later.
        let seat = if turn % 2 == 0 { &first } else { &second };
        let saga = desk.owned(seat).await?;
        ensure(saga.fence > last, || format!("{:?} came after {last:?}", saga.fence))?;
        last = saga.fence;
        if turn % 3 == 0 {
            desk.write(seat, &saga, Group::new(), Place::Ready).await?;
            let again = desk.claim_this(seat, saga.id).await?;
            ensure(again.fence > last, || format!("{:?} came after {last:?}", again.fence))?;
            last = again.fence;
            desk.pass(Duration::from_millis(1)).await;
        }
    }
    Ok(())
}

pub(super) async fn one_claimer(desk: Desk) -> Verdict {
    const SEATS: usize = 8;
    let mut seats = Vec::new();
    for _ in 0..SEATS {
        seats.push(desk.seat().await?);
    }
    let created: BTreeSet<SagaId> = desk.create_many(desk.capacity).await?.into_iter().collect();
    let claims = seats.iter().map(|seat| claim_one_by_one(&desk, seat));
    let claimed = try_join_all(claims).await?.concat();
    ensure_eq(claimed.len(), created.len())?;
    ensure_eq(claimed.into_iter().collect(), created)
}

async fn claim_one_by_one(desk: &Desk, seat: &Seat) -> Result<Vec<SagaId>, JournalError> {
    let mut own = Vec::new();
    loop {
        let claimed = desk.claim(seat, 1).await?;
        if claimed.sagas.is_empty() {
            return Ok(own);
        }
        own.extend(claimed.sagas.iter().map(|saga| saga.id));
        tokio::task::yield_now().await;
    }
}

pub(super) async fn new_ones_queue(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let created = desk.create_many(desk.capacity).await?;
    ensure_eq(desk.claim_all(&seat).await?, created)
}

pub(super) async fn given_back_goes_first(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let old = desk.owned(&seat).await?;
    let new = desk.create().await?;
    desk.write(&seat, &old, Group::new(), Place::Ready).await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![old.id, new])
}

pub(super) async fn told_goes_first(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let old = desk.placed(&seat, Place::Parked).await?;
    let new = desk.create().await?;
    desk.journal.tell(old, desk.letter(Letter::Unpark { by: "alice".into() })).await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![old, new])
}

pub(super) async fn woken_goes_first(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let due = desk.soon();
    let old = desk.placed(&seat, Place::Timed(due)).await?;
    let new = desk.create().await?;
    desk.pass_until(due).await;
    desk.journal.pulse(seat.id, None).await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![old, new])
}

pub(super) async fn timers(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let (due, far) = (desk.soon(), desk.far(1));
    let saga = desk.placed(&seat, Place::Timed(due)).await?;
    let later = desk.placed(&seat, Place::Timed(far)).await?;
    ensure_eq(desk.told(saga).await?.1, Place::Timed(due))?;
    ensure_eq(desk.journal.pulse(seat.id, None).await?.next_due, Some(due))?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    desk.pass_until(due).await;
    let pulse = desk.journal.pulse(seat.id, None).await?;
    ensure_eq(pulse.next_due, Some(far))?;
    ensure_eq(desk.told(saga).await?.1, Place::Ready)?;
    ensure_eq(desk.claim_all(&seat).await?, vec![saga])?;
    ensure_eq(desk.told(later).await?.1, Place::Timed(far))
}

pub(super) async fn parked_and_over(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    for place in [Place::Parked, Place::Ended] {
        let saga = desk.placed(&seat, place).await?;
        ensure_eq(desk.told(saga).await?.1, place)?;
    }
    ensure_eq(desk.claim_all(&seat).await?, vec![])
}

pub(super) async fn handed_over_queues(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let begin = owned_from_the_start(&desk).await?;
    let begun = begin.saga;
    let hand_over = then(&begin, smallvec![done(0), intended(1)], Place::Ready);
    desk.commit(&seat, begin).await?;
    let new = desk.create().await?;
    desk.commit(&seat, hand_over).await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![new, begun])
}

pub(super) async fn many_timers(desk: Desk) -> Verdict {
    // More than one pulse may want to turn into tickets.
    const TIMERS: usize = 1_000;
    let seat = desk.seat().await?;
    let due = desk.soon();
    let mut sagas = BTreeSet::new();
    while sagas.len() < TIMERS {
        let created = desk.create_many(desk.capacity.min(TIMERS - sagas.len())).await?;
        let claimed = desk.claim(&seat, created.len()).await?.sagas;
        let records = || smallvec![done(0), intended(1)];
        let waits = |saga| desk.item(saga, records(), Place::Timed(due));
        let written = desk.commit_all(&seat, claimed.iter().map(waits).collect()).await?;
        ensure_eq(written.to_vec(), vec![Ruling::Written { mail: false }; created.len()])?;
        sagas.extend(created);
    }
    desk.pass_until(due).await;
    for _ in 0..TIMERS {
        if desk.journal.pulse(seat.id, None).await?.next_due.is_none() {
            break;
        }
    }
    let claimed = desk.claim_all(&seat).await?;
    ensure_eq(claimed.len(), TIMERS)?;
    ensure_eq(claimed.into_iter().collect(), sagas)
}

pub(super) async fn old_timers(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let (due, far) = (desk.soon(), desk.far(1));
    let saga = desk.placed(&seat, Place::Timed(due)).await?;
    desk.journal.tell(saga, desk.letter(Letter::Unpark { by: "alice".into() })).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    let folded = claimed.mail.iter().map(|mail| mail.id).collect();
    let later = Place::Timed(far);
    let item = Item { folded, ..desk.item(&claimed, Group::new(), later) };
    ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
    desk.pass_until(due).await;
    let pulse = desk.journal.pulse(seat.id, None).await?;
    ensure_eq(pulse.next_due, Some(far))?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    ensure_eq(desk.told(saga).await?.1, later)
}

pub(super) async fn at_no_cost(desk: Desk) -> Verdict {
    // A definition that nobody has code for does not hold up the others (B5).
    let seat = desk.seat().await?;
    let other = async || {
        let other = NewSaga { definition: desk.other.hash(), ..desk.new_saga().await? };
        desk.create_as(other).await
    };
    let first = other().await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    let second = other().await?;
    // Nor does it wake anybody.
    desk.hears_nothing(&seat.heard).await?;
    for _ in 0..3 {
        let usual = desk.create().await?;
        ensure_eq(desk.claim_all(&seat).await?, vec![usual])?;
    }
    let definitions = [desk.other.hash()];
    let claimed = desk.journal.claim(seat.id, ClaimFrom::Definitions(&definitions), 8).await?;
    ensure_eq(claimed.sagas.iter().map(|saga| saga.id).collect(), vec![first, second])
}

pub(super) async fn claims_by_id(desk: Desk) -> Verdict {
    let (seat, other) = (desk.seat().await?, desk.seat().await?);
    let owned = desk.owned(&other).await?;
    let over = desk.placed(&other, Place::Ended).await?;
    let due = desk.soon();
    let timed = desk.placed(&other, Place::Timed(due)).await?;
    let parked = desk.placed(&other, Place::Parked).await?;
    let ready = desk.create().await?;
    let unknown = desk.unknown_saga();
    let asked = [owned.id, over, timed, parked, ready, unknown];
    let claimed = desk
        .journal
        .claim(seat.id, ClaimFrom::Sagas(desk.definition.hash(), &asked), asked.len())
        .await?;
    ensure_eq(claimed.sagas.iter().map(|saga| saga.id).collect(), vec![timed, parked, ready])?;
    desk.write(&other, &owned, smallvec![intended(1)], Place::Owned).await?;
    // Neither the ticket nor the timer that is left over brings them to anybody else.
    desk.pass_until(due).await;
    desk.journal.pulse(other.id, None).await?;
    ensure_eq(desk.claim_all(&other).await?, vec![])
}

pub(super) async fn carries(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 8).await?, vec![saga])?;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 8).await?, vec![])?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    // It is in a place: with the queue.
    ensure_eq(desk.journal.audit(None, 8).await?.mended, vec![])?;
    let claimed =
        desk.journal.claim(seat.id, ClaimFrom::Sagas(desk.definition.hash(), &[saga]), 1).await?;
    ensure_eq(claimed.sagas.iter().map(|saga| saga.id).collect(), vec![saga])?;
    // The same ticket once more, from a queue that brings it twice.
    let again =
        desk.journal.claim(seat.id, ClaimFrom::Sagas(desk.definition.hash(), &[saga]), 1).await?;
    ensure(again.sagas.is_empty(), || "it was claimed twice".into())
}

pub(super) async fn brings_back_what_was_lost(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 8).await?, vec![saga])?;
    let lost = desk.journal.now();
    desk.pass(desk.carried * 3 / 4).await;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 8).await?, vec![])?;
    desk.pass_until(lost.plus(desk.carried)).await;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 8).await?, vec![saga])
}

pub(super) async fn asks_for_the_definition(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    let from = ClaimFrom::Sagas(desk.other.hash(), &[saga]);
    let claimed = desk.journal.claim(seat.id, from, 1).await?;
    ensure(claimed.sagas.is_empty(), || "it was claimed as one of another definition".into())?;
    ensure_eq(desk.claim_all(&seat).await?, vec![saga])
}

pub(super) async fn carries_what_was_asked(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let sagas = desk.create_many(2).await?;
    ensure_eq(carry(&desk, &seat, desk.other.hash(), 8).await?, vec![])?;
    ensure_eq(carry(&desk, &seat, desk.definition.hash(), 1).await?, vec![sagas[0]])?;
    ensure_eq(desk.claim_all(&seat).await?, vec![sagas[1]])
}

pub(super) async fn wants_to_be_called(desk: Desk) -> Verdict {
    let (seat, owner) = (desk.seat().await?, desk.seat().await?);
    let definition = desk.definition.hash();
    let saga = desk.create().await?;
    // Its ticket stays where it is, and is none any more.
    let from = ClaimFrom::Sagas(definition, &[saga]);
    ensure_eq(desk.journal.claim(owner.id, from, 1).await?.sagas.len(), 1)?;
    ensure_eq(carry(&desk, &seat, definition, 8).await?, vec![])?;
    let next = desk.create().await?;
    match desk.hears(&seat.heard).await? {
        Signal::Ready => ensure_eq(carry(&desk, &seat, definition, 8).await?, vec![next]),
        other => Err(format!("{other:?} was signalled").into()),
    }
}
