//! What a printed thunk works with: the task, the context and the inputs of one call, and the
//! functions that turn what a method returns into [`Work`].

use std::{future::Future, marker::PhantomData, panic, pin::Pin, slice, sync::Arc};

use futures_util::FutureExt;
use tokio_util::task::AbortOnDropHandle;

use super::{
    Inputs, PartialError, Probe, ProbeContext, StepContext, StepError, TaskDefinition, UndoContext,
    Work,
    returned::{Answered, InPart, IsResponse, Returned},
    typed::{EphemeralValue, ErrorValue, ProtobufValue, ResponseValue, Typed},
    with_sources,
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

/// One question to a probe.
pub struct ProbeCall<T> {
    /// The task.
    pub task: Arc<T>,
    /// The context of the question.
    pub cx: ProbeContext,
    pub(crate) inputs: Inputs,
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

read_inputs!(Call<T, Output> [Output], UndoCall<T> [], ProbeCall<T> [], View<'_, T> []);

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

/// An attempt of a task `T` on its way to an `O`.
pub struct Attempt<T, O> {
    pub(crate) work: Work,
    gives: PhantomData<fn() -> (T, O)>,
}

/// An `async fn`, on the runtime.
pub fn future<T: TaskDefinition, O: JournalValue, R: Returned<T, O, T::Error>>(
    attempt: impl Future<Output = R> + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_runtime(attempt, |returned: R| end(returned.result(), Value::journaled))
}

/// A plain `fn`, on the blocking pool.
pub fn blocking<T: TaskDefinition, O: JournalValue, R: Returned<T, O, T::Error>>(
    attempt: impl FnOnce() -> R + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_pool(attempt, |returned: R| end(returned.result(), Value::journaled))
}

/// An `async fn` whose output lives with the worker.
pub fn ephemeral_future<T, O, R>(attempt: impl Future<Output = R> + Send + 'static) -> Attempt<T, O>
where
    T: TaskDefinition,
    O: EphemeralValue + 'static,
    R: Returned<T, O, T::Error>,
{
    Attempt::on_runtime(attempt, |returned: R| end(returned.result(), O::into_ephemeral))
}

/// A plain `fn` whose output lives with the worker.
pub fn ephemeral_blocking<T, O, R>(attempt: impl FnOnce() -> R + Send + 'static) -> Attempt<T, O>
where
    T: TaskDefinition,
    O: EphemeralValue + 'static,
    R: Returned<T, O, T::Error>,
{
    Attempt::on_pool(attempt, |returned: R| end(returned.result(), O::into_ephemeral))
}

/// An `async fn` that can do a part of its work.
pub fn partial_future<T: TaskDefinition, O: JournalValue, R: InPart<T, O, T::Error>>(
    attempt: impl Future<Output = R> + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_runtime(attempt, |returned: R| end_in_part(returned.in_part(), Value::journaled))
}

/// A plain `fn` that can do a part of its work.
pub fn partial_blocking<T: TaskDefinition, O: JournalValue, R: InPart<T, O, T::Error>>(
    attempt: impl FnOnce() -> R + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_pool(attempt, |returned: R| end_in_part(returned.in_part(), Value::journaled))
}

/// An `async fn` whose output is a Protobuf message.
pub fn protobuf_future<T: TaskDefinition, O: ProtobufValue, R: Returned<T, O, T::Error>>(
    attempt: impl Future<Output = R> + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_runtime(attempt, |returned: R| end(returned.result(), O::into_message))
}

/// A plain `fn` whose output is a Protobuf message.
pub fn protobuf_blocking<T: TaskDefinition, O: ProtobufValue, R: Returned<T, O, T::Error>>(
    attempt: impl FnOnce() -> R + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_pool(attempt, |returned: R| end(returned.result(), O::into_message))
}

/// An `async fn` that can do a part of its work, which is a Protobuf message.
pub fn protobuf_partial_future<T: TaskDefinition, O: ProtobufValue, R: InPart<T, O, T::Error>>(
    attempt: impl Future<Output = R> + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_runtime(attempt, |returned: R| end_in_part(returned.in_part(), O::into_message))
}

/// A plain `fn` that can do a part of its work, which is a Protobuf message.
pub fn protobuf_partial_blocking<T: TaskDefinition, O: ProtobufValue, R: InPart<T, O, T::Error>>(
    attempt: impl FnOnce() -> R + Send + 'static,
) -> Attempt<T, O> {
    Attempt::on_pool(attempt, |returned: R| end_in_part(returned.in_part(), O::into_message))
}

/// A probe that is an `async fn`.
pub fn asked_future<T: TaskDefinition, O: Send + 'static, R: Answered<T, O, T::Error>>(
    question: impl Future<Output = R> + Send + 'static,
) -> Question<T, O> {
    let answer = question.map(|answered| answered.answer().map_err(failed));
    Question { answer: Box::pin(answer), interruptible: true, of: PhantomData }
}

/// A probe that is a plain `fn`.
pub fn asked_blocking<T: TaskDefinition, O: Send + 'static, R: Answered<T, O, T::Error>>(
    question: impl FnOnce() -> R + Send + 'static,
) -> Question<T, O> {
    let answer = pooled(|| question().answer().map_err(failed)).map(|answer| answer?);
    Question { answer: Box::pin(answer), interruptible: false, of: PhantomData }
}

impl<T, O> Attempt<T, O> {
    fn on_runtime<R>(
        attempt: impl Future<Output = R> + Send + 'static,
        end: impl FnOnce(R) -> AttemptEnd + Send + 'static,
    ) -> Self {
        let future = attempt.map(end);
        Self { work: Work { future: Box::pin(future), interruptible: true }, gives: PhantomData }
    }

    fn on_pool<R>(
        attempt: impl FnOnce() -> R + Send + 'static,
        end: impl FnOnce(R) -> AttemptEnd + Send + 'static,
    ) -> Self {
        let future = pooled(move || end(attempt())).map(|end| end.unwrap_or_else(|lost| lost));
        Self { work: Work { future: Box::pin(future), interruptible: false }, gives: PhantomData }
    }
}

fn end<O, E>(returned: Result<O, StepError<E>>, keep: fn(O) -> Value) -> AttemptEnd
where
    E: ErrorValue,
{
    returned.map(keep).map_or_else(failed, AttemptEnd::Done)
}

fn end_in_part<O, E>(returned: Result<O, PartialError<O, E>>, keep: fn(O) -> Value) -> AttemptEnd
where
    E: ErrorValue,
{
    match returned {
        Ok(output) => AttemptEnd::Done(keep(output)),
        Err(PartialError::Retry { source, after }) => {
            failed(StepError::<E>::Retry { source, after })
        }
        Err(PartialError::Refused(error)) => failed(StepError::Refused(error)),
        Err(PartialError::Partial { done, error }) => {
            AttemptEnd::Partial(refused(error), keep(done))
        }
    }
}

/// One question to a probe of a task `T`, on its way to what it says about an `O`. That a journal
/// takes an `O` is asked where the step returns one: asked here as well, one mistake would be told
/// twice.
pub struct Question<T, O> {
    answer: Pin<Box<dyn Future<Output = Result<Probe<O>, AttemptEnd>> + Send>>,
    interruptible: bool,
    of: PhantomData<fn() -> T>,
}

impl<T, O: 'static> Question<T, O> {
    pub(crate) fn work(self, keep: fn(O) -> Value) -> Work {
        let end = self.answer.map(move |answer| match answer {
            Ok(Probe::Happened(output)) => AttemptEnd::Done(keep(output)),
            Ok(Probe::DidNot) => AttemptEnd::DidNot,
            Ok(Probe::CannotTell) => AttemptEnd::CannotTell,
            Err(end) => end,
        });
        Work { future: Box::pin(end), interruptible: self.interruptible }
    }
}

/// What an upload step of a task `T` wants to upload, on its way: one file or many.
pub struct Sources<T, S> {
    pub(crate) gathered: Pin<Box<dyn Future<Output = Result<S, AttemptEnd>> + Send>>,
    of: PhantomData<fn() -> T>,
}

/// Sources named by an `async fn`.
pub fn future_sources<T: TaskDefinition, S: IntoSources, R: Returned<T, S, T::Error>>(
    sources: impl Future<Output = R> + Send + 'static,
) -> Sources<T, S> {
    let gathered = sources.map(|returned| returned.result().map_err(failed));
    Sources { gathered: Box::pin(gathered), of: PhantomData }
}

/// Sources named by a plain `fn`, on the blocking pool.
pub fn blocking_sources<T: TaskDefinition, S: IntoSources, R: Returned<T, S, T::Error>>(
    sources: impl FnOnce() -> R + Send + 'static,
) -> Sources<T, S> {
    let gathered = pooled(|| sources().result().map_err(failed)).map(|gathered| gathered?);
    Sources { gathered: Box::pin(gathered), of: PhantomData }
}

/// One file or many.
pub trait IntoSources: Send + 'static {
    /// The files.
    fn into_vec(self) -> Vec<SourceFile>;

    /// What the step gives to its readers.
    fn output(files: UploadedFiles) -> Value;

    /// The files of that.
    fn uploaded(output: &Value) -> &[UploadedFile];

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

    fn uploaded(output: &Value) -> &[UploadedFile] {
        slice::from_ref(live(output))
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

    fn uploaded(output: &Value) -> &[UploadedFile] {
        live::<UploadedFiles>(output)
    }

    fn typed() -> Typed {
        Typed::of::<UploadedFiles>()
    }
}

/// The response of a task.
pub fn respond<T: TaskDefinition>(response: impl IsResponse<T::Response>) -> Value {
    response.into_response().into_value()
}

/// The output of the last step as the response.
pub fn last<T: TaskDefinition>(output: &impl IsResponse<T::Response>) -> Value {
    output.response().copy().into_value()
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
    #[cfg(feature = "testing")]
    let run = super::under_test::carried(run);
    let thread = tokio::task::spawn_blocking(move || span.in_scope(run));
    // A closure that waits for a thread when its attempt is dropped never starts.
    match AbortOnDropHandle::new(thread).await {
        Ok(returned) => Ok(returned),
        Err(lost) => match lost.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            // The closure never started: the runtime shuts down.
            Err(_) => Err(AttemptEnd::Unknown(Doubt::Interrupted)),
        },
    }
}

fn failed<E: ErrorValue>(error: StepError<E>) -> AttemptEnd {
    match error {
        StepError::Retry { source, after } => {
            AttemptEnd::Retry { error: with_sources(&*source), after }
        }
        StepError::Refused(error) => AttemptEnd::Refused(refused(error)),
    }
}

fn refused<E: ErrorValue>(error: E) -> Refused {
    let message = error.text();
    Refused { error: error.into_value(), message }
}
