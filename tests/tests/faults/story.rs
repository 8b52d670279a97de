//! One story: orders, faults, and how it ends.

use std::{
    collections::BTreeSet,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    accounts,
    chance::Chance,
    crowd::{Seen, order_all},
    customers::{Order, ask},
    fault::{Fault, Mix},
    keys::left_behind,
    shop::{Setting, Shop, WORKERS},
    verdict::{Ends, Finding, findings},
};

/// How long a story is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) orders: usize,
    pub(crate) faults: usize,
    pub(crate) mix: Mix,
    pub(crate) lease: Duration,
    /// How long the answers of the world take, in milliseconds.
    pub(crate) slow: u64,
    pub(crate) partitions: usize,
    /// How long the orders may take to end when nothing fails any more, in seconds.
    pub(crate) patience: u64,
}

pub(crate) struct Story {
    seed: u64,
    /// What was done, and how long after the beginning.
    faults: Vec<(Duration, Fault)>,
    seen: Seen,
    pub(crate) longest_call: Duration,
    /// Orders that more than one process worked on.
    pub(crate) taken_over: usize,
    /// Acknowledged orders that the journal did not know any more, before they were placed again.
    pub(crate) forgotten: usize,
    failed_starts: usize,
    pub(crate) undone: usize,
    /// How much is kept in each partition of what is over.
    pub(crate) kept: Vec<usize>,
    /// Orders that an operator had to try again, after too many hosts had died on them.
    retried: usize,
    /// So often the bank was asked again for what it had charged: by a process that was stopped before
    /// it asked, and went on when somebody else had looked and charged.
    asked_again: u32,
    /// So many successes came too late.
    late: usize,
    drained_in: Duration,
    pub(crate) findings: Vec<Finding>,
    pub(crate) left_behind: Vec<String>,
    logs: String,
}

pub(crate) fn tell(seed: u64, plan: Plan) -> Story {
    let mut chance = Chance::new(seed);
    let mut orders: Vec<_> = (0..plan.orders).map(|n| Order::new(n, &mut chance)).collect();
    let script = script(&mut chance, plan);
    let Plan { lease, slow, partitions, .. } = plan;
    let mut shop = Shop::open(Setting { lease, workers: *WORKERS.end(), slow, partitions });
    if plan.mix == Mix::Forgetful {
        // From now on a restart finds what there is now: nothing.
        shop.redis.cli(&["CONFIG", "SET", "appendonly", "no"]);
    }
    let (socket, is_over) = (shop.socket(), AtomicBool::new(false));
    let lasts: Duration = script.iter().map(|(gap, _)| *gap).sum();
    // Four customers, who are done when the faults are.
    let pause = lasts.as_millis() as u64 * 8 / plan.orders as u64;
    let (mut faults, mut seen) = (Vec::new(), Seen::default());
    thread::scope(|scope| {
        let crowd = scope.spawn(|| order_all(&socket, &mut orders, (seed, pause), &is_over));
        faults = go_wrong(&mut shop, script);
        shop.wait_until_all_work();
        let deadline = Instant::now() + Duration::from_secs(plan.patience.max(60));
        while !crowd.is_finished() {
            is_over.store(Instant::now() > deadline, Ordering::Relaxed);
            shop.start_again();
            thread::sleep(Duration::from_millis(10));
        }
        seen = crowd.join().expect("no customer panics");
    });

    let mut forgotten = 0;
    if plan.mix == Mix::Forgetful {
        let known = ends(&shop);
        let is_lost = |order: &&Order| order.id.as_ref().is_some_and(|id| !known.contains_key(id));
        forgotten = orders.iter().filter(is_lost).count();
        let over = AtomicBool::new(false);
        order_all(&socket, &mut orders, (seed, 1), &over);
    }
    let begun = Instant::now();
    let retried = drain(&shop, begun + Duration::from_secs(plan.patience));
    let drained_in = begun.elapsed();
    let ends = ends(&shop);
    let taken_over = count_taken_over(&shop, &ends);
    let accounts = accounts::accounts(&shop.scene.at("shop"));
    let not_asked_again = |finding: &Finding| !matches!(finding, Finding::AskedTwice { .. });
    let mut findings = findings(&orders, &ends, &accounts);
    findings.retain(not_asked_again);
    // Those that were killed last are still to be reaped.
    let is_reaped = |seats: &usize| *seats <= shop.hosts.len();
    while !counts(&shop, "seats").iter().all(is_reaped) && begun.elapsed().as_secs() < plan.patience
    {
        thread::sleep(Duration::from_millis(50));
    }
    let mut left = shop.close();
    left.extend(left_behind(&shop.redis, &ends));
    Story {
        seed,
        faults,
        seen,
        longest_call: seen.longest,
        forgotten,
        taken_over,
        failed_starts: shop.hosts.iter().map(|host| host.failed_starts).sum(),
        undone: ends.values().filter(|end| *end != "completed").count(),
        kept: kept(&shop),
        retried,
        asked_again: accounts.values().map(|account| account.repeats).sum(),
        late: counts(&shop, "late").iter().sum(),
        drained_in,
        findings,
        left_behind: left,
        logs: shop.logs(),
    }
}

