//! A schedule as data: everything that is going to happen is drawn before anything runs, so that it
//! can be printed, run again, and made smaller.

use std::time::Duration;

use crate::kernel::{
    Definition, Kind,
    tests::draw::{Lot, draw_task},
};

/// One schedule.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Of the dice that are thrown on the way: how long a call takes, and whether it arrives.
    pub(super) seed: u64,
    pub(super) definition: Definition,
    pub(super) store: StorePlan,
    pub(super) hosts: Vec<HostPlan>,
    pub(super) sagas: Vec<SagaPlan>,
    pub(super) mail: Vec<MailPlan>,
    pub(super) faults: Vec<Fault>,
    /// When a replica takes the place of the store, and what it lacks: so much of the time before.
    pub(super) fail_over: Option<(Duration, Duration)>,
    pub(super) weather: Weather,
    /// So long things go wrong.
    pub(super) storm: Duration,
}

/// What the store is like.
#[derive(Clone, Debug)]
pub(super) struct StorePlan {
    pub(super) lease: Duration,
    /// It is at the other end of a wire: its clients repeat what was not answered.
    pub(super) remote: bool,
    /// It keeps bytes: whoever goes on with a saga reads what somebody else has written.
    pub(super) keeps_bytes: bool,
    /// A queue brings the tickets.
    pub(super) carrier: bool,
    /// Every operation is followed by an audit (J7).
    pub(super) audited: bool,
    pub(super) keeps: Keeps,
}

/// How much there is room for, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Keeps {
    /// New sagas before their first claim.
    pub(super) waiting: usize,
    pub(super) ended: usize,
    pub(super) keys: Duration,
}

impl Keeps {
    /// More than is ever there.
    pub(super) const ALL: Self =
        Self { waiting: 1_000_000, ended: 1_000_000, keys: Duration::from_secs(24 * 3600) };
}

/// One host.
#[derive(Clone, Debug)]
pub(super) struct HostPlan {
    pub(super) concurrency: usize,
}

/// One saga.
#[derive(Clone, Debug)]
pub(super) struct SagaPlan {
    /// Names it in scripts and keys, also when others are left out.
    pub(super) name: u64,
    pub(super) at: Duration,
    pub(super) host: usize,
    pub(super) keyed: bool,
    /// A bit for each condition.
    pub(super) verdicts: u64,
    /// So often its conditions and its response panic before they speak.
    pub(super) panics: u32,
    pub(super) steps: Vec<StepPlan>,
}

/// How the code of a step behaves: one deed for each time that it runs. When they are used up, all
/// goes well.
#[derive(Clone, Debug, Default)]
pub(super) struct StepPlan {
    /// It runs on a thread, which nobody can stop.
    pub(super) thread: bool,
    pub(super) before: Duration,
    pub(super) after: Duration,
    pub(super) does: Vec<Deed>,
    pub(super) undoes: Vec<Deed>,
    pub(super) probes: Vec<Deed>,
}

/// What one run of user code does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deed {
    /// It reaches the world outside.
    pub(super) effect: bool,
    pub(super) then: Then,
}

/// How one run of user code ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Returns,
    Retries,
    Refuses,
    /// A step only: half of its work is done.
    Partial,
    Panics,
    Hangs,
    /// It comes back when its time is long over.
    Dawdles,
}

/// Somebody tells a saga something.
#[derive(Clone, Debug)]
pub(super) struct MailPlan {
    pub(super) at: Duration,
    /// Its name.
    pub(super) saga: u64,
    pub(super) word: Word,
}

/// What somebody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Cancel,
    Kill,
    Unpark,
    MarkUndone(usize),
    MarkDone(usize),
    MarkNotDone(usize),
    Waive(usize),
}

/// Something happens to a host.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) at: Duration,
    pub(super) host: usize,
    /// So long it is not there.
    pub(super) takes: Duration,
    pub(super) what: Blow,
}

/// What happens to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// It dies; another process takes its place.
    Killed,
    /// It stands still, and sees afterwards how long.
    Paused,
    /// It stands still, and believes afterwards that its lease holds.
    PausedUnawares,
    /// It is shut down, and another process takes its place.
    Left,
}

