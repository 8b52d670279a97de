//! One story: wishes, faults, and how it ends.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use distributed_task_test_servers::{Proxy, RedisOptions, RedisServer, wait_until};

use crate::{
    LEASE,
    books::{self, Swept, redis_key},
    chance::Chance,
    crowd::{self, Errand, Seen, Watch},
    fault::{Fault, Mix},
    hosts::Host,
    keys::left_behind,
    pack::{Place, Wish},
    storm::Storm,
    verdict::{Finding, objects_of, of_customers, of_objects},
};

const CUSTOMERS: usize = 6;
const WORKERS: usize = 2;
const SLOW: Duration = Duration::from_millis(600);

/// How long a story is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) wishes: usize,
    /// One in so many has a file that is uploaded in parts.
    pub(crate) large: u64,
    pub(crate) faults: usize,
    pub(crate) mix: Mix,
    pub(crate) lease: Duration,
    /// How long the sagas may take to end when nothing fails any more, in seconds.
    pub(crate) patience: u64,
}

/// Everybody in it.
pub(crate) struct Cast {
    pub(crate) workers: Vec<Host>,
    pub(crate) submitters: Vec<Host>,
    /// The ways of the workers to Redis.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) storm: Storm,
    redis: RedisServer,
    /// Where they have their logs and what is not uploaded yet.
    _folder: tempfile::TempDir,
}

pub(crate) struct Story {
    seed: u64,
    /// What was done, and how long after the beginning.
    faults: Vec<(Duration, Fault)>,
    seen: Seen,
    sagas: usize,
    pub(crate) taken_over: usize,
    pub(crate) abandoned: usize,
    pub(crate) undone: usize,
    /// Sagas that an operator had to try again, after too many failures.
    retried: usize,
    /// Requests to S3 that were hit.
    hits: usize,
    failed_starts: usize,
    swept: Swept,
    left_to_a_sweep: usize,
    /// From the first fault to the last customer.
    lasted: Duration,
    drained_in: Duration,
    pub(crate) findings: Vec<Finding>,
    pub(crate) left_behind: Vec<String>,
    logs: String,
}

pub(crate) fn tell(seed: u64, plan: Plan) -> Story {
    let mut chance = Chance::new(seed);
    let customer = |n| n * CUSTOMERS / plan.wishes;
    let mut errands: Vec<_> =
        (0..plan.wishes).map(|n| Errand::new(n, customer(n), plan.large, &mut chance)).collect();
    let script = script(&mut chance, plan);
    let lasts: Duration = script.iter().map(|(gap, _)| *gap).sum();
    // Customers are done when the faults are.
    let pause = lasts.as_millis() as u64 * CUSTOMERS as u64 / plan.wishes as u64;

    let cast = Cast::open(seed, plan.lease);
    let watch = Watch::default();
    let (mut faults, mut seen) = (Vec::new(), Seen::default());
    let begun = Instant::now();
    thread::scope(|scope| {
        let groups = errands.chunk_by_mut(|a, b| a.customer == b.customer);
        let crowd: Vec<_> = groups
            .map(|errands| {
                let host = &cast.submitters[errands[0].customer];
                let watch = &watch;
                scope.spawn(move || crowd::run(host, errands, (seed, pause), watch))
            })
            .collect();
        faults = go_wrong(&cast, script);
        cast.storm.calm();
        cast.wait_until_all_work();
        let deadline = Instant::now() + Duration::from_secs(plan.patience);
        while !crowd.iter().all(thread::ScopedJoinHandle::is_finished) {
            cast.start_again();
            // Whoever waits for an answer hears that there is none.
            if Instant::now() > deadline && !watch.is_over.swap(true, Ordering::Relaxed) {
                cast.submitters.iter().for_each(Host::kill);
            }
            thread::sleep(Duration::from_millis(10));
        }
        crowd.into_iter().for_each(|crowd| seen += crowd.join().expect("no customer panics"));
    });
    let is_recovered = !watch.is_over.load(Ordering::Relaxed);
    let lasted = begun.elapsed();
    judge(&cast, (seed, plan), (faults, seen, lasted), &errands, is_recovered)
}

