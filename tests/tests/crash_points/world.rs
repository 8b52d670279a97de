//! The world outside: whom the steps call, and where their effects are.
//!
//! It knows nothing of sagas. It is called with keys, does each thing once a key (C6, I1), and asks
//! the journal at that very moment whether anybody has announced it (INV2).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use distributed_task::{
    kernel::{SagaId, Way, idempotency_key},
    prelude::*,
    testing::oracle::Standing,
};
use tokio::time::sleep;

use crate::{saying::Deed, store::Store};

/// How the world answers a step, or its undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Says no; nothing happened.
    Refuses,
    /// Does it, and says no to the rest of it.
    APart,
    /// So many calls fail, after what they did.
    Fails(u32),
    /// Does it, and never answers.
    Hangs,
    /// The same, and nobody can see whether it is done.
    HangsUnseen,
    /// Is busy, for ever: ask again after that.
    Busy(Duration),
    /// Takes so long, all in all.
    Takes(Duration),
    /// So many undos fail: the first before it did anything, every other one after.
    UndoFails(u32),
    /// Its undo says no.
    UndoRefuses,
    /// Somebody cancels the saga while this is done for the first time.
    IsCancelled,
}

/// What a step does that is not simply done.
pub(crate) type Script = &'static [(&'static str, Does)];

/// How well the world keeps its part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Each thing once a key, and nothing that was undone before it came (C6).
    Good,
    /// What was undone before it came is done all the same, once.
    NoBarrier,
    /// Each undo takes something away, however often it is asked for.
    UndoesTwice,
}

/// The world outside. Clones share it.
#[derive(Clone)]
pub(crate) struct World {
    store: Arc<Store>,
    script: Script,
    ledger: Arc<Mutex<Ledger>>,
}

/// All accounts.
#[derive(Default)]
struct Ledger {
    effects: BTreeMap<String, Effect>,
    /// Somebody mended what was broken: the script does not hold any more.
    mended: bool,
    calls: BTreeMap<(String, &'static str), u32>,
}

impl Ledger {
    fn by_hand(&mut self, key: String, saga: SagaId, step: &str, deed: Deed) {
        if deed == Deed::Mends {
            self.mended = true;
            return;
        }
        let effect = self.effects.entry(key).or_default();
        step.clone_into(&mut effect.step);
        effect.saga = Some(saga);
        if deed == Deed::TakesBack {
            (effect.net, effect.undone) = (0, true);
        } else if !effect.acted {
            (effect.net, effect.acted) = (effect.net + 1, true);
        }
    }
}

/// What came of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub(crate) step: String,
    pub(crate) saga: Option<SagaId>,
    /// What stands now: 0 or 1, if everybody behaves.
    pub(crate) net: i32,
    /// It happened, once.
    pub(crate) acted: bool,
    undone: bool,
}

impl Effect {
    /// What the oracle asks about it.
    pub(crate) fn standing(&self) -> Standing {
        Standing { step: self.step.clone(), net: self.net, text: format!("{self:?}") }
    }
}

impl World {
    pub(crate) fn new(store: &Arc<Store>, script: Script) -> Self {
        let ledger = Arc::<Mutex<Ledger>>::default();
        let world = Self { store: Arc::clone(store), script, ledger: Arc::clone(&ledger) };
        let names = Arc::downgrade(store);
        store.lend(Box::new(move |saga, step, deed| {
            let definition = names.upgrade().and_then(|store| store.saga()).map(|(_, of, _)| of);
            let definition = definition.expect("there is a saga");
            let name = &definition.steps[step].name;
            let key = idempotency_key(&definition.task, saga, name, 0, Way::Do);
            ledger.lock().expect("nobody panics under it").by_hand(key, saga, name, deed);
        }));
        world
    }

    /// Does something that can be seen outside, for a step.
    pub(crate) async fn act(&self, cx: &StepContext) -> StepResult<u32> {
        let call = self.called(cx.step(), "act");
        sleep(Duration::from_secs(1)).await;
        match self.does(cx.step()) {
            Some(Does::Refuses) => Err(Refusal::new("no", format!("no {}", cx.step())))?,
            Some(Does::Busy(wait)) => Err(StepError::retry("busy").after(wait))?,
            Some(Does::Takes(long)) => sleep(long - Duration::from_secs(2)).await,
            _ => {}
        }
        self.apply(cx)?;
        match self.does(cx.step()) {
            Some(Does::Hangs | Does::HangsUnseen) => std::future::pending().await,
            Some(Does::Fails(calls)) if call <= calls => Err("the line went dead")?,
            Some(Does::IsCancelled) if call == 1 => self.store.cancel(),
            _ => {}
        }
        sleep(Duration::from_secs(1)).await;
        Ok(call)
    }