/// What happens on the way between hosts and store, in percent of all calls or signals.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) late: u32,
    /// So late at most.
    pub(super) by: Duration,
    pub(super) lost_requests: u32,
    pub(super) lost_replies: u32,
    pub(super) repeated: u32,
    pub(super) lost_signals: u32,
    pub(super) late_signals: u32,
    pub(super) repeated_signals: u32,
    /// Of all tickets in the queue.
    pub(super) lost_tickets: u32,
    pub(super) late_tickets: u32,
    pub(super) repeated_tickets: u32,
}

impl Plan {
    /// The schedule of a seed.
    pub(super) fn draw(seed: u64) -> Self {
        let mut lot = Lot(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
        let lot = &mut lot;
        let mut definition = draw_task(lot);
        for step in &mut definition.steps {
            // A task says so by itself: what must not happen twice is not retried.
            if step.at_most_once {
                step.retry.max = 0;
            }
        }
        let storm = secs(20 + lot.below(100));
        let store = StorePlan {
            lease: secs([10, 20, 30][lot.below(3)]),
            remote: lot.one_in(2),
            keeps_bytes: lot.one_in(2),
            carrier: lot.one_in(4),
            audited: lot.one_in(8),
            keeps: Keeps::ALL,
        };
        let hosts = [1, 2, 2, 3][lot.below(4)];
        let hosts: Vec<_> =
            (0..hosts).map(|_| HostPlan { concurrency: 1 + lot.below(4) }).collect();
        let draws = Draws { hosts: hosts.len(), storm, definition: &definition };
        let sagas: Vec<_> =
            (0..1 + lot.below(4)).map(|name| draws.saga(lot, name as u64)).collect();
        let mail = match lot.below(3) {
            0 => Vec::new(),
            _ => (0..lot.below(4)).map(|_| draws.mail(lot, &sagas)).collect(),
        };
        let mut faults: Vec<_> =
            (0..lot.below(5)).map(|_| draws.fault(lot, store.lease, &sagas)).collect();
        faults.sort_by_key(|fault| fault.at);
        let weather = draws.weather(lot, &store);
        let fail_over = (store.remote && lot.one_in(3)).then(|| {
            let saga = &sagas[lot.below(sagas.len())];
            // Much, or little enough that only a claim is in it.
            let most = [100, 1_000, 10_000][lot.below(3)];
            let loses = millis(lot, Duration::from_millis(most));
            match lot.one_in(2) {
                true => (saga.at + loses.mul_f64(0.7), loses),
                false => (draws.during(lot, saga), loses),
            }
        });
        Self { seed, definition, store, hosts, sagas, mail, faults, fail_over, weather, storm }
    }

    /// What happens to one host, in order.
    pub(super) fn faults_of(&self, host: usize) -> Vec<Fault> {
        self.faults.iter().filter(|fault| fault.host == host).cloned().collect()
    }

    /// The saga of this name.
    pub(super) fn saga(&self, name: u64) -> Option<&SagaPlan> {
        self.sagas.iter().find(|saga| saga.name == name)
    }
}

fn secs(secs: usize) -> Duration {
    Duration::from_secs(secs as u64)
}

fn millis(lot: &mut Lot, below: Duration) -> Duration {
    Duration::from_millis(lot.next() % (below.as_millis() as u64).max(1))
}

/// What the parts of a plan depend on.
struct Draws<'a> {
    hosts: usize,
    storm: Duration,
    definition: &'a Definition,
}

