//! Somebody from outside says something around every append, while the saga runs, goes back, or
//! waits for just that; and every process may die around every append.

use distributed_task::{
    TaskSteps,
    journal::Told,
    kernel::{Record, Way},
    testing::{
        oracle::End,
        parts::{Side, Stop},
    },
};

use crate::{
    cases::{
        ERRANDS, INTAKES, MARKETS, ORDERS, PAIRS, SALES, SURVEYS, TRANSFERS, TRIPS, errands,
        intake, market, order, pair, sale, survey, transfer, trip,
    },
    faulty::Fault,
    saying::{Saying, Verb},
    story::{Case, Fate, tell},
    sweep::{around_every_append, judge, stories, sweep, sweep_with},
};

/// Each word, and how it ends a saga that waits for it.
type Words = [(Verb, End); 7];

/// Sagas that wait for an operator: for which step, and how each word ends them. [`End::Open`]: it
/// does not count.
const WAITING: [(&str, usize, Words); 7] = [
    (
        "order-undo-refused",
        1,
        words([End::Refused, End::Refused, End::Open, End::Open, End::Refused, End::Open]),
    ),
    (
        "errands-out-of-tries",
        1,
        words([End::Completed, End::Open, End::Completed, End::Failed, End::Open, End::Cancelled]),
    ),
    (
        "market-one-waits",
        0,
        words([End::Completed, End::Open, End::Completed, End::Failed, End::Open, End::Cancelled]),
    ),
    (
        "market-both-wait",
        0,
        words([End::Completed, End::Open, End::Open, End::Failed, End::Open, End::Cancelled]),
    ),
    (
        "sale-pivot-unknown",
        1,
        words([End::Completed, End::Open, End::Completed, End::Failed, End::Open, End::Open]),
    ),
    (
        "sale-cannot-deliver",
        2,
        words([End::Completed, End::Open, End::Completed, End::Open, End::Open, End::Open]),
    ),
    (
        "transfer-pivot-unknown",
        2,
        words([End::Completed, End::Open, End::Completed, End::Failed, End::Open, End::Open]),
    ),
];

const fn words(ends: [End; 6]) -> Words {
    [
        (Verb::Unpark, ends[0]),
        (Verb::MarkDone, ends[1]),
        (Verb::MarkDoneWith, ends[2]),
        (Verb::MarkNotDone, ends[3]),
        (Verb::Waive, ends[4]),
        (Verb::Cancel, ends[5]),
        (Verb::Kill, End::Killed),
    ]
}

/// How a saga of that name ends when it waits for a word, and hears this one.
pub(crate) fn end_after(name: &str, said: Saying) -> End {
    let row = WAITING.iter().find(|(case, ..)| *case == name);
    let words = row.map_or(&[][..], |(.., words)| words);
    let word = words.iter().find(|(verb, _)| *verb == said.verb);
    word.map_or(End::Killed, |(_, end)| *end)
}

/// Says it around every append, with a crash around every append. Answers how many stories that are,
/// and how often it was said to a saga that waited.
fn says<T: TaskSteps>(
    case: &Case<T>,
    deaths: usize,
    saying: impl Fn(Stop) -> Saying,
) -> (usize, usize) {
    let appends = u32::try_from(sweep(case, 0).appends).expect("there are few");
    let (mut stories, mut heard) = (0, 0);
    // Before the first there is nobody to hear it.
    for at in around_every_append().skip(1).take_while(|stop| stop.append <= appends) {
        let fate = Fate { saying: Some(saying(at)), ..Fate::PLAIN };
        stories += sweep_with(case, deaths, fate).stories;
        let said = tell(case, &[], fate).store.said();
        heard += usize::from(said.is_some_and(|said| said.parked && said.told == Told::Told));
    }
    (stories, heard)
}

/// Every word to a saga of that table.
fn waits<T: TaskSteps>(case: &Case<T>) {
    let (_, step, words) = WAITING.iter().find(|(name, ..)| *name == case.name).expect("a row");
    for (verb, end) in words {
        let about =
            if matches!(verb, Verb::Unpark | Verb::Cancel | Verb::Kill) { 0 } else { *step };
        let saying = |at| Saying { at, verb: *verb, step: about, end: *end };
        // What does not count is said without a crash.
        let (_, heard) = says(case, usize::from(*end != End::Open), saying);
        assert!(*verb == Verb::Cancel || heard == 1, "{}: {verb:?} {heard}", case.name);
    }
}

