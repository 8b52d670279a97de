//! The oracle must be able to say no: each control breaks something on purpose, and is found out.

use distributed_task::{
    TaskSteps,
    kernel::{Fence, Record, Stamped, Way},
    testing::oracle::examine,
};

use crate::{
    cases::{INTAKES, ORDERS, PAIRS, SALES, intake, order, pair, sale},
    faulty::Fault,
    story::{Case, Fate, tell},
    sweep::stories,
    world::{Effect, Manners},
};

/// What the oracle says of a sweep, each complaint with the crash that brought it out.
fn complaints<T: TaskSteps>(case: &Case<T>, deaths: usize, fate: Fate) -> Vec<String> {
    let mut complaints = Vec::new();
    stories(case, deaths, fate, |stops, story| {
        complaints.extend(story.verdict().iter().map(|wrong| format!("{stops:?} {wrong}")));
    });
    complaints
}

#[test]
fn without_anybody_who_comes_after_a_crash_the_saga_does_not_end() {
    let fate = Fate { recovery: false, ..Fate::PLAIN };
    let complaints = complaints(&pair(PAIRS[0]), 1, fate);
    // Six crashes: with the first there is no saga, with the last it is over.
    let open = complaints.iter().filter(|c| c.contains("INV14: expected Completed, found Open"));
    assert_eq!((open.count(), complaints.len()), (4, 4), "{complaints:#?}");
}

#[test]
fn an_undo_that_takes_away_twice_is_found_where_it_is_run_again() {
    let fate = Fate { manners: Manners::UndoesTwice, ..Fate::PLAIN };
    let case = pair(PAIRS[1]);
    assert_eq!(complaints(&case, 0, fate), Vec::<String>::new());
    let complaints = complaints(&case, 1, fate);
    // Only before the append that says that it is undone.
    let found = |wrong: &String| wrong.contains("append: 4, side: Before") && wrong.contains("INV");
    assert!(complaints.len() == 2 && complaints.iter().all(found), "{complaints:#?}");
}

#[test]
fn inv2_a_journal_that_answers_before_it_writes_is_found_without_any_crash() {
    let fate = Fate { fault: Fault::WritesBehind, ..Fate::PLAIN };
    let complaints = complaints(&pair(PAIRS[0]), 0, fate);
    assert!(complaints.iter().any(|wrong| wrong.contains("INV2: Do under")), "{complaints:#?}");
}

#[test]
fn inv10_a_group_that_a_crash_takes_away_is_missed() {
    let fate = Fate { fault: Fault::WritesBehind, ..Fate::PLAIN };
    let complaints = complaints(&pair(PAIRS[0]), 1, fate);
    assert!(complaints.iter().any(|wrong| wrong.contains("INV10: lost")), "{complaints:#?}");
}

#[test]
fn inv7_an_engine_that_undoes_the_first_step_first_is_found_without_any_crash() {
    let fate = Fate { fault: Fault::UndoesForwards, ..Fate::PLAIN };
    let complaints = complaints(&order(ORDERS[1]), 0, fate);
    let first = "INV7: `reserve` is undone before `charge`";
    assert!(complaints.iter().any(|wrong| wrong.contains(first)), "{complaints:#?}");
    // The world notices as well that something else is undone than was announced.
    assert!(complaints.iter().any(|wrong| wrong.contains("INV2: Undo under")), "{complaints:#?}");
}

#[test]
fn c3_an_engine_that_undoes_while_a_lost_attempt_may_run_on_is_found() {
    let fate = Fate { fault: Fault::DiedLongAgo, ..Fate::PLAIN };
    let complaints = complaints(&intake(INTAKES[0]), 1, fate);
    let early = |wrong: &&String| wrong.contains("C3: it turned back while `upload` may have run");
    assert_eq!(complaints.iter().filter(early).count(), 2, "{complaints:#?}");
}

/// Something that somebody did to the records.
type Forgery = fn(&mut Vec<Stamped>);

