//! A server that is killed in the middle, and what is known afterwards of what it had answered.

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant, SystemTime},
};

use distributed_task_test_servers::{RedisServer, Sentinels, wait_until};

use crate::{
    LEASE,
    books::{self, Journal},
    chance::Chance,
    crowd::{self, Errand, Seen, Watch},
    hosts::Host,
    keys::left_behind,
    pack::Place,
    storm::Storm,
    verdict::{Finding, of_customers, of_objects},
};

const CUSTOMERS: usize = 4;
const WISHES: usize = 20;
/// What was acknowledged so long before may not be lost.
const OLD: Duration = Duration::from_secs(2);
/// What a replica misses.
const LAG: Duration = Duration::from_millis(700);
/// Nothing takes as long, on any machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the journal is.
pub(crate) enum Store {
    Sentinels(Sentinels),
    Alone(RedisServer),
}

#[derive(Debug)]
pub(crate) struct Loss {
    seed: u64,
    seen: Seen,
    /// What was acknowledged long enough before.
    pub(crate) old: usize,
    /// What of that is not known any more, or only because somebody asked for it again.
    pub(crate) lost: Vec<String>,
    /// The same of what was acknowledged after that.
    young: usize,
    pub(crate) findings: Vec<Finding>,
    pub(crate) left_behind: Vec<String>,
    logs: String,
}

impl Store {
    fn url(&self) -> String {
        match self {
            Self::Sentinels(sentinels) => sentinels.url(),
            Self::Alone(redis) => redis.url(),
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Sentinels(sentinels) => {
                // It does not hear the last that the primary answers. No sentinel minds so soon.
                sentinels.replica().cli(&["REPLICAOF", "127.0.0.1", "1"]);
                thread::sleep(LAG);
                sentinels.kill_primary();
            }
            Self::Alone(redis) => redis.kill(),
        }
    }

    /// Waits until there is one again, after `port` was gone.
    fn wait_for_another(&mut self, port: u16) {
        match self {
            Self::Sentinels(sentinels) => _ = sentinels.wait_for_another(port),
            Self::Alone(redis) => redis.restart(),
        }
    }

    fn server(&mut self) -> &RedisServer {
        match self {
            Self::Sentinels(sentinels) => sentinels.primary(),
            Self::Alone(redis) => redis,
        }
    }
}