#[test]
fn c7_an_undo_that_refuses_waits_for_the_word_that_settles_it() {
    waits(&order(ORDERS[11]));
}

#[test]
fn e4_a_step_that_parked_waits_for_the_word_that_settles_it() {
    waits(&errands(ERRANDS[4]));
}

#[test]
fn e4_members_that_parked_wait_for_the_words_that_settle_them() {
    for row in [MARKETS[1], MARKETS[2]] {
        let case = market(row);
        let (_, step, words) = WAITING.iter().find(|(name, ..)| *name == case.name).expect("a row");
        for (verb, end) in words {
            let at = Stop { append: 0, side: Side::After };
            let saying = Saying { at, verb: *verb, step: *step, end: *end };
            sweep_with(&case, 2, Fate { saying: Some(saying), ..Fate::PLAIN });
        }
    }
}

#[test]
fn p2_p3_a_pivot_and_what_follows_it_wait_for_the_word_that_settles_them() {
    waits(&sale(SALES[4]));
    waits(&sale(SALES[5]));
    waits(&transfer(TRANSFERS[6]));
}

#[test]
fn k5_a_kill_around_every_append_ends_the_saga_and_names_what_remains() {
    let kills = |stories: usize, more: (usize, usize)| stories + more.0;
    let stories = [PAIRS[1], PAIRS[2]].map(|row| says(&pair(row), 1, Saying::kill));
    let mut stories = stories.into_iter().fold(0, kills);
    stories = kills(stories, says(&order(ORDERS[1]), 1, Saying::kill));
    stories = kills(stories, says(&trip(TRIPS[1]), 1, Saying::kill));
    stories = kills(stories, says(&survey(SURVEYS[1]), 1, Saying::kill));
    stories = kills(stories, says(&sale(SALES[0]), 1, Saying::kill));
    stories = kills(stories, says(&transfer(TRANSFERS[0]), 1, Saying::kill));
    stories = kills(stories, says(&intake(INTAKES[2]), 1, Saying::kill));
    assert!(stories > 1_000, "{stories}");
}

/// Every attempt that is lost in a crash reports its success around every append from there on; and
/// then, so many deaths deep, somebody else dies.
fn late<T: TaskSteps>(case: &Case<T>, deaths: usize, reports: &mut Reports) {
    for crash in around_every_append() {
        let crashed = tell(case, &[crash], Fate::PLAIN);
        if crashed.deaths == 0 {
            break;
        }
        for step in crashed.store.lost_steps() {
            let appends = around_every_append().skip_while(|at| at.append < crash.append);
            for at in appends.take_while(|at| at.append as usize <= crashed.store.appends()) {
                let saying = Saying { at, verb: Verb::Late, step, end: case.end };
                let fate = Fate { saying: Some(saying), ..Fate::PLAIN };
                if reports.count(case, &[crash], fate) && deaths > 1 {
                    let mut next = around_every_append();
                    while next.next().is_some_and(|next| reports.count(case, &[crash, next], fate))
                    {
                    }
                }
            }
        }
    }
}

/// The same of an attempt that took too long, with a crash around every append.
fn late_after_its_time<T: TaskSteps>(case: &Case<T>, step: usize, reports: &mut Reports) {
    let appends = tell(case, &[], Fate::PLAIN).store.appends();
    for at in around_every_append().take_while(|at| at.append as usize <= appends) {
        let saying = Saying { at, verb: Verb::Late, step, end: case.end };
        let fate = Fate { saying: Some(saying), ..Fate::PLAIN };
        if reports.count(case, &[], fate) {
            let mut crashes = around_every_append();
            while crashes.next().is_some_and(|crash| reports.count(case, &[crash], fate)) {}
        }
    }
}

/// What came of late reports.
#[derive(Clone, Copy, Debug, Default)]
struct Reports {
    stories: usize,
    /// The step was undone again.
    undone_again: usize,
    /// Nobody but the list of late successes heard of it.
    listed: usize,
}

impl Reports {
    /// Tells and judges a story; `false`: it did not come to its last crash, or to the report.
    fn count<T: TaskSteps>(&mut self, case: &Case<T>, stops: &[Stop], fate: Fate) -> bool {
        let story = tell(case, stops, fate);
        if story.deaths < stops.len() || story.store.said().is_none() {
            return false;
        }
        judge(case.name, stops, fate, &story);
        let again = |record: &Record| {
            matches!(record, Record::Intended { generation: 1, way: Way::Undo, .. })
        };
        let records = story.store.saga().map(|(_, _, records)| records).unwrap_or_default();
        self.stories += 1;
        self.undone_again += usize::from(records.iter().any(|at| again(&at.record)));
        self.listed += usize::from(!story.store.late().is_empty());
        true
    }
}

