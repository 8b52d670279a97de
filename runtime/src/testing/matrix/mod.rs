//! The crash matrix: a crash around every write of a saga.

mod books;
mod judge;
mod made;
mod plan;
mod point;
mod report;
mod run;
mod scenario;

use std::{
    env, fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};

use self::{
    judge::{Judge, Whole},
    plan::{Again, Plan},
    point::{Point, VARIABLE},
    report::{Failed, in_full, replay},
    run::{Told, tell},
    scenario::{Depth, Scenario},
};
pub use self::{
    made::{ByBuilder, ByDefault, Makes},
    report::{CrashFailure, CrashReport},
};
use super::{
    apart::apart,
    ledger::EffectLedger,
    script::{Act, Script, any_refusal, refuse, verbs},
};
use crate::{
    builder::TaskBuilder,
    kernel::{Definition, Way},
    task::TaskSteps,
};

/// How long a saga may take at most, on its clock.
const LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The [`CrashMatrix`] of a task and a request.
///
/// ```
/// # use distributed_task::{prelude::*, testing::{EffectLedger, crash_matrix}};
/// # #[derive(Default)]
/// # #[distributed_task(request = i64, response = ())]
/// # struct Pay { bank: EffectLedger }
/// # #[steps]
/// # impl Pay {
/// #     #[step(compensate = refund)]
/// #     async fn charge(&self, cx: &StepContext, request: &i64) {
/// #         self.bank.once(cx.idempotency_key(), "card", *request);
/// #     }
/// #     async fn refund(&self, cx: &UndoContext) {
/// #         self.bank.take_back(cx.step_key());
/// #     }
/// #     #[response]
/// #     fn respond(&self) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// crash_matrix::<Pay>(1200).check().await;
/// # }
/// ```
pub fn crash_matrix<T: TaskSteps<Request: Clone>>(request: T::Request) -> CrashMatrix<T> {
    let request = Mutex::new(request);
    CrashMatrix {
        // Nothing else asks for `Clone`: who forgot it is told once.
        request: Arc::new(move || request.lock().unwrap_or_else(PoisonError::into_inner).clone()),
        made: ByDefault,
        script: Script::of::<T>(),
        refusal: any_refusal::<T>(),
        limit: LIMIT,
        recovery: true,
        unheard: Vec::new(),
        compares: true,
        only: None,
    }
}

