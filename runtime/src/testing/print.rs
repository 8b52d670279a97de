//! Records as lines, for a reader who looks for a mistake.

use std::fmt::Write as _;

use crate::kernel::{Cause, Definition, End, Finish, Finished, Record, Stamped, Way};

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
        other => format!("{other:?}"),
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
        other => format!("{other:?}"),
    }
}

fn cause(definition: &Definition, cause: &Cause) -> String {
    let name = |step: &usize| &*definition.steps[*step].name;
    match cause {
        Cause::Refused { step, refused } => {
            format!("`{}` refused: {}", name(step), refused.message)
        }
        Cause::Failed { step, why } => format!("`{}` failed: {why}", name(step)),
        other => format!("{other:?}"),
    }
}

fn finish(definition: &Definition, finished: &Finished) -> String {
    let mut text = match &finished.finish {
        Finish::Completed(_) => "finished: completed".to_owned(),
        Finish::Compensated(why) => format!("finished: undone, for {}", cause(definition, why)),
        other => format!("finished: {other:?}"),
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
