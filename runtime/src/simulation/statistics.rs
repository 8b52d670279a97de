//! What happened in all schedules together: what never happens is never tested.

use super::scene::Counts;

/// Adds the counts of one schedule.
pub(super) fn add(all: &mut Counts, more: &Counts) {
    for (name, count) in more {
        *all.entry(name).or_default() += count;
    }
}

/// All of them in a line.
pub(super) fn line(counts: &Counts) -> String {
    counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

/// What must happen, and in how many schedules it happens once at least, on average.
const OFTEN: &[(&str, u64)] = &[
    // Faults.
    ("kills", 4),
    ("pauses", 4),
    ("pauses beyond the lease", 4),
    ("shutdowns", 20),
    ("requests lost", 4),
    ("replies lost", 4),
    ("requests repeated", 1),
    ("calls late", 1),
    ("lossy fail-overs", 20),
    ("commits out of turn", 200),
    ("claims out of turn", 200),
    ("pulses out of turn", 200),
    ("signals lost", 4),
    ("signals late", 2),
    ("signals repeated", 2),
    ("tickets published", 4),
    ("tickets lost", 40),
    ("tickets late", 20),
    ("tickets repeated", 40),
    ("letters", 4),
    // What they lead to.
    ("take-overs", 4),
    ("seats reaped", 4),
    ("stale commits refused", 20),
    ("guarded commits refused", 100),
    ("calls blocked by the barrier", 1_000),
    ("late successes told", 50),
    ("late successes undone", 1_000),
    ("words of the operator", 10),
    ("undos begun", 4),
    // Ends.
    ("sagas", 1),
    ("starts acknowledged", 1),
    ("starts failed", 10),
    ("completed", 1),
    ("undone: refused", 10),
    ("undone: failed", 10),
    ("undone: deadline", 10),
    ("undone: abandoned", 20),
    ("cancelled", 10),
    ("killed", 20),
];

/// Checks that all of it happened often.
pub(super) fn check(counts: &Counts, schedules: u64) {
    let seen = |name| counts.get(name).copied().unwrap_or_default();
    let rare: Vec<String> = OFTEN
        .iter()
        .filter(|(name, one_in)| seen(name) < schedules / one_in)
        .map(|(name, one_in)| format!("{name}: {} times, not one in {one_in}", seen(name)))
        .collect();
    assert!(rare.is_empty(), "{schedules} schedules test too little:\n  {}", rare.join("\n  "));
}
