//! The example `order` as many processes over one Redis: one takes orders, three work on them, each
//! through a network of its own. Processes are killed and stopped, networks cut and silent, the server
//! killed, stopped and made to forget its scripts, at moments drawn from a seed. Then everything is
//! healed, every order comes to its end, and what the world outside did, by its own books, must fit
//! what the journal says. Nothing may be left in Redis that is not over.
//!
//! Every failure prints the seed and what was done. `FAULT_SEED=7` sets another one, `FAULT_ROUNDS=10`
//! runs as many seeds one after the other, `FAULT_ORDERS=1000` makes a story longer, and `FAULT_SLOW=500`
//! the answers of the world, in milliseconds. A fault lasts for a time, so a run is repeated only as far
//! as the machine repeats itself.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "seeds and times are for those who ask for them")]

#[path = "../kill/accounts.rs"]
mod accounts;
#[path = "../kill/chance.rs"]
mod chance;
mod crowd;
#[allow(dead_code, reason = "the other test has one process, which is always there")]
#[path = "../kill/customers.rs"]
mod customers;
mod fault;
mod keys;
#[allow(dead_code, reason = "the tests of its command line use the rest")]
#[path = "../order/scene.rs"]
mod scene;
mod shop;
mod story;
mod take_over;
#[path = "../kill/verdict.rs"]
mod verdict;

use std::time::Duration;

use chance::number;
use fault::Mix;
use story::{Plan, tell};
use verdict::Finding;

/// How long a process may be silent before others go on with its orders.
const LEASE: Duration = Duration::from_secs(1);
/// No call of a customer takes longer.
const LONGEST_CALL: Duration = Duration::from_secs(20);

fn seed() -> u64 {
    number("FAULT_SEED", 23)
}

fn plan() -> Plan {
    let orders = number("FAULT_ORDERS", 200) as usize;
    let (faults, slow) = (orders / 5, number("FAULT_SLOW", 150));
    Plan { orders, faults, mix: Mix::Anything, lease: LEASE, slow, partitions: 1, patience: 120 }
}

#[test]
fn whatever_fails_every_order_ends_once_and_nothing_is_left_behind() {
    for seed in (seed()..).take(number("FAULT_ROUNDS", 1) as usize) {
        let story = tell(seed, plan());
        println!("{story}");
        assert_eq!(story.findings, [], "{story}");
        assert_eq!(story.left_behind, [""; 0], "{story}");
        assert!(story.longest_call < LONGEST_CALL, "{story}");
        // Faults that hit nothing would show nothing.
        assert!(story.taken_over > 0 && story.undone > 0, "{story}");
    }
}

/// Each host has a seat in each of them, and takes from both.
#[test]
fn over_two_partitions_every_order_ends_once_and_nothing_is_left_behind() {
    for seed in (seed()..).take(number("FAULT_ROUNDS", 1) as usize) {
        let orders = number("FAULT_ORDERS", 200) as usize * 3 / 10;
        let story = tell(seed, Plan { orders, faults: orders / 4, partitions: 2, ..plan() });
        println!("over two partitions: {story}");
        assert_eq!(story.findings, [], "{story}");
        assert_eq!(story.left_behind, [""; 0], "{story}");
        assert!(story.kept.iter().all(|kept| *kept > 0), "they are in both: {story}");
        assert!(story.taken_over > 0 && story.undone > 0, "{story}");
    }
}

/// The control: nobody goes on with what a dead process had, because nobody can know in time that it
/// is dead.
#[test]
fn without_recovery_the_orders_of_killed_workers_stay_open() {
    let plan = Plan {
        orders: 40,
        faults: 8,
        mix: Mix::Kills,
        lease: Duration::from_secs(3_600),
        // Whoever is killed has something in hand.
        slow: 150,
        partitions: 1,
        patience: 5,
    };
    let story = tell(seed(), plan);
    let is_open = |finding: &Finding| matches!(finding, Finding::Open { .. });
    assert!(story.findings.iter().any(is_open), "{story}");
    assert!(!story.left_behind.is_empty(), "{story}");
}

/// The control of the server: one that does not append loses what it had answered. What is documented
/// for it holds all the same: nothing happens twice, and what is placed again ends.
#[test]
fn a_server_that_appends_nothing_loses_orders_and_what_is_placed_again_ends_once() {
    let mix = Mix::Forgetful;
    let plan =
        Plan { orders: 60, faults: 12, mix, lease: LEASE, slow: 40, partitions: 1, patience: 120 };
    let story = tell(seed(), plan);
    assert!(story.forgotten > 0, "{story}");
    // An order may go another way when it goes it again: what was undone is not done any more.
    let is_wrong = |finding: &&Finding| !matches!(finding, Finding::WrongEnd { .. });
    assert_eq!(story.findings.iter().find(is_wrong), None, "{story}");
    assert_eq!(story.left_behind, [""; 0], "{story}");
}
