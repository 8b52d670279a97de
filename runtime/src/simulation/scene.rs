//! What everything in one schedule shares: the plan, the dice, the trace, and what went wrong.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    mutation::Mutation,
    plan::{Plan, Weather},
};
use crate::{
    clock::{Clock as _, TokioClock},
    kernel::{Timestamp, tests::draw::Lot},
};

/// When every schedule begins.
const EPOCH: Timestamp = Timestamp(1_700_000_000_000_000);

/// How often something happened.
pub(super) type Counts = BTreeMap<&'static str, u64>;

/// One schedule on its way.
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) mutation: Mutation,
    clock: TokioClock,
    lot: Mutex<Lot>,
    /// Things go wrong.
    storm: AtomicBool,
    /// Nobody is signalled.
    hushed: AtomicBool,
    trace: Option<Mutex<Vec<String>>>,
    wrong: Mutex<Vec<String>>,
    counts: Mutex<Counts>,
}

/// What happens to one call on its way.
#[derive(Clone, Copy, Default)]
pub(super) struct Dice {
    pub(super) there: Duration,
    pub(super) back: Duration,
    pub(super) request_lost: bool,
    pub(super) reply_lost: bool,
    /// A second copy comes so much later.
    pub(super) again: Option<Duration>,
}

/// What happens to one signal, or to one ticket: when its copies arrive.
pub(super) type Arrivals = Vec<Duration>;

impl Scene {
    pub(super) fn new(plan: Plan, mutation: Mutation, traced: bool) -> Arc<Self> {
        Arc::new(Self {
            lot: Mutex::new(Lot(plan.seed)),
            plan,
            mutation,
            clock: TokioClock::starting_at(EPOCH),
            storm: AtomicBool::new(true),
            hushed: AtomicBool::new(false),
            trace: traced.then(Mutex::default),
            wrong: Mutex::default(),
            counts: Mutex::default(),
        })
    }

    pub(super) fn clock(&self) -> TokioClock {
        self.clock
    }

    /// When the schedule began.
    pub(super) fn began(&self) -> Timestamp {
        EPOCH
    }

    /// Since the beginning.
    pub(super) fn time(&self) -> Duration {
        self.clock.now().since(EPOCH)
    }

    pub(super) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == mutation
    }

    /// From now on nothing goes wrong.
    pub(super) fn calm(&self) {
        self.storm.store(false, Relaxed);
    }

    pub(super) fn is_calm(&self) -> bool {
        !self.storm.load(Relaxed)
    }

    pub(super) fn hush(&self, hushed: bool) {
        self.hushed.store(hushed, Relaxed);
    }

    pub(super) fn is_hushed(&self) -> bool {
        self.hushed.load(Relaxed)
    }

    // ---- dice ----------------------------------------------------------------------------------

    /// Of one call.
    pub(super) fn throw(&self) -> Dice {
        if self.is_calm() {
            return Dice::default();
        }
        let Weather { late, by, lost_requests, lost_replies, repeated, .. } = &self.plan.weather;
        let mut lot = lock(&self.lot);
        let mut hits = |percent: u32| lot.below(100) < percent as usize;
        let [there, back] = [hits(*late), hits(*late)];
        let [request_lost, reply_lost] = [hits(*lost_requests), hits(*lost_replies)];
        let again = hits(*repeated);
        let mut delay = |is: bool| if is { within(&mut lot, *by) } else { Duration::ZERO };
        let dice = Dice {
            there: delay(there),
            back: delay(back),
            request_lost,
            reply_lost,
            again: again.then(|| delay(true)),
        };
        drop(lot);
        for (name, happened) in [
            ("requests lost", request_lost),
            ("replies lost", reply_lost),
            ("requests repeated", again),
            ("calls late", there || back),
        ] {
            self.count_if(name, happened);
        }
        dice
    }

    /// Of one signal.
    pub(super) fn signal(&self) -> Arrivals {
        let Weather { lost_signals, late_signals, repeated_signals, .. } = &self.plan.weather;
        self.arrivals("signals", [*lost_signals, *late_signals, *repeated_signals])
    }

    /// Of one ticket in the queue.
    pub(super) fn ticket(&self) -> Arrivals {
        let Weather { lost_tickets, late_tickets, repeated_tickets, .. } = &self.plan.weather;
        self.arrivals("tickets", [*lost_tickets, *late_tickets, *repeated_tickets])
    }

    fn arrivals(&self, what: &str, [lost, late, repeated]: [u32; 3]) -> Arrivals {
        if self.is_calm() {
            return vec![Duration::ZERO];
        }
        let by = self.plan.weather.by.max(Duration::from_millis(50));
        let mut lot = lock(&self.lot);
        let mut hits = |percent: u32| lot.below(100) < percent as usize;
        let [is_lost, is_late, is_repeated] = [hits(lost), hits(late), hits(repeated)];
        let mut delay = |is: bool| if is { within(&mut lot, by) } else { Duration::ZERO };
        let mut arrivals = Vec::new();
        if !is_lost {
            arrivals.push(delay(is_late));
            if is_repeated {
                arrivals.push(delay(true));
            }
        }
        drop(lot);
        let names = match what {
            "signals" => ["signals lost", "signals late", "signals repeated"],
            _ => ["tickets lost", "tickets late", "tickets repeated"],
        };
        for (name, happened) in names.into_iter().zip([is_lost, is_late, is_repeated]) {
            self.count_if(name, happened);
        }
        arrivals
    }

    /// One of so many.
    pub(super) fn below(&self, bound: usize) -> usize {
        lock(&self.lot).below(bound)
    }

    // ---- what is seen --------------------------------------------------------------------------

    pub(super) fn count(&self, what: &'static str) {
        self.count_if(what, true);
    }

    pub(super) fn count_if(&self, what: &'static str, happened: bool) {
        if happened {
            *lock(&self.counts).entry(what).or_default() += 1;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        lock(&self.counts).clone()
    }

    /// Writes down who did what, if anybody wants to read it.
    pub(super) fn trace<T: Display>(&self, who: &str, what: impl FnOnce() -> T) {
        if let Some(trace) = &self.trace {
            let time = self.time();
            lock(trace).push(format!("{:>11.3} {who:<7} {}", time.as_secs_f64(), what()));
        }
    }

    pub(super) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    pub(super) fn traced(&self) -> Vec<String> {
        self.trace.as_ref().map(|trace| lock(trace).clone()).unwrap_or_default()
    }

    /// Something is wrong.
    pub(super) fn note(&self, wrong: impl Into<String>) {
        let wrong = wrong.into();
        self.trace("oracle", || format!("WRONG {wrong}"));
        lock(&self.wrong).push(wrong);
    }

    pub(super) fn wrong(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }
}

fn within(lot: &mut Lot, by: Duration) -> Duration {
    Duration::from_micros(lot.next() % (by.as_micros() as u64).max(1))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A schedule that panicked under it is over; what it has noted still counts.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
