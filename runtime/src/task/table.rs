//! The tables that the macros print: one [`TaskRow`] a task, one [`StepRow`] a step. Rows are
//! built by `const fn` chains, so that what is unset prints nothing.

use std::{fmt::Display, time::Duration};

use super::{
    Work,
    call::{Call, Sources, UndoCall, View},
    typed::Typed,
};
use crate::{
    files::{UploadedFile, UploadedFiles},
    kernel::{Backoff, Host, Jitter, JournalValue},
};

/// Who a task is. `#[distributed_task(..)]` on the struct implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "this is not a task",
    note = "put `#[distributed_task(..)]` on `struct {Self}`"
)]
pub trait TaskDefinition: Sized + Send + Sync + 'static {
    /// What a saga starts with.
    type Request: JournalValue;
    /// What a completed saga answers.
    type Response: JournalValue + Clone;
    /// The declared error: what a step refuses with.
    type Error: JournalValue + Clone + Display;
    /// Its name and limits.
    const TASK: TaskRow;
}

/// What a task does. `#[steps]` on the impl block implements it.
#[diagnostic::on_unimplemented(
    message = "the task `{Self}` has no steps",
    label = "no steps",
    note = "put `#[steps]` on the `impl {Self}` block that has the step methods"
)]
pub trait TaskSteps: TaskDefinition {
    /// The steps, in source order.
    const STEPS: &'static [StepRow<Self>];
    /// How the response is made.
    const RESPONSE: Response<Self>;
}

/// A task whose sagas users may cancel.
#[diagnostic::on_unimplemented(
    message = "the sagas of `{Self}` cannot be cancelled",
    label = "not cancellable",
    note = "add `cancellable` to `#[distributed_task(..)]` on `struct {Self}`"
)]
pub trait Cancellable: TaskDefinition {}

/// Where a task runs when its builder does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything in this process.
    InProcess,
    /// Hosts and workers that meet in a store.
    Distributed,
}

/// Name and limits of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskRow {
    pub(crate) name: &'static str,
    pub(crate) queue: &'static str,
    pub(crate) mode: Mode,
    pub(crate) max_retries: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancellable: bool,
}

/// A task of this name, on the queue of the same name.
pub const fn task(name: &'static str) -> TaskRow {
    TaskRow {
        name,
        queue: name,
        mode: Mode::InProcess,
        max_retries: None,
        timeout: None,
        cancellable: false,
    }
}

impl TaskRow {
    /// Listens to this queue.
    pub const fn queue(mut self, queue: &'static str) -> Self {
        self.queue = queue;
        self
    }

    /// Runs in this mode unless the builder says otherwise.
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Retries of a step that does not say its own.
    pub const fn max_retries(mut self, max: u32) -> Self {
        self.max_retries = Some(max);
        self
    }

    /// Deadline of a saga.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets users cancel a saga.
    pub const fn cancellable(mut self) -> Self {
        self.cancellable = true;
        self
    }
}

/// One step of a task.
pub struct StepRow<T> {
    pub(crate) name: &'static str,
    pub(crate) run: Run<T>,
    pub(crate) undo: Undo<T>,
    /// `None` for an ephemeral output, which nobody encodes.
    pub(crate) output: Option<Typed>,
    pub(crate) host: Host,
    pub(crate) group: Option<&'static str>,
    pub(crate) await_all: bool,
    pub(crate) reads: &'static [usize],
    pub(crate) when: Option<When<T>>,
    pub(crate) undo_reads: &'static [usize],
    pub(crate) retry: RetryRow,
    pub(crate) timeout: Option<Duration>,
}

/// What a step does.
pub(crate) enum Run<T> {
    /// It calls its method.
    Method(fn(Call<T>) -> Work),
    /// It uploads what its method returns.
    Upload(Upload<T>),
}

/// The work of an upload step.
pub(crate) struct Upload<T> {
    pub(crate) bucket: &'static str,
    pub(crate) sources: fn(Call<T>) -> Sources,
    pub(crate) output: fn(UploadedFiles) -> crate::kernel::Value,
}

