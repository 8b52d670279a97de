//! What the rows of a table run: the printed thunks, by what becomes of the output.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Inputs, StepContext, Work,
    call::{Attempt, Call, IntoSources, ProbeCall, Question, Sources, UndoCall},
    typed::{ProtobufValue, Typed},
    with_sources,
};
use crate::{
    files::{FileError, UploadedFiles},
    kernel::{AttemptEnd, JournalValue, Outcome, Value},
};

/// The work of one step.
pub trait Run<T> {
    /// Starts an attempt.
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work;

    /// Starts an attempt of the undo, if there is one.
    fn undo(&self, _call: UndoCall<T>) -> Option<Work> {
        None
    }

    /// Whether there is a probe.
    fn has_probe(&self) -> bool {
        false
    }

    /// Asks the probe, if there is one.
    fn probe(&self, _call: ProbeCall<T>) -> Option<Work> {
        None
    }

    /// The type of the output; `None` for an ephemeral one.
    fn output() -> Option<Typed>;
}

/// A probe of a step that gives an `O`.
pub(super) type AskProbe<T, O> = fn(ProbeCall<T>) -> Question<T, O>;

/// The output is journaled.
pub struct Journaled<T, O> {
    pub(super) run: fn(Call<T, O>) -> Attempt<T, O>,
    pub(super) probe: Option<AskProbe<T, O>>,
}

impl<T, O: JournalValue> Run<T> for Journaled<T, O> {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        (self.run)(Call::new(task, cx, inputs)).work
    }

    fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    fn probe(&self, call: ProbeCall<T>) -> Option<Work> {
        self.probe.map(|probe| probe(call).work(Value::journaled))
    }

    fn output() -> Option<Typed> {
        Some(Typed::of::<O>())
    }
}

/// The output is journaled, and there is an undo.
pub struct Compensable<T, O> {
    pub(super) run: fn(Call<T, O>) -> Attempt<T, O>,
    pub(super) undo: fn(UndoCall<T>) -> Attempt<T, ()>,
    pub(super) probe: Option<AskProbe<T, O>>,
}

impl<T, O: JournalValue> Run<T> for Compensable<T, O> {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        (self.run)(Call::new(task, cx, inputs)).work
    }

    fn undo(&self, call: UndoCall<T>) -> Option<Work> {
        Some((self.undo)(call).work)
    }

    fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    fn probe(&self, call: ProbeCall<T>) -> Option<Work> {
        self.probe.map(|probe| probe(call).work(Value::journaled))
    }

    fn output() -> Option<Typed> {
        Some(Typed::of::<O>())
    }
}

/// What undoes a step.
type TakeBack<T> = fn(UndoCall<T>) -> Attempt<T, ()>;

/// The output is journaled as a Protobuf message.
pub struct Messages<T, O> {
    pub(super) run: fn(Call<T, O>) -> Attempt<T, O>,
    pub(super) undo: Option<TakeBack<T>>,
    pub(super) probe: Option<AskProbe<T, O>>,
}

impl<T, O: ProtobufValue> Run<T> for Messages<T, O> {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        (self.run)(Call::new(task, cx, inputs)).work
    }

    fn undo(&self, call: UndoCall<T>) -> Option<Work> {
        self.undo.map(|undo| undo(call).work)
    }

    fn has_probe(&self) -> bool {
        self.probe.is_some()
    }

    fn probe(&self, call: ProbeCall<T>) -> Option<Work> {
        self.probe.map(|probe| probe(call).work(O::into_message))
    }

    fn output() -> Option<Typed> {
        Some(O::message_type())
    }
}

/// The output lives with the worker.
pub struct Ephemeral<T, O>(pub(super) fn(Call<T, O>) -> Attempt<T, O>);

impl<T, O> Run<T> for Ephemeral<T, O> {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        (self.0)(Call::new(task, cx, inputs)).work
    }

    fn output() -> Option<Typed> {
        None
    }
}

/// What the method names is uploaded, and deleted by the undo.
pub struct Upload<T, S> {
    pub(super) bucket: &'static str,
    pub(super) sources: fn(Call<T, S>) -> Sources<T, S>,
}

impl<T, S: IntoSources> Run<T> for Upload<T, S> {
    fn start(&self, task: Arc<T>, cx: StepContext, inputs: Inputs) -> Work {
        let bucket = self.bucket;
        let sources = (self.sources)(Call::new(task, cx.clone(), inputs)).gathered;
        let end = async move {
            match sources.await {
                Ok(sources) => uploaded::<S>(cx.upload(bucket, sources.into_vec()).await),
                Err(end) => end,
            }
        };
        // Naming the sources changes nothing, so dropping the future ends the attempt even while
        // a thread of the blocking pool still names them.
        Work { future: Box::pin(end), interruptible: true }
    }

    fn undo(&self, UndoCall { cx, outcome, .. }: UndoCall<T>) -> Option<Work> {
        let bucket = self.bucket;
        let mut buckets = BTreeSet::from([bucket.to_owned()]);
        if let Outcome::Done(output) = &outcome {
            // Another release may have named another one.
            buckets.extend(S::uploaded(output).iter().map(|file| file.bucket.clone()));
        }
        let end = async move {
            if !matches!(outcome, Outcome::Done(_)) {
                cx.abort_uploads(bucket).await;
            }
            for bucket in &buckets {
                if let Err(error) = cx.delete_uploads(bucket).await {
                    return try_again(&error);
                }
            }
            AttemptEnd::Done(Value::journaled(()))
        };
        Some(Work { future: Box::pin(end), interruptible: true })
    }

    fn output() -> Option<Typed> {
        Some(S::typed())
    }
}

fn uploaded<S: IntoSources>(files: Result<UploadedFiles, FileError>) -> AttemptEnd {
    match files {
        Ok(files) => AttemptEnd::Done(S::output(files)),
        Err(error) => try_again(&error),
    }
}

fn try_again(error: &FileError) -> AttemptEnd {
    AttemptEnd::Retry { error: with_sources(error), after: None }
}
