//! What a printed thunk works with: the task, the context and the inputs of one call, and the
//! functions that turn what a method returns into [`Work`].

use std::{fmt::Display, future::Future, marker::PhantomData, panic, pin::Pin, sync::Arc};

use futures_util::FutureExt;

use super::{
    Inputs, StepContext, StepError, TaskDefinition, UndoContext, Work, typed::Typed, with_sources,
};
use crate::{
    files::{SourceFile, UploadedFile, UploadedFiles},
    kernel::{AttemptEnd, Doubt, JournalValue, Outcome, Refused, Value},
};

/// One attempt of a step that gives an `O`.
pub struct Call<T, O> {
    /// The task.
    pub task: Arc<T>,
    /// The context of the attempt.
    pub cx: StepContext,
    inputs: Inputs,
    gives: PhantomData<fn() -> O>,
}

impl<T, O> Call<T, O> {
    pub(crate) fn new(task: Arc<T>, cx: StepContext, inputs: Inputs) -> Self {
        Self { task, cx, inputs, gives: PhantomData }
    }
}

/// One attempt of an undo.
pub struct UndoCall<T> {
    /// The task.
    pub task: Arc<T>,
    /// The context of the attempt.
    pub cx: UndoContext,
    pub(crate) inputs: Inputs,
    pub(crate) outcome: Outcome<Value>,
}

/// One evaluation of a condition or of the response.
pub struct View<'a, T> {
    /// The task.
    pub task: &'a T,
    pub(crate) inputs: &'a Inputs,
}

macro_rules! read_inputs {
    ($($call:ty [$($output:ident)?]),*) => {$(
        impl<T $(, $output)?> $call {
            /// The request.
            pub fn request(&self) -> &T::Request
            where
                T: TaskDefinition,
            {
                self.inputs.request()
            }

            /// The output of an earlier step.
            pub fn step<O: 'static>(&self, step: usize) -> &O {
                self.inputs.step(step)
            }

            /// The output of an earlier step that may have been skipped.
            pub fn maybe<O: 'static>(&self, step: usize) -> Option<&O> {
                self.inputs.maybe(step)
            }
        }
    )*};
}

read_inputs!(Call<T, Output> [Output], UndoCall<T> [], View<'_, T> []);

impl<T> UndoCall<T> {
    /// What is known of the step that is undone.
    pub fn outcome<O: 'static>(&self) -> Outcome<&O> {
        match &self.outcome {
            Outcome::Done(value) => Outcome::Done(live(value)),
            Outcome::Partial(value) => Outcome::Partial(live(value)),
            Outcome::Unknown => Outcome::Unknown,
        }
    }
}

fn live<O: 'static>(value: &Value) -> &O {
    value.get().expect("the outcome has the type that the step declares")
}

/// An attempt on its way to an `O`, or to an error with the `E` of the task.
///
/// It says nothing of the task itself: a struct that is no task is then one mistake, and not one
/// more at every step.
pub struct Attempt<O, E> {
    pub(crate) work: Work,
    gives: PhantomData<fn() -> (O, E)>,
}

/// An `async fn`, on the runtime.
pub fn future<O, E>(
    attempt: impl Future<Output = Result<O, StepError<E>>> + Send + 'static,
) -> Attempt<O, E>
where
    O: JournalValue,
    E: JournalValue + Display,
{
    Attempt::on_runtime(attempt, Value::journaled)
}

/// A plain `fn`, on the blocking pool.
pub fn blocking<O, E>(
    attempt: impl FnOnce() -> Result<O, StepError<E>> + Send + 'static,
) -> Attempt<O, E>
where
    O: JournalValue,
    E: JournalValue + Display,
{
    Attempt::on_pool(attempt, Value::journaled)
}

/// An `async fn` whose output lives with the worker.
pub fn ephemeral_future<O, E>(
    attempt: impl Future<Output = Result<O, StepError<E>>> + Send + 'static,
) -> Attempt<O, E>
where
    O: Send + Sync + 'static,
    E: JournalValue + Display,
{
    Attempt::on_runtime(attempt, Value::ephemeral)
}

/// A plain `fn` whose output lives with the worker.
pub fn ephemeral_blocking<O, E>(
    attempt: impl FnOnce() -> Result<O, StepError<E>> + Send + 'static,
) -> Attempt<O, E>
where
    O: Send + Sync + 'static,
    E: JournalValue + Display,
{
    Attempt::on_pool(attempt, Value::ephemeral)
}