/// Swaps two records, but not who wrote them and when.
fn swap(records: &mut [Stamped], a: usize, b: usize) {
    let first = records[a].record.clone();
    records[a].record = std::mem::replace(&mut records[b].record, first);
}

fn at(records: &[Stamped], is: impl Fn(&Record) -> bool) -> usize {
    records.iter().position(|stamped| is(&stamped.record)).expect("there is one")
}

fn intent(of: usize, which: Way) -> impl Fn(&Record) -> bool {
    move |record| matches!(record, Record::Intended { step, way, .. } if (*step, *way) == (of, which))
}

fn end(of: usize, which: Way) -> impl Fn(&Record) -> bool {
    move |record| matches!(record, Record::Ended { step, way, .. } if (*step, *way) == (of, which))
}

#[test]
fn forged_records_of_a_saga_that_went_back_are_found() {
    let forgeries: [(&str, Forgery); 8] = [
        ("INV1", |records| {
            let done = at(records, end(0, Way::Do));
            records.insert(done, records[done].clone());
        }),
        ("J2", |records| _ = records.remove(at(records, intent(1, Way::Undo)))),
        ("J2", |records| _ = records.remove(at(records, intent(0, Way::Do)))),
        ("INV4", |records| {
            let (third, second) =
                (at(records, intent(2, Way::Do)), at(records, intent(1, Way::Do)));
            swap(records, third, second);
        }),
        ("INV7", |records| {
            let (last, first) =
                (at(records, intent(2, Way::Undo)), at(records, intent(0, Way::Undo)));
            swap(records, last, first);
        }),
        ("INV8", |records| {
            let turn = at(records, |record| matches!(record, Record::Compensating(_)));
            records[turn + 1].record = Record::Intended { step: 3, generation: 1, way: Way::Do };
        }),
        ("INV13", |records| records[3].fence = Fence::NONE),
        ("C11", |records| records.extend(records.last().cloned())),
    ];
    found_out(&order(ORDERS[1]), &forgeries);
}

#[test]
fn forged_records_of_a_saga_that_was_completed_are_found() {
    let forgeries: [(&str, Forgery); 3] = [
        ("INV5", |records| _ = records.remove(at(records, end(2, Way::Do)))),
        ("INV8", |records| {
            let end = records.len() - 1;
            let undo = Record::Intended { step: 0, generation: 0, way: Way::Undo };
            records.insert(end, Stamped { record: undo, ..records[end].clone() });
        }),
        ("C11", |records| _ = records.remove(0)),
    ];
    found_out(&sale(SALES[0]), &forgeries);
}

fn found_out<T: TaskSteps>(case: &Case<T>, forgeries: &[(&str, Forgery)]) {
    let story = tell(case, &[], Fate::PLAIN);
    let (_, definition, records) = story.store.saga().expect("it was told");
    let effects: Vec<_> = story.world.effects().iter().map(Effect::standing).collect();
    assert_eq!(examine(&definition, &records, &effects), Vec::<String>::new());
    for (rule, forge) in forgeries {
        let mut forged = records.clone();
        forge(&mut forged);
        let wrong = examine(&definition, &forged, &effects);
        assert!(
            wrong.iter().any(|wrong| wrong.starts_with(&format!("{rule}:"))),
            "{rule}: {wrong:?}"
        );
    }
}

#[test]
fn effects_that_do_not_fit_the_end_are_found() {
    for (row, net, rule) in [(ORDERS[1], 1, "INV6"), (ORDERS[0], 0, "INV5"), (ORDERS[0], 2, "INV3")]
    {
        let story = tell(&order(row), &[], Fate::PLAIN);
        let (_, definition, records) = story.store.saga().expect("it was told");
        let mut effects: Vec<Effect> = story.world.effects();
        effects[1].net = net;
        let standing: Vec<_> = effects.iter().map(Effect::standing).collect();
        let wrong = examine(&definition, &records, &standing);
        assert!(wrong.iter().any(|wrong| wrong.starts_with(rule)), "{rule}: {wrong:?}");
    }
}