/// Whether a step runs at all.
pub(crate) struct When<T> {
    pub(crate) reads: &'static [usize],
    pub(crate) holds: fn(View<'_, T>) -> bool,
}

/// How a step is undone.
pub enum Undo<T> {
    /// By this method.
    Compensate(fn(UndoCall<T>) -> Work),
    /// By deleting what it uploaded.
    DeleteUploads,
    /// Not at all: it is the point of no return.
    Pivot,
    /// Not at all: it stands after the pivot.
    Retriable,
    /// Not at all: it changes nothing.
    ReadOnly,
    /// Not at all, for this reason.
    NoUndo(&'static str),
}

/// A step whose output is journaled.
pub const fn step<T, O: JournalValue>(
    name: &'static str,
    undo: Undo<T>,
    run: fn(Call<T>) -> Work,
) -> StepRow<T> {
    StepRow::new(name, Run::Method(run), undo, Some(Typed::of::<O>()))
}

/// A step whose output lives with the worker; it is always read-only.
pub const fn ephemeral<T>(name: &'static str, run: fn(Call<T>) -> Work) -> StepRow<T> {
    StepRow::new(name, Run::Method(run), Undo::ReadOnly, None)
}

/// A step that uploads one file; its output is an [`UploadedFile`].
pub const fn upload_file<T>(
    name: &'static str,
    bucket: &'static str,
    sources: fn(Call<T>) -> Sources,
) -> StepRow<T> {
    let output = |files: UploadedFiles| crate::kernel::Value::journaled(files.into_single());
    let run = Run::Upload(Upload { bucket, sources, output });
    StepRow::new(name, run, Undo::DeleteUploads, Some(Typed::of::<UploadedFile>()))
}

/// A step that uploads any number of files; its output is [`UploadedFiles`].
pub const fn upload_files<T>(
    name: &'static str,
    bucket: &'static str,
    sources: fn(Call<T>) -> Sources,
) -> StepRow<T> {
    let run = Run::Upload(Upload { bucket, sources, output: crate::kernel::Value::journaled });
    StepRow::new(name, run, Undo::DeleteUploads, Some(Typed::of::<UploadedFiles>()))
}

impl<T> StepRow<T> {
    const fn new(name: &'static str, run: Run<T>, undo: Undo<T>, output: Option<Typed>) -> Self {
        Self {
            name,
            run,
            undo,
            output,
            host: Host::Worker,
            group: None,
            await_all: false,
            reads: &[],
            when: None,
            undo_reads: &[],
            retry: retry(),
            timeout: None,
        }
    }

    /// Reads the outputs of these steps.
    pub const fn reads(mut self, steps: &'static [usize]) -> Self {
        self.reads = steps;
        self
    }

    /// Its undo reads the outputs of these steps, besides its own.
    pub const fn undo_reads(mut self, steps: &'static [usize]) -> Self {
        self.undo_reads = steps;
        self
    }

    /// Runs only if this holds; the condition reads the outputs of these steps.
    pub const fn when(mut self, reads: &'static [usize], holds: fn(View<'_, T>) -> bool) -> Self {
        self.when = Some(When { reads, holds });
        self
    }

    /// Runs where the request arrives.
    pub const fn on_api(mut self) -> Self {
        self.host = Host::Api;
        self
    }

    /// Runs beside the other members of this group.
    pub const fn group(mut self, name: &'static str) -> Self {
        self.group = Some(name);
        self
    }

    /// Lets the members of its group finish although one failed.
    pub const fn await_all(mut self) -> Self {
        self.await_all = true;
        self
    }

    /// An upload that keeps what it uploaded.
    pub const fn undo(mut self, undo: Undo<T>) -> Self {
        self.undo = undo;
        self
    }

    /// Is tried again like this.
    pub const fn retry(mut self, retry: RetryRow) -> Self {
        self.retry = retry;
        self
    }

    /// Limit of one attempt.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// What a step says about its retries; the task and the defaults say the rest.
#[derive(Clone, Copy, Debug)]
pub struct RetryRow {
    pub(crate) max: Option<u32>,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) delay: Option<Duration>,
    pub(crate) max_delay: Option<Duration>,
    pub(crate) jitter: Option<Jitter>,
}

/// Retries that say nothing yet.
pub const fn retry() -> RetryRow {
    RetryRow { max: None, backoff: None, delay: None, max_delay: None, jitter: None }
}

impl RetryRow {
    /// Tries after the first.
    pub const fn max(mut self, max: u32) -> Self {
        self.max = Some(max);
        self
    }

    /// How the delay grows.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// Delay before the first retry.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Cap of the delay.
    pub const fn max_delay(mut self, cap: Duration) -> Self {
        self.max_delay = Some(cap);
        self
    }

    /// How the delay is spread.
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = Some(jitter);
        self
    }
}

/// How the response is made.
pub struct Response<T: TaskDefinition>(pub(crate) fn(View<'_, T>) -> T::Response);

/// The response is made by this method.
pub const fn response<T: TaskDefinition>(make: fn(View<'_, T>) -> T::Response) -> Response<T> {
    Response(make)
}

/// A duration in milliseconds.
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A duration in seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A duration in minutes.
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// A duration in hours.
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}

/// Refuses, while compiling, an attempt that may run longer than its saga (T3).
#[track_caller]
pub const fn fits_into<T: TaskDefinition>(step: Duration) {
    if let Some(task) = T::TASK.timeout {
        assert!(
            step.as_nanos() <= task.as_nanos(),
            "the `timeout` of this step is longer than the `timeout` of its task"
        );
    }
}
