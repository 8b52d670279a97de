//! Five processes that want two names, each behind a network of its own, and faults by chance: whatever
//! happens, nobody sees what cannot be. In the last three of them several want each: as a lock that goes from
//! hand to hand, or one that readers share.
//!
//! What happens is drawn from a seed, which is printed; `LEASE_SEED=7` sets another one, and `LEASE_ROUNDS=500`
//! has as many runs with a seed each, which take an hour. When it happens is up to the machine, so a run is
//! repeated only as far as the machine repeats itself.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use distributed_task::coordination::{AcquireError, Coordination, OnUnreachable};
use distributed_task_test_servers::{
    Appends, Connections, Flow, Proxy, RedisOptions, RedisServer, Way,
};
use futures_util::future::join_all;
use tokio::{
    task::block_in_place,
    time::{sleep, timeout},
};

use super::site::{RETRY, behind, proxy_of};
use crate::{
    chance::{Chance, number},
    history::{End, Event, Finding, History, What, falls},
    witness::{Guard, LOOKS, Register},
};

const LEASE: Duration = Duration::from_millis(500);
const PROCESSES: usize = 5;
/// In so many of them one wants each name, as a lease.
const LEASES: usize = 2;
/// In the others so many do: in the last one of them one writes, and the others read.
const WORKERS: usize = 3;
const SHARING: usize = PROCESSES - 1;
const NAMES: [&str; 2] = ["nightly-report", "outbox"];
const LASTS: Duration = Duration::from_secs(6);

/// Which faults a story has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mix {
    /// Those that a lease is made for: the server keeps what it has answered.
    Kept,
    /// An operator deletes what somebody holds.
    Deleted,
}

/// A run in which fewer had a name would show nothing.
const GRANTS: usize = 8;

/// What happened.
struct Story {
    seed: u64,
    faults: BTreeMap<&'static str, usize>,
    history: History,
    findings: Vec<Finding>,
}

impl Story {
    fn ends(&self) -> BTreeMap<String, usize> {
        let mut last = BTreeMap::new();
        for event in self.history.events() {
            if let What::Ended(end) = event.what {
                last.insert(event.tenure, format!("{end:?}"));
            }
        }
        let mut count = BTreeMap::new();
        last.into_values().for_each(|end| *count.entry(end).or_default() += 1);
        count
    }

    fn lost(&self, cause: End) -> usize {
        self.ends().get(&format!("{cause:?}")).copied().unwrap_or_default()
    }

    fn tell(&self) -> String {
        let Self { seed, faults, .. } = self;
        format!(
            "LEASE_SEED={seed}: {} grants, {:?}, {faults:?}",
            self.history.grants(),
            self.ends()
        )
    }
}

/// A process wants one name again and again, and writes to what belongs to it.
async fn works(process: Coordination, who: (usize, usize), name: &str, all: &Whole) {
    let (number, worker) = who;
    let drawn = (number as u64) << 8 ^ (worker as u64) << 12 ^ name.len() as u64;
    let mut chance = Chance::new(all.seed ^ drawn);
    let patience = match number % 2 {
        0 => OnUnreachable::LoseAtOnce,
        _ => OnUnreachable::LoseAfter(LEASE),
    };
    let lease = process.lease(name).ttl(LEASE).on_unreachable(patience).retry_delay(RETRY);
    let lock = process.lock(name).lease(LEASE).on_unreachable(patience).retry_delay(RETRY);
    let shared = process.rw_lock(name).lease(LEASE).on_unreachable(patience).retry_delay(RETRY);
    while !all.is_over() {
        let asked = match number {
            SHARING if worker == 0 => shared.write_timeout(LEASE).await.map(Guard::Write),
            SHARING => shared.read_timeout(LEASE).await.map(Guard::Read),
            LEASES.. => lock.acquire_timeout(LEASE).await.map(Guard::Lock),
            _ => lease.acquire_timeout(LEASE).await.map(Guard::Lease),
        };
        let guard = match asked {
            Ok(guard) => guard,
            Err(AcquireError::Store(error)) if !error.is_retryable() => panic!("{error}"),
            Err(_) => {
                sleep(LOOKS).await;
                continue;
            }
        };
        let held = all.history.witness(guard);
        // Some so short that several have it one after the other.
        let longest = if chance.one_in(2) { 1_500 } else { 40 };
        let enough =
            held.granted + u64::try_from(chance.millis(longest).as_micros()).expect("short");
        while held.check().is_ok() && all.history.now() < enough && !all.is_over() {
            if !held.guard.is_shared() {
                held.write(&all.registers[name]);
            }
            sleep(LOOKS).await;
        }
        held.release().await;
    }
}

