//! A task with files as many processes over one Redis and one S3 server: some take wishes and upload,
//! others pack. Processes are killed and stopped, also half way through an upload, and the S3 server
//! refuses, is slow, goes away, and loses answers, at moments drawn from a seed. Then everything is
//! healed, every saga comes to its end, and what lies in the buckets must be what the finished sagas
//! own: neither less, nor an object or a part of an upload more. Nothing may be left in Redis that is
//! not over.
//!
//! Every failure prints the seed and what was done. `FAULT_SEED=7` sets another one, `FAULT_ROUNDS=10`
//! runs as many seeds one after the other, and `FAULT_WISHES=200` makes a story longer. A fault lasts
//! for a time, so a run is repeated only as far as the machine repeats itself.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "seeds and times are for those who ask for them")]

mod books;
#[path = "../kill/chance.rs"]
mod chance;
mod crowd;
mod fault;
mod hosts;
#[path = "../faults/keys.rs"]
mod keys;
mod loss;
#[path = "../../bin/pack/task.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod pack;
mod storm;
mod story;
mod verdict;

use std::time::Duration;

use chance::number;
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer, Sentinels};
use fault::Mix;
use loss::{Loss, Store, lose};
use story::{Plan, tell};
use verdict::Finding;

/// How long a process may be silent before others go on with its sagas.
const LEASE: Duration = Duration::from_secs(1);

fn seed() -> u64 {
    number("FAULT_SEED", 23)
}

fn plan() -> Plan {
    let wishes = number("FAULT_WISHES", 28) as usize;
    Plan {
        wishes,
        large: 3,
        faults: wishes * 3 / 4,
        mix: Mix::Anything,
        lease: LEASE,
        patience: 120,
    }
}

#[test]
fn whatever_fails_every_saga_ends_and_the_buckets_hold_what_finished_sagas_own() {
    let mut hits = [0; 3];
    for seed in (seed()..).take(number("FAULT_ROUNDS", 1) as usize) {
        let story = tell(seed, plan());
        println!("{story}");
        assert_eq!(story.findings, [], "{story}");
        assert_eq!(story.left_behind, [""; 0], "{story}");
        hits[0] += story.taken_over;
        hits[1] += story.abandoned;
        hits[2] += story.undone;
    }
    // Faults that hit nothing would show nothing.
    assert!(hits.iter().all(|hits| *hits > 0), "taken over, abandoned, undone: {hits:?}");
}

/// The control: nobody goes on with what a dead process had, because nobody can know in time that it
/// is dead. What it had uploaded stays.
#[test]
fn without_recovery_what_killed_submitters_uploaded_stays() {
    let lease = Duration::from_secs(3_600);
    let plan =
        Plan { wishes: 12, large: 1, faults: 8, mix: Mix::DyingSubmitters, lease, patience: 4 };
    let story = tell(seed(), plan);
    let found = |is: fn(&Finding) -> bool| story.findings.iter().any(is);
    assert!(found(|finding| matches!(finding, Finding::Open { .. })), "{story}");
    assert!(found(|finding| matches!(finding, Finding::Orphan { .. })), "{story}");
    assert!(found(|finding| matches!(finding, Finding::Unfinished { .. })), "{story}");
    assert!(!story.left_behind.is_empty(), "{story}");
}

/// Class `Process`: a fail-over may lose what was not replicated, and nothing else. Whoever was told of
/// a saga two seconds before the primary died finds it as it was; every saga that is known ends.
#[test]
fn a_fail_over_loses_nothing_that_is_two_seconds_old_and_every_saga_ends() {
    for seed in (seed()..).take(number("FAULT_ROUNDS", 1) as usize) {
        let sentinels = Sentinels::start(RedisOptions::default());
        assert_sound(&lose(seed, Store::Sentinels(sentinels)));
    }
}

/// The same for a server that is killed, and has its log on the disk within a second.
#[test]
fn a_server_that_appends_every_second_loses_nothing_that_is_two_seconds_old() {
    for seed in (seed()..).take(number("FAULT_ROUNDS", 1) as usize) {
        let appends = Appends::EverySecond;
        let redis = RedisServer::start(RedisOptions { appends, ..RedisOptions::default() });
        assert_sound(&lose(seed, Store::Alone(redis)));
    }
}

fn assert_sound(loss: &Loss) {
    println!("{loss}");
    assert!(loss.old > 0, "nothing was old enough: {loss}");
    assert_eq!(loss.lost, [""; 0], "{loss}");
    assert_eq!(loss.findings, [], "{loss}");
    assert_eq!(loss.left_behind, [""; 0], "{loss}");
}

/// The control of both: a server that appends nothing forgets old sagas, and that is seen.
#[test]
fn a_server_that_appends_nothing_loses_what_is_two_seconds_old() {
    let redis =
        RedisServer::start(RedisOptions { appends: Appends::No, ..RedisOptions::default() });
    let loss = lose(seed(), Store::Alone(redis));
    assert!(!loss.lost.is_empty(), "{loss}");
    // What is asked for again ends all the same.
    assert_eq!(loss.findings, [], "{loss}");
    assert_eq!(loss.left_behind, [""; 0], "{loss}");
}
