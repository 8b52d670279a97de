//! Schedule A4: a store that comes back without its last operations. Replication is a prefix, so the
//! numbers of a seat tell.

use smallvec::smallvec;

use super::{
    Mistake, Place, check,
    desk::{Wrong, done, ensure, intended},
};
use crate::{
    journal::{Journal, JournalError, Verdict},
    kernel::Place::Owned,
};

#[tokio::test(flavor = "multi_thread")]
async fn schedule_a4_nothing_is_written_behind_a_hole() {
    check(no_hole, [Mistake { script: "append", instead_of: "number ~= last + 1 or", says: "" }])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_a4_a_claim_that_was_lost_is_no_claim() {
    check(
        lost_claim,
        [Mistake {
            script: "append",
            instead_of: "or tonumber(state[2]) < claims then",
            says: "then",
        }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_a4_a_seat_that_writes_nothing_learns_of_a_loss() {
    check(quiet_owner, [Mistake {
        script: "pulse",
        instead_of: "elseif tonumber(state[1]) < tonumber(ARGV[at + 1]) or tonumber(state[2]) < tonumber(ARGV[at + 2]) then",
        says: "elseif false then",
    }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lost_everything_fences_all_seats() {
    check(lost_everything, []).await;
}

fn diverged<T: std::fmt::Debug>(answer: Result<T, JournalError>) -> Result<(), Wrong> {
    match answer {
        Err(JournalError::Diverged(_)) => Ok(()),
        other => Err(format!("a seat whose store lost something was answered {other:?}").into()),
    }
}

async fn no_hole(mut place: Place) -> Result<(), Wrong> {
    let owner = place.process().await;
    let saga = owner.owned().await?;
    place.save();
    let written = owner.write(&saga, 2, smallvec![done(0), intended(1)], Owned).await?;
    ensure(written == Verdict::Written { mail: false }, "an owner may write")?;
    place.lose_what_came_since();
    diverged(owner.write(&saga, 4, smallvec![done(1)], Owned).await)?;
    ensure(owner.records(saga.id).await? == 2, "something stands behind a hole")
}

async fn lost_claim(mut place: Place) -> Result<(), Wrong> {
    let (first, second) = (place.process().await, place.process().await);
    first.create().await?;
    place.save();
    let saga = first.claim_one().await?;
    place.lose_what_came_since();
    let again = second.claim_one().await?;
    ensure(again.id == saga.id, "its ticket is there again")?;
    diverged(first.write(&saga, 2, smallvec![done(0), intended(1)], Owned).await)?;
    second.write(&again, 2, smallvec![done(0), intended(1)], Owned).await?;
    ensure(second.records(saga.id).await? == 4, "two owners wrote")
}

async fn quiet_owner(mut place: Place) -> Result<(), Wrong> {
    let owner = place.process().await;
    owner.create().await?;
    place.save();
    owner.claim_one().await?;
    place.lose_what_came_since();
    diverged(owner.journal.pulse(owner.seat, None).await)
}

async fn lost_everything(mut place: Place) -> Result<(), Wrong> {
    let owner = place.process().await;
    let saga = owner.owned().await?;
    place.lose_what_came_since();
    let answer = owner.write(&saga, 2, smallvec![done(0)], Owned).await;
    ensure(matches!(answer, Err(JournalError::Fenced(_))), format!("{answer:?}"))?;
    let answer = owner.claim(1).await;
    ensure(matches!(answer, Err(JournalError::Fenced(_))), format!("{answer:?}"))
}