    /// The same, for a step that can do a part of its work.
    pub(crate) async fn act_in_part(&self, cx: &StepContext) -> PartialResult<u32> {
        let done = self.act(cx).await?;
        match self.does(cx.step()) {
            Some(Does::APart) => {
                Err(PartialError::partial(done, Refusal::new("half", "no more of it")))
            }
            _ => Ok(done),
        }
    }

    /// Undoes what was done for a step, if it was, and keeps it from coming later.
    pub(crate) async fn undo(&self, cx: &UndoContext) -> StepResult<()> {
        let call = self.called(cx.step(), "undo");
        sleep(Duration::from_secs(1)).await;
        if self.does(cx.step()) == Some(Does::UndoRefuses) {
            Err(Refusal::new("gone", "there is nobody to ask"))?;
        }
        let fails = matches!(self.does(cx.step()), Some(Does::UndoFails(calls)) if call <= calls);
        if fails && call == 1 {
            Err("the line is busy")?;
        }
        self.is_announced(&cx.idempotency_key(), Way::Undo);
        self.take_back(cx);
        if fails {
            Err("the line went dead")?;
        }
        Ok(())
    }

    /// Looks at something, and changes nothing.
    pub(crate) async fn look(&self, cx: &StepContext) -> StepResult<u32> {
        let call = self.called(cx.step(), "look");
        sleep(Duration::from_secs(1)).await;
        match self.does(cx.step()) {
            Some(Does::Fails(calls)) if call <= calls => Err("cannot see")?,
            _ => Ok(7),
        }
    }

    /// Says whether something was done for a step.
    pub(crate) async fn seen(&self, cx: &ProbeContext) -> StepResult<Probe<u32>> {
        self.called(cx.step(), "probe");
        sleep(Duration::from_secs(1)).await;
        Ok(self.knows(cx.step()))
    }

    /// What it says now.
    pub(crate) fn knows(&self, step: &str) -> Probe<u32> {
        let acted = self.effects().iter().any(|effect| effect.step == step && effect.acted);
        match (self.does(step), acted) {
            (Some(Does::HangsUnseen), _) => Probe::CannotTell,
            (_, true) => Probe::Happened(1),
            (_, false) => Probe::DidNot,
        }
    }

    /// How often a step called.
    pub(crate) fn calls(&self, step: &str, what: &'static str) -> u32 {
        self.ledger().calls.get(&(step.to_owned(), what)).copied().unwrap_or_default()
    }

    /// Everything that was ever done or undone.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.ledger().effects.values().cloned().collect()
    }

    fn apply(&self, cx: &StepContext) -> Result<(), Refusal> {
        let key = cx.idempotency_key();
        self.is_announced(&key, Way::Do);
        let barrier = self.store.manners != Manners::NoBarrier;
        let mut ledger = self.ledger();
        let effect = ledger.effects.entry(key).or_default();
        cx.step().clone_into(&mut effect.step);
        effect.saga = Some(cx.saga());
        if effect.undone && barrier {
            return Err(Refusal::new("undone", "it was undone before it came"));
        }
        if !effect.acted {
            effect.acted = true;
            effect.net += 1;
        }
        Ok(())
    }

    fn take_back(&self, cx: &UndoContext) {
        let mut ledger = self.ledger();
        let effect = ledger.effects.entry(cx.step_key()).or_default();
        cx.step().clone_into(&mut effect.step);
        effect.saga = Some(cx.saga());
        effect.undone = true;
        match self.store.manners {
            Manners::UndoesTwice => effect.net -= 1,
            _ => effect.net = 0,
        }
    }

    /// INV2: somebody wrote down that this would come, before it came.
    fn is_announced(&self, key: &str, way: Way) {
        if !self.store.is_announced(key, way) {
            self.store.note(format!("INV2: {way:?} under {key} before its intent"));
        }
    }

    fn does(&self, step: &str) -> Option<Does> {
        let script = if self.ledger().mended { &[] } else { self.script };
        script.iter().find(|(name, _)| *name == step).map(|(_, does)| *does)
    }

    /// Counts a call, and says the how many-eth it is.
    fn called(&self, step: &str, what: &'static str) -> u32 {
        let mut ledger = self.ledger();
        let calls = ledger.calls.entry((step.to_owned(), what)).or_default();
        *calls += 1;
        *calls
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panics under it")
    }
}
