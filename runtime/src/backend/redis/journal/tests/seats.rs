//! Seats that die, and what becomes of what they owned; letters that come in between.

use std::{collections::BTreeSet, sync::Arc};

use smallvec::{SmallVec, smallvec};
use tokio::time::sleep;

use super::{
    super::{partition::FEW, reply::List, scripts::Call},
    LEASE, Mistake, Place, check,
    desk::{Process, Wrong, done, ensure, intended},
};
use crate::{
    journal::{Journal, JournalError, Reaped, SeatId, Told, Verdict},
    kernel::Place::{Owned, Timed},
};

#[tokio::test(flavor = "multi_thread")]
async fn schedule_a1_what_was_told_keeps_a_saga_from_going_to_sleep() {
    const GUARD: &str =
        "elseif has_mail and sub(head, 18, 18) == '1' and letters_wait(id, folded, false) then";
    let mistakes = [
        Mistake { script: "commit", instead_of: GUARD, says: "elseif false then" },
        Mistake {
            script: "append",
            instead_of: "    if letters then\n",
            says: "    if false then\n",
        },
    ];
    check(told_in_between, mistakes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b1_a_seat_that_was_reaped_takes_no_ticket() {
    check(claims_when_dead, [Mistake {
        script: "claim",
        instead_of: "if not state[1] then\n  return { 'F' }\nend",
        says: "if not state[1] then\n  call('LPOP', P .. 'r:' .. ARGV[8])\n  return { 'F' }\nend",
    }]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_lands_behind_the_first_page_of_a_reap() {
    check(
        commit_between_pages,
        [Mistake {
            script: "reap",
            instead_of: "call('DEL', key)\nlocal answer",
            says: "local answer",
        }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaper_that_dies_between_two_pages_is_followed_by_another() {
    check(
        second_reaper,
        [Mistake {
            script: "reap",
            instead_of: "if answer[1] == '0' then",
            says: "call('ZREM', P .. 'seats', seat)\nif answer[1] == '0' then",
        }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b17_no_renewal_brings_a_reaped_seat_back() {
    check(
        renewed_when_dead,
        [Mistake {
            script: "pulse",
            instead_of: "seats[#seats + 1] = { 'F', {} }",
            says: "call('HSET', key, 'b', 0, 'c', 0, 'n', 0)\n    seats[#seats + 1] = { 'O', {} }",
        }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_to_a_claim_is_asked_for_again() {
    check(
        claim_again,
        [Mistake { script: "claim", instead_of: "if number == last then", says: "if false then" }],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_to_a_batch_is_asked_for_again() {
    check(
        batch_again,
        [Mistake { script: "append", instead_of: "if number == last then", says: "if false then" }],
    )
    .await;
}

fn fenced<T: std::fmt::Debug>(answer: Result<T, JournalError>) -> Result<(), Wrong> {
    match answer {
        Err(JournalError::Fenced(_)) => Ok(()),
        other => Err(format!("a dead seat was answered {other:?}").into()),
    }
}

/// Lets the lease of all seats run out.
async fn outlive() {
    sleep(LEASE + LEASE / 20).await;
}

/// Gives back one page of what a seat owns, and answers whether there is more.
async fn one_page(reaper: &Process, dead: SeatId) -> Result<bool, Wrong> {
    let partition = &reaper.journal.inner.partitions[0];
    let mut request = partition.request(Call::Reap, FEW);
    request.arg(dead.0.as_bytes()).arg(b"0").arg(b"");
    let answer = partition.run(&request).await?;
    let mut answer = List::of(answer)?;
    ensure(&*answer.bytes()? == b"R", "its deadline has passed")?;
    answer.number()?;
    Ok(&*answer.bytes()? != b"0")
}

async fn many_owned(owner: &Process) -> Result<Vec<crate::journal::ClaimedSaga>, Wrong> {
    for _ in 0..1_200 {
        owner.create().await?;
    }
    Ok(owner.claim(2_000).await?)
}

async fn told_in_between(place: Place) -> Result<(), Wrong> {
    let (owner, other) = (place.process().await, place.process().await);
    let saga = owner.owned().await?;
    let told = other.journal.tell(saga.id, other.word()).await?;
    ensure(told == Told::Told, format!("{told:?}"))?;
    let due = owner.journal.now().plus(std::time::Duration::from_secs(3600));
    let slept = owner.write(&saga, 2, smallvec![done(0), intended(1)], Timed(due)).await?;
    ensure(slept == Verdict::Mail, "it sleeps for an hour beside a letter")?;
    let stays = owner.write(&saga, 2, smallvec![done(0), intended(1)], Owned).await?;
    ensure(stays == Verdict::Written { mail: true }, format!("{stays:?}"))
}

async fn claims_when_dead(place: Place) -> Result<(), Wrong> {
    let (dead, alive) = (place.process().await, place.process().await);
    outlive().await;
    alive.journal.pulse(alive.seat, None).await?;
    ensure(alive.journal.reap(dead.seat).await? == Reaped::Reaped(0), "it is overdue")?;
    let saga = alive.create().await?;
    fenced(dead.claim(1).await)?;
    ensure(alive.claim_one().await?.id == saga, "the ticket is gone")
}

async fn commit_between_pages(place: Place) -> Result<(), Wrong> {
    let (dead, reaper) = (place.process().await, place.process().await);
    let owned = many_owned(&dead).await?;
    outlive().await;
    ensure(one_page(&reaper, dead.seat).await?, "there are many pages")?;
    // One of them has a ticket now, and may have an owner.
    for saga in &owned[..3] {
        fenced(dead.write(saga, 2, smallvec![done(0)], Owned).await)?;
    }
    Ok(())
}

async fn second_reaper(place: Place) -> Result<(), Wrong> {
    let (dead, first) = (place.process().await, place.process().await);
    let owned = many_owned(&dead).await?;
    outlive().await;
    ensure(one_page(&first, dead.seat).await?, "there are many pages")?;
    let second = place.process().await;
    let named = second.journal.pulse(second.seat, None).await?.dead;
    ensure(named.contains(&dead.seat), "nobody hears of the seat any more")?;
    second.journal.reap(dead.seat).await?;
    let mut given_back = BTreeSet::new();
    loop {
        let claimed = second.claim(500).await?;
        if claimed.is_empty() {
            break;
        }
        given_back.extend(claimed.into_iter().map(|saga| saga.id));
    }
    ensure(given_back.len() == owned.len(), format!("{} of {}", given_back.len(), owned.len()))
}

async fn renewed_when_dead(place: Place) -> Result<(), Wrong> {
    let (dead, alive) = (place.process().await, place.process().await);
    dead.owned().await?;
    outlive().await;
    alive.journal.pulse(alive.seat, None).await?;
    ensure(alive.journal.reap(dead.seat).await? == Reaped::Reaped(1), "it is overdue")?;
    fenced(dead.journal.pulse(dead.seat, None).await)?;
    fenced(dead.claim(1).await)
}

async fn claim_again(place: Place) -> Result<(), Wrong> {
    let owner = place.process().await;
    let first = owner.create().await?;
    let second = owner.create().await?;
    ensure(owner.claim_one().await?.id == first, "the first one comes first")?;
    // As if the answer had been lost on the way.
    let seat = Arc::clone(&owner.journal.inner.partitions[0].seats()[&owner.seat]);
    seat.claims.store(0, std::sync::atomic::Ordering::SeqCst);
    ensure(owner.claim_one().await?.id == first, "it was answered something else")?;
    ensure(owner.claim_one().await?.id == second, "a ticket was lost")
}

async fn batch_again(place: Place) -> Result<(), Wrong> {
    let owner = place.process().await;
    let saga = owner.owned().await?;
    let seat = Arc::clone(&owner.journal.inner.partitions[0].seats()[&owner.seat]);
    let before = seat.owned()[&saga.id].clone();
    let group: SmallVec<[_; 2]> = smallvec![done(0), intended(1)];
    for _ in 0..2 {
        let written = owner.write(&saga, 2, group.clone(), Owned).await?;
        ensure(written == Verdict::Written { mail: false }, format!("{written:?}"))?;
        // As if the answer had been lost on the way.
        seat.batches.store(0, std::sync::atomic::Ordering::SeqCst);
        seat.owned().insert(saga.id, before.clone());
    }
    ensure(owner.records(saga.id).await? == 4, "it was written twice")
}

/// What `append` must not do by itself: a saga that was told something takes its entries with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_folded_once_is_known_when_its_saga_is_over() {
    let place = Place::new(None);
    let (owner, other) = (place.process().await, place.process().await);
    let saga = owner.owned().await.expect("it is owned");
    let word = other.word();
    let told = other.journal.tell(saga.id, word.clone()).await.expect("it answers");
    assert_eq!(told, Told::Told);
    owner.fold(&saga, &word, 2).await.expect("it is folded");
    owner.end(&saga, 4).await.expect("it ends");
    assert_eq!(place.server.cli(&["EXISTS", "{distributed-task:0}:f"]), "0");
}

/// More chunks end in one batch than Lua takes at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_saga_of_many_chunks_ends_whole() {
    let place = Place::new(None);
    let owner = place.process().await;
    let saga = owner.owned().await.expect("it is owned");
    let (mut seq, chunks) = (2, 9_000);
    for _ in 0..chunks {
        owner.write_long(&saga, seq).await.expect("it is written");
        seq += 1;
    }
    owner.end(&saga, seq).await.expect("it ends");
    let records = owner.records(saga.id).await.expect("it is kept");
    assert_eq!(records as u64, seq + 2);
}

/// Each output fills a chunk.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_over_no_output_is_kept_however_many_chunks_it_had() {
    for chunks in [0, 1, 2, 5] {
        let place = Place::new(None);
        let owner = place.process_with(|journal| journal.result_only()).await;
        let saga = owner.owned().await.expect("it is owned");
        for seq in 0..chunks {
            owner.write_long(&saga, 2 + seq).await.expect("it is written");
        }
        let written = place.server.cli(&["HGETALL", "{distributed-task:0}:j"]);
        assert_eq!(written.contains("xxxx"), chunks > 0, "control");
        owner.end(&saga, 2 + chunks).await.expect("it ends");

        assert_eq!(place.server.cli(&["EXISTS", "{distributed-task:0}:j"]), "0");
        let bucket = place.server.cli(&["KEYS", "*}:d:*"]);
        let kept = place.server.cli(&["HGETALL", &bucket]);
        assert!(kept.contains("two cups") && !kept.contains("xxxx"), "{chunks}: {kept}");
        assert_eq!(kept.matches("\"done\"").count(), 1, "{chunks}: {kept}");
        let records = owner.records(saga.id).await.expect("it is kept");
        assert_eq!(records as u64, 4 + chunks);
    }
}
