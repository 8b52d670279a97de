//! What a matrix has to say: how much it went through, or what is wrong.

use std::fmt;

use super::{point::VARIABLE, run::Told, scenario::Scenario};
use crate::{
    kernel::Definition,
    testing::{
        matrix::point::Point,
        print::{record_line, records},
    },
};

/// What a matrix went through without finding anything wrong.
///
/// See [`CrashMatrix`](super::CrashMatrix) for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashReport {
    /// Writes to the journal of the saga in which nothing goes wrong.
    pub writes: usize,
    /// Runs, one for each point of the matrix.
    pub runs: usize,
}

/// What a matrix found. Its `Display` shows the first failure in full, with a line that runs it
/// again, and names the others.
///
/// ```
/// # use distributed_task::{prelude::*, testing::{EffectLedger, crash_matrix}};
/// # #[derive(Default)]
/// # #[distributed_task(request = i64, response = ())]
/// # struct Pay { bank: EffectLedger }
/// # #[steps]
/// # impl Pay {
/// #     #[step(no_undo = "it is the last step")]
/// #     async fn charge(&self, cx: &StepContext, request: &i64) {
/// #         self.bank.add(cx.idempotency_key(), "card", *request); // whatever came before
/// #     }
/// #     #[response]
/// #     fn respond(&self) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // A step that charges as often as it runs.
/// let failure = crash_matrix::<Pay>(1200).try_check().await.expect_err("it is found");
/// let point = failure.points().next().expect("there is one");
/// assert_eq!(point, "pay/plain:2:before");
/// assert!(failure.broken(point)[0].starts_with("INV3: `card` stands at 2400, and at 1200"));
/// # }
/// ```
#[derive(Debug)]
pub struct CrashFailure {
    pub(super) task: String,
    pub(super) runs: usize,
    pub(super) failures: Vec<Failed>,
    /// How the first one is run again.
    pub(super) replay: String,
    /// The first one in full.
    pub(super) first: String,
}

/// A run that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) point: String,
    pub(super) broken: Vec<String>,
}

impl CrashFailure {
    /// Runs that were done.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// The points that failed, in their order: what `CRASH_POINT` takes.
    pub fn points(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(|failed| &*failed.point)
    }

    /// What is broken at a point, each sentence with its rule.
    pub fn broken(&self, point: &str) -> &[String] {
        let failed = self.failures.iter().find(|failed| failed.point == point);
        failed.map_or(&[], |failed| &failed.broken)
    }

    /// The line that runs the first failure again.
    pub fn replay(&self) -> &str {
        &self.replay
    }
}

impl std::error::Error for CrashFailure {}

impl fmt::Display for CrashFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, runs, failures, replay, first } = self;
        let count = failures.len();
        writeln!(
            f,
            "crash matrix of `{task}`: {count} of {runs} runs failed. To run the first again:"
        )?;
        writeln!(f, "\n  {replay}\n\n{first}")?;
        for Failed { point, broken } in failures.iter().skip(1) {
            let broken = broken.first().map_or("", |first| first);
            writeln!(f, "also {point}: {broken}")?;
        }
        Ok(())
    }
}

/// The line that does one run again. Called on the thread of the test, which has its name.
pub(super) fn replay(point: &str, test: Option<&str>) -> String {
    match test.filter(|test| *test != "main") {
        Some(test) => format!("{VARIABLE}=\"{point}\" cargo test {test}"),
        None => format!("{VARIABLE}=\"{point}\" cargo test"),
    }
}

/// Everything that there is to read about a run. `whole` is the one without a crash.
pub(super) fn in_full(
    definition: &Definition,
    point: Point,
    broken: &[String],
    told: &Told,
    whole: Option<&Told>,
) -> String {
    let mut text = match point == Point::whole(Scenario::Plain) {
        true => "at: nothing is made to go wrong\n".to_owned(),
        false => format!("at: {}\n", point.scenario.told(definition)),
    };
    if let (Some(stop), Some(happens)) = (point.stop, point.happens()) {
        let whole = whole.unwrap_or(told);
        let (nth, all) = (stop.append, whole.world.store.appends());
        text.push_str(&format!("    write {nth} of {all}: {happens}\n"));
        for line in written(definition, nth as usize, whole) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text.push_str(&format!("broken:\n  {}\n", broken.join("\n  ")));
    let lines = told.saga.as_ref().map(|(_, definition, of)| records(definition, of));
    text.push_str(&format!("records:\n{}", lines.unwrap_or_default()));
    text.push_str(&format!("ledger:\n{}", told.world.ledger));
    for (step, name) in &told.objects {
        text.push_str(&format!("  object {name} of `{step}`\n"));
    }
    text
}

/// What a write of the run without a crash wrote.
fn written(definition: &Definition, nth: usize, whole: &Told) -> Vec<String> {
    let Some((_, _, records)) = &whole.saga else { return Vec::new() };
    let Some((seq, count)) = whole.world.store.group(nth) else { return Vec::new() };
    let group = records.get(seq..seq + count).unwrap_or_default();
    group.iter().map(|at| record_line(definition, &at.record)).collect()
}
