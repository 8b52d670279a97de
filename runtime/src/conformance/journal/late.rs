//! Late successes: sagas that are over and may have to go on (C8).

use std::sync::Arc;

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure, Seat},
    heard::Heard,
    samples::{
        back, compensated, completed, done, intended, late, late_success, received, unknown,
    },
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{ClaimedSaga, Item, NewSaga, Signal, Stage, Told, Verdict as Ruling},
    kernel::{
        AttemptEnd, Cause, Doubt, End, EntryId, Fingerprint, Letter, Mail, Place, Record, SagaId,
        SagaStatus, Timestamp, Value, Way,
    },
};

const COMPENSATED: SagaStatus = SagaStatus::Compensated;

/// A saga that is over, not settled, and what its submitter has heard.
struct Over {
    seat: Seat,
    heard: Arc<Heard>,
    saga: SagaId,
    until: Timestamp,
}

async fn unsettled(desk: &Desk) -> Result<Over, Failure> {
    let (heard, listener) = desk.listen().await?;
    let seat = desk.seat().await?;
    let records = smallvec![desk.started(Some(listener)), intended(0)];
    let saga = desk.create_as(NewSaga { records, ..desk.new_saga().await? }).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    let until = desk.soon();
    let over = compensated(Cause::Deadline, Some(until));
    let records = smallvec![unknown(0), back(Cause::Deadline), over];
    desk.write(&seat, &claimed, records, Place::Timed(until)).await?;
    Ok(Over { seat, heard, saga, until })
}

impl Over {
    async fn hears_of_the_end(&self, desk: &Desk) -> Verdict {
        match desk.hears(&self.heard).await? {
            Signal::Ended(saga, finished) => {
                ensure_eq((saga, SagaStatus::of(&finished)), (self.saga, COMPENSATED))
            }
            other => Err(format!("{other:?} was signalled").into()),
        }
    }

    /// Lets the window pass, and claims the saga.
    async fn claim_in_time(&self, desk: &Desk) -> Result<ClaimedSaga, Failure> {
        desk.pass_until(self.until).await;
        desk.journal.pulse(self.seat.id, None).await?;
        desk.claim_this(&self.seat, self.saga).await
    }

    async fn settle(&self, desk: &Desk) -> Verdict {
        let claimed = self.claim_in_time(desk).await?;
        let settled = smallvec![compensated(Cause::Deadline, None)];
        desk.write(&self.seat, &claimed, settled, Place::Ended).await
    }

    /// Tells of a late success, and folds it; what follows in the same group.
    async fn open(&self, desk: &Desk, more: &[Record], place: Place) -> Verdict {
        let mail = desk.letter(late_success());
        ensure_eq(desk.journal.tell(self.saga, mail.clone()).await?, Told::Told)?;
        let claimed = desk.claim_this(&self.seat, self.saga).await?;
        let end = End::Late(Value::journaled("done".to_owned()));
        let late = Record::Ended { step: 0, generation: 0, attempt: 1, way: Way::Do, end };
        let undo = Record::Intended { step: 0, generation: 1, way: Way::Undo };
        let mut records = smallvec![received(&mail), late, undo];
        records.extend(more.iter().cloned());
        let item = Item { folded: vec![mail.id], ..desk.item(&claimed, records, place) };
        let written = desk.commit(&self.seat, item).await?;
        ensure_eq(written, Ruling::Written { mail: false })
    }
}

fn undone() -> Record {
    let end = End::Done(Value::journaled(()));
    Record::Ended { step: 0, generation: 1, attempt: 1, way: Way::Undo, end }
}

async fn listed(desk: &Desk) -> Result<Vec<(SagaId, EntryId)>, Failure> {
    let late = desk.journal.late().await?;
    Ok(late.into_iter().map(|(saga, mail)| (saga, mail.id)).collect())
}

fn other_letters(desk: &Desk) -> [Mail; 4] {
    [
        desk.cancel(),
        desk.letter(Letter::Unpark { by: "alice".into() }),
        desk.letter(late(AttemptEnd::Unknown(Doubt::TimedOut))),
        desk.letter(late(AttemptEnd::Retry { error: "busy".into(), after: None })),
    ]
}