fn judge(
    cast: &Cast,
    (seed, plan): (u64, Plan),
    (faults, seen, lasted): (Vec<(Duration, Fault)>, Seen, Duration),
    errands: &[Errand],
    is_recovered: bool,
) -> Story {
    let place = cast.direct();
    let begun = Instant::now();
    let patience = Duration::from_secs(if is_recovered { plan.patience } else { 1 });
    let retried = books::drain(&place, begun + patience);
    let drained_in = begun.elapsed();
    let hosts = cast.workers.iter().chain(&cast.submitters);
    let mut left: Vec<_> = hosts.clone().filter_map(Host::close).collect();
    // Those that were killed last are still to be reaped, by whoever looks.
    let journal = books::journal(&place);
    wait_until("nothing is still to be done in S3", || cast.storm.server.late() == 0);
    let swept = books::sweep(&place, false);
    while cast.seats() > 0 && begun.elapsed() < patience + LEASE * 6 {
        books::drain(&place, Instant::now() + LEASE);
    }

    let (objects, unfinished) = (cast.storm.server.objects(), cast.storm.server.unfinished());
    let mut findings = of_customers(errands, &journal.ends);
    let lost = errands.iter().flat_map(Errand::sagas);
    let lost = lost.filter(|saga| !journal.ends.contains_key(saga));
    findings.extend(lost.map(|saga| Finding::Lost { saga }));
    findings.extend(of_objects(errands, &journal.ends, &objects, &unfinished));
    // What S3 did after the undo, for a sweep that comes when the saga is settled.
    let (late, found) = (cast.storm.late(), findings.len());
    findings.retain(|finding| {
        let Finding::Orphan { object } = finding else { return true };
        let saga = object.split('/').nth(2).unwrap_or_default();
        !(late.contains(object) && journal.unsettled.contains(saga))
    });
    let left_to_a_sweep = found - findings.len();
    let accepted = errands.iter().flat_map(|errand| &errand.accepted);
    let archives: BTreeMap<String, Wish> = accepted
        .filter(|it| journal.ends.get(&it.saga).is_some_and(|end| end == "completed"))
        .map(|it| {
            let archive = objects_of(&it.saga, &it.wish).pop().expect("the archive is the last");
            let (_, key) = archive.split_once('/').expect("a bucket is before it");
            (key.to_owned(), it.wish.clone())
        })
        .collect();
    let wrong = books::wrong_archives(&place, &archives).into_iter();
    findings.extend(wrong.map(|(object, why)| Finding::WrongArchive { object, why }));
    left.extend(left_behind(&cast.redis, &journal.ends));
    Story {
        seed,
        faults,
        seen,
        sagas: journal.ends.len(),
        taken_over: journal.taken_over,
        abandoned: journal.abandoned,
        undone: journal.ends.values().filter(|end| *end != "completed").count(),
        retried,
        hits: cast.storm.hits(),
        failed_starts: hosts.map(Host::failed).sum(),
        swept,
        left_to_a_sweep,
        lasted,
        drained_in,
        findings,
        left_behind: left,
        logs: cast.logs(),
    }
}

impl Cast {
    fn open(seed: u64, lease: Duration) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let (redis, storm) = (RedisServer::start(RedisOptions::default()), Storm::start(seed));
        let direct = format!("127.0.0.1:{}", redis.port());
        let proxies: Vec<_> = (0..WORKERS).map(|_| Proxy::start(&direct)).collect();
        let s3 = storm.endpoint();
        let host = |verb, n: usize, redis: String| {
            Host::start(verb, n, &Place { redis, s3: s3.clone(), lease, slow: SLOW }, folder.path())
        };
        let ways = proxies.iter().map(|proxy| redis.url_at(proxy.port()));
        let workers = ways.enumerate().map(|(n, way)| host("worker", n, way)).collect();
        let submitters = (0..CUSTOMERS).map(|n| host("submitter", n, redis.url())).collect();
        let cast = Self { workers, submitters, proxies, storm, redis, _folder: folder };
        cast.wait_until_all_work();
        cast
    }

    /// Ways to the servers on which nothing fails.
    fn direct(&self) -> Place {
        let s3 = self.storm.server.endpoint();
        Place { redis: self.redis.url(), s3, lease: LEASE, slow: SLOW }
    }

    fn start_again(&self) {
        let hosts = self.workers.iter().chain(&self.submitters);
        hosts.for_each(|host| _ = host.start_again());
    }

    fn wait_until_all_work(&self) {
        let begun = Instant::now();
        while !self.workers.iter().all(Host::is_working) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", self.logs());
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn seats(&self) -> usize {
        let seats = self.redis.cli(&["ZCARD", &redis_key("seats")]);
        seats.parse().expect("it is a number")
    }

    /// The last that each process said.
    fn logs(&self) -> String {
        let log = |host: &Host| {
            let log = host.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            format!("--- {}\n{}\n", host.name, last.join("\n"))
        };
        self.workers.iter().chain(&self.submitters).map(log).collect()
    }
}

