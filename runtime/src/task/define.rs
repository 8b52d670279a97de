//! From the printed tables to what the engine knows: the [`Definition`] and the [`Handlers`].

use std::{borrow::Cow, sync::Arc};

use futures_util::FutureExt;

use super::{
    Handlers, Inputs, Slot, StepContext, StepError, TaskDefinition, TaskSteps, UndoContext, Work,
    call::{Call, UndoCall, View, failed},
    table::{RetryRow, Run, StepRow, TaskRow, Undo, Upload},
    typed::{Typed, round_trip},
};
use crate::kernel::{
    AttemptEnd, DEFAULT_STEP_TIMEOUT, Definition, Encoded, Kind, Outcome, Retry, Step, Value,
};

/// The graph of a task.
pub fn definition<T: TaskSteps>() -> Definition {
    Definition {
        task: Cow::Borrowed(T::TASK.name),
        queue: Cow::Borrowed(T::TASK.queue),
        steps: steps(T::TASK, T::STEPS),
        timeout: T::TASK.timeout,
        cancellable: T::TASK.cancellable,
    }
}

fn steps<T>(task: TaskRow, rows: &[StepRow<T>]) -> Vec<Step> {
    let mut stage = 0;
    let mut await_all = false;
    let mut steps: Vec<Step> = Vec::with_capacity(rows.len());
    for row in rows {
        let joins = row.group.is_some()
            && steps.last().is_some_and(|before| before.group.as_deref() == row.group);
        if !joins {
            stage += usize::from(!steps.is_empty());
            await_all = row.await_all;
        }
        steps.push(describe(task, row, stage, await_all));
    }
    steps
}

fn describe<T>(task: TaskRow, row: &StepRow<T>, stage: usize, await_all: bool) -> Step {
    Step {
        name: Cow::Borrowed(row.name),
        host: row.host,
        stage,
        group: row.group.map(Cow::Borrowed),
        await_all,
        kind: kind(&row.undo),
        conditional: row.when.is_some(),
        ephemeral: row.output.is_none(),
        inputs: row.reads.to_vec(),
        when_inputs: row.when.as_ref().map_or_else(Vec::new, |when| when.reads.to_vec()),
        undo_inputs: row.undo_reads.to_vec(),
        retry: retry(task, row.retry),
        timeout: row.timeout.or(task.timeout).unwrap_or(DEFAULT_STEP_TIMEOUT),
    }
}

fn kind<T>(undo: &Undo<T>) -> Kind {
    match undo {
        Undo::Compensate(_) | Undo::DeleteUploads => Kind::Compensable,
        Undo::Pivot => Kind::Pivot,
        Undo::Retriable => Kind::Retriable,
        Undo::ReadOnly => Kind::ReadOnly,
        Undo::NoUndo(reason) => Kind::NoUndo(Cow::Borrowed(reason)),
    }
}

fn retry(task: TaskRow, row: RetryRow) -> Retry {
    let default = Retry::DEFAULT;
    let delay = row.delay.unwrap_or(default.delay);
    Retry {
        max: row.max.or(task.max_retries).unwrap_or(default.max),
        backoff: row.backoff.unwrap_or(default.backoff),
        delay,
        // The default cap never shortens a delay that was asked for.
        max_delay: row.max_delay.unwrap_or_else(|| default.max_delay.max(delay)),
        jitter: row.jitter.unwrap_or(default.jitter),
    }
}

/// A task as the engine sees it.
pub fn handlers<T: TaskSteps>(task: Arc<T>) -> Arc<dyn Handlers> {
    Arc::new(Bound { task })
}

/// The printed tables, bound to a task with its dependencies.
struct Bound<T> {
    task: Arc<T>,
}

impl<T: TaskSteps> Handlers for Bound<T> {
    fn definition(&self) -> Definition {
        definition::<T>()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        let row = &T::STEPS[step];
        let call = Call { task: Arc::clone(&self.task), cx, inputs };
        let work = match &row.run {
            Run::Method(method) => method(call),
            Run::Upload(step) => upload(step, call),
        };
        checked(work, row.name, row.output, Typed::of::<T::Error>())
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, outcome: Outcome<Value>) -> Work {
        let row = &T::STEPS[step];
        let call = UndoCall { task: Arc::clone(&self.task), cx, inputs, outcome };
        let work = match (&row.undo, &row.run) {
            (Undo::Compensate(method), _) => method(call),
            (Undo::DeleteUploads, Run::Upload(upload)) => delete_uploads(upload.bucket, call),
            _ => unreachable!("the engine undoes compensable steps only; `{}` is none", row.name),
        };
        checked(work, row.name, None, Typed::of::<T::Error>())
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        let when = T::STEPS[step].when.as_ref().expect("the engine asks conditional steps only");
        (when.holds)(View { task: &self.task, inputs })
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        let response = Value::journaled((T::RESPONSE.0)(View { task: &self.task, inputs }));
        if cfg!(debug_assertions) {
            let typed = Typed::of::<T::Response>();
            return typed.round_trip(&response).unwrap_or_else(|why| panic!("response: {why}"));
        }
        response
    }

    fn decode(&self, slot: Slot, encoded: &Encoded) -> Result<Value, String> {
        let typed = match slot {
            Slot::Request => Typed::of::<T::Request>(),
            Slot::Output(step) => {
                T::STEPS[step].output.ok_or("an ephemeral output is never encoded")?
            }
            Slot::Error => Typed::of::<T::Error>(),
            Slot::Response => Typed::of::<T::Response>(),
        };
        typed.decode(encoded)
    }

    fn needs_files(&self) -> Option<&'static str> {
        T::STEPS.iter().find(|row| matches!(row.run, Run::Upload(_))).map(|row| row.name)
    }
}

/// In debug builds, every value that an attempt ends with takes a round trip through JSON.
fn checked(work: Work, step: &'static str, output: Option<Typed>, error: Typed) -> Work {
    if !cfg!(debug_assertions) {
        return work;
    }
    let end = work.future.map(move |end| round_trip(end, &format!("step `{step}`"), output, error));
    Work { future: Box::pin(end), interruptible: work.interruptible }
}

fn upload<T: TaskDefinition>(step: &Upload<T>, call: Call<T>) -> Work {
    let &Upload { bucket, sources, output } = step;
    let cx = call.cx.clone();
    let sources = sources(call);
    let end = async move {
        let sources = match sources.await {
            Ok(sources) => sources,
            Err(end) => return end,
        };
        match cx.upload(bucket, sources).await {
            Ok(files) => AttemptEnd::Done(output(files)),
            Err(error) => failed::<T>(StepError::retry(error)),
        }
    };
    // Naming the sources changes nothing, so dropping the future ends the attempt even while a
    // thread of the blocking pool still names them.
    Work { future: Box::pin(end), interruptible: true }
}

fn delete_uploads<T: TaskDefinition>(bucket: &'static str, call: UndoCall<T>) -> Work {
    let end = async move {
        match call.cx.delete_uploads(bucket).await {
            Ok(()) => AttemptEnd::Done(Value::journaled(())),
            Err(error) => failed::<T>(StepError::retry(error)),
        }
    };
    Work { future: Box::pin(end), interruptible: true }
}