pub(super) async fn over(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.hears_of_the_end(&desk).await?;
    ensure_eq(desk.told(over.saga).await?.1, Place::Timed(over.until))?;
    let known = desk.journal.find(over.saga).await?;
    ensure_eq(known.map(|known| known.stage), Some(Stage::Ended(COMPENSATED)))?;
    ensure_eq(desk.journal.pulse(over.seat.id, None).await?.next_due, Some(over.until))?;
    over.claim_in_time(&desk).await?;
    let known = desk.journal.find(over.saga).await?;
    ensure_eq(known.map(|known| known.stage), Some(Stage::Ended(COMPENSATED)))
}

pub(super) async fn settles(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.hears_of_the_end(&desk).await?;
    over.settle(&desk).await?;
    ensure_eq(desk.told(over.saga).await?.1, Place::Ended)?;
    desk.hears_nothing(&over.heard).await
}

pub(super) async fn deaf(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    for mail in other_letters(&desk) {
        let told = desk.journal.tell(over.saga, mail).await?;
        ensure_eq(told, Told::TooLate(COMPENSATED))?;
    }
    ensure_eq(desk.journal.inbox(over.saga).await?.len(), 0)?;
    ensure_eq(desk.told(over.saga).await?.1, Place::Timed(over.until))
}

pub(super) async fn told(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    let new = desk.create().await?;
    let mail = desk.letter(late_success());
    ensure_eq(desk.journal.tell(over.saga, mail.clone()).await?, Told::Told)?;
    ensure_eq(desk.journal.tell(over.saga, mail.clone()).await?, Told::Already)?;
    let claimed = desk.claim(&over.seat, 2).await?.sagas;
    ensure_eq(claimed.iter().map(|saga| saga.id).collect(), vec![over.saga, new])?;
    ensure_eq(claimed[0].mail.iter().map(|mail| mail.id).collect(), vec![mail.id])?;
    ensure_eq(listed(&desk).await?, vec![])
}

pub(super) async fn guarded(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    let claimed = over.claim_in_time(&desk).await?;
    let mail = desk.letter(late_success());
    ensure_eq(desk.journal.tell(over.saga, mail).await?, Told::Told)?;
    let settled = smallvec![compensated(Cause::Deadline, None)];
    let item = desk.item(&claimed, settled, Place::Ended);
    ensure_eq(desk.commit(&over.seat, item).await?, Ruling::Mail)
}

pub(super) async fn ends_again(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.hears_of_the_end(&desk).await?;
    let until = desk.soon();
    let again = [undone(), compensated(Cause::Deadline, Some(until))];
    // Open and over again in one group, and in two.
    over.open(&desk, &again, Place::Timed(until)).await?;
    over.hears_of_the_end(&desk).await?;
    over.open(&desk, &[], Place::Ready).await?;
    let claimed = desk.claim_this(&over.seat, over.saga).await?;
    desk.hears_nothing(&over.heard).await?;
    let again = smallvec![undone(), compensated(Cause::Deadline, None)];
    desk.write(&over.seat, &claimed, again, Place::Ended).await?;
    over.hears_of_the_end(&desk).await
}

pub(super) async fn stays_over(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.hears_of_the_end(&desk).await?;
    let mail = desk.letter(late_success());
    desk.journal.tell(over.saga, mail.clone()).await?;
    let claimed = desk.claim_this(&over.seat, over.saga).await?;
    // Its step is known to be undone: there is nothing to do.
    let item = desk.item(&claimed, smallvec![received(&mail)], Place::Timed(over.until));
    desk.commit(&over.seat, Item { folded: vec![mail.id], ..item }).await?;
    let known = desk.journal.find(over.saga).await?;
    ensure_eq(known.map(|known| known.stage), Some(Stage::Ended(COMPENSATED)))?;
    let told = desk.journal.tell(over.saga, desk.cancel()).await?;
    ensure_eq(told, Told::TooLate(COMPENSATED))?;
    over.settle(&desk).await?;
    desk.hears_nothing(&over.heard).await
}

