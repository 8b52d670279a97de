//! What a step and an undo are given besides values: `cx`.

use std::{
    borrow::Cow,
    fmt,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use tokio_util::sync::CancellationToken;

use crate::{
    files::{FileError, Files, SourceFile, UploadedFiles, key_prefix},
    kernel::{Definition, Fence, SagaId, Way, idempotency_key},
    lock::DistributedLock,
    progress::{ByteCount, CurrentStep, Progress, ProgressTracker},
};

/// Shared by everything that runs for one saga under one claim.
pub(crate) struct SagaContext {
    pub(crate) id: SagaId,
    pub(crate) definition: Arc<Definition>,
    pub(crate) fence: Fence,
    pub(crate) services: Arc<Services>,
    pub(crate) stop: Stop,
    /// Sequence number of the last record, for progress.
    pub(crate) seq: AtomicU64,
}

/// What every saga of a host shares.
pub(crate) struct Services {
    pub(crate) files: Option<Files>,
    pub(crate) progress: Arc<dyn ProgressTracker>,
    pub(crate) lock: Arc<dyn DistributedLock>,
}

/// Tells the attempts of a saga to stop. Costs an atomic until somebody waits for it.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: AtomicBool,
    token: OnceLock<CancellationToken>,
    /// The number of the last attempt of each step whose time was up. Only plain `fn`s get here,
    /// and those look; they do not wait.
    overdue: OnceLock<Box<[AtomicU32]>>,
    steps: usize,
}

impl Stop {
    pub(crate) fn of(steps: usize) -> Self {
        Self { steps, ..Self::default() }
    }

    /// Tells one attempt that its time is up.
    pub(crate) fn stop_attempt(&self, step: usize, attempt: u32) {
        let none = || (0..self.steps).map(|_| AtomicU32::new(0)).collect();
        self.overdue.get_or_init(none)[step].fetch_max(attempt, Ordering::SeqCst);
    }

    fn is_overdue(&self, step: usize, attempt: u32) -> bool {
        let overdue = self.overdue.get();
        overdue.is_some_and(|overdue| overdue[step].load(Ordering::SeqCst) >= attempt)
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn token(&self) -> &CancellationToken {
        let token = self.token.get_or_init(CancellationToken::new);
        // It may have been stopped between the look at the flag and the making of the token.
        if self.is_stopped() {
            token.cancel();
        }
        token
    }
}

/// The context of one attempt of a step: take it as `cx: &StepContext`.
///
/// ```
/// use distributed_task::prelude::*;
///
/// #[distributed_task(request = String, response = String)]
/// struct Charge;
///
/// #[steps]
/// impl Charge {
///     #[step(no_undo = "the sandbox forgets it by itself")]
///     async fn charge(&self, cx: &StepContext, request: &String) -> StepResult<String> {
///         // The same for every attempt: the other side recognises a repetition by it.
///         Ok(format!("{request} under {}", cx.idempotency_key()))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct StepContext(Attempt);

/// The context of one attempt of an undo: take it as `cx: &UndoContext`.
///
/// An undo is shielded from cancellation and deadlines (C5), so there is nothing to ask about them.
///
/// ```
/// use distributed_task::prelude::*;
///
/// #[distributed_task(request = String, response = String)]
/// struct Hold;
///
/// #[steps]
/// impl Hold {
///     #[step(compensate = release)]
///     async fn hold(&self, cx: &StepContext, request: &str) -> StepResult<String> {
///         Ok(format!("{request} under {}", cx.idempotency_key()))
///     }
///
///     async fn release(&self, cx: &UndoContext, hold: Outcome<&String>) -> StepResult<()> {
///         match hold.value() {
///             Some(hold) => println!("release {hold}"),
///             // Nobody knows whether it happened: what it did, it did under this key.
///             None => println!("release what is held under {}", cx.step_key()),
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct UndoContext(Attempt);

/// The context of one question to a probe: take it as `cx: &ProbeContext`.
///
/// A probe is asked when nobody knows whether an attempt of its step happened (E3). It changes
/// nothing, and is shielded from cancellation as an undo is.
///
/// ```
/// use distributed_task::prelude::*;
///
/// #[distributed_task(request = u64, response = String)]
/// struct Charge;
///
/// #[steps]
/// impl Charge {
///     #[step(no_undo = "the sandbox forgets it by itself", at_most_once, probe = look_up)]
///     async fn charge(&self, cx: &StepContext, request: &u64) -> StepResult<String> {
///         Err(format!("{request} sent under {}, and no answer", cx.idempotency_key()))?
///     }
///
///     async fn look_up(&self, cx: &ProbeContext, request: &u64) -> StepResult<Probe<String>> {
///         // The key that every attempt of the step used.
///         Ok(Probe::Happened(format!("{request} under {}", cx.step_key())))
///     }
/// }
/// ```
#[derive(Clone)]
pub struct ProbeContext(Attempt);

#[derive(Clone)]
struct Attempt {
    saga: Arc<SagaContext>,
    step: usize,
    generation: u32,
    undo_generation: u32,
    attempt: u32,
}

impl StepContext {
    pub(crate) fn new(saga: Arc<SagaContext>, step: usize, generation: u32, attempt: u32) -> Self {
        Self(Attempt { saga, step, generation, undo_generation: 0, attempt })
    }

