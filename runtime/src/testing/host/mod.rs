//! One host of a task, on a clock that skips time.

mod saga;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{sleep, timeout};

pub use saga::TestSaga;

use super::{
    apart::apart,
    ledger::EffectLedger,
    line::Line,
    process::Process,
    script::{Script, verbs},
    scripted::Scripted,
    store::Store,
};
use crate::{
    OutcomeError, SagaOutcome, Task,
    builder::{TaskBuilder, under_test::Parts},
    task::TaskSteps,
};

/// How long anything may take at most, on the clock of the host.
const LIMIT: Duration = Duration::from_secs(30 * 24 * 3600);

/// How a task is put together: again for every process.
pub type Make<T> = Arc<dyn Fn(EffectLedger) -> TaskBuilder<T> + Send + Sync>;

/// A host of a task for tests: in this process, on a clock that skips time, with scripted outcomes
/// and an [`EffectLedger`].
///
/// It has a runtime of its own, whose clock jumps to the next timer whenever nothing else is left to
/// do: hours of back-off take milliseconds, and a plain `#[tokio::test]` will do. Between two calls
/// time stands still, and nothing runs.
///
/// The builder is the usual one, so every part can be replaced. What is not replaced lives in memory
/// and outlives [`restart`](Self::restart). With a journal of your own the clock is that of your
/// journal: [`MemoryJournal`](crate::backend::memory::MemoryJournal) takes the one that skips time.
///
/// ```
/// use distributed_task::{prelude::*, testing::{EffectLedger, TestHost}};
///
/// #[derive(Clone)]
/// struct FakeBank(EffectLedger);
///
/// #[distributed_task(request = i64, response = ())]
/// struct Pay {
///     bank: FakeBank,
/// }
///
/// #[steps]
/// impl Pay {
///     #[step(compensate = refund, retry(max = 3, delay = "10m"))]
///     async fn charge(&self, cx: &StepContext, request: &i64) {
///         self.bank.0.once(cx.idempotency_key(), "card", *request);
///     }
///
///     async fn refund(&self, cx: &UndoContext) {
///         self.bank.0.take_back(cx.step_key());
///     }
///
///     #[step(read_only)]
///     async fn check(&self) {}
///
///     #[response]
///     fn respond(&self) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let pay = |ledger| Pay::builder().bank(FakeBank(ledger)).use_in_process_mode();
///
/// // The answer of the bank is lost twice: what it did counts once.
/// let test = TestHost::new(pay).lose_answers("charge", 2);
/// assert!(matches!(test.run(1200).await?, SagaOutcome::Completed(())));
/// assert_eq!(test.ledger().balance("card"), 1200);
/// assert_eq!(test.ledger().runs_of("charge"), 3);
///
/// // The saga goes back.
/// let test = TestHost::new(pay).refuse("check", Refusal::new("no", "not today"));
/// assert!(matches!(test.run(1200).await?, SagaOutcome::Compensated { .. }));
/// assert_eq!(test.ledger().balance("card"), 0);
/// # Ok(())
/// # }
/// ```
///
/// # Scripted outcomes
///
/// Lines of one step count in the order in which they are written; when none is left, the code of
/// the step runs. `fail_*`, `hang*`, `panic` and `refuse` come in place of the code. With
/// `lose_answer*`, `hang_after` and `panic_after` the code runs first: that is what happens when a
/// reply is lost, and what undo and idempotency keys are for. A line for a step that does not exist
/// panics, and names those that do.
pub struct TestHost<T: TaskSteps> {
    shared: Arc<Shared<T>>,
}

struct Shared<T: TaskSteps> {
    make: Make<T>,
    script: Arc<Script>,
    ledger: EffectLedger,
    store: Arc<Store>,
    limit: Mutex<Duration>,
    process: Mutex<Option<Process<T>>>,
}