/// What the network of one process does.
async fn disturb_network(proxy: &Proxy, number: usize, all: &Whole) -> Vec<&'static str> {
    let (mut chance, mut told) = (Chance::new(all.seed ^ (number as u64) << 16), Vec::new());
    let (both, open) = (Connections::All, Connections::Open);
    while !all.is_over() {
        sleep(LEASE / 4 + chance.millis(800)).await;
        told.push(match chance.below(9) {
            0 => {
                proxy.cut();
                "cut"
            }
            1 => {
                proxy.refuse(true);
                proxy.reset();
                "refused"
            }
            2 => {
                proxy.set(open, Way::Both, Flow::Drop);
                "open ones silent"
            }
            3 => {
                proxy.set(both, Way::Both, Flow::Drop);
                "silent"
            }
            4 => {
                proxy.set(both, Way::Out, Flow::Drop);
                "no replies"
            }
            5 => {
                proxy.set(both, Way::In, Flow::Hold);
                "requests held up"
            }
            6 => {
                proxy.set(both, Way::Out, Flow::Hold);
                "replies held up"
            }
            7 => {
                proxy.set(open, Way::Out, Flow::Close);
                "half closed"
            }
            _ => {
                proxy.set(both, Way::Both, Flow::Delay(chance.millis(300)));
                "late"
            }
        });
        sleep(chance.millis(700)).await;
        proxy.heal();
    }
    told
}

/// What becomes of the server.
async fn disturb_server(server: &mut RedisServer, mix: Mix, all: &Whole) -> Vec<&'static str> {
    let (mut chance, mut told) = (Chance::new(all.seed), Vec::new());
    while !all.is_over() {
        sleep(LEASE / 4 + chance.millis(700)).await;
        if mix == Mix::Deleted {
            let name = NAMES[chance.below(2) as usize];
            server.cli(&["DEL", &format!("distributed-task:{{{name}}}:l")]);
            told.push("deleted");
            continue;
        }
        match chance.below(6) {
            0 => {
                server.kill();
                sleep(chance.millis(300)).await;
                block_in_place(|| server.restart());
                told.push("killed");
            }
            1..3 => {
                server.pause();
                sleep(chance.millis(800)).await;
                server.resume();
                told.push("stopped");
            }
            3 => {
                server.cli(&["SCRIPT", "FLUSH"]);
                told.push("scripts forgotten");
            }
            _ => {
                server.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
                told.push("connections closed");
            }
        }
    }
    told
}

/// What all of them share.
struct Whole {
    seed: u64,
    history: History,
    registers: BTreeMap<&'static str, Register>,
    over: AtomicBool,
}

