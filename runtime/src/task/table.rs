//! What the macros print: who a task is and what it does. Tables are built by `const fn` chains,
//! so that what is unset prints nothing.

use std::{fmt::Display, time::Duration};

use super::{call::View, row::Table};
use crate::kernel::{JournalValue, Value};

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
    const STEPS: Table<Self>;
    /// How the response is made.
    const RESPONSE: Response<Self>;
}

/// Makes the response of a task.
pub type Response<T> = fn(View<'_, T>) -> Value;

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
