//! The code of a drawn task: each step, undo and probe behaves as its script says.

use std::{future::Future, panic, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::task::JoinError;

use super::{
    gate::Gate,
    plan::{Deed, SagaPlan, StepPlan, Then},
    scene::Scene,
    store::Store,
    world::{Answer, World},
};
use crate::{
    Cancellable, ProbeContext, Refusal, StepContext, TaskDefinition, TaskSteps, UndoContext,
    kernel::{AttemptEnd, Definition, Kind, Outcome, Refused, SagaId, Value, Way, idempotency_key},
    task::{
        ErrorValue, Handlers, Inputs, ResponseValue, Serde, Slot, Typed, Work,
        row::Table,
        table::{Response, TaskRow, task},
    },
};

/// The task that stands for every drawn one: what it does is in its [`Code`].
pub(super) struct Drawn;

impl TaskDefinition for Drawn {
    type Values = Serde;
    type Request = u64;
    type Response = u64;
    type Error = Refusal;
    const TASK: TaskRow = task("order").queue("orders").cancellable();
}

impl TaskSteps for Drawn {
    const STEPS: Table<Self> = &[];
    const RESPONSE: Response<Self> = |_| unreachable!("its code answers");
}

impl Cancellable for Drawn {}

/// The code of one process.
pub(super) struct Code {
    pub(super) scene: Arc<Scene>,
    pub(super) world: Arc<World>,
    pub(super) store: Arc<Store>,
    pub(super) gate: Arc<Gate>,
    pub(super) name: Arc<str>,
}

/// What goes well when a script has nothing more to say.
const WELL: Deed = Deed { effect: true, then: Then::Returns };

/// One run of user code: where it stands in the script, and what it may touch.
struct Run {
    scene: Arc<Scene>,
    world: Arc<World>,
    gate: Arc<Gate>,
    name: Arc<str>,
    what: String,
    deed: Deed,
    before: Duration,
    after: Duration,
    limit: Duration,
}

impl Code {
    fn saga(&self, inputs: &Inputs) -> (u64, Option<&SagaPlan>) {
        let name = *inputs.request::<u64>();
        (name, self.scene.plan.saga(name))
    }

    fn run_of(&self, inputs: &Inputs, step: usize, way: Way) -> (Run, bool) {
        let (name, saga) = self.saga(inputs);
        let quick = StepPlan::default();
        let script = saga.map_or(&quick, |saga| &saga.steps[step]);
        let deeds = match way {
            Way::Do => &script.does,
            Way::Undo => &script.undoes,
            Way::Probe => &script.probes,
        };
        let number = self.world.runs(name, step, way);
        let deed = deeds.get(number).copied().unwrap_or(WELL);
        let step_of = &self.scene.plan.definition.steps[step];
        let what = format!("{way:?} {} of saga {name}, run {number}", step_of.name);
        let run = Run {
            scene: Arc::clone(&self.scene),
            world: Arc::clone(&self.world),
            gate: Arc::clone(&self.gate),
            name: Arc::clone(&self.name),
            what,
            deed,
            // Longer than an attempt may take only where that is meant.
            before: script.before.min(step_of.timeout / 4),
            after: script.after.min(step_of.timeout / 4),
            limit: step_of.timeout,
        };
        (run, script.thread)
    }

    /// What a step reads is what the steps before it returned.
    fn check(&self, inputs: &Inputs, cx: &StepContext, step: usize) {
        for input in &self.scene.plan.definition.steps[step].inputs {
            if let Some(output) = inputs.maybe::<u64>(*input) {
                self.world.reads(cx.saga(), *input, *output);
            }
        }
    }
}

impl Handlers for Code {
    fn definition(&self) -> Definition {
        self.scene.plan.definition.clone()
    }

    fn run(&self, step: usize, cx: StepContext, inputs: Inputs) -> Work {
        self.check(&inputs, &cx, step);
        let (run, thread) = self.run_of(&inputs, step, Way::Do);
        let definition = &self.scene.plan.definition.steps[step];
        let (reads_only, ephemeral) = (definition.kind == Kind::ReadOnly, definition.ephemeral);
        work(thread, run.step(cx, step, (reads_only, ephemeral)))
    }

    fn undo(&self, step: usize, cx: UndoContext, inputs: Inputs, _: Outcome<Value>) -> Work {
        let saga = cx.saga();
        let (step, keys) = match self.store.undone_instead_of(saga, step) {
            None => (step, [cx.step_key(), cx.idempotency_key()]),
            Some((instead, [of_step, of_undo])) => {
                let definition = &self.scene.plan.definition;
                let name = &definition.steps[instead].name;
                let key = |of, way| idempotency_key(&definition.task, saga, name, of, way);
                (instead, [key(of_step, Way::Do), key(of_undo, Way::Undo)])
            }
        };
        let (run, thread) = self.run_of(&inputs, step, Way::Undo);
        work(thread, run.undo((saga, step), keys))
    }

    fn probe(&self, step: usize, cx: ProbeContext, inputs: Inputs) -> Work {
        let (run, thread) = self.run_of(&inputs, step, Way::Probe);
        let reads_only = self.scene.plan.definition.steps[step].kind == Kind::ReadOnly;
        work(thread, run.probe(cx, step, reads_only))
    }

    fn when(&self, step: usize, inputs: &Inputs) -> bool {
        let (name, saga) = self.saga(inputs);
        // A condition is neither of the three ways: its runs are counted for themselves.
        let asked = self.world.runs(name, 100 + step, Way::Do);
        if saga.is_some_and(|saga| asked < saga.panics as usize) {
            panic::resume_unwind(Box::new("a condition panics"));
        }
        saga.is_none_or(|saga| saga.verdicts >> step & 1 == 1)
    }

    fn respond(&self, inputs: &Inputs) -> Value {
        let (name, saga) = self.saga(inputs);
        let asked = self.world.runs(name, 200, Way::Do);
        if saga.is_some_and(|saga| asked < saga.panics as usize) {
            panic::resume_unwind(Box::new("the response panics"));
        }
        Value::journaled(name)
    }

    fn typed(&self, slot: Slot) -> Option<Typed> {
        match slot {
            Slot::Error => Some(<Refusal as ErrorValue>::typed()),
            Slot::Output(step) if self.scene.plan.definition.steps[step].ephemeral => None,
            _ => Some(<u64 as ResponseValue<Serde>>::typed()),
        }
    }

    fn was(&self, _: usize) -> &'static [&'static str] {
        &[]
    }

    fn response_reads(&self) -> &'static [usize] {
        &[]
    }

    fn needs_files(&self) -> Option<&'static str> {
        None
    }
}