#[test]
fn c8_a_late_success_around_every_append_is_undone_again_or_told_but_never_silent() {
    let mut reports = Reports::default();
    late(&pair(PAIRS[1]), 2, &mut reports);
    late_after_its_time(&pair(PAIRS[2]), 1, &mut reports);
    late(&order(ORDERS[1]), 1, &mut reports);
    late(&order(ORDERS[11]), 1, &mut reports);
    late(&trip(TRIPS[1]), 1, &mut reports);
    late(&survey(SURVEYS[1]), 1, &mut reports);
    late(&sale(SALES[2]), 1, &mut reports);
    late(&transfer(TRANSFERS[3]), 1, &mut reports);
    late(&intake(INTAKES[2]), 1, &mut reports);
    let Reports { stories, undone_again, listed } = reports;
    assert!(stories > 400 && undone_again > 50 && listed > 20, "{reports:?}");
}

/// What is found wrong when this is said around every append, and the saga knows nothing of it.
fn complaints<T: TaskSteps>(
    case: &Case<T>,
    deaths: usize,
    fault: Fault,
    saying: impl Fn(Stop) -> Saying,
) -> Vec<String> {
    let appends = tell(case, &[], Fate::PLAIN).store.appends();
    let mut complaints = Vec::new();
    for at in around_every_append().skip(1).take_while(|at| at.append as usize <= appends) {
        let fate = Fate { saying: Some(saying(at)), fault, ..Fate::PLAIN };
        stories(case, deaths, fate, |_, story| complaints.extend(story.verdict()));
    }
    complaints
}

#[test]
fn a_journal_that_loses_letters_is_found_without_any_crash() {
    let (case, fault) = (errands(ERRANDS[4]), Fault::LosesLetters);
    let found = |verb, end: End| {
        let saying = |at| Saying { at, verb, step: 1, end };
        let complaints = complaints(&case, 0, fault, saying);
        let expected = format!("INV14: expected {end:?}, found Open");
        assert!(complaints.contains(&expected), "{verb:?}: {complaints:?}");
    };
    found(Verb::Kill, End::Killed);
    found(Verb::Unpark, End::Completed);
    found(Verb::MarkDoneWith, End::Completed);
    found(Verb::MarkNotDone, End::Failed);
    let waive = |at| Saying { at, verb: Verb::Waive, step: 1, end: End::Refused };
    let complaints = complaints(&order(ORDERS[11]), 0, fault, waive);
    let expected = "INV14: expected Refused, found Open".to_owned();
    assert!(complaints.contains(&expected), "{complaints:?}");
}

#[test]
fn c11_an_end_that_hides_what_remains_is_found_without_any_crash() {
    let waive = |at| Saying { at, verb: Verb::Waive, step: 1, end: End::Refused };
    let waived = complaints(&order(ORDERS[11]), 0, Fault::HidesWhatRemains, waive);
    assert!(waived.iter().any(|wrong| wrong.starts_with("INV6:")), "{waived:?}");
    let killed = complaints(&pair(PAIRS[0]), 0, Fault::HidesWhatRemains, Saying::kill);
    assert!(killed.iter().any(|wrong| wrong.starts_with("INV6:")), "{killed:?}");
}

#[test]
fn inv10_a_letter_that_a_crash_takes_away_is_missed() {
    let fault = Fault::TellsBehind;
    let found = |deaths| complaints(&pair(PAIRS[1]), deaths, fault, Saying::kill);
    // Around the last append it has no next one, and is never written.
    let expected = "INV14: expected Killed, found Refused";
    assert_eq!(found(0), [expected, expected]);
    let complaints = found(1);
    assert!(complaints.iter().filter(|wrong| *wrong == expected).count() > 20, "{complaints:?}");
}

#[test]
fn c8_a_late_success_that_nobody_hears_of_is_missed() {
    let late = |at| Saying { at, verb: Verb::Late, step: 1, end: End::Refused };
    let complaints = complaints(&pair(PAIRS[1]), 1, Fault::LosesLetters, late);
    let silent = complaints.iter().filter(|wrong| wrong.starts_with("INV6:")).count();
    assert!(silent > 0, "{complaints:?}");
}
