//! Tasks drawn by lot.

use super::task::{Row, ephemeral, no_undo, pivot, read_only, retriable, step, task};
use crate::kernel::{AttemptEnd, Definition, Doubt, Kind, Refused, Step, Value, Way};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("the bound is small")
    }

    pub(crate) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

const NAMES: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// A task that keeps the order rules (P1): compensable, read-only and `no_undo` steps, perhaps a
/// pivot, then retriable and read-only ones; perhaps an API phase, groups and conditions.
pub(crate) fn draw_task(lot: &mut Lot) -> Definition {
    let mut rows: Vec<Row> = Vec::new();
    let (stages, api) = (1 + lot.below(5), lot.below(3));
    let pivot_at = lot.one_in(2).then(|| lot.below(stages));
    for stage in 0..stages {
        let is_pivot = pivot_at == Some(stage);
        let members = if is_pivot || lot.one_in(2) { 1 } else { 1 + lot.below(3) };
        let patient = lot.one_in(3);
        for _ in 0..members {
            if rows.len() == NAMES.len() {
                continue;
            }
            let mut row = draw_row(lot, &rows, is_pivot, pivot_at.is_some_and(|at| stage > at));
            if members > 1 {
                row = row.in_group(["v", "w", "x", "y", "z"][stage]);
            }
            if patient {
                row = row.await_all();
            }
            if stage < api {
                row = row.on_api();
            }
            rows.push(row);
        }
    }
    let mut definition = task(rows);
    keep_what_can_be_read(&mut definition.steps);
    if lot.one_in(3) { definition.within(1 + lot.next() % 40) } else { definition }
}

/// Members of a group do not see each other, and an ephemeral value stays on its host.
fn keep_what_can_be_read(steps: &mut [Step]) {
    for reader in 0..steps.len() {
        let (before, rest) = steps.split_at_mut(reader);
        let reader = &mut rest[0];
        reader.inputs.retain(|input| {
            let input = &before[*input];
            input.stage < reader.stage && (!input.ephemeral || input.host == reader.host)
        });
    }
}

fn draw_row(lot: &mut Lot, before: &[Row], is_pivot: bool, behind: bool) -> Row {
    let name = NAMES[before.len()];
    let row = match lot.below(5) {
        _ if is_pivot => pivot(name),
        0 => ephemeral(name),
        1 => read_only(name),
        _ if behind => retriable(name),
        2 => no_undo(name, "it may remain"),
        _ => step(name),
    };
    let row = row.retries([0, 1, 3][lot.below(3)]).every([1, 3, 9][lot.below(3)]);
    let row = row.limited_to([2, 30, 600][lot.below(3)]);
    let row = draw_doubts(lot, row);
    let row = if lot.one_in(4) && !is_pivot { row.when([]) } else { row };
    if before.is_empty() { row } else { row.reads([lot.below(before.len())]) }
}

/// What its author says of attempts that may have happened. A pivot that must not happen twice has
/// a probe (P2), and an ephemeral value is simply made again.
fn draw_doubts(lot: &mut Lot, row: Row) -> Row {
    if row.is_ephemeral() {
        return row;
    }
    let row = if lot.one_in(3) { row.probed() } else { row };
    let row = if lot.one_in(3) { row.parks() } else { row };
    match lot.one_in(3) {
        true if row.is(Kind::Pivot) => row.at_most_once().probed(),
        true => row.at_most_once(),
        false => row,
    }
}

/// How an attempt ends, when things may go wrong.
pub(super) fn draw_end(lot: &mut Lot, way: Way) -> AttemptEnd {
    let value = || Value::journaled(());
    let refused = || Refused { error: Value::journaled(()), message: "no".into() };
    match (lot.below(16), way) {
        (0, Way::Do) => AttemptEnd::Unknown(Doubt::StillRuns),
        (1, Way::Do) => AttemptEnd::Partial(refused(), value()),
        (6, Way::Do) => AttemptEnd::Unknown(Doubt::HostLost),
        (0..=3, Way::Probe) => AttemptEnd::DidNot,
        (4..=6, Way::Probe) => AttemptEnd::CannotTell,
        (2 | 4, _) => AttemptEnd::Unknown(Doubt::TimedOut),
        (3 | 5, _) => AttemptEnd::Unknown(Doubt::Interrupted),
        (7, _) => AttemptEnd::Undecodable("not a string".into()),
        (8, _) => AttemptEnd::Refused(refused()),
        (9..=11, _) => AttemptEnd::Retry { error: "no reply".into(), after: None },
        _ => AttemptEnd::Done(value()),
    }
}