/// The faults, each with how long after the one before it begins.
fn script(chance: &mut Chance, plan: Plan) -> Vec<(Duration, Fault)> {
    let usual = plan.lease.min(Duration::from_secs(1));
    let gap = |chance: &mut Chance| usual / 5 + chance.millis(usual.as_millis() as u64);
    (0..plan.faults).map(|_| (gap(chance), Fault::draw(chance, plan.mix, usual))).collect()
}

/// One fault after the other; each is made good when its time is over.
fn go_wrong(shop: &mut Shop, script: Vec<(Duration, Fault)>) -> Vec<(Duration, Fault)> {
    let (begun, mut done) = (Instant::now(), Vec::new());
    let mut lasting: Vec<(Instant, Fault)> = Vec::new();
    let mut next = begun;
    let mut script = script.into_iter();
    let mut coming = script.next();
    while coming.is_some() || !lasting.is_empty() {
        let now = Instant::now();
        let (over, still): (Vec<_>, Vec<_>) = lasting.into_iter().partition(|(end, _)| *end <= now);
        lasting = still;
        over.into_iter().for_each(|(_, fault)| fault.heal(shop));
        shop.start_again();
        if let Some((gap, fault)) = coming
            && next + gap <= now
        {
            next = now;
            coming = script.next();
            // A server that answers nobody cannot be asked either, nor stopped twice.
            let asks = matches!(fault, Fault::ForgetScripts | Fault::KillClients(_));
            let is_away = lasting.iter().any(|(_, fault)| fault.is_of_server());
            if !(is_away && (asks || fault.is_of_server())) {
                fault.begin(shop);
                done.push((begun.elapsed(), fault));
                lasting.extend(fault.lasts().map(|lasts| (now + lasts, fault)));
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    done
}

/// Waits until every order is over, and does what operators are for; answers how many were parked.
fn drain(shop: &Shop, deadline: Instant) -> usize {
    let mut retried = 0;
    loop {
        let open = listed(shop, false);
        if open.is_empty() || Instant::now() > deadline {
            return retried;
        }
        for (id, status) in open {
            let word = match &*status {
                "parked" => {
                    retried += 1;
                    json!("retry")
                }
                "stuck" => json!({ "waive": { "step": null, "reason": "the bank keeps it" } }),
                _ => continue,
            };
            let say = json!({ "say": { "id": id, "by": "test", "word": word, "follow": false } });
            // It may have gone on meanwhile.
            let _ = ask(&shop.socket(), &say);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn ends(shop: &Shop) -> Ends {
    listed(shop, true)
}

fn listed(shop: &Shop, all: bool) -> Ends {
    let lines = lines(shop, &json!({ "list": { "all": all, "json": true } }));
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().expect("it is text").to_owned();
        (text("id"), text("status"))
    };
    lines.iter().map(row).collect()
}

/// How many there are in a sorted set, in each partition.
fn counts(shop: &Shop, name: &str) -> Vec<usize> {
    let key = |partition| format!("{{order:{partition}}}:{name}");
    let count = |key: String| shop.redis.cli(&["ZCARD", &key]).parse().expect("it is a number");
    (0..shop.setting.partitions).map(key).map(count).collect()
}

/// How many fields the buckets of what is over have, in each partition.
fn kept(shop: &Shop) -> Vec<usize> {
    let count = |partition| {
        let script = format!(
            "local all = 0
             for _, key in ipairs(redis.call('KEYS', '{{order:{partition}}}:d:*')) do
               all = all + redis.call('HLEN', key)
             end
             return all"
        );
        shop.redis.cli(&["EVAL", &script, "0"]).parse().expect("it is a number")
    };
    (0..shop.setting.partitions).map(count).collect()
}

/// So many orders had more than one owner.
fn count_taken_over(shop: &Shop, ends: &Ends) -> usize {
    let is_taken_over = |id: &&String| {
        let events = lines(shop, &json!({ "inspect": { "id": id, "json": true } }));
        let fence = |event: &Value| event["fence"].as_u64().expect("it is a number");
        let owners: BTreeSet<u64> = events.iter().map(fence).filter(|fence| *fence > 0).collect();
        owners.len() > 1
    };
    ends.keys().filter(is_taken_over).count()
}

pub(crate) fn lines(shop: &Shop, wish: &Value) -> Vec<Value> {
    crate::customers::ask_all(&shop.socket(), wish)
        .expect("it is there")
        .expect("it can be said")
        .iter()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect()
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, faults, seen, forgotten, taken_over, failed_starts, .. } = self;
        let Self { undone, retried, asked_again, late, drained_in, findings, .. } = self;
        let Self { left_behind, logs, kept, .. } = self;
        writeln!(
            f,
            "FAULT_SEED={seed}: {} faults, {seen:?}, taken over: {taken_over}, starts that failed: \
             {failed_starts}, undone: {undone}, retried by an operator: {retried}, asked again: \
             {asked_again}, too late: {late}, forgotten: {forgotten}, kept: {kept:?}, all over {drained_in:?} after \
             the last fault; found: {findings:#?}; left behind: {left_behind:#?}",
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
