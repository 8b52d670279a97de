//! The rules, one function each: `Err` says what is wrong.

use std::collections::BTreeMap;

use super::{Evidence, Standing, intended, is_settled, is_told};
use crate::kernel::{Cause, End as Ended, Finish, Finished, Kind, Letter, Record, Stamped, Way};

/// One outcome for each generation of a step, but for a late success after a refusal (INV1).
pub(super) fn one_outcome(evidence: &Evidence<'_>) -> Result<(), String> {
    let mut outcomes = BTreeMap::<_, Vec<&Ended>>::new();
    for (_, record) in evidence.each() {
        if let Record::Ended { step, generation, way: Way::Do | Way::Probe, end, .. } = record
            && matches!(
                end,
                Ended::Done(_)
                    | Ended::Ephemeral
                    | Ended::Refused(_)
                    | Ended::Partial(..)
                    | Ended::Late(_)
            )
        {
            outcomes.entry((*step, *generation)).or_default().push(end);
        }
    }
    let is_one = |ends: &[&Ended]| matches!(ends, [_] | [Ended::Refused(_), Ended::Late(_)]);
    match outcomes.iter().find(|(_, ends)| !is_one(ends)) {
        Some(((step, _), ends)) => Err(format!("`{}` has {}", evidence.name(*step), ends.len())),
        None => Ok(()),
    }
}

/// Nothing ends that was not announced (J2).
pub(super) fn intent_before_end(evidence: &Evidence<'_>) -> Result<(), String> {
    for (before, record) in evidence.each() {
        let Record::Ended { step: of, generation: in_, way, .. } = record else { continue };
        let announced = before.iter().any(|stamped| match &stamped.record {
            Record::Intended { step, generation, way: Way::Undo } => {
                (step, generation, way) == (of, in_, &Way::Undo)
            }
            Record::Intended { step, generation, .. } => {
                (step, generation) == (of, in_) && *way != Way::Undo
            }
            _ => false,
        });
        if !announced {
            return Err(format!("{way:?} of `{}` has no intent", evidence.name(*of)));
        }
    }
    Ok(())
}

/// At most one effect stands under a key (INV3).
pub(super) fn one_effect(evidence: &Evidence<'_>) -> Result<(), String> {
    match evidence.effects.iter().find(|effect| !(0..=1).contains(&effect.net)) {
        Some(effect) => Err(effect.text.clone()),
        None => Ok(()),
    }
}

/// A step starts when everything before it is done or skipped (INV4).
pub(super) fn predecessors_first(evidence: &Evidence<'_>) -> Result<(), String> {
    let steps = &evidence.definition.steps;
    for (before, record) in evidence.each() {
        let Record::Intended { step, way: Way::Do, .. } = record else { continue };
        let mut earlier = (0..steps.len()).filter(|other| steps[*other].stage < steps[*step].stage);
        let open = |other: &usize| !is_settled(before, *other);
        if let Some(open) = earlier.find(open) {
            return Err(format!("`{}` before `{}`", evidence.name(*step), evidence.name(open)));
        }
    }
    Ok(())
}

/// All of it, and nothing taken back (INV5).
pub(super) fn completed_is_complete(evidence: &Evidence<'_>) -> Result<(), String> {
    if !matches!(evidence.finished(), Some(Finished { finish: Finish::Completed(_), .. })) {
        return Ok(());
    }
    for step in 0..evidence.definition.steps.len() {
        if !is_settled(evidence.records, step) {
            return Err(format!("`{}` is not done", evidence.name(step)));
        }
        if intended(evidence.records, step, Way::Undo) {
            return Err(format!("`{}` was undone", evidence.name(step)));
        }
    }
    match evidence.effects.iter().find(|effect| effect.net != 1) {
        Some(effect) => Err(format!("{} does not stand", effect.text)),
        None => Ok(()),
    }
}

/// Nothing stands but what was reported (INV6), also where nobody undid anything (K5).
pub(super) fn undone_is_undone(evidence: &Evidence<'_>) -> Result<(), String> {
    let is_completed = |finish: &Finish| matches!(finish, Finish::Completed(_));
    if evidence.finished().is_none_or(|finished| is_completed(&finished.finish)) {
        return Ok(());
    }
    let stands = |effect: &&Standing| effect.net != 0 && !evidence.is_residual(&effect.step);
    match evidence.effects.iter().find(stands) {
        Some(effect) => Err(format!("{} stands", effect.text)),
        None => Ok(()),
    }
}

