//! What a printed thunk works with: the task, the context and the inputs of one call, and the
//! functions that turn what a method returns into [`Work`].

use std::{future::Future, panic, pin::Pin, sync::Arc};

use futures_util::FutureExt;

use super::{Inputs, StepContext, StepError, TaskDefinition, UndoContext, Work, with_sources};
use crate::{
    files::SourceFile,
    kernel::{AttemptEnd, Doubt, JournalValue, Outcome, Refused, Value},
};

/// One attempt of a step.
pub struct Call<T> {
    /// The task.
    pub task: Arc<T>,
    /// The context of the attempt.
    pub cx: StepContext,
    pub(crate) inputs: Inputs,
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
    ($($call:ty),*) => {$(
        impl<T: TaskDefinition> $call {
            /// The request.
            pub fn request(&self) -> &T::Request {
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

read_inputs!(Call<T>, UndoCall<T>, View<'_, T>);

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

/// What the method of a step returns: its output, or an error with the `E` of the task.
type Returned<T, O> = Result<O, StepError<<T as TaskDefinition>::Error>>;

/// An `async fn`, on the runtime.
pub fn future<T, O>(attempt: impl Future<Output = Returned<T, O>> + Send + 'static) -> Work
where
    T: TaskDefinition,
    O: JournalValue,
{
    on_runtime(attempt.map(|returned| end::<T>(returned.map(Value::journaled))))
}

/// A plain `fn`, on the blocking pool.
pub fn blocking<T, O>(attempt: impl FnOnce() -> Returned<T, O> + Send + 'static) -> Work
where
    T: TaskDefinition,
    O: JournalValue,
{
    on_pool(|| end::<T>(attempt().map(Value::journaled)))
}

/// An `async fn` whose output lives with the worker.
pub fn ephemeral_future<T, O>(
    attempt: impl Future<Output = Returned<T, O>> + Send + 'static,
) -> Work
where
    T: TaskDefinition,
    O: Send + Sync + 'static,
{
    on_runtime(attempt.map(|returned| end::<T>(returned.map(Value::ephemeral))))
}

/// A plain `fn` whose output lives with the worker.
pub fn ephemeral_blocking<T, O>(attempt: impl FnOnce() -> Returned<T, O> + Send + 'static) -> Work
where
    T: TaskDefinition,
    O: Send + Sync + 'static,
{
    on_pool(|| end::<T>(attempt().map(Value::ephemeral)))
}

/// The files that an upload step wants to upload, on their way; or how the attempt ends without
/// them.
pub type Sources = Pin<Box<dyn Future<Output = Result<Vec<SourceFile>, AttemptEnd>> + Send>>;

/// One file or many: what the method of an upload step returns.
pub trait IntoSources {
    /// The files.
    fn into_sources(self) -> Vec<SourceFile>;
}

impl IntoSources for SourceFile {
    fn into_sources(self) -> Vec<SourceFile> {
        vec![self]
    }
}

impl IntoSources for Vec<SourceFile> {
    fn into_sources(self) -> Vec<SourceFile> {
        self
    }
}

/// Sources named by an `async fn`.
pub fn future_sources<T: TaskDefinition, S: IntoSources + 'static>(
    sources: impl Future<Output = Returned<T, S>> + Send + 'static,
) -> Sources {
    Box::pin(sources.map(gather::<T, S>))
}

/// Sources named by a plain `fn`, on the blocking pool.
pub fn blocking_sources<T: TaskDefinition, S: IntoSources>(
    sources: impl FnOnce() -> Returned<T, S> + Send + 'static,
) -> Sources {
    Box::pin(pooled(|| gather::<T, S>(sources())).map(|gathered| gathered?))
}

fn gather<T: TaskDefinition, S: IntoSources>(
    returned: Returned<T, S>,
) -> Result<Vec<SourceFile>, AttemptEnd> {
    returned.map(S::into_sources).map_err(failed::<T>)
}

/// A copy of the output of the last step, which is the response.
pub fn last<R: Clone>(output: &R) -> R {
    output.clone()
}

/// The response of a task whose macros found mistakes: its program does not compile.
pub fn unexpanded() -> ! {
    unreachable!("a program with mistakes in its steps does not compile")
}

fn on_runtime(attempt: impl Future<Output = AttemptEnd> + Send + 'static) -> Work {
    Work { future: Box::pin(attempt), interruptible: true }
}

fn on_pool(attempt: impl FnOnce() -> AttemptEnd + Send + 'static) -> Work {
    let future = pooled(attempt).map(|end| end.unwrap_or_else(|lost| lost));
    Work { future: Box::pin(future), interruptible: false }
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

fn end<T: TaskDefinition>(returned: Returned<T, Value>) -> AttemptEnd {
    returned.map_or_else(failed::<T>, AttemptEnd::Done)
}

pub(crate) fn failed<T: TaskDefinition>(error: StepError<T::Error>) -> AttemptEnd {
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
