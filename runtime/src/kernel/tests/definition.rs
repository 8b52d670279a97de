//! The fingerprint of a definition (V3, V7).

use super::task::{ephemeral, no_undo, pivot, read_only, retriable, step, task};
use crate::kernel::Definition;

fn with_everything() -> Definition {
    task([
        step("upload").on_api(),
        read_only("price").reads([0]).in_group("quotes").await_all(),
        no_undo("mail", "a mail cannot be recalled").in_group("quotes").when([0]).retries(1),
        ephemeral("draw").doubling(),
        pivot("sell").reads([0, 1]),
        retriable("ship").reads([3, 4]),
    ])
    .within(3600)
}

/// Sagas on their way are found by this hash. When it changes by intent, the prefix of the
/// canonical form changes with it.
#[test]
fn v7_the_hash_of_a_definition_is_the_same_in_every_version() {
    assert_eq!(with_everything().hash().to_string(), "5359c7e8b549a7a93bf6dbed86102bd0");
}

#[test]
fn v3_every_part_of_a_definition_counts() {
    let same = with_everything().hash();
    assert_eq!(with_everything().hash(), same);
    let changes: [fn(&mut Definition); 8] = [
        |definition| definition.task = "orders".into(),
        |definition| definition.timeout = None,
        |definition| definition.cancellable = false,
        |definition| definition.steps[0].name = "load".into(),
        |definition| definition.steps[1].await_all = false,
        |definition| definition.steps[2].retry.max = 2,
        |definition| definition.steps[3].ephemeral = false,
        |definition| definition.steps.swap(1, 2),
    ];
    for change in changes {
        let mut other = with_everything();
        change(&mut other);
        assert_ne!(other.hash(), same);
    }
}

#[test]
fn a_stage_is_a_step_or_a_whole_group() {
    let definition = with_everything();
    let stages: Vec<Vec<usize>> =
        (0..definition.stages()).map(|stage| definition.stage(stage).collect()).collect();
    assert_eq!(stages, [vec![0], vec![1, 2], vec![3], vec![4], vec![5]]);
    assert_eq!(definition.pivot(), Some(4));
}
