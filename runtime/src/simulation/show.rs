//! Plans and records in a few words, for people.

use std::fmt;

use super::plan::{Deed, Plan, StepPlan};
use crate::kernel::{Finish, Host, Letter, Record, Step};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, storm {:?}, {:?}", self.seed, self.storm, self.store)?;
        writeln!(f, "{:?}, {:?}", self.hosts, self.weather)?;
        writeln!(f, "task within {:?}:", self.definition.timeout)?;
        for (nth, step) in self.definition.steps.iter().enumerate() {
            writeln!(f, "  {nth}: {}", Shown(step))?;
        }
        for saga in &self.sagas {
            let (name, at, host, keyed) = (saga.name, saga.at, saga.host, saga.keyed);
            write!(f, "saga {name} at {at:?} on host {host}, keyed: {keyed}, ")?;
            writeln!(f, "verdicts {:b}, panics {}", saga.verdicts & 0xfff, saga.panics)?;
            for (nth, script) in saga.steps.iter().enumerate() {
                writeln!(f, "  {nth}: {}", Shown(script))?;
            }
        }
        for mail in &self.mail {
            writeln!(f, "at {:?} saga {} is told {:?}", mail.at, mail.saga, mail.word)?;
        }
        if let Some((at, loses)) = self.fail_over {
            writeln!(f, "at {at:?} the store fails over and loses {loses:?}")?;
        }
        for fault in &self.faults {
            let (at, host, what, takes) = (fault.at, fault.host, fault.what, fault.takes);
            writeln!(f, "at {at:?} host {host} is {what:?} for {takes:?}")?;
        }
        Ok(())
    }
}

struct Shown<'a, T>(&'a T);

impl fmt::Display for Shown<'_, Step> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = self.0;
        write!(f, "{} {:?} stage {} reads {:?}", step.name, step.kind, step.stage, step.inputs)?;
        write!(f, " retries {} x {:?}", step.retry.max, step.retry.delay)?;
        write!(f, " timeout {:?} {:?}", step.timeout, step.on_exhausted)?;
        for (word, is) in [
            ("api", step.host == Host::Api),
            ("await_all", step.await_all),
            ("conditional", step.conditional),
            ("ephemeral", step.ephemeral),
            ("at_most_once", step.at_most_once),
            ("probe", step.probe),
        ] {
            if is {
                write!(f, " {word}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Shown<'_, StepPlan> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StepPlan { thread, before, after, does, undoes, probes } = self.0;
        write!(f, "{before:?} + {after:?}{}", if *thread { " on a thread" } else { "" })?;
        for (name, deeds) in [("do", does), ("undo", undoes), ("probe", probes)] {
            for Deed { effect, then } in deeds {
                write!(f, ", {name} {}{then:?}", if *effect { "with effect " } else { "" })?;
            }
        }
        Ok(())
    }
}

/// The beginning of an id that was drawn.
pub(super) fn short(id: impl ToString) -> String {
    id.to_string().chars().rev().take(4).collect()
}

/// A record in a word or two.
pub(super) fn tell(record: &Record) -> String {
    match record {
        Record::Started(_) => "started".to_owned(),
        Record::Evaluated { step, verdict, .. } => format!("when {step}: {verdict}"),
        Record::Intended { step, way, generation } => {
            format!("intent {way:?} {step} g{generation}")
        }
        Record::Ended { step, way, end, attempt, .. } => {
            format!("end {way:?} {step} #{attempt} {end:?}")
        }
        Record::Received(mail) => format!("received {}", tell_letter(&mail.letter)),
        Record::Compensating(cause) => format!("back: {cause:?}"),
        Record::Parked(reason) => format!("parked: {reason:?}"),
        Record::Finished(finished) => {
            let how = match &finished.finish {
                Finish::Completed(_) => "completed".to_owned(),
                finish => format!("{finish:?}"),
            };
            format!("finished {how}, residual {:?}", finished.residual)
        }
    }
}

pub(super) fn tell_letter(letter: &Letter) -> String {
    format!("{letter:?}").chars().take(60).collect()
}
