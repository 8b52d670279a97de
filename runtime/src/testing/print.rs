//! Records as lines, for a reader who looks for a mistake.

use std::fmt::Write as _;

use crate::kernel::{
    Cause, Definition, End, Finish, Finished, Letter, ParkReason, Record, Stamped, Way,
};

/// One line a record: number, seconds since the start, fence, what happened.
pub fn records(definition: &Definition, records: &[Stamped]) -> String {
    let begun = records.first().map(|first| first.at).unwrap_or_default();
    let mut lines = String::new();
    for (seq, Stamped { fence, at, record }) in records.iter().enumerate() {
        let after = at.since(begun).as_secs_f64();
        let line = record_line(definition, record);
        writeln!(lines, "  {seq:>3} {after:>9.3} s  fence {}  {line}", fence.0)
            .expect("a string takes everything");
    }
    lines
}

/// What happened, in a line.
pub fn record_line(definition: &Definition, record: &Record) -> String {
    let name = |step: &usize| &*definition.steps[*step].name;
    match record {
        Record::Started(_) => "started".to_owned(),
        Record::Evaluated { step, verdict, .. } => format!("{}: runs: {verdict}", name(step)),
        Record::Intended { step, generation, way } => {
            format!("{}: {} intended, generation {generation}", name(step), word(*way))
        }
        Record::Ended { step, generation, attempt, way, end: ended } => {
            let which = format!("generation {generation}, attempt {attempt}");
            format!("{}: {} ended, {which}: {}", name(step), word(*way), end(ended))
        }
        Record::Compensating(why) => format!("goes back: {}", cause(definition, why)),
        Record::Finished(finished) => finish(definition, finished),
        Record::Parked(reason) => format!("parked: {}", parked(definition, reason)),
        Record::Received(mail) => format!("received: {}", letter(definition, &mail.letter)),
    }
}

fn word(way: Way) -> &'static str {
    match way {
        Way::Do => "step",
        Way::Undo => "undo",
        Way::Probe => "probe",
    }
}

fn end(end: &End) -> String {
    match end {
        End::Done(_) => "done".to_owned(),
        End::Refused(refused) => format!("refused: {}", refused.message),
        End::Partial(refused, _) => format!("done in part: {}", refused.message),
        End::Failed { why, .. } => format!("failed, to be tried again: {why}"),
        End::Unknown(why) => format!("unknown: {why}"),
        End::Ephemeral => "done, its output stays with the worker".to_owned(),
        End::Withdrawn => "taken back, it had no effect".to_owned(),
        End::DidNot { retry_at: Some(_) } => "it did not happen, to be tried again".to_owned(),
        End::DidNot { retry_at: None } => "it did not happen".to_owned(),
        End::CannotTell { .. } => "it cannot tell".to_owned(),
        End::Late(_) => "done after all".to_owned(),
    }
}

fn parked(definition: &Definition, reason: &ParkReason) -> String {
    let of = match reason.step(definition) {
        Some(step) => format!("`{}`", definition.steps[step].name),
        None => "the response".to_owned(),
    };
    match reason {
        ParkReason::Undecodable { error, .. } => format!("a value of {of} cannot be read: {error}"),
        ParkReason::Panicked { step: Some(_), message } => {
            format!("the condition of {of} panicked: {message}")
        }
        ParkReason::Panicked { step: None, message } => format!("{of} panicked: {message}"),
        ParkReason::Exhausted { why, .. } => format!("{of} used up its tries: {why}"),
        ParkReason::PivotUnknown { why } => format!("nobody knows whether {of} happened: {why}"),
        ParkReason::CrashLoop(times) => format!("its hosts died {times} times in a row"),
    }
}

fn letter(definition: &Definition, letter: &Letter) -> String {
    let name = |step: &usize| &*definition.steps[*step].name;
    match letter {
        Letter::Cancel { reason } => format!("cancel: {reason}"),
        Letter::Kill { reason, by } => format!("{by} kills it: {reason}"),
        Letter::Late { step, attempt, way, .. } => {
            format!("{}: {} ended late, attempt {attempt}", name(step), word(*way))
        }
        Letter::Unpark { by } => format!("{by} lets it go on"),
        Letter::MarkDone { step, evidence, by, .. } => {
            format!("{by} says that `{}` is done: {evidence}", name(step))
        }
        Letter::MarkNotDone { step, evidence, by } => {
            format!("{by} says that `{}` did not happen: {evidence}", name(step))
        }
        Letter::Waive { step, reason, by } => {
            format!("{by} leaves the effect of `{}`: {reason}", name(step))
        }
    }
}

fn cause(definition: &Definition, cause: &Cause) -> String {
    let name = |step: &usize| &*definition.steps[*step].name;
    match cause {
        Cause::Refused { step, refused } => {
            format!("`{}` refused: {}", name(step), refused.message)
        }
        Cause::Failed { step, why } => format!("`{}` failed: {why}", name(step)),
        Cause::Deadline => "its deadline passed".to_owned(),
        Cause::Cancelled { reason } => format!("it was cancelled: {reason}"),
        Cause::Abandoned => "the host that began it died".to_owned(),
    }
}

fn finish(definition: &Definition, finished: &Finished) -> String {
    let mut text = match &finished.finish {
        Finish::Completed(_) => "finished: completed".to_owned(),
        Finish::Compensated(why) => format!("finished: undone, for {}", cause(definition, why)),
        Finish::Cancelled { reason } => format!("finished: undone, it was cancelled: {reason}"),
        Finish::Killed { reason } => format!("finished: killed: {reason}"),
    };
    for residual in &finished.residual {
        let name = &definition.steps[residual.step].name;
        text.push_str(&format!("; `{name}` remains: {}", residual.reason));
    }
    if finished.late_until.is_some() {
        text.push_str("; not settled");
    }
    text
}
