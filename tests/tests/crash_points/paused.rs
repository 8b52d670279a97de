//! A process is not dead but asleep: it wakes when another one has taken over, and goes on with
//! what it was about to do. Nothing that it writes may count (INV13), and what it does outside must
//! not stay without anybody knowing (C8).

use std::time::Duration;

use distributed_task::{
    TaskSteps,
    kernel::{End as Ended, Record},
    testing::{
        oracle::End,
        parts::{Stop, Wakes},
    },
};

use crate::{
    cases::{INTAKES, ORDERS, PAIRS, SALES, TRIPS, intake, order, pair, sale, trip},
    faulty::Fault,
    process::{Process, Ran},
    story::{BOUND, Case, Fate, QUIET, Story},
    sweep::{around_every_append, report},
    world::Manners,
};

/// Less than it takes until the other one, asleep meanwhile, has lost its lease in turn.
const AWAKE: Duration = Duration::from_secs(15);

/// A sleeper, and when it wakes.
#[derive(Clone, Copy, Debug)]
struct Sleep {
    /// Where it fell asleep.
    at: Stop,
    /// It wakes around this append of its heir, or at the end.
    until: Option<Stop>,
    wakes: Wakes,
    /// Somebody cancels the saga while it sleeps.
    cancelled: bool,
}

/// The story of a sleeper and its heir; `None` when one of them does not come that far.
fn tell<T: TaskSteps>(case: &Case<T>, sleep: Sleep, fate: Fate) -> Option<Story> {
    let mut story = Story::new(case, fate);
    // A file store has no barrier (C6): what a sleeper uploads behind the undo stays there, for a
    // look through the store to find.
    story.objects = None;
    let (store, world) = (&story.store.clone(), &story.world.clone());
    let mut sleeper = Process::start(case, store, world, Some(sleep.at), fate.fault);
    sleeper.submit((case.request)());
    if sleeper.run(BOUND) != Ran::Stopped {
        return None;
    }
    story.orphan();
    let is_there = store.place().is_some();
    if sleep.cancelled && is_there {
        store.cancel();
    }
    let mut heir = Process::start(case, store, world, sleep.until, Fault::None);
    let ran = heir.run(if is_there { BOUND } else { QUIET });
    if sleep.until.is_some() && ran != Ran::Stopped {
        return None;
    }
    sleeper.go_on(sleep.wakes, AWAKE);
    story.look_at_start();
    if store.place().is_none() {
        // An API host begins a saga under its seat, and it has none any more.
        story.expected = End::Nothing;
    }
    heir.line.release();
    match heir.run(if story.expected == End::Nothing { QUIET } else { BOUND }) {
        Ran::AtRest => heir.leave(),
        Ran::OutOfTime if story.expected == End::Nothing => heir.leave(),
        ran => store.note(format!("INV14: the heir is {ran:?}")),
    }
    sleeper.kill();
    Some(story)
}

/// Sleeps around every append, and wakes behind every append of the heir. Answers how many stories
/// that are, and how often one was opened again by what the sleeper had done.
fn sweep<T: TaskSteps>(case: &Case<T>, cancelled: bool, fate: Fate) -> (u32, u32) {
    let (mut stories, mut reopened) = (0, 0);
    let mut judge = |sleep: Sleep| {
        let Some(story) = tell(case, sleep, fate) else { return false };
        let wrong = story.verdict();
        let how = || report(case.name, &format!("{sleep:?}"), &wrong, &story);
        assert!(wrong.is_empty(), "{}", how());
        stories += 1;
        reopened += u32::from(is_reopened(&story));
        true
    };
    for wakes in [Wakes::Aware, Wakes::Unaware] {
        for at in around_every_append() {
            if !judge(Sleep { at, until: None, wakes, cancelled }) {
                break;
            }
            let mut until = around_every_append().map(Some);
            while until.next().is_some_and(|until| judge(Sleep { at, until, wakes, cancelled })) {}
        }
    }
    (stories, reopened)
}

fn is_reopened(story: &Story) -> bool {
    let is_late = |record: &Record| matches!(record, Record::Ended { end: Ended::Late(_), .. });
    story.store.saga().is_some_and(|(_, _, records)| records.iter().any(|at| is_late(&at.record)))
}

/// Sleepers in a saga that nobody cancels.
fn sleepers<T: TaskSteps>(case: &Case<T>) -> u32 {
    sweep(case, false, Fate::PLAIN).0
}

#[test]
fn inv13_what_a_sleeper_writes_does_not_count_in_a_row_of_steps() {
    let mut stories = PAIRS.map(|row| sleepers(&pair(row))).iter().sum::<u32>();
    stories += [ORDERS[1], ORDERS[4]].map(|row| sleepers(&order(row))).iter().sum::<u32>();
    stories += [SALES[0], SALES[3]].map(|row| sleepers(&sale(row))).iter().sum::<u32>();
    assert!(stories > 500, "{stories}");
}

#[test]
fn inv13_what_a_sleeper_writes_does_not_count_in_groups_and_api_phases() {
    let mut stories = [TRIPS[0], TRIPS[2]].map(|row| sleepers(&trip(row))).iter().sum::<u32>();
    stories += [INTAKES[0], INTAKES[2]].map(|row| sleepers(&intake(row))).iter().sum::<u32>();
    assert!(stories > 500, "{stories}");
}

#[test]
fn inv13_a_sleeper_that_is_believed_is_found_out() {
    let fate = Fate { fault: Fault::SaysYes, ..Fate::PLAIN };
    let mut complaints = Vec::new();
    for at in around_every_append().take_while(|at| at.append < 3) {
        let sleep = Sleep { at, until: None, wakes: Wakes::Unaware, cancelled: true };
        complaints.extend(tell(&pair(PAIRS[0]), sleep, fate).map(|story| story.verdict()));
    }
    // It does what nobody announced, or what it was told is written is not there: which of the two
    // comes first depends on whom the journal wakes.
    let found = |wrong: &String| wrong.starts_with("INV2: Do under") || wrong.starts_with("INV10");
    assert!(complaints.concat().iter().any(found), "{complaints:#?}");
}

#[test]
fn c8_what_a_sleeper_does_behind_its_undo_is_kept_out_or_undone_again() {
    let (stories, kept_out) = sweep(&pair(PAIRS[0]), true, Fate::PLAIN);
    assert!(stories > 50, "{stories}");
    // With a world that lets it in (C6), sagas are opened again for it, and all of them end well.
    let fate = Fate { manners: Manners::NoBarrier, ..Fate::PLAIN };
    let (_, let_in) = sweep(&pair(PAIRS[0]), true, fate);
    assert!(0 < kept_out && 0 < let_in, "{kept_out}, {let_in}");
}
