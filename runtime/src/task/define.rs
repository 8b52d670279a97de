//! From the printed tables to what the engine knows: the [`Definition`] and the [`Handlers`].

use std::{borrow::Cow, sync::Arc};

use super::{
    Handlers, Inputs, ProbeContext, Slot, StepContext, TaskSteps, Typed, UndoContext, Work,
    call::{ProbeCall, UndoCall, View},
    row::{AnyRun, Facts, Row, Table, Undo},
    table::TaskRow,
    typed::{ErrorValue, RequestValue, ResponseValue},
};
use crate::kernel::{DEFAULT_STEP_TIMEOUT, Definition, Kind, Outcome, Retry, Step, Value};

/// The graph of a task.
pub(crate) fn definition<T: TaskSteps>() -> Definition {
    Definition {
        task: Cow::Borrowed(T::TASK.name),
        queue: Cow::Borrowed(T::TASK.queue),
        steps: steps(T::TASK, T::STEPS),
        timeout: T::TASK.timeout,
        cancellable: T::TASK.cancellable,
    }
}

fn steps<T>(task: TaskRow, rows: Table<T>) -> Vec<Step> {
    let mut stage = 0;
    let mut await_all = false;
    let mut steps: Vec<Step> = Vec::with_capacity(rows.len());
    for row in rows {
        let Facts { group, .. } = &row.facts;
        let joins =
            group.is_some() && steps.last().is_some_and(|before| before.group.as_deref() == *group);
        if !joins {
            stage += usize::from(!steps.is_empty());
            await_all = row.facts.await_all;
        }
        steps.push(describe(task, row, stage, await_all));
    }
    steps
}

fn describe<T>(task: TaskRow, row: &Row<T, dyn AnyRun<T>>, stage: usize, await_all: bool) -> Step {
    let Row { facts, run } = row;
    Step {
        name: Cow::Borrowed(facts.name),
        host: facts.host,
        stage,
        group: facts.group.map(Cow::Borrowed),
        await_all,
        kind: kind(facts.undo),
        conditional: facts.when.is_some(),
        ephemeral: run.output().is_none(),
        inputs: facts.reads.run.to_vec(),
        when_inputs: facts.reads.when.to_vec(),
        undo_inputs: facts.reads.undo.to_vec(),
        probe_inputs: facts.reads.probe.to_vec(),
        at_most_once: facts.at_most_once,
        probe: run.has_probe(),
        on_exhausted: facts.on_exhausted,
        retry: retry(task, facts),
        timeout: facts.timeout.or(task.timeout).unwrap_or(DEFAULT_STEP_TIMEOUT),
    }
}

fn kind(undo: Undo) -> Kind {
    match undo {
        Undo::Compensate => Kind::Compensable,
        Undo::Pivot => Kind::Pivot,
        Undo::Retriable => Kind::Retriable,
        Undo::ReadOnly => Kind::ReadOnly,
        Undo::Remains(reason) => Kind::NoUndo(Cow::Borrowed(reason)),
    }
}

fn retry<T>(task: TaskRow, step: &Facts<T>) -> Retry {
    if step.at_most_once {
        return Retry { max: 0, ..Retry::DEFAULT };
    }
    step.retry.or(&task)
}

/// A task as the engine sees it. That it can be shared between threads is known to its rows only:
/// the macros ask it of each dependency, so that the mistake is told there.
pub(crate) fn handlers<T: TaskSteps>(task: Arc<T>) -> Arc<dyn Handlers> {
    // The macros refuse a task without steps, unless the compiler told a syntax error in its place.
    let row = const { T::STEPS.first().expect("the steps of this task could not be read") };
    row.run.bind(task)
}

/// The same, where it is known.
pub(super) fn bound<T: TaskSteps + Send + Sync>(task: Arc<T>) -> Arc<dyn Handlers> {
    Arc::new(Bound { task })
}

/// The printed tables, bound to a task with its dependencies.
struct Bound<T> {
    task: Arc<T>,
}

impl<T: TaskSteps + Send + Sync> Handlers for Bound<T> {
    fn definition(&self) -> Definition {
        definition::<T>()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        T::STEPS[step].run.start(Arc::clone(&self.task), cx, inputs)
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        let call = UndoCall { task: Arc::clone(&self.task), cx, inputs, outcome };
        T::STEPS[step].run.undo(call).expect("the engine undoes compensable steps only")
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        let call = ProbeCall { task: Arc::clone(&self.task), cx, inputs };
        T::STEPS[step].run.probe(call).expect("the engine asks probes that are there")
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        let holds = T::STEPS[step].facts.when.expect("the engine asks conditional steps only");
        holds(View { task: &self.task, inputs })
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        (T::RESPONSE)(View { task: &self.task, inputs })
    }

    fn typed(&self, slot: Slot) -> Option<Typed> {
        match slot {
            Slot::Request => Some(T::Request::typed()),
            Slot::Output(step) => T::STEPS[step].run.output(),
            Slot::Error => Some(T::Error::typed()),
            Slot::Response => Some(T::Response::typed()),
        }
    }

