//! One story: a saga, and the processes that live and die around it.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use distributed_task::{
    TaskSteps,
    builder::TaskBuilder,
    journal::Told,
    kernel::{Definition, Stamped},
    prelude::Probe,
    testing::{
        oracle::{self, End},
        parts::{self, Stop},
    },
};

use crate::{
    faulty::Fault,
    process::{Process, Ran},
    saying::{Saying, Verb},
    store::Store,
    world::{Effect, Manners, Script, World},
};

/// INV14: no case takes as long, with its retries, deadlines and late windows.
pub(crate) const BOUND: Duration = Duration::from_secs(12 * 3600);
/// How long to look whether something comes out of nothing.
pub(crate) const QUIET: Duration = Duration::from_secs(300);

/// A saga to tell stories about.
#[derive(Clone, Copy)]
pub(crate) struct Case<T: TaskSteps> {
    pub(crate) name: &'static str,
    pub(crate) task: fn(World) -> TaskBuilder<T>,
    pub(crate) request: fn() -> T::Request,
    pub(crate) script: Script,
    /// How it ends, whoever dies.
    pub(crate) end: End,
    /// Objects that it leaves in the file store when it is completed.
    pub(crate) objects: usize,
}

/// How a story goes besides its crashes.
#[derive(Clone, Copy)]
pub(crate) struct Fate {
    pub(crate) manners: Manners,
    pub(crate) fault: Fault,
    /// Whether anybody comes after the last crash.
    pub(crate) recovery: bool,
    /// Somebody says something to the saga.
    pub(crate) saying: Option<Saying>,
}

impl Fate {
    pub(crate) const PLAIN: Self =
        Self { manners: Manners::Good, fault: Fault::None, recovery: true, saying: None };
}

/// What happened.
pub(crate) struct Story {
    pub(crate) store: Arc<Store>,
    pub(crate) world: World,
    /// So many processes were stopped; the one after them went to the end.
    pub(crate) deaths: usize,
    /// What the case promises, seeing where the crashes were.
    pub(crate) expected: End,
    /// Objects that a completed saga leaves behind; `None`: nobody looks.
    pub(crate) objects: Option<usize>,
    /// What the last process was told through the public door.
    pub(crate) seen: Option<End>,
    saying: Option<Saying>,
}

/// Tells the story of a saga whose processes are stopped one after the other; the last one is not.
pub(crate) fn tell<T: TaskSteps>(case: &Case<T>, stops: &[Stop], fate: Fate) -> Story {
    let mut story = Story::new(case, fate);
    let mut stops = stops.iter().copied();
    loop {
        let stop = stops.next();
        if stop.is_none() && story.deaths > 0 && !fate.recovery {
            return story;
        }
        if !story.live(case, stop, fate.fault) {
            return story;
        }
    }
}

impl Story {
    /// One in which nothing happened yet.
    pub(crate) fn new<T: TaskSteps>(case: &Case<T>, fate: Fate) -> Self {
        let store = Store::new(fate);
        let world = World::new(&store, case.script);
        let (expected, objects) = (case.end, Some(case.objects));
        Self { store, world, deaths: 0, expected, objects, seen: None, saying: fate.saying }
    }

    /// One process, from its start to its end; `true` when another has to come.
    fn live<T: TaskSteps>(&mut self, case: &Case<T>, stop: Option<Stop>, fault: Fault) -> bool {
        let mut process = Process::start(case, &self.store, &self.world, stop, fault);
        if self.deaths == 0 {
            process.submit((case.request)());
        }
        let nothing = self.deaths > 0 && self.store.place().is_none();
        match process.run(if nothing { QUIET } else { BOUND }) {
            Ran::Stopped => {
                if self.store.place().is_none() {
                    self.expected = End::Nothing;
                }
                self.orphan();
                process.kill();
                self.deaths += 1;
                return true;
            }
            Ran::AtRest => {
                self.seen = process.outcome();
                process.leave();
            }
            Ran::OutOfTime if nothing => process.leave(),
            Ran::OutOfTime => {
                self.store.note(format!("INV14: not over after {BOUND:?}"));
                process.kill();
            }
        }
        false
    }

    /// The process that had the saga does not run any more.
    pub(crate) fn orphan(&mut self) {
        self.look_at_start();
        // What may have happened, and is never tried twice, counts if it is seen to have happened.
        let in_doubt = self.store.in_doubt();
        let lost =
            |(step, probe): &(String, bool)| !*probe || self.world.knows(step) == Probe::DidNot;
        if in_doubt.iter().any(lost) {
            self.expected = End::Failed;
        }
        self.store.orphan();
    }