pub(super) async fn open_again(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.open(&desk, &[], Place::Owned).await?;
    let known = desk.journal.find(over.saga).await?;
    ensure_eq(known.map(|known| known.stage), Some(Stage::Accepted))?;
    let mail = desk.letter(Letter::Unpark { by: "alice".into() });
    ensure_eq(desk.journal.tell(over.saga, mail).await?, Told::Told)?;
    ensure_eq(desk.journal.tell(over.saga, desk.cancel()).await?, Told::Already)
}

pub(super) async fn listed_once(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.settle(&desk).await?;
    let mail = desk.letter(late_success());
    for _ in 0..2 {
        let told = desk.journal.tell(over.saga, mail.clone()).await?;
        ensure_eq(told, Told::TooLate(COMPENSATED))?;
        ensure_eq(listed(&desk).await?, vec![(over.saga, mail.id)])?;
    }
    ensure_eq(desk.journal.inbox(over.saga).await?.len(), 0)
}

pub(super) async fn tombstone(desk: Desk) -> Verdict {
    for cause in [Cause::Deadline, Cause::Abandoned] {
        let first = desk.started_with(Fingerprint([7; 16]));
        let saga = desk.create_over(first, compensated(cause, None)).await?;
        desk.bury(saga).await?;
        let mail = desk.letter(late_success());
        let told = desk.journal.tell(saga, mail.clone()).await?;
        ensure_eq(told, Told::TooLate(COMPENSATED))?;
        ensure_eq(listed(&desk).await?.last(), Some(&(saga, mail.id)))?;
        ensure_eq(desk.journal.tell(saga, desk.cancel()).await?, Told::TooLate(COMPENSATED))?;
    }
    ensure_eq(listed(&desk).await?.len(), 2)
}

pub(super) async fn nobody(desk: Desk) -> Verdict {
    let unknown = desk.new_saga().await?.id;
    let mail = desk.letter(late_success());
    ensure_eq(desk.journal.tell(unknown, mail.clone()).await?, Told::NoSuch)?;
    ensure_eq(listed(&desk).await?, vec![(unknown, mail.id)])
}

pub(super) async fn folded(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let mail = desk.letter(late_success());
    desk.journal.tell(saga.id, mail.clone()).await?;
    let over = compensated(Cause::Deadline, None);
    let records = smallvec![received(&mail), done(0), back(Cause::Deadline), over];
    let item = Item { folded: vec![mail.id], ..desk.item(&saga, records, Place::Ended) };
    ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
    ensure_eq(desk.journal.tell(saga.id, mail).await?, Told::Already)?;
    ensure_eq(listed(&desk).await?, vec![])
}

pub(super) async fn of_a_completed_saga(desk: Desk) -> Verdict {
    let first = desk.started_with(Fingerprint([7; 16]));
    let saga = desk.create_over(first, completed()).await?;
    for _ in 0..2 {
        let told = desk.journal.tell(saga, desk.letter(late_success())).await?;
        ensure_eq(told, Told::TooLate(SagaStatus::Completed))?;
        desk.bury(saga).await?;
    }
    ensure_eq(listed(&desk).await?, vec![])
}

pub(super) async fn no_success(desk: Desk) -> Verdict {
    let over = unsettled(&desk).await?;
    over.settle(&desk).await?;
    let unknown = desk.new_saga().await?.id;
    for saga in [over.saga, unknown] {
        for mail in other_letters(&desk) {
            desk.journal.tell(saga, mail).await?;
        }
    }
    ensure_eq(listed(&desk).await?, vec![])
}

pub(super) async fn newest(desk: Desk) -> Verdict {
    let mut told = Vec::new();
    for _ in 0..1_001 {
        let (saga, mail) = (desk.unknown_saga(), desk.letter(late_success()));
        told.push((saga, mail.id));
        desk.journal.tell(saga, mail).await?;
    }
    ensure_eq(listed(&desk).await?, told.split_off(1))
}