/// Runs a saga once for everything that can go wrong with it, and checks the journal and the
/// [`EffectLedger`] after each run.
///
/// A saga is a list of writes to its journal. First it runs without a fault, to count them. Then, for
/// every write, it runs again four times:
///
/// | | what happens |
/// | --- | --- |
/// | `before` | the process dies before the write: what was done is not written down |
/// | `after` | the process dies behind it: what is written was not heard of |
/// | `unanswered` | the write is done, and the answer is that nobody knows |
/// | `redelivered` | a second worker gets the ticket of the saga, once more |
///
/// So that every undo is reached as well, the same is done to other *scenarios*: for each step, a run
/// in which its answer is lost for good when it has run (`charge.lost`), so that it is undone as
/// [`Outcome::Unknown`](crate::kernel::Outcome::Unknown), and one in which the pivot refuses
/// (`pay.refused`). Some scenarios are only run once: a step that fails before its code runs, so that
/// its undo finds nothing (`charge.fails`), one that refuses (`charge.refused`), and runs in which
/// every step (`twice`), and on the way back every undo (`ship.twice`), runs twice under its key.
///
/// ```
/// use distributed_task::{prelude::*, testing::{EffectLedger, crash_matrix}};
///
/// /// A bank that knows a repeated call by its key.
/// #[derive(Clone)]
/// struct FakeBank(EffectLedger);
///
/// #[distributed_task(request = i64, response = i64)]
/// struct Pay {
///     bank: FakeBank,
/// }
///
/// #[steps]
/// impl Pay {
///     #[step(compensate = refund)]
///     async fn charge(&self, cx: &StepContext, request: &i64) -> i64 {
///         self.bank.0.once(cx.idempotency_key(), "card", *request);
///         *request
///     }
///
///     async fn refund(&self, cx: &UndoContext) {
///         self.bank.0.take_back(cx.step_key());
///     }
///
///     #[response]
///     fn respond(&self, charge: &i64) -> i64 {
///         *charge
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let report = crash_matrix::<Pay>(1200)
///     .task(|ledger| Pay::builder().bank(FakeBank(ledger)).use_in_process_mode())
///     .check()
///     .await;
/// assert_eq!(report.writes, 2);
/// # }
/// ```
///
/// # What is checked
///
/// | rule | how |
/// | --- | --- |
/// | INV1 | at most one outcome record for each step and generation |
/// | INV2 | when a step or an undo begins to run, its intent is in the journal |
/// | INV3, INV5 | a completed saga leaves balances, objects and response as without a fault |
/// | INV4, INV7, INV8, J2, C11 | the order of the records |
/// | INV6 | a saga that went back leaves every balance as it was and no object, but for what it reports to remain |
/// | INV9 | a dead process is replaced within its lease and two pulses |
/// | INV10 | what was written is found again; a start that was answered is there |
/// | INV11 | the events of a handle are numbered without a gap |
/// | INV12 | with two deliveries, every ticket is settled |
/// | INV13 | fences and times never fall, and a dead process writes nothing |
/// | INV14 | the saga ends, as it does without a fault |
/// | C3 | nothing is undone while a lost attempt may still run |
/// | I1 | no key stands for two effects on one account: another amount, or another step |
/// | E3 | what is `at_most_once` runs once, and makes no call twice under one key |
///
/// A crash may change how a saga ends in few ways, which are no failures: one that dies before its
/// first write never was; one that dies in its `host = "api"` steps is undone; an `at_most_once` step
/// that was under way is not run again, and its saga goes back; a deadline may pass meanwhile.
///
/// # What it needs
///
/// Fakes write what they do to the ledger that [`task`](Self::task) is given, and keep what they
/// remember [in it](EffectLedger::state): the task is put together again for every process, as that
/// of a real one is. A task of fakes that is `Default` needs no `task`: a default [`EffectLedger`]
/// is that of its run. Uploads go to a store in memory, and their objects count as effects. A step
/// with `compensate`, `pivot` or `retriable` that is done and left nothing in the ledger fails the
/// matrix, unless it is [`unheard`](Self::unheard) on purpose. An entry belongs to the step whose
/// code runs meanwhile; what that spawned is known by its key, if it begins with that of the step.
///
/// Every run has the same saga id and so the same keys, and its clock skips time: a matrix is the
/// same each time. Outcomes can be scripted as those of a [`TestHost`](super::TestHost).
///
/// # What it does not find
///
/// A process dies around writes to the journal only, and one fault comes at a time:
///
/// - No run dies in the middle of a step or an undo, between two of its calls. An undo of a step that
///   does its work in parts must take back whichever of them were done.
/// - No call of a step arrives behind its undo, as one may that was long on its way. An undo that
///   finds nothing has to bar it (C6), as [`EffectLedger::take_back`] does.
/// - Nobody cancels the saga, and no operator comes: see
///   [`TestSaga::cancel`](super::TestSaga::cancel) and [`TestHost::act`](super::TestHost::act).
/// - An `at_most_once` step that makes the same call again under another key makes another call.
/// - What is not entered in the ledger is not checked, such as the [state](EffectLedger::state) of
///   fakes.
///
/// # When it fails
///
/// The failure names the write, what happened around it, and the rule with both sides, shows the
/// records and the ledger, and the line that runs just that again:
/// `CRASH_POINT="pay/charge.lost:4:before" cargo test ..`.
pub struct CrashMatrix<T: TaskSteps, M = ByDefault> {
    request: Again<T>,
    made: M,
    script: Script,
    refusal: Option<Act>,
    limit: Duration,
    recovery: bool,
    unheard: Vec<usize>,
    compares: bool,
    only: Option<String>,
}