    /// The key under which the other side can tell a repeated attempt from a new call: stable over
    /// attempts, restarts and versions of the code (I1).
    pub fn idempotency_key(&self) -> String {
        self.0.key(Way::Do)
    }

    /// Whether the attempt should stop: its saga was cancelled, a sibling failed, or its time is
    /// up. Work on the blocking pool cannot be interrupted, so it should look now and then.
    pub fn is_cancelled(&self) -> bool {
        let Attempt { saga, step, attempt, .. } = &self.0;
        saga.stop.is_stopped() || saga.stop.is_overdue(*step, *attempt)
    }

    /// Waits until the attempt should stop. Cancel safe. After a grace time an `async` attempt is
    /// dropped at its next await.
    pub async fn cancelled(&self) {
        self.0.saga.stop.token().cancelled().await;
    }

    /// Says how far this step is. Lossy and cheap: dropped while nobody watches, coalesced for slow
    /// watchers, and never written to the journal (S2).
    pub fn progress(&self, bytes: ByteCount) {
        self.0.publish(Some(bytes), None);
    }

    /// Says in words what this step does now, under the same terms as [`progress`](Self::progress).
    pub fn message(&self, message: impl Into<Cow<'static, str>>) {
        self.0.publish(None, Some(message.into()));
    }

    /// Uploads for an upload step; ends at once when the attempt should stop.
    pub(crate) async fn upload(
        &self,
        bucket: &str,
        sources: Vec<SourceFile>,
    ) -> Result<UploadedFiles, FileError> {
        let prefix = self.0.upload_prefix();
        let publish = |bytes| self.progress(bytes);
        let upload = pin!(self.files().upload(bucket, &prefix, sources, publish));
        match select(upload, pin!(self.cancelled())).await {
            Either::Left((uploaded, _)) => uploaded,
            Either::Right(_) => Err(FileError::Stopped { bucket: bucket.to_owned() }),
        }
    }
}

impl UndoContext {
    /// The context of an undo of this (generation of the step, generation of its undo).
    pub(crate) fn new(
        saga: Arc<SagaContext>,
        step: usize,
        (generation, undo_generation): (u32, u32),
        attempt: u32,
    ) -> Self {
        Self(Attempt { saga, step, generation, undo_generation, attempt })
    }

    /// The key of this undo: stable over its attempts, and another than that of the step (I1).
    pub fn idempotency_key(&self) -> String {
        self.0.key(Way::Undo)
    }

    /// The key that the step itself used, to find what it did.
    pub fn step_key(&self) -> String {
        self.0.key(Way::Do)
    }

