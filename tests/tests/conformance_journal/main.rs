//! The journals keep their contract.

mod delayed;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use distributed_task::{
    backend::memory::MemoryJournal,
    conformance::{self, journal::Subject},
    journal::Journal,
};
use futures_util::FutureExt;

use self::delayed::{Delayed, Post};

const CAPACITY: usize = 16;

fn in_memory(lease: Duration, keys: Duration, carried: Duration) -> MemoryJournal {
    MemoryJournal::builder()
        .capacity(CAPACITY)
        .lease(lease)
        // Few, so that the records of ended sagas go and only their tombstones stay.
        .retain_ended(64)
        .retain_keys(keys)
        .carry_timeout(carried)
        .build()
}

fn paused(journal: impl Journal, [lease, keys, carried]: [Duration; 3]) -> Subject {
    let advance = Box::new(|time| tokio::time::advance(time).boxed());
    Subject { journal: Arc::new(journal), capacity: CAPACITY, lease, keys, carried, advance }
}

#[tokio::test(start_paused = true)]
async fn the_journal_in_memory_keeps_the_contract() {
    let (lease, keys) = (Duration::from_secs(10), Duration::from_secs(8));
    let carried = Duration::from_secs(60);
    conformance::journal::run(async || {
        paused(in_memory(lease, keys, carried), [lease, keys, carried])
    })
    .await;
}

#[tokio::test]
async fn the_journal_in_memory_keeps_the_contract_in_real_time() {
    const SECOND: Duration = Duration::from_secs(1);
    conformance::journal::run_concurrently(8, async || Subject {
        journal: Arc::new(in_memory(SECOND, SECOND, SECOND)),
        capacity: CAPACITY,
        lease: SECOND,
        keys: SECOND,
        carried: SECOND,
        advance: Box::new(|time| tokio::time::sleep(time).boxed()),
    })
    .await;
}

/// Runs the suite on journals whose answers and signals take time, which differs from run to run
/// with the seed.
async fn far_away(seed: u64, post: Post) {
    const MINUTE: Duration = Duration::from_secs(60);
    let mut journals = 0;
    conformance::journal::run(async || {
        journals += 1;
        let journal = in_memory(MINUTE, MINUTE, MINUTE);
        paused(Delayed::new(journal, seed << 32 | journals, post), [MINUTE; 3])
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_journal_whose_answers_take_time_keeps_the_contract() {
    for seed in 1..=4 {
        let run = AssertUnwindSafe(far_away(seed, Post::Once)).catch_unwind().await;
        run.unwrap_or_else(|_| panic!("with seed {seed}"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_signalled_too_often_is_found_also_when_it_comes_late() {
    let run = AssertUnwindSafe(far_away(1, Post::Twice)).catch_unwind().await;
    let why = run.expect_err("each signal comes twice");
    let why = why.downcast::<String>().expect("a broken rule is told of in words");
    let rule = "broken rule: a saga that is settled is not signalled as over again\n";
    assert!(why.starts_with(rule), "{why}");
}