    fn was(&self, step: usize) -> &'static [&'static str] {
        T::STEPS[step].facts.was
    }

    fn response_reads(&self) -> &'static [usize] {
        T::RESPONSE_READS
    }

    fn needs_files(&self) -> Option<&'static str> {
        T::STEPS
            .iter()
            .map(|row| &row.facts)
            .find(|facts| facts.bucket.is_some())
            .map(|facts| facts.name)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Refusal,
        kernel::{Backoff, Encoded, Host, Jitter},
        task::{
            Serde, TaskDefinition,
            call::{Call, UndoCall, future, future_sources, respond},
            limits::{mins, retry, secs},
            row::{Table, compensable, pivot, read_only, retriable, upload},
            table::{READS, Response, TaskRow, task},
        },
    };

    struct Ship;

    impl TaskDefinition for Ship {
        type Values = Serde;
        type Request = u32;
        type Response = ();
        type Error = Refusal;
        const TASK: TaskRow =
            task("ship").queue("orders").max_retries(7).timeout(mins(5)).cancellable();
    }

    impl TaskSteps for Ship {
        const STEPS: Table<Self> = &[
            &upload("scan", "orders")
                .files(|_: Call<Self, Vec<_>>| future_sources(async { Ok(Vec::new()) }))
                .on_api(),
            &read_only("stock")
                .run(|c: Call<Self, u32>| future(async move { Ok(*c.request()) }))
                .group("checks")
                .await_all(),
            &compensable("hold")
                .run(|c: Call<Self, u32>| future(async move { Ok(*c.request()) }))
                .undo(|_: UndoCall<Self>| future(async { Ok(()) }))
                .group("checks")
                .reads(READS.undo(&[0])),
            &pivot("charge")
                .run(|c: Call<Self, u32>| future(async move { Ok(*c.step::<u32>(1)) }))
                .reads(READS.run(&[1]).when(&[2]))
                .when(|c| *c.step::<u32>(2) > 3)
                .retry(retry().constant().delay(mins(2)).no_jitter()),
            &retriable("tell").run(|_: Call<Self, ()>| future(async { Ok(()) })).timeout(secs(1)),
        ];
        const RESPONSE: Response<Self> = |_| respond::<Self>(());
    }

    #[test]
    fn a_group_is_one_stage_and_its_first_member_speaks_for_it() {
        let stages: Vec<_> = definition::<Ship>()
            .steps
            .into_iter()
            .map(|step| (step.name, step.stage, step.await_all))
            .collect();
        let expected = [
            ("scan", 0, false),
            ("stock", 1, true),
            ("hold", 1, true),
            ("charge", 2, false),
            ("tell", 3, false),
        ];
        assert_eq!(stages, expected.map(|(name, stage, all)| (name.into(), stage, all)));
    }

    #[test]
    fn a_step_says_who_reads_what_and_how_it_is_undone() {
        let Definition { queue, cancellable, steps, .. } = definition::<Ship>();
        assert_eq!((&*queue, cancellable), ("orders", true));
        assert_eq!(steps[0].host, Host::Api);
        assert_eq!(steps[2].undo_inputs, [0]);
        assert_eq!((&*steps[3].inputs, &*steps[3].when_inputs), (&[1][..], &[2][..]));
        let kinds: Vec<_> = steps.into_iter().map(|step| step.kind).collect();
        let compensable = || Kind::Compensable;
        let expected = [compensable(), Kind::ReadOnly, compensable(), Kind::Pivot, Kind::Retriable];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn what_a_step_does_not_say_the_task_says_and_then_the_defaults() {
        let steps = definition::<Ship>().steps;
        assert_eq!(steps[4].retry, Retry { max: 7, ..Retry::DEFAULT });
        let (delay, max_delay) = (mins(2), mins(2));
        let said =
            Retry { max: 7, backoff: Backoff::Constant, delay, max_delay, jitter: Jitter::None };
        assert_eq!(steps[3].retry, said);
        assert_eq!((steps[3].timeout, steps[4].timeout), (mins(5), Duration::from_secs(1)));
    }

    #[test]
    fn only_an_upload_needs_files() {
        assert_eq!(handlers(Arc::new(Ship)).needs_files(), Some("scan"));
    }

    #[test]
    fn a_slot_is_decoded_as_the_type_that_its_row_declares() {
        let handlers = handlers(Arc::new(Ship));
        let json = |text: &'static str| {
            Value::encoded(Encoded { codec: "json/1".into(), bytes: text.into() })
        };
        let output = handlers.live(Slot::Output(1), &json("5")).expect("a number");
        assert_eq!(output.get::<u32>(), Some(&5));
        assert!(handlers.live(Slot::Output(1), &json("\"five\"")).is_err());
        assert!(handlers.live(Slot::Request, &json("[]")).is_err());
    }
}
