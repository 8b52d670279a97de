//! Makes a schedule that fails smaller: whatever can be left out while it still fails is left out.
//!
//! The cuts of a plan come in an order that follows from it, so that a list of their numbers leads
//! from a seed to the smallest plan again.

use std::time::Duration;

use super::plan::{Blow, Deed, Plan, StepPlan, Then, Weather, Word};
use crate::kernel::{Kind, OnExhausted};

/// Schedules that are run at most to make one smaller.
const TRIES: usize = 500;

/// A plan that fails, and the cuts that lead to it.
pub(super) struct Shrunk {
    pub(super) plan: Plan,
    pub(super) cuts: Vec<usize>,
}

/// The smallest plan that still fails.
pub(super) fn shrink(plan: Plan, fails: impl Fn(&Plan) -> bool) -> Shrunk {
    let mut shrunk = Shrunk { plan, cuts: Vec::new() };
    let (mut tries, mut from) = (0, 0);
    loop {
        let candidates = cuts(&shrunk.plan);
        // From where the last one was found, once around, and as long as there is patience.
        let order = (0..candidates.len()).map(|nth| (from + nth) % candidates.len());
        let mut order = order.take(TRIES - tries);
        let smaller = order.find(|nth| {
            tries += 1;
            fails(&candidates[*nth])
        });
        let Some(nth) = smaller else { return shrunk };
        shrunk.cuts.push(nth);
        shrunk.plan = candidates.into_iter().nth(nth).expect("it was found there");
        from = nth;
    }
}

/// The plan behind these cuts.
pub(super) fn follow(mut plan: Plan, path: &[usize]) -> Plan {
    for nth in path {
        plan = cuts(&plan).into_iter().nth(*nth).unwrap_or(plan);
    }
    plan
}

/// Every plan that has one thing less, the largest things first.
fn cuts(plan: &Plan) -> Vec<Plan> {
    let mut found = Cuts { plan, smaller: Vec::new() };
    found.of_sagas();
    found.of_faults();
    found.of_hosts();
    found.of_weather();
    found.of_steps();
    found.of_scripts();
    found.smaller
}

struct Cuts<'a> {
    plan: &'a Plan,
    smaller: Vec<Plan>,
}