impl Whole {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

fn seeds() -> impl Iterator<Item = u64> {
    (number("LEASE_SEED", 17)..).take(number("LEASE_ROUNDS", 1) as usize)
}

async fn tell(mix: Mix, seed: u64) -> Story {
    // Also where something panics before the end.
    println!("LEASE_SEED={seed}");
    let appends = Appends::Always;
    let mut server = RedisServer::start(RedisOptions { appends, ..Default::default() });
    let proxies: Vec<_> = (0..PROCESSES).map(|_| proxy_of(&server)).collect();
    let processes = join_all(proxies.iter().map(|proxy| behind(&server, proxy))).await;
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let registers = NAMES.map(|name| (name, Register::at(&folder.path().join(name))));
    let (history, over) = (History::new(), AtomicBool::new(false));
    let all = &Whole { seed, history: history.clone(), registers: registers.into(), over };

    let wanted = processes.iter().enumerate().flat_map(|(number, process)| {
        let workers = if number < LEASES { 1 } else { WORKERS };
        let each = (0..workers).flat_map(|worker| NAMES.map(|name| (worker, name)));
        each.map(move |(worker, name)| works(process.clone(), (number, worker), name, all))
    });
    let disturbing = match mix {
        Mix::Kept => &proxies[..],
        Mix::Deleted => &[],
    };
    let networks = disturbing.iter().enumerate();
    let networks = networks.map(|(number, proxy)| disturb_network(proxy, number, all));
    // Which faults meet whom is up to the machine: a run in which nobody loses anything would show nothing.
    let is_lost = |event: &Event| match event.what {
        What::Ended(End::NotOwner) => mix == Mix::Deleted,
        What::Ended(End::Expired | End::Unreachable) => mix == Mix::Kept,
        _ => false,
    };
    let end = async {
        sleep(LASTS).await;
        history.wait_for("somebody loses a lease", is_lost).await;
        let enough = async {
            while history.grants() < GRANTS {
                sleep(LOOKS).await;
            }
        };
        let is_stuck = timeout(LASTS * 5, enough).await.is_err();
        assert!(!is_stuck, "{} grants{history}", history.grants());
        all.over.store(true, Ordering::Relaxed);
    };
    let (_, of_networks, of_server, ()) = tokio::join!(
        join_all(wanted),
        join_all(networks),
        disturb_server(&mut server, mix, all),
        end
    );
    // All is well again: whoever wants a name gets it.
    for process in &processes {
        for name in NAMES {
            let lease = process.lease(name).ttl(LEASE).retry_delay(RETRY);
            let held = timeout(LEASE * 20, history.acquire(&lease)).await.expect("it is free");
            assert!(held.write(&all.registers[name]), "it is the latest");
            held.release().await;
        }
    }
    let mut faults = BTreeMap::new();
    for fault in of_networks.into_iter().flatten().chain(of_server) {
        *faults.entry(fault).or_default() += 1;
    }
    let mut findings = history.findings();
    findings.extend(all.registers.values().flat_map(|register| falls(&register.accepted())));
    Story { seed, faults, history, findings }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_nobody_sees_two_holders_of_one_name() {
    for seed in seeds() {
        let story = tell(Mix::Kept, seed).await;
        println!("{}", story.tell());
        assert_eq!(story.findings, [], "{}{}", story.tell(), story.history);
        // Where the server keeps what it has answered, it never takes anything away.
        assert_eq!(story.lost(End::NotOwner), 0, "{}{}", story.tell(), story.history);
        // A run in which nothing happens would show nothing.
        assert!(story.lost(End::Unreachable) + story.lost(End::Expired) >= 1, "{}", story.tell());
        assert!(story.faults.values().sum::<usize>() >= 20, "{}", story.tell());
    }
}

/// The control: what no lease over one server can bear is found, and nothing but that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_deleted_while_they_are_held_have_two_holders() {
    let story = tell(Mix::Deleted, number("LEASE_SEED", 17)).await;
    println!("{}", story.tell());
    let is_used = |finding: &Finding| matches!(finding, Finding::Overlap { used, .. } if *used > Duration::ZERO);
    assert!(story.findings.iter().any(is_used), "{}{}", story.tell(), story.history);
    let is_overlap = |finding: &Finding| matches!(finding, Finding::Overlap { .. });
    assert!(story.findings.iter().all(is_overlap), "{:?}{}", story.findings, story.tell());
    assert!(story.lost(End::NotOwner) > 0, "{}", story.tell());
}
