//! The judgement: what must be true of every saga when all is over, read from its records, from the
//! books of the world, and from what clients were told. Nothing here asks the engine.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{clients::Heard, process::Outside, quiet, scene::lock, show::short, store::now};
use crate::{
    journal::Journal as _,
    kernel::{
        Cause, End, EntryId, Fence, Finish, Finished, Kind, Letter, Place, Record, SagaId,
        SagaStatus, Stamped, Way, tests::invariants,
    },
};

/// One saga, and what there is to judge it by.
struct Case<'a> {
    outside: &'a Outside,
    heard: &'a Heard,
    saga: SagaId,
    records: &'a [Stamped],
    finished: &'a Finished,
}

/// The rules of the kernel's own oracle.
const RECORDS: &str = "records";

type Rule = fn(&Case<'_>) -> Result<(), String>;

const RULES: [(&str, Rule); 9] = [
    (RECORDS, records),
    ("INV5", completed_is_complete),
    ("INV6", undone_is_undone),
    ("INV10", what_was_told_is_folded),
    ("INV10", what_was_written_is_there),
    ("A6", what_was_accepted_is_not_abandoned),
    ("INV13", owners_take_turns),
    ("S1", clients_hear_the_end),
    ("B16", the_end_is_settled),
];

/// What holds although the store has lost what it acknowledged (class `Process`): every saga is told
/// by records that fit together, has one owner, and ends.
const SURVIVE_A_LOSS: [&str; 3] = [RECORDS, "INV13", "B16"];

/// Judges every saga.
pub(super) fn judge(outside: &Outside, heard: &Heard) {
    let mut named = BTreeMap::<u64, Vec<SagaId>>::new();
    let places = outside.store.places();
    for (saga, place) in &places {
        let records = outside.store.records(*saga);
        let Some(Record::Finished(finished)) = records.last().map(|last| &last.record) else {
            outside.scene.note(format!("{}: ended without an end", short(saga)));
            continue;
        };
        if *place != Place::Ended {
            outside.scene.note(format!("{}: it is {place:?}", short(saga)));
        }
        outside.scene.count("sagas");
        outside.scene.count(end(finished));
        if !matches!(finished.finish, Finish::Compensated(Cause::Abandoned)) {
            let name = outside.store.name(*saga).unwrap_or(u64::MAX);
            named.entry(name).or_default().push(*saga);
        }
        let case = Case { outside, heard, saga: *saga, records: &records, finished };
        for (name, rule) in RULES {
            if outside.scene.plan.fail_over.is_some() && !SURVIVE_A_LOSS.contains(&name) {
                continue;
            }
            if let Err(wrong) = rule(&case) {
                let saga = short(*saga);
                outside.scene.note(match name {
                    // It says itself which rule it is.
                    RECORDS => format!("{wrong} (in the {name} of {saga})"),
                    name => format!("{name}: {saga}: {wrong}"),
                });
            }
        }
    }
    if outside.scene.plan.fail_over.is_some() {
        return;
    }
    for (name, sagas) in named.iter().filter(|(_, sagas)| sagas.len() > 1) {
        outside.scene.note(format!("I2: {} sagas of start {name}", sagas.len()));
    }
    for (name, saga) in lock(&heard.accepted).iter() {
        if !places.iter().any(|(there, _)| there == saga) {
            outside.scene.note(format!("INV10: start {name} was accepted, and is lost"));
        }
    }
}

fn end(finished: &Finished) -> &'static str {
    match &finished.finish {
        Finish::Completed(_) => "completed",
        Finish::Compensated(Cause::Refused { .. }) => "undone: refused",
        Finish::Compensated(Cause::Failed { .. }) => "undone: failed",
        Finish::Compensated(Cause::Deadline) => "undone: deadline",
        Finish::Compensated(Cause::Abandoned) => "undone: abandoned",
        Finish::Compensated(Cause::Cancelled { .. }) | Finish::Cancelled { .. } => "cancelled",
        Finish::Killed { .. } => "killed",
    }
}

/// INV1, INV2, INV4 to INV8, C3 and more, by the oracle of the kernel's own tests.
fn records(case: &Case<'_>) -> Result<(), String> {
    let definition = &case.outside.scene.plan.definition;
    let check = || drop(invariants::check(definition, case.records));
    let checked = quiet::panics(|| catch_unwind(AssertUnwindSafe(check)));
    checked.map_err(|panic| {
        let message = quiet::message(&*panic);
        let rule = message.strip_prefix("assertion `left == right` failed: ");
        rule.unwrap_or(&message).to_owned()
    })
}

