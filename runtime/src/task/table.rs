//! What the macros print: who a task is and what it does. Tables are built by `const fn` chains,
//! so that what is unset prints nothing.

use std::time::Duration;

use super::{
    call::View,
    row::Table,
    typed::{ErrorValue, RequestValue, ResponseValue},
};
use crate::{journal::Durability, kernel::Value};

/// Who a task is. `#[distributed_task(..)]` on the struct implements it.
///
/// ```
/// use distributed_task::{TaskDefinition, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// /// The response, of whatever task it is.
/// fn response<T: TaskDefinition>(outcome: SagaOutcome<T>) -> Option<T::Response> {
///     match outcome {
///         SagaOutcome::Completed(response) => Some(response),
///         _ => None,
///     }
/// }
/// assert_eq!(response::<Double>(SagaOutcome::Completed(42)), Some(42));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "this is not a task",
    note = "put `#[distributed_task(..)]` on `struct {Self}`"
)]
pub trait TaskDefinition: Sized + 'static {
    /// What a saga starts with: `Serialize + DeserializeOwned + Send + Sync + 'static`, or a `prost`
    /// message.
    type Request: RequestValue<Self::Values>;
    /// What a completed saga answers: the same, and `Clone`.
    type Response: ResponseValue<Self::Values>;
    /// Which of both they are.
    #[doc(hidden)]
    type Values;
    /// The declared error, what a step refuses with: `Serialize + DeserializeOwned + Send + Sync +
    /// 'static`, `Clone` and `Display`.
    type Error: ErrorValue;
    /// Its name and limits.
    const TASK: TaskRow;
}

/// Asks of `T`, where `#[steps]` stands, that it is a task without a mistake in its definition.
pub const fn is_task<T: IsTask>() -> bool {
    T::IS_TASK
}

/// A task. It asks for [`TaskDefinition`] at second hand: the compiler would list the other tasks
/// that implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    label = "this is not a task",
    note = "put `#[distributed_task(..)]` on `struct {Self}`"
)]
pub trait IsTask {
    /// True; a mistake in the definition is told where this is read.
    const IS_TASK: bool;
}

#[diagnostic::do_not_recommend]
impl<T: TaskDefinition> IsTask for T {
    const IS_TASK: bool = {
        let _ = T::TASK;
        true
    };
}

/// The type itself. The steps of a task are printed where `Checked<Task, { is_task::<Task>() }>` is
/// one: a constant that does not compile is told where it stands, and nothing is told that follows
/// from it. Without it, a struct that is no task would be one more mistake in every step.
pub type Checked<T, const OK: bool> = <T as Check<OK>>::Itself;

/// See [`Checked`].
pub trait Check<const OK: bool> {
    /// The type itself.
    type Itself;
}

impl<T, const OK: bool> Check<OK> for T {
    type Itself = T;
}

/// What the builder can set: the task is shared by the threads that run its sagas.
#[diagnostic::on_unimplemented(
    message = "the dependency `{Self}` cannot be shared between threads",
    label = "not `Send + Sync + 'static`",
    note = "a task is shared by its sagas: take an `Arc` for an `Rc`, a `Mutex` or an atomic for a `Cell`, and `dyn Trait + Send + Sync` for a `dyn Trait`"
)]
pub trait Shareable {}

#[diagnostic::do_not_recommend]
impl<V: Send + Sync + 'static> Shareable for V {}

/// What a task does. `#[steps]` on the impl block implements it.
///
/// ```
/// use distributed_task::{TaskSteps, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// /// Submits to whatever task it is, and waits for the end.
/// async fn call<T: TaskSteps>(
///     task: &Task<T>,
///     request: T::Request,
/// ) -> Result<SagaOutcome<T>, Box<dyn std::error::Error>> {
///     Ok(task.submit(request).await?.outcome().await?)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let task = Double::builder().use_in_process_mode().build().await?;
/// assert!(matches!(call(&task, 21).await?, SagaOutcome::Completed(42)));
/// # Ok(())
/// # }
/// ```
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
    /// The steps whose outputs the response reads.
    const RESPONSE_READS: Reads = &[];
}

/// Steps whose outputs are read.
pub type Reads = &'static [usize];

/// What one step reads, by who reads it.
#[derive(Clone, Copy)]
pub struct RowReads {
    pub(crate) run: Reads,
    pub(crate) undo: Reads,
    pub(crate) when: Reads,
    pub(crate) probe: Reads,
}

/// Nothing is read.
pub const READS: RowReads = RowReads { run: &[], undo: &[], when: &[], probe: &[] };

impl RowReads {
    /// The step itself reads these.
    pub const fn run(mut self, steps: Reads) -> Self {
        self.run = steps;
        self
    }

    /// Its undo reads these, besides its own.
    pub const fn undo(mut self, steps: Reads) -> Self {
        self.undo = steps;
        self
    }

    /// Its condition reads these.
    pub const fn when(mut self, steps: Reads) -> Self {
        self.when = steps;
        self
    }

    /// Its probe reads these.
    pub const fn probe(mut self, steps: Reads) -> Self {
        self.probe = steps;
        self
    }
}

/// Makes the response of a task.
pub type Response<T> = fn(View<'_, T>) -> Value;

/// A task whose sagas users may cancel.
///
/// ```
/// use distributed_task::{CancelError, Cancellable, Cancelled, SagaHandle};
///
/// /// Cancels, and asks once more where nobody knows whether it was heard.
/// async fn insist<T: Cancellable>(saga: &SagaHandle<T>) -> Result<Cancelled, CancelError> {
///     match saga.cancel().await {
///         Err(CancelError::Journal { .. }) => saga.cancel().await,
///         answer => answer,
///     }
/// }
/// ```
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
    pub(crate) durability: Option<Durability>,
    pub(crate) singleton: Option<&'static str>,
    pub(crate) hold_at_least: Duration,
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
        durability: None,
        singleton: None,
        hold_at_least: Duration::ZERO,
    }
}

impl TaskRow {
    /// Works with a dependency of this type.
    pub const fn with<V: Shareable>(self) -> Self {
        self
    }

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

    /// Requires a journal that survives at least this.
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// Lets one saga run at a time, of all tasks that say this name (O6).
    pub const fn singleton(mut self, name: &'static str) -> Self {
        self.singleton = Some(name);
        self
    }

    /// Lets no other one start for so long from the beginning of one, however soon that is over.
    pub const fn hold_at_least(mut self, shortest: Duration) -> Self {
        self.hold_at_least = shortest;
        self
    }

    /// Lets users cancel a saga.
    pub const fn cancellable(mut self) -> Self {
        self.cancellable = true;
        self
    }
}