    /// What was not handed over when its process stopped is abandoned.
    pub(crate) fn look_at_start(&mut self) {
        if self.store.is_starting() {
            self.expected = End::Abandoned;
        }
    }

    /// What is left without what came too late for everybody.
    fn not_late<T>(&self, mut left: Vec<T>, step: fn(&T) -> &String) -> Vec<T> {
        let late = self.store.late();
        left.retain(|left| !late.contains(step(left)));
        left
    }

    /// How it ends after what somebody said.
    fn after_the_word(&self, expected: End, end: End) -> End {
        let said = self.saying.zip(self.store.said());
        let Some((saying, said)) = said.filter(|(_, said)| said.told == Told::Told) else {
            return expected;
        };
        match saying.verb {
            // Whenever it is said.
            Verb::Kill => End::Killed,
            // What failed, or was lost, was done after all; that it is all done, INV5 says.
            Verb::Late if end == End::Completed || end == saying.end => end,
            // Only to a saga that waits for it.
            _ if said.parked && expected == End::Open => match saying.verb {
                // Now its probe can tell that it did not happen, and it is not run again (E3).
                Verb::Unpark if self.is_never_run_again() => End::Failed,
                _ => saying.end,
            },
            _ => expected,
        }
    }

    /// Whether a step that never runs twice was begun, and did nothing.
    fn is_never_run_again(&self) -> bool {
        let mut begun = self.store.never_twice().into_iter();
        begun.any(|step| self.store.is_begun(&step) && self.world.calls(&step, "act") == 0)
    }

    /// Everything that is wrong with it.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let mut wrong = self.store.wrong();
        let saga = self.store.saga();
        let end = saga.as_ref().map_or(End::Nothing, |(_, definition, records)| {
            let effects = self.world.effects();
            let effects = self.not_late(effects, |effect| &effect.step);
            let standing: Vec<_> = effects.iter().map(Effect::standing).collect();
            wrong.extend(oracle::examine(definition, records, &standing));
            wrong.extend(self.store.lost_groups(records).map(|lost| format!("INV10: lost {lost}")));
            if let Some(step) = self.store.turned_too_early(records) {
                let name = &definition.steps[step].name;
                wrong.push(format!("C3: it turned back while `{name}` may have run"));
            }
            End::of(definition, records)
        });
        for step in self.store.never_twice() {
            let calls = self.world.calls(&step, "act");
            // But for an operator who says so.
            let again = self.saying.is_some_and(|saying| saying.verb == Verb::Unpark);
            if calls > 1 + u32::from(again) {
                wrong.push(format!("E3: `{step}` ran {calls} times"));
            }
        }
        let accepted = self.store.accepted.load(SeqCst);
        if accepted && matches!(end, End::Nothing | End::Abandoned) {
            wrong.push(format!("INV10: an accepted saga is {end:?}"));
        }
        let cancelled = self.store.told() == Some(Told::Told);
        // What is told in time counts (INV10), if nothing else turned the saga back before.
        let expected = match self.expected {
            End::Completed if cancelled && !oracle::passed_pivot(saga.as_ref()) => End::Cancelled,
            expected if cancelled && expected != End::Completed && end == End::Cancelled => end,
            expected => self.after_the_word(expected, end),
        };
        if end != expected {
            wrong.push(format!("INV14: expected {expected:?}, found {end:?}"));
        }
        let objects = self.not_late(self.store.objects(), |(step, _)| step);
        let objects = match &saga {
            Some((_, definition, records)) if end == End::Killed => {
                not_residual(definition, records, objects)
            }
            _ => objects,
        };
        let left = self.objects.map(|left| if end == End::Completed { left } else { 0 });
        if left.is_some_and(|left| objects.len() != left) {
            wrong.push(format!("INV6: {left:?} objects should be left, not {objects:?}"));
        }
        if self.seen.is_some_and(|seen| seen != end) {
            wrong.push(format!("the handle says {:?}, the journal {end:?}", self.seen));
        }
        wrong
    }
}

/// What is left without what is reported to remain.
fn not_residual(
    definition: &Definition,
    records: &[Stamped],
    mut left: Vec<(String, String)>,
) -> Vec<(String, String)> {
    left.retain(|(step, _)| !oracle::is_residual(definition, records, step));
    left
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "records:")?;
        if let Some((_, definition, records)) = self.store.saga() {
            f.write_str(&parts::records(&definition, &records))?;
        }
        writeln!(f, "effects:")?;
        self.world.effects().iter().try_for_each(|effect| writeln!(f, "  {effect:?}"))
    }
}