impl<O: 'static, E: JournalValue + Display> Attempt<O, E> {
    fn on_runtime(
        attempt: impl Future<Output = Result<O, StepError<E>>> + Send + 'static,
        keep: fn(O) -> Value,
    ) -> Self {
        let future = attempt.map(move |returned| end(returned, keep));
        Self { work: Work { future: Box::pin(future), interruptible: true }, gives: PhantomData }
    }

    fn on_pool(
        attempt: impl FnOnce() -> Result<O, StepError<E>> + Send + 'static,
        keep: fn(O) -> Value,
    ) -> Self {
        let future =
            pooled(move || end(attempt(), keep)).map(|end| end.unwrap_or_else(|lost| lost));
        Self { work: Work { future: Box::pin(future), interruptible: false }, gives: PhantomData }
    }
}

fn end<O, E>(returned: Result<O, StepError<E>>, keep: fn(O) -> Value) -> AttemptEnd
where
    E: JournalValue + Display,
{
    returned.map(keep).map_or_else(failed, AttemptEnd::Done)
}

/// What an upload step wants to upload, on its way: one file or many.
pub struct Sources<S, E> {
    pub(crate) gathered: Pin<Box<dyn Future<Output = Result<S, AttemptEnd>> + Send>>,
    fails: PhantomData<fn() -> E>,
}

/// Sources named by an `async fn`.
pub fn future_sources<S, E>(
    sources: impl Future<Output = Result<S, StepError<E>>> + Send + 'static,
) -> Sources<S, E>
where
    S: IntoSources,
    E: JournalValue + Display,
{
    let gathered = sources.map(|returned| returned.map_err(failed));
    Sources { gathered: Box::pin(gathered), fails: PhantomData }
}

/// Sources named by a plain `fn`, on the blocking pool.
pub fn blocking_sources<S, E>(
    sources: impl FnOnce() -> Result<S, StepError<E>> + Send + 'static,
) -> Sources<S, E>
where
    S: IntoSources,
    E: JournalValue + Display,
{
    let gathered = pooled(|| sources().map_err(failed)).map(|gathered| gathered?);
    Sources { gathered: Box::pin(gathered), fails: PhantomData }
}

/// One file or many.
pub trait IntoSources: Send + 'static {
    /// The files.
    fn into_vec(self) -> Vec<SourceFile>;

    /// What the step gives to its readers.
    fn output(files: UploadedFiles) -> Value;

    /// The type of that.
    fn typed() -> Typed;
}

impl IntoSources for SourceFile {
    fn into_vec(self) -> Vec<SourceFile> {
        vec![self]
    }

    fn output(files: UploadedFiles) -> Value {
        Value::journaled(files.into_single())
    }

    fn typed() -> Typed {
        Typed::of::<UploadedFile>()
    }
}

impl IntoSources for Vec<SourceFile> {
    fn into_vec(self) -> Vec<SourceFile> {
        self
    }

    fn output(files: UploadedFiles) -> Value {
        Value::journaled(files)
    }

    fn typed() -> Typed {
        Typed::of::<UploadedFiles>()
    }
}

/// The response of a task.
pub fn respond<T: TaskDefinition>(response: T::Response) -> Value {
    Value::journaled(response)
}

/// The output of the last step as the response.
pub fn last<T: TaskDefinition>(output: &impl IsResponse<T::Response>) -> Value {
    Value::journaled(output.copy())
}

/// Every type is the response `R` that it is itself, and no other.
#[diagnostic::on_unimplemented(
    message = "the last step returns `{Self}`, and the response of its task is `{R}`",
    label = "not the response",
    note = "write `response = {Self}` in `#[distributed_task(..)]`, or add a `#[response]` method that makes the response of what the steps return"
)]
pub trait IsResponse<R> {
    /// A copy of it, as the response.
    fn copy(&self) -> R;
}

#[diagnostic::do_not_recommend]
impl<R: Clone> IsResponse<R> for R {
    fn copy(&self) -> R {
        self.clone()
    }
}

/// The response of a task whose macros found mistakes: its program does not compile.
pub fn unexpanded() -> ! {
    unreachable!("a program with mistakes in its steps does not compile")
}

/// Runs a closure on the blocking pool, in the span of the attempt. Its panic goes on here, so
/// that there is one place that catches panics.
async fn pooled<R: Send + 'static>(
    run: impl FnOnce() -> R + Send + 'static,
) -> Result<R, AttemptEnd> {
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(run)).await {
        Ok(returned) => Ok(returned),
        Err(lost) => match lost.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            // The runtime shuts down and the closure never started.
            Err(_) => Err(AttemptEnd::Unknown(Doubt::Interrupted)),
        },
    }
}

fn failed<E: JournalValue + Display>(error: StepError<E>) -> AttemptEnd {
    match error {
        StepError::Retry { source, after } => {
            AttemptEnd::Retry { error: with_sources(&*source), after }
        }
        StepError::Refused(error) => {
            let message = error.to_string();
            AttemptEnd::Refused(Refused { error: Value::journaled(error), message })
        }
    }
}