impl<T: TaskSteps> TestHost<T> {
    /// A host of the task that this puts together, again after each [`restart`](Self::restart).
    /// Fakes write to the ledger that it is given. The host starts with the first call.
    pub fn new(make: impl Fn(EffectLedger) -> TaskBuilder<T> + Send + Sync + 'static) -> Self {
        let shared = Shared {
            make: Arc::new(make),
            script: Arc::new(Script::of::<T>()),
            ledger: EffectLedger::new(),
            store: Arc::new(Store::new(true)),
            limit: Mutex::new(LIMIT),
            process: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    verbs!();

    /// How long a call may take, on the clock of the host, before it panics. Default: 30 days. A day
    /// that is skipped takes some milliseconds.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        *self.shared.limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
        self
    }

    /// What happened outside.
    pub fn ledger(&self) -> &EffectLedger {
        &self.shared.ledger
    }

    /// Submits a saga and waits for its end.
    ///
    /// # Errors
    /// When it is parked or stuck.
    ///
    /// # Panics
    /// When the task cannot be built, the saga cannot be submitted, or it does not come to rest.
    pub async fn run(&self, request: T::Request) -> Result<SagaOutcome<T>, OutcomeError> {
        self.submit(request).await.outcome().await
    }

    /// Submits a saga. Its start is durable then, and its `host = "api"` steps are done; it goes on
    /// when the clock does.
    ///
    /// # Panics
    /// When the task cannot be built, or the saga cannot be submitted.
    pub async fn submit(&self, request: T::Request) -> TestSaga<T> {
        let submitted = |task: Task<T>| async move { task.submit(request).await };
        match self.act(submitted).await {
            Ok(saga) => TestSaga::new(Arc::clone(&self.shared), saga.id()),
            Err(error) => panic!("`{}` cannot be submitted: {error}", T::TASK.name),
        }
    }

    /// Does something with the task, inside the host: everything that has no method of its own here,
    /// such as what operators do. Time goes on until it is done.
    ///
    /// ```
    /// # use distributed_task::{prelude::*, testing::TestHost};
    /// # #[distributed_task(request = u32, response = u32)]
    /// # struct Double;
    /// # #[steps]
    /// # impl Double {
    /// #     #[step(no_undo = "it is a number", retry(max = 0), on_exhausted = "park")]
    /// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let test = TestHost::new(|_| Double::builder().use_in_process_mode()).fail_once("double");
    /// let saga = test.submit(21).await;
    /// assert!(saga.outcome().await.is_err(), "it is parked");
    ///
    /// let id = saga.id();
    /// test.act(move |task| async move { task.operator("ann").unpark(id).await }).await?;
    /// assert!(matches!(saga.outcome().await?, SagaOutcome::Completed(42)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// When the task cannot be built, or that takes longer than [`within`](Self::within) says.
    pub async fn act<R, F>(&self, what: impl FnOnce(Task<T>) -> F + Send + 'static) -> R
    where
        R: Send + 'static,
        F: Future<Output = R>,
    {
        self.shared.act(what).await
    }

    /// Lets so much time pass.
    pub async fn advance(&self, time: Duration) {
        self.act(move |_| sleep(time)).await;
    }

    /// The process dies, as by `kill -9`, and another one starts on the same journal, files and
    /// ledger. It takes over when the lease of the dead one is over, half a minute later.
    ///
    /// # Panics
    /// When the task cannot be built.
    pub async fn restart(&self) {
        let shared = Arc::clone(&self.shared);
        apart(move || {
            let mut process = shared.process.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(process) = process.take() {
                process.kill();
            }
            *process = Some(shared.start());
        })
        .await;
    }

    fn script(&self) -> &Script {
        &self.shared.script
    }
}

impl<T: TaskSteps> Shared<T> {
    fn start(&self) -> Process<T> {
        let started = Process::start(&self.store.clock, || {
            let builder = self.ledger.lend(|| (self.make)(self.ledger.clone()));
            let (script, ledger) = (Arc::clone(&self.script), self.ledger.clone());
            let builder = builder.behind(|task| Scripted {
                task,
                script,
                ledger,
                store: None,
                twice: false,
                tried_once: None,
            });
            if builder.has_journal() {
                return builder;
            }
            let (journal, witness) = (Arc::clone(&self.store.journal), Arc::clone(&self.store));
            let line = Line::new(journal, witness, None).durable();
            let files = self.store.files.clone();
            builder.on(Parts { journal: Arc::new(line), files, queue: None })
        });
        started.unwrap_or_else(|error| panic!("the task under test cannot be built: {error}"))
    }

    async fn act<R, F>(self: &Arc<Self>, what: impl FnOnce(Task<T>) -> F + Send + 'static) -> R
    where
        R: Send + 'static,
        F: Future<Output = R>,
    {
        let shared = Arc::clone(self);
        let limit = *self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        let done = apart(move || {
            let mut process = shared.process.lock().unwrap_or_else(PoisonError::into_inner);
            let process = process.get_or_insert_with(|| shared.start());
            let task = process.task();
            process.enter(async move { timeout(limit, what(task)).await.ok() })
        });
        done.await.unwrap_or_else(|| panic!("nothing came of it within {limit:?}"))
    }
}

impl<T: TaskSteps> Drop for Shared<T> {
    fn drop(&mut self) {
        // A test drops it inside its own runtime.
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        process.take().into_iter().for_each(Process::abandon);
    }
}

impl<T: TaskSteps> fmt::Debug for TestHost<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHost").field("task", &T::TASK.name).finish_non_exhaustive()
    }
}