impl<T: TaskSteps, M> CrashMatrix<T, M> {
    /// Puts the task together so, for every process of every run. Its fakes write to the ledger.
    pub fn task<F>(self, make: F) -> CrashMatrix<T, ByBuilder<F>>
    where
        F: Fn(EffectLedger) -> TaskBuilder<T> + Send + Sync + 'static,
    {
        CrashMatrix {
            request: self.request,
            made: ByBuilder(make),
            script: self.script,
            refusal: self.refusal,
            limit: self.limit,
            recovery: self.recovery,
            unheard: self.unheard,
            compares: self.compares,
            only: self.only,
        }
    }

    verbs!();

    /// With what steps refuse. Needed for a task with an `error` of its own: without it no step of
    /// such a task is made to refuse, and the way back from a refused pivot is not run.
    #[must_use]
    pub fn refusing_with(self, error: T::Error) -> Self {
        Self { refusal: Some(refuse::<T>(error)), ..self }
    }

    /// This step leaves nothing in the ledger, on purpose: it does not do anything outside for this
    /// request, say. Every other one with `compensate`, `pivot` or `retriable` must, when it is done.
    ///
    /// # Panics
    /// When the task has no such step.
    #[must_use]
    #[track_caller]
    pub fn unheard(mut self, step: &str) -> Self {
        self.unheard.push(self.script.step(step, Way::Do));
        self
    }

    /// The response need not be the same in every run: it tells the time, say.
    #[must_use]
    pub fn any_response(self) -> Self {
        Self { compares: false, ..self }
    }

    /// How long the saga may take at most, on its clock (INV14). Default: 7 days.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Does only the run of this name, as the variable `CRASH_POINT` does.
    #[must_use]
    pub fn at(self, point: impl Into<String>) -> Self {
        Self { only: Some(point.into()), ..self }
    }

    /// Nobody comes after a crash: what finds no fault then finds none at all.
    #[doc(hidden)]
    #[must_use]
    pub fn without_recovery(self) -> Self {
        Self { recovery: false, ..self }
    }

    fn script(&self) -> &Script {
        &self.script
    }
}

impl<T: TaskSteps, M> CrashMatrix<T, M> {
    /// Does every run, or the one that the variable `CRASH_POINT` names.
    ///
    /// # Panics
    /// With everything there is to say when a run fails; when the task cannot be built, or
    /// `CRASH_POINT` names no run of it.
    pub fn check(self) -> BoxFuture<'static, CrashReport>
    where
        M: Makes<T>,
    {
        // Not an `async fn`: the compiler would tell of a missing `task` three times.
        let checked = self.try_check();
        let report = |checked: Result<_, CrashFailure>| match checked {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        };
        checked.map(report).boxed()
    }

    /// The same, with the failure as an error.
    ///
    /// # Errors
    /// When a run fails.
    ///
    /// # Panics
    /// When the task cannot be built, or `CRASH_POINT` names no run of it.
    pub fn try_check(self) -> BoxFuture<'static, Result<CrashReport, CrashFailure>>
    where
        M: Makes<T>,
    {
        let test = thread::current().name().map(str::to_owned);
        let only = self.only.clone().or_else(|| env::var(VARIABLE).ok());
        let only = only.and_then(|name| {
            let point = Point::parse(&name, self.script.definition());
            point.unwrap_or_else(|error| panic!("{VARIABLE}={name}: {error}"))
        });
        let plan = Plan {
            make: self.made.make(),
            script: self.script,
            request: self.request,
            limit: self.limit,
            recovery: self.recovery,
            refusal: self.refusal,
            unheard: self.unheard,
            compares: self.compares,
        };
        apart(move || Matrix::new(plan, test).check(only)).boxed()
    }
}

/// A matrix on its way.
struct Matrix<T: TaskSteps> {
    plan: Plan<T>,
    test: Option<String>,
    runs: usize,
    failures: Vec<Failed>,
    /// The first of them in full.
    first: String,
}

impl<T: TaskSteps> Matrix<T> {
    fn new(plan: Plan<T>, test: Option<String>) -> Self {
        Self { plan, test, runs: 0, failures: Vec::new(), first: String::new() }
    }

