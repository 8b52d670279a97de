//! The schedules of the normal test run, and the ones that somebody wants to see.

use std::{
    env, fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::{
    mutation::Mutation,
    plan::Plan,
    run::{Report, run},
    scene::{Counts, lock},
    shrink::{Shrunk, follow, shrink},
    statistics,
};

/// Schedules of the normal test run.
const SCHEDULES: u64 = 10_000;
/// Threads, each with a schedule of its own.
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[expect(clippy::print_stdout, reason = "for whoever runs it with `--nocapture`")]
pub(super) fn say(what: impl fmt::Display) {
    println!("{what}");
}

/// Whether anything is wrong.
pub(super) fn anything(wrong: &[String]) -> bool {
    !wrong.is_empty()
}

/// Runs the schedules of these seeds in which this can be seen; the first one in which this is wrong
/// ends it.
pub(super) fn search(
    (from, to): (u64, u64),
    mutation: Mutation,
    is_it: impl Fn(&[String]) -> bool + Sync,
) -> (Counts, Option<u64>) {
    let (next, counts, failed) =
        (AtomicU64::new(from), Mutex::<Counts>::default(), Mutex::new(None));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while lock(&failed).is_none() {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= to {
                        return;
                    }
                    let plan = Plan::draw(seed);
                    if !mutation.can_be_seen(&plan) {
                        continue;
                    }
                    let report = run(&plan, mutation, false);
                    statistics::add(&mut lock(&counts), &report.counts);
                    if is_it(&report.wrong) {
                        let mut failed = lock(&failed);
                        let first = failed.map_or(seed, |first: u64| first.min(seed));
                        *failed = Some(first);
                    }
                }
            });
        }
    });
    let failed = *lock(&failed);
    (lock(&counts).clone(), failed)
}

/// What is wrong with a seed, in its smallest form.
pub(super) fn explain(seed: u64, mutation: Mutation) -> String {
    let fails = |plan: &Plan| !run(plan, mutation, false).wrong.is_empty();
    let Shrunk { plan, cuts } = shrink(Plan::draw(seed), fails);
    let report = run(&plan, mutation, true);
    let cuts: Vec<String> = cuts.iter().map(ToString::to_string).collect();
    format!(
        "seed {seed} fails:\n  {}\n\nThe smallest plan that does:\n{plan}\nTo see it:\n  SIM_SEED={seed} \
         SIM_CUTS={} cargo test -p distributed-task --lib simulation::schedules -- --nocapture",
        report.wrong.join("\n  "),
        cuts.join("."),
    )
}

/// One schedule, with all that happens in it.
fn show(seed: u64) {
    let cuts = env::var("SIM_CUTS").unwrap_or_default();
    let cuts = cuts.split('.').filter(|cut| !cut.is_empty());
    let cuts: Vec<usize> = cuts.map(|cut| cut.parse().expect("numbers and dots")).collect();
    let plan = follow(Plan::draw(seed), &cuts);
    let Report { wrong, counts, trace } = run(&plan, Mutation::None, true);
    say(format!("{plan}\n{}\n{}", trace.join("\n"), statistics::line(&counts)));
    assert!(wrong.is_empty(), "seed {seed} fails:\n  {}", wrong.join("\n  "));
}

#[test]
fn inv1_to_inv14_hold_in_drawn_schedules() {
    if let Some(seed) = number("SIM_SEED") {
        return show(seed);
    }
    let (from, schedules) = (number("SIM_FROM").unwrap_or(1), number("SIM_SCHEDULES"));
    let schedules = schedules.unwrap_or(SCHEDULES);
    let (counts, failed) = search((from, from + schedules), Mutation::None, anything);
    say(format!("{schedules} schedules: {}", statistics::line(&counts)));
    if let Some(seed) = failed {
        panic!("{}", explain(seed, Mutation::None));
    }
    statistics::check(&counts, schedules);
}

#[test]
fn a_failure_is_made_smaller_and_found_again() {
    let mutation = Mutation::UndoesForwards;
    let order = |wrong: &[String]| wrong.iter().any(|line| line.starts_with("INV7: "));
    let (_, failed) = search((1, 1_000), mutation, order);
    let plan = Plan::draw(failed.expect("it is found"));
    let fails = |plan: &Plan| order(&run(plan, mutation, false).wrong);
    let small = shrink(plan.clone(), fails);
    // Two undos make an order, and something must turn the saga back.
    assert_eq!((small.plan.sagas.len(), small.plan.hosts.len()), (1, 1), "{}", small.plan);
    assert!(small.plan.definition.steps.len() <= 3, "{}", small.plan);
    assert!(small.plan.faults.len() + small.plan.mail.len() <= 1, "{}", small.plan);
    let again = follow(plan, &small.cuts);
    assert_eq!(again.to_string(), small.plan.to_string());
    assert!(fails(&again));
}

#[test]
fn a_seed_is_a_schedule() {
    let trace = |seed| run(&Plan::draw(seed), Mutation::None, true);
    for seed in 1..=100 {
        let (one, other) = (trace(seed), trace(seed));
        assert!(one.trace.len() > 10, "seed {seed}: nothing happened");
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed} does not say what happens");
        assert_eq!(one.hash(), other.hash(), "seed {seed}");
    }
    assert_ne!(trace(1).hash(), trace(2).hash(), "two seeds, two schedules");
}
