//! Records and commands as words, so that a test reads like the story of its saga.

use crate::kernel::{
    Cause, Command, Definition, End, Finish, Finished, Letter, ParkReason, Record, Timestamp, Way,
};

/// Says records and commands of one definition, with times counted from `now`.
pub(super) struct Words<'a> {
    pub(super) definition: &'a Definition,
    pub(super) now: Timestamp,
}

impl Words<'_> {
    pub(super) fn record(&self, record: &Record) -> String {
        match record {
            Record::Started(_) => "started".into(),
            Record::Evaluated { step, verdict, saw } => {
                let verdict = if *verdict { "runs" } else { "skipped" };
                format!("{} {verdict}, saw {saw:?}", self.step(*step))
            }
            Record::Intended { step, generation, way } => {
                self.turn("intent", *step, *generation, *way)
            }
            Record::Ended { step, generation, attempt, way, end } => {
                let who = self.turn("", *step, *generation, *way);
                let end = self.end(end);
                match attempt {
                    1 => format!("{who} {end}"),
                    _ => format!("{who} #{attempt} {end}"),
                }
            }
            Record::Received(mail) => format!("received {}", self.letter(&mail.letter)),
            Record::Compensating(cause) => format!("going back: {}", self.cause(cause)),
            Record::Parked(reason) => format!("parked: {}", self.park_reason(reason)),
            Record::Finished(finished) => self.finished(finished),
        }
    }

    pub(super) fn command(&self, command: &Command) -> String {
        match command {
            Command::Run { step, way, attempt: 1 } => self.turn("run", *step, 0, *way),
            Command::Run { step, way, attempt } => {
                format!("{} #{attempt}", self.turn("run", *step, 0, *way))
            }
            Command::Stop => "stop".into(),
            Command::Wait(until) => format!("wait {:?}", until.since(self.now)),
        }
    }

    fn step(&self, step: usize) -> &str {
        self.definition.steps.get(step).map_or("nothing", |step| &step.name)
    }

    fn turn(&self, what: &str, step: usize, generation: u32, way: Way) -> String {
        let way = match way {
            Way::Do => "",
            Way::Undo => "undo ",
            Way::Probe => "probe ",
        };
        let again = if generation > 0 { format!("'{generation}") } else { String::new() };
        format!("{what} {way}{}{again}", self.step(step)).trim_start().to_owned()
    }

    fn end(&self, end: &End) -> String {
        match end {
            End::Done(_) => "done".into(),
            End::Ephemeral => "done, kept here".into(),
            End::Refused(refused) => format!("refused: {}", refused.message),
            End::Failed { why, retry_at } => {
                format!("failed: {why}; again in {:?}", retry_at.since(self.now))
            }
            End::Unknown(why) => format!("unknown: {why}"),
            End::Withdrawn => "withdrawn".into(),
            End::Partial(refused, _) => format!("done in part, refused: {}", refused.message),
            End::DidNot { retry_at: None } => "did not happen".into(),
            End::DidNot { retry_at: Some(at) } => {
                format!("did not happen; again in {:?}", at.since(self.now))
            }
            End::CannotTell { retry_at } => {
                format!("cannot tell; again in {:?}", retry_at.since(self.now))
            }
            End::Late(_) => "done, late".into(),
        }
    }

    fn letter(&self, letter: &Letter) -> String {
        match letter {
            Letter::Cancel { .. } => "cancel".into(),
            Letter::Kill { .. } => "kill".into(),
            Letter::Late { step, way, .. } => format!("late {}", self.turn("", *step, 0, *way)),
            Letter::Unpark { .. } => "unpark".into(),
            Letter::MarkDone { step, output: None, .. } => {
                format!("mark {} done", self.step(*step))
            }
            Letter::MarkDone { step, .. } => format!("output of {}", self.step(*step)),
            Letter::MarkNotDone { step, .. } => format!("mark {} not done", self.step(*step)),
            Letter::Waive { step, .. } => format!("waive {}", self.step(*step)),
        }
    }

    pub(super) fn cause(&self, cause: &Cause) -> String {
        match cause {
            Cause::Refused { step, .. } => format!("{} refused", self.step(*step)),
            Cause::Failed { step, .. } => format!("{} failed", self.step(*step)),
            Cause::Deadline => "deadline".into(),
            Cause::Cancelled { .. } => "cancelled".into(),
            Cause::Abandoned => "abandoned".into(),
        }
    }

    fn park_reason(&self, reason: &ParkReason) -> String {
        match reason {
            ParkReason::Undecodable { step: Some(step), .. } => {
                format!("{} undecodable", self.step(*step))
            }
            ParkReason::Undecodable { step: None, .. } => "undecodable".into(),
            ParkReason::Panicked { step: Some(step), .. } => {
                format!("when of `{}` panicked", self.step(*step))
            }
            ParkReason::Panicked { step: None, .. } => "response panicked".into(),
            ParkReason::Exhausted { step, why } => {
                format!("{} exhausted: {why}", self.step(*step))
            }
            ParkReason::PivotUnknown { why } => format!("pivot unknown: {why}"),
            ParkReason::CrashLoop(crashes) => format!("{crashes} crashes"),
        }
    }

    fn finished(&self, finished: &Finished) -> String {
        let mut said = match finished.finish {
            Finish::Completed(_) => "completed",
            Finish::Compensated(_) => "compensated",
            Finish::Cancelled { .. } => "cancelled",
            Finish::Killed { .. } => "killed",
        }
        .to_owned();
        for residual in &finished.residual {
            said.push_str(&format!("; {}: {}", self.step(residual.step), residual.reason));
        }
        if let Some(until) = finished.late_until {
            said.push_str(&format!("; settles in {:?}", until.since(self.now)));
        }
        said
    }
}