/// The faults, each with how long after the one before it begins.
fn script(chance: &mut Chance, plan: Plan) -> Vec<(Duration, Fault)> {
    let usual = plan.lease.min(Duration::from_secs(1));
    let gap = |chance: &mut Chance| usual / 5 + chance.millis(usual.as_millis() as u64);
    (0..plan.faults).map(|_| (gap(chance), Fault::draw(chance, plan.mix, WORKERS, usual))).collect()
}

/// One fault after the other; each is made good when its time is over.
fn go_wrong(cast: &Cast, script: Vec<(Duration, Fault)>) -> Vec<(Duration, Fault)> {
    let (begun, mut done) = (Instant::now(), Vec::new());
    let mut lasting: Vec<(Instant, Fault)> = Vec::new();
    // Submitters that were stopped, and what is to happen to the next ones that are met.
    let (mut stopped, mut wanted) = (Vec::new(), VecDeque::new());
    let mut next = begun;
    let mut script = script.into_iter();
    let mut coming = script.next();
    while coming.is_some() || !lasting.is_empty() || !stopped.is_empty() {
        let now = Instant::now();
        let (over, still): (Vec<_>, Vec<_>) = lasting.into_iter().partition(|(end, _)| *end <= now);
        lasting = still;
        over.into_iter().for_each(|(_, fault)| fault.heal(cast));
        stopped.retain(|(end, customer): &(Instant, usize)| {
            let stays = *end > now;
            if !stays {
                cast.submitters[*customer].signal("CONT");
            }
            stays
        });
        if let Ok(customer) = cast.storm.met.try_recv() {
            match wanted.pop_front() {
                Some(Fault::StopSubmitter(lasts)) => {
                    cast.submitters[customer].signal("STOP");
                    stopped.push((now + lasts, customer));
                }
                _ => cast.submitters[customer].kill(),
            }
            if !wanted.is_empty() {
                cast.storm.want_somebody();
            }
        }
        cast.start_again();
        if let Some((gap, fault)) = coming
            && next + gap <= now
        {
            next = now;
            coming = script.next();
            fault.begin(cast);
            done.push((begun.elapsed(), fault));
            lasting.extend(fault.lasts().map(|lasts| (now + lasts, fault)));
            if matches!(fault, Fault::KillSubmitter | Fault::StopSubmitter(_)) {
                wanted.push_back(fault);
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    done
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, faults, seen, sagas, taken_over, abandoned, undone, .. } = self;
        let Self { retried, hits, failed_starts, swept, lasted, drained_in, .. } = self;
        let Self { findings, left_behind, left_to_a_sweep, logs, .. } = self;
        writeln!(
            f,
            "FAULT_SEED={seed}: {} faults, {hits} requests to S3 hit, {seen:?}, sagas: {sagas}, taken \
             over: {taken_over}, abandoned: {abandoned}, undone: {undone}, retried by an operator: \
             {retried}, starts that failed: {failed_starts}, {swept:?}, left to a later \
             sweep: {left_to_a_sweep}, lasted {lasted:?}, all over \
             {drained_in:?} after the last customer; found: {findings:#?}; left behind: {left_behind:#?}",
            faults.len()
        )?;
        if findings.is_empty() && left_behind.is_empty() {
            return Ok(());
        }
        for (at, fault) in faults {
            writeln!(f, "{:8.3} s  {fault:?}", at.as_secs_f64())?;
        }
        f.write_str(logs)
    }
}