impl Case<'_> {
    /// Somebody said something of this step: it is their word that counts.
    fn is_spoken_for(&self, of: usize) -> bool {
        self.records.iter().any(|stamped| match &stamped.record {
            Record::Received(mail) => match mail.letter {
                Letter::MarkDone { step, .. }
                | Letter::MarkNotDone { step, .. }
                | Letter::Waive { step, .. } => step == of,
                _ => false,
            },
            _ => false,
        })
    }

    /// A success of this step came when nobody could hear of it any more, and is listed (C8).
    fn is_listed(&self, of: usize) -> bool {
        let late = now(self.outside.store.journal().late()).expect("it answers");
        late.iter().any(|(saga, mail)| {
            *saga == self.saga && matches!(mail.letter, Letter::Late { step, .. } if step == of)
        })
    }

    fn has(&self, what: impl Fn(&Record) -> bool) -> bool {
        self.records.iter().any(|stamped| what(&stamped.record))
    }
}

fn completed_is_complete(case: &Case<'_>) -> Result<(), String> {
    if !matches!(case.finished.finish, Finish::Completed(_)) {
        return Ok(());
    }
    let done = |of: usize| {
        case.has(|record| {
            matches!(record, Record::Ended { step, way: Way::Do | Way::Probe, end, .. }
                if *step == of && matches!(end, End::Done(_) | End::Late(_)))
        })
    };
    for (step, definition) in case.outside.scene.plan.definition.steps.iter().enumerate() {
        let stands = case.outside.world.done(case.saga, step);
        let changes = definition.kind != Kind::ReadOnly;
        if changes && done(step) && stands != 1 && !case.is_spoken_for(step) {
            return Err(format!("step {step} is done, and {stands} effects stand"));
        }
    }
    Ok(())
}

fn undone_is_undone(case: &Case<'_>) -> Result<(), String> {
    if matches!(case.finished.finish, Finish::Completed(_)) {
        return Ok(());
    }
    for account in case.outside.world.accounts(case.saga) {
        let step = account.step;
        let reported = case.finished.residual.iter().any(|left| left.step == step);
        if account.stands && !reported && !case.is_spoken_for(step) && !case.is_listed(step) {
            return Err(format!("the effect of step {step} stands, and nobody says so"));
        }
    }
    Ok(())
}

fn what_was_told_is_folded(case: &Case<'_>) -> Result<(), String> {
    let folded: BTreeSet<EntryId> = case
        .records
        .iter()
        .filter_map(|stamped| match &stamped.record {
            Record::Received(mail) => Some(mail.id),
            _ => None,
        })
        .collect();
    let told = case.outside.store.told().into_iter().filter(|(saga, _)| *saga == case.saga);
    match told.filter(|(_, entry)| !folded.contains(entry)).count() {
        0 => Ok(()),
        letters => Err(format!("{letters} letters were acknowledged and not read")),
    }
}

fn what_was_written_is_there(case: &Case<'_>) -> Result<(), String> {
    let (acknowledged, there) = (case.outside.store.length(case.saga), case.records.len());
    if acknowledged > there {
        return Err(format!("{acknowledged} records were acknowledged, {there} are there"));
    }
    Ok(())
}

fn what_was_accepted_is_not_abandoned(case: &Case<'_>) -> Result<(), String> {
    let accepted = lock(&case.heard.accepted).iter().any(|(_, saga)| *saga == case.saga);
    let abandoned = matches!(case.finished.finish, Finish::Compensated(Cause::Abandoned));
    if accepted && abandoned {
        return Err("it was accepted and abandoned".to_owned());
    }
    Ok(())
}

/// Each owner writes under a fence that is higher than that of the one before.
fn owners_take_turns(case: &Case<'_>) -> Result<(), String> {
    let mut last = Fence::NONE;
    for (seq, stamped) in case.records.iter().enumerate() {
        if stamped.fence < last {
            return Err(format!("record {seq} is of an owner before"));
        }
        last = stamped.fence;
    }
    Ok(())
}

/// Whoever waits in a process that lives hears how it ended.
fn clients_hear_the_end(case: &Case<'_>) -> Result<(), String> {
    let status = SagaStatus::of(case.finished);
    match lock(&case.heard.ends).get(&case.saga) {
        Some((heard, may_change)) if *heard != status && !may_change => {
            return Err(format!("it is {status}, and a client heard {heard}"));
        }
        Some(_) => return Ok(()),
        None => {}
    }
    let waiting = lock(&case.heard.waiting);
    let lives = |process: &std::sync::Arc<super::process::Process>| process.gate.is_open();
    if waiting.get(&case.saga).is_some_and(|processes| processes.iter().any(lives)) {
        return Err(format!("it is {status}, and a client that waits has not heard of it"));
    }
    Ok(())
}

fn the_end_is_settled(case: &Case<'_>) -> Result<(), String> {
    match case.finished.late_until {
        Some(_) => Err("it is over, and still waits for a late success".to_owned()),
        None => Ok(()),
    }
}
