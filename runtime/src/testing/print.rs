//! Records as lines, for a reader who looks for a mistake.

use std::fmt::Write as _;

use crate::kernel::{Definition, Record, Stamped};

/// One line a record: number, seconds since the start, fence, what happened.
pub fn records(definition: &Definition, records: &[Stamped]) -> String {
    let begun = records.first().map(|first| first.at).unwrap_or_default();
    let mut lines = String::new();
    for (seq, Stamped { fence, at, record }) in records.iter().enumerate() {
        let after = at.since(begun).as_secs_f64();
        let line = what(definition, record);
        writeln!(lines, "  {seq:>3} {after:>9.3} s  fence {}  {line}", fence.0)
            .expect("a string takes everything");
    }
    lines
}

fn what(definition: &Definition, record: &Record) -> String {
    let name = |step: &usize| &*definition.steps[*step].name;
    match record {
        Record::Started(_) => "started".to_owned(),
        Record::Evaluated { step, verdict, .. } => format!("{}: runs: {verdict}", name(step)),
        Record::Intended { step, generation, way } => {
            format!("{}: {way:?} intended, generation {generation}", name(step))
        }
        Record::Ended { step, generation, attempt, way, end } => {
            let which = format!("generation {generation}, attempt {attempt}");
            format!("{}: {way:?} ended, {which}: {end:?}", name(step))
        }
        other => format!("{other:?}"),
    }
}