    fn check(mut self, only: Option<Point>) -> Result<CrashReport, CrashFailure> {
        let told = tell(&self.plan, Point::whole(Scenario::Plain));
        let writes = told.world.store.appends();
        match only {
            Some(point) => self.check_one(point, &told),
            None => self.check_all(&told),
        }
        let Self { plan, test, runs, failures, first } = self;
        match failures.first() {
            None => Ok(CrashReport { writes, runs }),
            Some(failed) => {
                let replay = replay(&failed.point, test.as_deref());
                let task = plan.definition().task.to_string();
                Err(CrashFailure { task, runs, failures, replay, first })
            }
        }
    }

    /// The one run that somebody named. A name that fits no run any more must not pass in silence:
    /// nothing would happen in it.
    fn check_one(&mut self, point: Point, plain: &Told) {
        let definition = self.plan.definition();
        if !is_reached(point.scenario, definition, plain) {
            self.stale(point, "its step does not run when nothing goes wrong");
        }
        let makes_something = point.scenario.cue(definition, self.plan.refusal.clone()).is_some();
        if point.scenario.step().is_some() && !makes_something {
            self.stale(point, "nobody says with what the step refuses; see `refusing_with`");
        }
        if point == Point::whole(Scenario::Plain) {
            self.judge(point, plain, None, None);
        } else if let Some(stop) = point.stop {
            let whole = tell(&self.plan, Point::whole(point.scenario));
            let writes = whole.world.store.appends();
            if stop.append as usize > writes {
                let scenario = point.scenario.name(definition);
                let why =
                    format!("`{scenario}` has {writes} writes, and none of number {}", stop.append);
                self.stale(point, &why);
            }
            self.judge(point, &tell(&self.plan, point), Some(plain), Some(&whole));
        } else {
            self.judge(point, &tell(&self.plan, point), Some(plain), None);
        }
    }

    fn stale(&self, point: Point, why: &str) -> ! {
        panic!("{VARIABLE}={}: there is no such run: {why}", point.name(self.plan.definition()))
    }

    fn check_all(&mut self, plain: &Told) {
        if !self.judge(Point::whole(Scenario::Plain), plain, None, None) {
            // Everything else would say the same.
            return;
        }
        let definition = self.plan.definition().clone();
        for (scenario, depth) in Scenario::all(&definition, self.plan.refusal.is_some()) {
            if !is_reached(scenario, &definition, plain) {
                continue;
            }
            match scenario {
                Scenario::Plain => self.sweep(scenario, plain, plain),
                _ => {
                    let whole = tell(&self.plan, Point::whole(scenario));
                    let is_well = self.judge(Point::whole(scenario), &whole, Some(plain), None);
                    if is_well && depth == Depth::Swept {
                        self.sweep(scenario, plain, &whole);
                    }
                }
            }
        }
    }

    fn sweep(&mut self, scenario: Scenario, plain: &Told, whole: &Told) {
        for point in Point::around(scenario, whole.world.store.appends()) {
            self.judge(point, &tell(&self.plan, point), Some(plain), Some(whole));
        }
    }

    /// Whether nothing is wrong with a run.
    fn judge(
        &mut self,
        point: Point,
        told: &Told,
        plain: Option<&Told>,
        whole: Option<&Told>,
    ) -> bool {
        self.runs += 1;
        let definition = self.plan.definition();
        let (plain, against) = (plain.map(Whole::of), whole.map(Whole::of));
        let heard = self.plan.heard();
        let judge = Judge {
            definition,
            plain: plain.as_ref(),
            whole: against.as_ref(),
            scripted: !self.plan.script.is_empty(),
            heard: &heard,
            compares: self.plan.compares,
        };
        let broken = judge.verdict(point, told);
        if broken.is_empty() {
            return true;
        }
        if self.failures.is_empty() {
            self.first = in_full(definition, point, &broken, told, whole);
        }
        self.failures.push(Failed { point: point.name(definition), broken });
        false
    }
}

/// Whether the step that a scenario is about runs at all.
fn is_reached(scenario: Scenario, definition: &Definition, plain: &Told) -> bool {
    let name = scenario.step().map(|step| &definition.steps[step].name);
    name.is_none_or(|name| plain.world.ledger.runs_of(name) > 0)
}

impl<T: TaskSteps, M> fmt::Debug for CrashMatrix<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashMatrix").field("task", &T::TASK.name).finish_non_exhaustive()
    }
}
