//! The inbox: whoever owns nothing may still tell.

use smallvec::smallvec;

use super::{
    desk::{Desk, Failure, Seat},
    samples::{completed, done, intended, received, unknown},
};
use crate::{
    conformance::rule::{Verdict, ensure_eq},
    journal::{ClaimedSaga, Item, Told, Verdict as Ruling},
    kernel::{
        Cause, End, EntryId, Group, Letter, Mail, Place, Record, SagaId, SagaStatus, Value, Way,
    },
};

fn ids(mail: &[Mail]) -> Vec<EntryId> {
    mail.iter().map(|mail| mail.id).collect()
}

/// Folds the entries in a group of their own.
async fn fold(desk: &Desk, seat: &Seat, saga: &ClaimedSaga, mail: &[&Mail]) -> Verdict {
    let records: Group = mail.iter().copied().map(received).collect();
    let item = desk.item(saga, records, Place::Owned);
    let folded = mail.iter().map(|mail| mail.id).collect();
    let written = desk.commit(seat, Item { folded, ..item }).await?;
    ensure_eq(written, Ruling::Written { mail: false })
}

async fn inbox(desk: &Desk, saga: SagaId) -> Result<Vec<EntryId>, Failure> {
    Ok(ids(&desk.journal.inbox(saga).await?))
}

pub(super) async fn stays_until_folded(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let (first, second) = (desk.cancel(), desk.letter(Letter::Unpark { by: "alice".into() }));
    ensure_eq(desk.journal.tell(saga.id, first.clone()).await?, Told::Told)?;
    ensure_eq(desk.journal.tell(saga.id, second.clone()).await?, Told::Told)?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![first.id, second.id])?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![first.id, second.id])?;
    fold(&desk, &seat, &saga, &[&first, &second]).await?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![])?;
    ensure_eq(desk.told(saga.id).await?.0, "started intended received received".into())
}

pub(super) async fn counts_once(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let mail = desk.letter(Letter::Unpark { by: "alice".into() });
    ensure_eq(desk.journal.tell(saga.id, mail.clone()).await?, Told::Told)?;
    ensure_eq(desk.journal.tell(saga.id, mail.clone()).await?, Told::Already)?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![mail.id])?;
    fold(&desk, &seat, &saga, &[&mail]).await?;
    ensure_eq(desk.journal.tell(saga.id, mail).await?, Told::Already)?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![])
}

pub(super) async fn no_such_saga(desk: Desk) -> Verdict {
    let unknown = desk.new_saga().await?.id;
    ensure_eq(desk.journal.tell(unknown, desk.cancel()).await?, Told::NoSuch)
}

pub(super) async fn too_late(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.placed(&seat, Place::Ended).await?;
    for mail in [desk.cancel(), desk.letter(Letter::Unpark { by: "alice".into() })] {
        let told = desk.journal.tell(saga, mail).await?;
        ensure_eq(told, Told::TooLate(SagaStatus::Completed))?;
    }
    ensure_eq(inbox(&desk, saga).await?, vec![])
}

pub(super) async fn cancel_behind_the_pivot(desk: Desk) -> Verdict {
    behind_the_pivot(&desk, vec![done(1)]).await?;
    // Its probe may say it as well.
    let value = || Value::journaled("done".to_owned());
    behind_the_pivot(&desk, vec![ended(Way::Probe, End::Done(value()))]).await
}

pub(super) async fn cancel_behind_a_doubtful_pivot(desk: Desk) -> Verdict {
    let value = || Value::journaled("done".to_owned());
    let denied = ended(Way::Probe, End::DidNot { retry_at: None });
    behind_the_pivot(&desk, vec![denied, ended(Way::Do, End::Late(value()))]).await?;
    let (evidence, by) = ("seen in the ledger".to_owned(), "alice".to_owned());
    let word = Letter::MarkDone { step: 1, output: Some(value()), evidence, by };
    let marked = received(&desk.letter(word));
    behind_the_pivot(&desk, vec![unknown(1), marked]).await
}

pub(super) async fn cancel_before_a_word_counts(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let output = Some(Value::journaled("done".to_owned()));
    let (evidence, by) = ("seen in the ledger".to_owned(), "alice".to_owned());
    let word = Letter::MarkDone { step: 1, output, evidence, by };
    // The pivot runs: nobody waits for a word on it.
    let records = smallvec![done(0), intended(1), received(&desk.letter(word))];
    desk.write(&seat, &saga, records, Place::Owned).await?;
    ensure_eq(desk.journal.tell(saga.id, desk.cancel()).await?, Told::Told)
}