/// On the runtime, or on a thread that goes on whatever becomes of the attempt.
fn work(thread: bool, run: impl Future<Output = AttemptEnd> + Send + 'static) -> Work {
    if !thread {
        return Work { future: Box::pin(run), interruptible: true };
    }
    let ended = |ended: Result<AttemptEnd, JoinError>| match ended {
        Ok(end) => end,
        Err(lost) => panic::resume_unwind(lost.into_panic()),
    };
    Work { future: Box::pin(tokio::spawn(run).map(ended)), interruptible: false }
}

impl Run {
    async fn step(
        self,
        cx: StepContext,
        step: usize,
        (reads_only, ephemeral): (bool, bool),
    ) -> AttemptEnd {
        let saga = cx.saga();
        let call = self.world.begins(cx.idempotency_key(), (saga, step), cx.fence());
        self.says("begins");
        self.takes_its_time(self.before).await;
        let Deed { effect, then } = self.deed;
        let wanted = match then {
            Then::Partial => Answer::Partial,
            Then::Refuses => Answer::Refused,
            _ => Answer::Done,
        };
        let arrives = !reads_only && (effect || wanted == Answer::Refused);
        let answer = if arrives { self.world.takes(&call, wanted) } else { wanted };
        if arrives {
            self.says(&format!("is answered {answer:?}"));
        }
        self.gate.sleep(self.after).await;
        match then {
            Then::Panics => panics(),
            Then::Hangs => return std::future::pending().await,
            Then::Dawdles => self.gate.sleep(self.limit * 2).await,
            _ => {}
        }
        let output = step as u64 * 1_000 + u64::from(cx.attempt());
        let end = match (then, answer) {
            (Then::Retries, _) => retry("not now"),
            (_, Answer::Blocked) => retry("it is too late for this call"),
            (Then::Dawdles, _) if !arrives && !reads_only => retry("nothing happened"),
            (_, Answer::Refused) => AttemptEnd::Refused(refused()),
            (_, Answer::Partial) => AttemptEnd::Partial(refused(), Value::journaled(output)),
            (_, Answer::Done) => {
                self.world.returned(saga, step, output);
                match ephemeral {
                    true => AttemptEnd::Done(Value::ephemeral(output)),
                    false => AttemptEnd::Done(Value::journaled(output)),
                }
            }
        };
        self.says(kind_of(&end));
        end
    }