/// Has customers ask, kills the server when it has known some sagas for a while, and looks.
pub(crate) fn lose(seed: u64, mut store: Store) -> Loss {
    let mut chance = Chance::new(seed);
    let customer = |n| n * CUSTOMERS / WISHES;
    let mut errands: Vec<_> =
        (0..WISHES).map(|n| Errand::new(n, customer(n), 3, &mut chance)).collect();
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let storm = Storm::start(seed);
    let slow = Duration::from_millis(200);
    let place = Place { redis: store.url(), s3: storm.server.endpoint(), lease: LEASE, slow };
    let host = |verb, n| Host::start(verb, n, &place, folder.path());
    let workers: Vec<_> = (0..2).map(|n| host("worker", n)).collect();
    let submitters: Vec<_> = (0..CUSTOMERS).map(|n| host("submitter", n)).collect();
    let hosts = || workers.iter().chain(&submitters);
    let mut logs = String::new();

    let (watch, mut seen) = (Watch::default(), Seen::default());
    let killed = thread::scope(|scope| {
        let groups = errands.chunk_by_mut(|a, b| a.customer == b.customer);
        let crowd: Vec<_> = groups
            .map(|errands| {
                let (host, watch) = (&submitters[errands[0].customer], &watch);
                scope.spawn(move || crowd::run(host, errands, (seed, 600), watch))
            })
            .collect();
        wait_until("something is accepted", || watch.accepted.load(Ordering::Relaxed) > 2);
        // Time has to pass: that is what makes it old.
        thread::sleep(OLD + OLD / 2 + chance.millis(500));
        let port = store.server().port();
        store.kill();
        let killed = SystemTime::now();
        store.wait_for_another(port);
        let deadline = Instant::now() + PATIENCE;
        while !crowd.iter().all(thread::ScopedJoinHandle::is_finished) {
            hosts().for_each(|host| _ = host.start_again());
            if Instant::now() > deadline && !watch.is_over.swap(true, Ordering::Relaxed) {
                hosts().for_each(|host| logs += &host.log());
                submitters.iter().for_each(Host::kill);
            }
            thread::sleep(Duration::from_millis(10));
        }
        crowd.into_iter().for_each(|crowd| seen += crowd.join().expect("no customer panics"));
        killed
    });

    books::drain(&place, Instant::now() + PATIENCE);
    let mut left: Vec<_> = hosts().filter_map(Host::close).collect();
    let journal = books::journal(&place);
    books::sweep(&place, true);
    let mut findings = of_customers(&errands, &journal.ends);
    let (objects, unfinished) = (storm.server.objects(), storm.server.unfinished());
    findings.extend(of_objects(&errands, &journal.ends, &objects, &unfinished));
    left.extend(left_behind(store.server(), &journal.ends));
    let (old, young) = accepted_before(&errands, killed);
    let is_lost = |(saga, at): &&(String, SystemTime)| !is_as_it_was(&journal, saga, *at);
    let lost: Vec<_> = old.iter().filter(is_lost).map(|(saga, _)| saga.clone()).collect();
    let excused: BTreeSet<_> = young.iter().map(|(saga, _)| saga).chain(&lost).cloned().collect();
    findings.retain(|finding| !is_excused(finding, &errands, &excused));
    let young = young.iter().filter(is_lost).count();
    hosts().for_each(|host| logs += &host.log());
    Loss { seed, seen, old: old.len(), lost, young, findings, left_behind: left, logs }
}

/// What was acknowledged before that moment: long before, and just before.
type Accepted = Vec<(String, SystemTime)>;

fn accepted_before(errands: &[Errand], killed: SystemTime) -> (Accepted, Accepted) {
    let all = errands.iter().flat_map(|errand| &errand.accepted);
    let before = all.filter(|accepted| accepted.at < killed);
    let before = before.map(|accepted| (accepted.saga.clone(), accepted.at));
    before.partition(|(_, at)| *at + OLD < killed)
}

/// Whether it is known, and has been since before it was acknowledged.
fn is_as_it_was(journal: &Journal, saga: &str, at: SystemTime) -> bool {
    let at = at.duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_micros();
    journal.begun.get(saga).is_some_and(|begun| u128::from(*begun) <= at)
}

/// What becomes of a saga that lost its last moments. Its customer may have heard of an end that it does
/// not have any more. One that lost its hand-over is undone, and so far nobody knows of what it had
/// done after that: a sweep finds it when the saga is settled, a quarter of an hour later.
fn is_excused(finding: &Finding, errands: &[Errand], excused: &BTreeSet<String>) -> bool {
    match finding {
        Finding::WrongEnd { key, .. } => {
            let mut of = errands.iter().filter(|errand| errand.wish.key == *key);
            of.any(|errand| errand.sagas().iter().any(|saga| excused.contains(saga)))
        }
        Finding::Orphan { object } => {
            object.split('/').nth(2).is_some_and(|saga| excused.contains(saga))
        }
        _ => false,
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, seen, old, lost, young, findings, left_behind, logs } = self;
        writeln!(
            f,
            "FAULT_SEED={seed}: {seen:?}, two seconds old: {old}, of which lost: {lost:?}, younger ones \
             lost: {young}; found: {findings:#?}; left behind: {left_behind:#?}"
        )?;
        if findings.is_empty() && left_behind.is_empty() && lost.is_empty() {
            return Ok(());
        }
        f.write_str(logs)
    }
}