impl Cuts<'_> {
    /// The plan with this change, if it is one.
    fn with(&mut self, changes: bool, change: impl FnOnce(&mut Plan)) {
        if changes {
            let mut plan = self.plan.clone();
            change(&mut plan);
            self.smaller.push(plan);
        }
    }

    fn of_sagas(&mut self) {
        for nth in 0..self.plan.sagas.len() {
            self.with(self.plan.sagas.len() > 1, |plan| leave_out(&mut plan.sagas, nth));
        }
        for nth in 0..self.plan.mail.len() {
            self.with(true, |plan| leave_out(&mut plan.mail, nth));
        }
    }

    fn of_faults(&mut self) {
        self.with(self.plan.fail_over.is_some(), |plan| plan.fail_over = None);
        for (nth, fault) in self.plan.faults.iter().enumerate() {
            self.with(true, |plan| leave_out(&mut plan.faults, nth));
            let odd = fault.what == Blow::PausedUnawares;
            self.with(odd, |plan| plan.faults[nth].what = Blow::Paused);
        }
    }

    fn of_hosts(&mut self) {
        let hosts = self.plan.hosts.len();
        self.with(hosts > 1, |plan| {
            plan.hosts.pop();
            plan.faults.retain(|fault| fault.host < hosts - 1);
            plan.sagas.iter_mut().for_each(|saga| saga.host = saga.host.min(hosts - 2));
        });
        let store = &self.plan.store;
        self.with(store.carrier, |plan| plan.store.carrier = false);
        self.with(store.keeps_bytes, |plan| plan.store.keeps_bytes = false);
        self.with(store.remote, |plan| {
            plan.store.remote = false;
            plan.fail_over = None;
            plan.weather.lost_signals = 0;
        });
        for nth in 0..hosts {
            let few = self.plan.hosts[nth].concurrency < 8;
            self.with(few, |plan| plan.hosts[nth].concurrency = 8);
        }
    }

    fn of_weather(&mut self) {
        let fields: [fn(&mut Weather) -> &mut u32; 10] = [
            |weather| &mut weather.late,
            |weather| &mut weather.lost_requests,
            |weather| &mut weather.lost_replies,
            |weather| &mut weather.repeated,
            |weather| &mut weather.lost_signals,
            |weather| &mut weather.late_signals,
            |weather| &mut weather.repeated_signals,
            |weather| &mut weather.lost_tickets,
            |weather| &mut weather.late_tickets,
            |weather| &mut weather.repeated_tickets,
        ];
        for field in fields {
            let is_there = *field(&mut self.plan.weather.clone()) > 0;
            self.with(is_there, |plan| *field(&mut plan.weather) = 0);
        }
    }

    fn of_steps(&mut self) {
        let definition = &self.plan.definition;
        self.with(definition.timeout.is_some(), |plan| plan.definition.timeout = None);
        let steps = &definition.steps;
        for nth in 0..steps.len() {
            // What may stand behind a pivot only goes before it.
            let holds = steps[nth].kind == Kind::Pivot
                && steps.iter().any(|step| step.kind == Kind::Retriable);
            let is_needed = holds || steps.len() == 1;
            self.with(!is_needed, |plan| remove(plan, nth));
        }
        for (nth, step) in steps.iter().enumerate() {
            let pivot = step.kind == Kind::Pivot;
            self.with(step.conditional, |plan| plan.definition.steps[nth].conditional = false);
            self.with(step.probe && !(pivot && step.at_most_once), |plan| {
                plan.definition.steps[nth].probe = false;
            });
            self.with(step.at_most_once, |plan| plan.definition.steps[nth].at_most_once = false);
            self.with(step.on_exhausted == OnExhausted::Park, |plan| {
                plan.definition.steps[nth].on_exhausted = OnExhausted::Compensate;
            });
            self.with(step.group.is_some(), |plan| {
                let steps = &mut plan.definition.steps;
                let group = steps[nth].group.clone();
                steps.iter_mut().filter(|step| step.group == group).for_each(|of| of.group = None);
                number(plan);
            });
        }
    }

    fn of_scripts(&mut self) {
        for (nth, saga) in self.plan.sagas.iter().enumerate() {
            self.with(saga.keyed, |plan| plan.sagas[nth].keyed = false);
            self.with(saga.panics > 0, |plan| plan.sagas[nth].panics = 0);
            for (step, script) in saga.steps.iter().enumerate() {
                let of = |plan: &mut Plan, change: fn(&mut StepPlan)| {
                    change(&mut plan.sagas[nth].steps[step]);
                };
                self.with(script.thread, |plan| of(plan, |script| script.thread = false));
                self.with(!script.before.is_zero(), |plan| {
                    of(plan, |script| script.before = Duration::ZERO);
                });
                self.with(!script.after.is_zero(), |plan| {
                    of(plan, |script| script.after = Duration::ZERO);
                });
                self.of_deeds((nth, step), &script.does, |script| &mut script.does);
                self.of_deeds((nth, step), &script.undoes, |script| &mut script.undoes);
                self.of_deeds((nth, step), &script.probes, |script| &mut script.probes);
            }
        }
    }

    fn of_deeds(
        &mut self,
        (saga, step): (usize, usize),
        deeds: &[Deed],
        of: fn(&mut StepPlan) -> &mut Vec<Deed>,
    ) {
        self.with(deeds.len() > 1, |plan| of(&mut plan.sagas[saga].steps[step]).clear());
        for (nth, deed) in deeds.iter().enumerate() {
            let last = nth + 1 == deeds.len();
            self.with(last, |plan| of(&mut plan.sagas[saga].steps[step]).truncate(nth));
            self.with(deed.then != Then::Returns, |plan| {
                of(&mut plan.sagas[saga].steps[step])[nth] =
                    Deed { effect: true, then: Then::Returns };
            });
        }
    }
}

fn leave_out<T>(all: &mut Vec<T>, nth: usize) {
    all.remove(nth);
}

/// The plan without this step.
fn remove(plan: &mut Plan, step: usize) {
    plan.definition.steps.remove(step);
    plan.sagas.iter_mut().for_each(|saga| leave_out(&mut saga.steps, step));
    let after = |of: usize| if of > step { of - 1 } else { of };
    for reader in &mut plan.definition.steps {
        let reads = [&mut reader.inputs, &mut reader.when_inputs, &mut reader.undo_inputs];
        for inputs in reads.into_iter().chain([&mut reader.probe_inputs]) {
            inputs.retain(|input| *input != step);
            inputs.iter_mut().for_each(|input| *input = after(*input));
        }
    }
    plan.mail.retain(|mail| mail.word.step() != Some(step));
    for mail in &mut plan.mail {
        if let Some(of) = mail.word.step_mut() {
            *of = after(*of);
        }
    }
    number(plan);
}

/// Neighbours of one group share a stage; stages are numbered without gaps.
fn number(plan: &mut Plan) {
    let steps = &mut plan.definition.steps;
    for nth in 0..steps.len() {
        let (before, rest) = steps.split_at_mut(nth);
        rest[0].stage = match before.last() {
            None => 0,
            Some(last) if last.group.is_some() && last.group == rest[0].group => last.stage,
            Some(last) => last.stage + 1,
        };
    }
}

impl Word {
    fn step(mut self) -> Option<usize> {
        self.step_mut().copied()
    }

    fn step_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Cancel | Self::Kill | Self::Unpark => None,
            Self::MarkUndone(step)
            | Self::MarkDone(step)
            | Self::MarkNotDone(step)
            | Self::Waive(step) => Some(step),
        }
    }
}