    async fn undo(self, of: (SagaId, usize), [step_key, undo_key]: [String; 2]) -> AttemptEnd {
        self.says("begins");
        self.takes_its_time(self.before).await;
        if self.deed.effect {
            self.world.undoes(&step_key, &undo_key, of);
            self.says("is undone");
        }
        self.gate.sleep(self.after).await;
        let end = match self.deed.then {
            Then::Panics => panics(),
            Then::Hangs => return std::future::pending().await,
            Then::Retries | Then::Dawdles => retry("not now"),
            Then::Refuses | Then::Partial => AttemptEnd::Refused(refused()),
            Then::Returns => AttemptEnd::Done(Value::journaled(())),
        };
        self.says(kind_of(&end));
        end
    }

    async fn probe(self, cx: ProbeContext, step: usize, reads_only: bool) -> AttemptEnd {
        self.says("begins");
        self.takes_its_time(self.before).await;
        let end = match self.deed.then {
            Then::Panics => panics(),
            Then::Hangs => return std::future::pending().await,
            Then::Retries | Then::Dawdles => retry("not now"),
            Then::Refuses | Then::Partial => AttemptEnd::CannotTell,
            Then::Returns => {
                let output = step as u64 * 1_000;
                let of = (cx.saga(), step);
                let happened = match reads_only {
                    true => Some(false),
                    false => self.world.tells(&cx.step_key(), of, cx.fence()),
                };
                match happened {
                    Some(true) => {
                        self.world.returned(cx.saga(), step, output);
                        AttemptEnd::Done(Value::journaled(output))
                    }
                    Some(false) => AttemptEnd::DidNot,
                    None => AttemptEnd::CannotTell,
                }
            }
        };
        self.says(kind_of(&end));
        end
    }

    async fn takes_its_time(&self, time: Duration) {
        self.gate.sleep(time).await;
    }

    fn says(&self, what: &str) {
        self.scene.trace(&self.name, || format!("{} {what}", self.what));
    }
}

fn panics() -> ! {
    // Without a word on the terminal.
    panic::resume_unwind(Box::new("user code panics"))
}

fn retry(error: &str) -> AttemptEnd {
    AttemptEnd::Retry { error: error.to_owned(), after: None }
}

fn refused() -> Refused {
    let refusal = Refusal::new("no", "not this time");
    Refused { message: refusal.to_string(), error: Value::journaled(refusal) }
}

fn kind_of(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Done(_) => "returns",
        AttemptEnd::Retry { .. } => "asks for another try",
        AttemptEnd::Refused(_) => "refuses",
        AttemptEnd::Partial(..) => "has done a part",
        AttemptEnd::DidNot => "says that it did not happen",
        AttemptEnd::CannotTell => "cannot tell",
        AttemptEnd::Unknown(_) | AttemptEnd::Undecodable(_) => "ends",
    }
}