    /// Removes the parts of uploads that never ended, which are no objects. Nobody is at them any more:
    /// an undo begins when no attempt can still be working (C3). Only room is lost where the store
    /// does not let us, and a sweep finds it.
    pub(crate) async fn abort_uploads(&self, bucket: &str) {
        let prefix = self.0.upload_prefix();
        if let Err(error) = self.files().abort_prefix(bucket, &prefix).await {
            tracing::warn!(bucket, prefix, %error, "parts of an upload may be left to a sweep");
        }
    }

    pub(crate) async fn delete_uploads(&self, bucket: &str) -> Result<(), FileError> {
        self.files().delete_prefix(bucket, &self.0.upload_prefix()).await
    }
}

impl ProbeContext {
    pub(crate) fn new(saga: Arc<SagaContext>, step: usize, generation: u32, attempt: u32) -> Self {
        Self(Attempt { saga, step, generation, undo_generation: 0, attempt })
    }

    /// The key that the attempts of the step used, to find what they did (I1).
    pub fn step_key(&self) -> String {
        self.0.key(Way::Do)
    }
}

macro_rules! common {
    ($($context:ident),*) => {$(
        impl $context {
            /// Identity of the saga.
            pub fn saga(&self) -> SagaId {
                self.0.saga.id
            }

            /// Name of the step.
            pub fn step(&self) -> &str {
                self.0.name()
            }

            /// Number of this attempt, from 1.
            pub fn attempt(&self) -> u32 {
                self.0.attempt
            }

            /// A number that rises with every owner of the saga: a resource that keeps the highest
            /// it has seen can refuse a stale one (F2).
            pub fn fence(&self) -> u64 {
                self.0.saga.fence.0
            }

            /// The file store.
            ///
            /// # Panics
            /// When the task was built without one: enable the cargo feature `files`, or call
            /// `.override_files(..)` on the builder.
            pub fn files(&self) -> &Files {
                self.0.saga.services.files.as_ref().expect(
                    "the task has no file store: enable the feature `files` of `distributed-task`, \
                     or call `.override_files(..)` on the builder",
                )
            }

            /// Locks, for what one step at a time does, of whatever saga on whatever host. See
            /// [`DistributedLock`] for an example.
            ///
            /// A task that was built without one has one that refuses, and says what to do: enable the
            /// cargo feature `coordination`, or call `.override_lock(..)` on the builder.
            pub fn lock(&self) -> &dyn DistributedLock {
                &*self.0.saga.services.lock
            }
        }

        impl fmt::Debug for $context {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($context))
                    .field("saga", &self.saga())
                    .field("step", &self.step())
                    .field("attempt", &self.attempt())
                    .finish_non_exhaustive()
            }
        }
    )*};
}

common!(StepContext, UndoContext, ProbeContext);

impl Attempt {
    fn name(&self) -> &str {
        &self.saga.definition.steps[self.step].name
    }

    fn key(&self, way: Way) -> String {
        let saga = &self.saga;
        let generation = match way {
            Way::Undo => self.undo_generation,
            Way::Do | Way::Probe => self.generation,
        };
        idempotency_key(&saga.definition.task, saga.id, self.name(), generation, way)
    }

    /// An object is owned by (saga, step, generation), so that an undo finds what any attempt left.
    fn upload_prefix(&self) -> String {
        let saga = self.saga.id.to_string();
        let generation = self.generation.to_string();
        key_prefix([&*self.saga.definition.task, &saga, self.name(), &generation])
    }

    fn publish(&self, bytes: Option<ByteCount>, message: Option<Cow<'static, str>>) {
        let SagaContext { id, definition, services, seq, .. } = &*self.saga;
        if !services.progress.watched(*id) {
            return;
        }
        let step =
            CurrentStep { name: definition.steps[self.step].name.clone(), number: self.step + 1 };
        let progress = Progress {
            seq: seq.load(Ordering::Relaxed),
            step: Some(step),
            bytes,
            message,
            ..Progress::new(*id, definition.steps.len())
        };
        // A tracker that answers later than at once misses this one: it is a lossy stream.
        if let Some(Err(error)) = services.progress.update(progress).now_or_never() {
            tracing::debug!(%error, "progress was not published");
        }
    }
}