/// How the pivot ended.
fn ended(way: Way, end: End) -> Record {
    Record::Ended { step: 1, generation: 0, attempt: 1, way, end }
}

async fn behind_the_pivot(desk: &Desk, pivot: Vec<Record>) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let mut records: Group = smallvec![done(0), intended(1)];
    records.extend(pivot);
    desk.write(&seat, &saga, records, Place::Owned).await?;
    let told = desk.journal.tell(saga.id, desk.cancel()).await?;
    ensure_eq(told, Told::TooLate(SagaStatus::Running))?;
    ensure_eq(
        desk.journal.tell(saga.id, desk.letter(Letter::Unpark { by: "alice".into() })).await?,
        Told::Told,
    )
}

pub(super) async fn cancel_on_the_way_back(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let back = smallvec![Record::Compensating(Box::new(Cause::Deadline))];
    desk.write(&seat, &saga, back, Place::Owned).await?;
    ensure_eq(desk.journal.tell(saga.id, desk.cancel()).await?, Told::Already)?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![])
}

pub(super) async fn guarded_commits_wait(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let read = desk.cancel();
    desk.journal.tell(saga.id, read.clone()).await?;
    desk.journal.tell(saga.id, desk.cancel()).await?;
    let due = Place::Timed(desk.far(1));
    for place in [Place::Owned, Place::Ready, due, Place::Parked, Place::Ended] {
        let item = desk.item(&saga, smallvec![received(&read), done(0)], place);
        let item = Item { folded: vec![read.id], guarded: true, ..item };
        ensure_eq(desk.commit(&seat, item).await?, Ruling::Mail)?;
        ensure_eq(desk.told(saga.id).await?, ("started intended".into(), Place::Owned))?;
        ensure_eq(inbox(&desk, saga.id).await?.len(), 2)?;
    }
    Ok(())
}

pub(super) async fn guarded_commits_fold(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let mail = desk.cancel();
    desk.journal.tell(saga.id, mail.clone()).await?;
    let item = desk.item(&saga, smallvec![received(&mail), done(0), completed()], Place::Ended);
    let item = Item { folded: vec![mail.id], ..item };
    ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: false })?;
    ensure_eq(
        desk.told(saga.id).await?,
        ("started intended received ended finished".into(), Place::Ended),
    )
}

pub(super) async fn unguarded_commits_do_not_wait(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.owned(&seat).await?;
    let mail = desk.cancel();
    desk.journal.tell(saga.id, mail.clone()).await?;
    let item = desk.item(&saga, smallvec![done(0), intended(1)], Place::Owned);
    ensure_eq(desk.commit(&seat, item).await?, Ruling::Written { mail: true })?;
    ensure_eq(inbox(&desk, saga.id).await?, vec![mail.id])
}

pub(super) async fn comes_with_the_claim(desk: Desk) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.create().await?;
    let (first, second) = (desk.cancel(), desk.letter(Letter::Unpark { by: "alice".into() }));
    desk.journal.tell(saga, first.clone()).await?;
    desk.journal.tell(saga, second.clone()).await?;
    let claimed = desk.claim_this(&seat, saga).await?;
    ensure_eq(ids(&claimed.mail), vec![first.id, second.id])?;
    // It is read, not folded.
    ensure_eq(inbox(&desk, saga).await?, vec![first.id, second.id])
}

pub(super) async fn wakes_a_parked_saga(desk: Desk) -> Verdict {
    wakes(&desk, Place::Parked).await
}

pub(super) async fn wakes_a_timed_saga(desk: Desk) -> Verdict {
    wakes(&desk, Place::Timed(desk.far(1))).await?;
    // The timer is off.
    let seat = desk.seat().await?;
    ensure_eq(desk.journal.pulse(seat.id, None).await?.next_due, None)
}

async fn wakes(desk: &Desk, place: Place) -> Verdict {
    let seat = desk.seat().await?;
    let saga = desk.placed(&seat, place).await?;
    ensure_eq(desk.claim_all(&seat).await?, vec![])?;
    let mail = desk.letter(Letter::Unpark { by: "alice".into() });
    ensure_eq(desk.journal.tell(saga, mail.clone()).await?, Told::Told)?;
    ensure_eq(desk.told(saga).await?.1, Place::Ready)?;
    ensure_eq(ids(&desk.claim_this(&seat, saga).await?.mail), vec![mail.id])
}