/// A step is undone when nothing that came after it stands (INV7).
pub(super) fn undo_backwards(evidence: &Evidence<'_>) -> Result<(), String> {
    let steps = &evidence.definition.steps;
    for (before, record) in evidence.each() {
        let Record::Intended { step, way: Way::Undo, .. } = record else { continue };
        for later in 0..steps.len() {
            let needs_undo = steps[later].kind == Kind::Compensable
                && steps[later].stage > steps[*step].stage
                && intended(before, later, Way::Do)
                && !before.iter().any(|at| disproves(&at.record, later))
                && !is_told(before, later, |letter| ends_undo(letter, later));
            if needs_undo {
                let (first, second) = (evidence.name(*step), evidence.name(later));
                return Err(format!("`{first}` is undone before `{second}`"));
            }
        }
    }
    Ok(())
}

/// Whether this word says that there is nothing left to undo for the step.
fn ends_undo(letter: &Letter, of: usize) -> bool {
    match letter {
        Letter::MarkDone { step, output: None, .. }
        | Letter::MarkNotDone { step, .. }
        | Letter::Waive { step, .. } => *step == of,
        _ => false,
    }
}

/// Whether this says that no effect of the step remains.
fn disproves(record: &Record, of: usize) -> bool {
    let Record::Ended { step, way, end, .. } = record else { return false };
    *step == of
        && match way {
            Way::Undo => matches!(end, Ended::Done(_)),
            _ => matches!(
                end,
                Ended::Refused(_) | Ended::Withdrawn | Ended::DidNot { retry_at: None }
            ),
        }
}

/// Behind the pivot nothing is undone, and from the turn on nothing is begun (INV8).
pub(super) fn no_way_back_from_the_pivot(evidence: &Evidence<'_>) -> Result<(), String> {
    let steps = &evidence.definition.steps;
    let pivot = steps.iter().position(|step| step.kind == Kind::Pivot);
    for (before, record) in evidence.each() {
        let Record::Intended { step, way, .. } = record else { continue };
        let name = evidence.name(*step);
        let turn = before.iter().position(|at| matches!(at.record, Record::Compensating(_)));
        let turned = turn.is_some();
        // One that is heard of on the way back is reported, and nothing else (C8).
        let forward = &before[..turn.unwrap_or(before.len())];
        let passed = pivot.is_some_and(|pivot| is_settled(forward, pivot));
        match way {
            Way::Undo if passed => return Err(format!("`{name}` is undone behind the pivot")),
            Way::Undo if !turned => return Err(format!("`{name}` is undone without a cause")),
            Way::Do if turned => return Err(format!("`{name}` begins while the saga goes back")),
            _ => {}
        }
    }
    Ok(())
}

/// The fence of the owner and the time never fall (INV13).
pub(super) fn owners_take_turns(evidence: &Evidence<'_>) -> Result<(), String> {
    let falls = |pair: &[Stamped]| pair[1].fence < pair[0].fence || pair[1].at < pair[0].at;
    match evidence.records.windows(2).position(falls) {
        Some(at) => Err(format!("fence or time falls behind record {at}")),
        None => Ok(()),
    }
}

/// It begins once, ends once, and ends for the cause that turned it back.
pub(super) fn the_end_is_the_end(evidence: &Evidence<'_>) -> Result<(), String> {
    let mut cause = None;
    for (before, record) in evidence.each() {
        let is_first = before.is_empty();
        if is_first != matches!(record, Record::Started(_)) {
            return Err("`Started` is not the first record alone".to_owned());
        }
        let settled = before.iter().any(
            |at| matches!(&at.record, Record::Finished(finished) if finished.late_until.is_none()),
        );
        if settled {
            return Err("something follows the end".to_owned());
        }
        match record {
            Record::Compensating(turn) if cause.is_none() => cause = Some(turn),
            Record::Finished(finished) => match (&finished.finish, cause) {
                (Finish::Compensated(end), Some(turn)) if is_same(end, turn) => {}
                (Finish::Compensated(_), _) => return Err("another cause".to_owned()),
                (Finish::Completed(_), Some(_)) => {
                    return Err("completed on the way back".to_owned());
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

/// Whether two records name the same cause, in whatever form they keep its error.
fn is_same(one: &Cause, other: &Cause) -> bool {
    let refusal = |cause: &Cause| match cause {
        Cause::Refused { step, refused } => Some((*step, refused.message.clone())),
        _ => None,
    };
    match (refusal(one), refusal(other)) {
        (None, None) => format!("{one:?}") == format!("{other:?}"),
        (one, other) => one == other,
    }
}