impl Draws<'_> {
    fn saga(&self, lot: &mut Lot, name: u64) -> SagaPlan {
        SagaPlan {
            name,
            at: millis(lot, self.storm / 2),
            host: lot.below(self.hosts),
            keyed: lot.one_in(3),
            verdicts: lot.next(),
            panics: if lot.one_in(10) { 1 } else { 0 },
            steps: {
                let troubled = !lot.one_in(3);
                self.definition.steps.iter().map(|of| draw_step(lot, &of.kind, troubled)).collect()
            },
        }
    }

    fn mail(&self, lot: &mut Lot, sagas: &[SagaPlan]) -> MailPlan {
        let step = lot.below(self.definition.steps.len());
        let word = match lot.below(16) {
            0..=7 => Word::Cancel,
            8 | 9 => Word::Kill,
            10 => Word::Unpark,
            11 => Word::MarkUndone(step),
            12 => Word::MarkDone(step),
            13 => Word::MarkNotDone(step),
            _ => Word::Waive(step),
        };
        let saga = &sagas[lot.below(sagas.len())];
        MailPlan { at: self.during(lot, saga), saga: saga.name, word }
    }

    /// Most likely while a saga is on its way.
    fn during(&self, lot: &mut Lot, saga: &SagaPlan) -> Duration {
        match lot.below(4) {
            0 => millis(lot, self.storm),
            1 => saga.at + millis(lot, Duration::from_secs(2)),
            _ => saga.at + millis(lot, Duration::from_secs(20)),
        }
    }

    fn fault(&self, lot: &mut Lot, lease: Duration, sagas: &[SagaPlan]) -> Fault {
        let saga = &sagas[lot.below(sagas.len())];
        let what = match lot.below(8) {
            0..=2 => Blow::Killed,
            3 => Blow::Paused,
            4..=6 => Blow::PausedUnawares,
            _ => Blow::Left,
        };
        let takes = match what {
            Blow::Killed | Blow::Left => millis(lot, lease * 2),
            // Some are over before anybody notices.
            Blow::Paused | Blow::PausedUnawares if lot.one_in(4) => millis(lot, lease),
            Blow::Paused | Blow::PausedUnawares => lease * 4 / 3 + millis(lot, lease * 2),
        };
        Fault { at: self.during(lot, saga), host: lot.below(self.hosts), takes, what }
    }

    fn weather(&self, lot: &mut Lot, store: &StorePlan) -> Weather {
        let mut percent = |most: usize| match lot.below(3) {
            0 => 0,
            _ => lot.below(most) as u32,
        };
        let weather = Weather {
            late: percent(60),
            by: Duration::ZERO,
            lost_requests: percent(15),
            lost_replies: percent(15),
            repeated: percent(30),
            // Where a call is a function call, so is a signal.
            lost_signals: if store.remote { percent(80) } else { 0 },
            late_signals: percent(60),
            repeated_signals: percent(40),
            lost_tickets: percent(40),
            late_tickets: percent(60),
            repeated_tickets: percent(40),
        };
        let by = Duration::from_millis([5, 200, 2_000, 15_000][lot.below(4)]);
        Weather { by, ..weather }
    }
}

fn draw_step(lot: &mut Lot, kind: &Kind, troubled: bool) -> StepPlan {
    let mut time = || match lot.below(4) {
        0 => Duration::ZERO,
        1 => millis(lot, Duration::from_millis(50)),
        2 => millis(lot, Duration::from_secs(3)),
        _ => millis(lot, Duration::from_secs(12)),
    };
    let (before, after) = (time(), time());
    let mut step = StepPlan { thread: lot.one_in(3), before, after, ..StepPlan::default() };
    if troubled {
        let deeds = |lot: &mut Lot, most: usize, deed: fn(&mut Lot) -> Deed| {
            (0..lot.below(most)).map(|_| deed(lot)).collect()
        };
        step.does = deeds(lot, if *kind == Kind::ReadOnly { 2 } else { 4 }, draw_deed);
        step.undoes = deeds(lot, 4, draw_undo);
        step.probes = deeds(lot, 3, draw_answer);
        if lot.one_in(40) {
            // Longer than anybody tries.
            step.undoes = vec![Deed { effect: false, then: Then::Retries }; 22];
        }
    }
    step
}

fn draw_deed(lot: &mut Lot) -> Deed {
    let effect = lot.one_in(2);
    let then = match lot.below(12) {
        0..=3 => Then::Returns,
        4 | 5 => Then::Retries,
        6 => Then::Refuses,
        7 => Then::Partial,
        8 => Then::Panics,
        9 | 10 => Then::Hangs,
        _ => Then::Dawdles,
    };
    Deed { effect: effect || then == Then::Returns || then == Then::Partial, then }
}

fn draw_undo(lot: &mut Lot) -> Deed {
    let effect = lot.one_in(2);
    let then = match lot.below(8) {
        0..=3 => Then::Retries,
        4 => Then::Refuses,
        5 => Then::Panics,
        6 => Then::Hangs,
        _ => Then::Returns,
    };
    Deed { effect: effect || then == Then::Returns, then }
}

fn draw_answer(lot: &mut Lot) -> Deed {
    let then = match lot.below(6) {
        0 => Then::Retries,
        1 => Then::Refuses,
        2 => Then::Panics,
        3 => Then::Hangs,
        _ => Then::Returns,
    };
    Deed { effect: false, then }
}
