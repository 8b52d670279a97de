//! Every crash of every saga in the table.

use distributed_task::{
    TaskSteps,
    testing::parts::{Side, Stop},
};

use crate::{
    cases::{
        ERRANDS, INTAKES, MARKETS, ORDERS, PAIRS, SALES, SURVEYS, TRANSFERS, TRIPS, errands,
        intake, market, order, pair, sale, survey, transfer, trip, trip_without_car,
    },
    saying::Saying,
    story::{Case, Fate, tell},
    sweep::{Swept, around_every_append, judge, sweep, sweep_with},
};

/// Crashes once, everywhere. What a saga costs is a promise too: the table names its appends.
fn once<T: TaskSteps>(case: &Case<T>, appends: usize) {
    let whole = Swept { appends, stories: 1 + 2 * appends };
    assert_eq!(sweep(case, 1), whole, "{}", case.name);
}

#[test]
fn a_row_of_steps() {
    ORDERS.iter().for_each(|row| once(&order(*row), row.3));
}

#[test]
fn a_group_that_fails_fast() {
    TRIPS.iter().for_each(|row| once(&trip(*row), row.3));
}

#[test]
fn a_group_that_fails_fast_and_one_is_not_there() {
    // The one who is not there has no end, and no undo.
    let fewer = [1, 2, 2, 1, 2];
    TRIPS.iter().zip(fewer).for_each(|(row, fewer)| once(&trip_without_car(*row), row.3 - fewer));
}

#[test]
fn a_group_that_waits_for_all() {
    SURVEYS.iter().for_each(|row| once(&survey(*row), row.3));
}

#[test]
fn a_point_of_no_return() {
    SALES.iter().for_each(|row| once(&sale(*row), row.3));
}

#[test]
fn steps_that_are_not_simply_run_again() {
    TRANSFERS.iter().for_each(|row| once(&transfer(*row), row.3));
}

#[test]
fn half_done_and_out_of_tries() {
    ERRANDS.iter().for_each(|row| once(&errands(*row), row.3));
}

#[test]
fn a_group_whose_members_wait_for_an_operator() {
    MARKETS.iter().for_each(|row| once(&market(*row), row.3));
}

#[test]
fn an_api_phase_with_uploads_and_something_ephemeral() {
    INTAKES.iter().for_each(|row| once(&intake(*row), row.3));
}

/// Around each append the answer is that nobody knows, and it is written.
fn unanswered<T: TaskSteps>(case: &Case<T>, appends: usize) {
    for append in 1..=u32::try_from(appends).expect("there are few") {
        let stops = [Stop { append, side: Side::Unanswered }];
        let story = tell(case, &stops, Fate::PLAIN);
        assert!(story.deaths == 0 && story.store.appends() >= appends, "{} {append}", case.name);
        judge(case.name, &stops, Fate::PLAIN, &story);
    }
}

#[test]
fn inv10_an_answer_that_is_lost_is_not_a_write_that_is_lost() {
    ORDERS.iter().for_each(|row| unanswered(&order(*row), row.3));
    TRIPS.iter().for_each(|row| unanswered(&trip(*row), row.3));
    SURVEYS.iter().for_each(|row| unanswered(&survey(*row), row.3));
    SALES.iter().for_each(|row| unanswered(&sale(*row), row.3));
    TRANSFERS.iter().for_each(|row| unanswered(&transfer(*row), row.3));
    ERRANDS.iter().for_each(|row| unanswered(&errands(*row), row.3));
    MARKETS.iter().for_each(|row| unanswered(&market(*row), row.3));
    INTAKES.iter().for_each(|row| unanswered(&intake(*row), row.3));
}

#[test]
fn two_crashes_in_one_saga() {
    let stories = PAIRS.map(|row| sweep(&pair(row), 2).stories);
    assert_eq!(stories, [19, 33, 99]);
}

#[test]
fn three_crashes_in_one_saga() {
    let stories = [PAIRS[0], PAIRS[1]].map(|row| sweep(&pair(row), 3).stories);
    assert_eq!(stories, [39, 89]);
}

#[test]
fn a_cancel_around_every_append_and_a_crash_around_every_append() {
    let mut stories = PAIRS.map(|row| cancels(&pair(row))).iter().sum::<usize>();
    stories += [ORDERS[0], ORDERS[4]].map(|row| cancels(&order(row))).iter().sum::<usize>();
    stories += [SALES[0], SALES[1], SALES[3]].map(|row| cancels(&sale(row))).iter().sum::<usize>();
    assert!(stories > 500, "{stories}");
}

#[test]
fn a_cancel_around_every_append_of_groups_and_api_phases() {
    let mut stories = [TRIPS[0], TRIPS[3]].map(|row| cancels(&trip(row))).iter().sum::<usize>();
    stories += cancels(&survey(SURVEYS[0]));
    stories += MARKETS.map(|row| cancels(&market(row))).iter().sum::<usize>();
    stories +=
        [TRANSFERS[0], TRANSFERS[5]].map(|row| cancels(&transfer(row))).iter().sum::<usize>();
    stories += [ERRANDS[1], ERRANDS[2]].map(|row| cancels(&errands(row))).iter().sum::<usize>();
    stories += cancels(&intake(INTAKES[0]));
    assert!(stories > 1_000, "{stories}");
}

fn cancels<T: TaskSteps>(case: &Case<T>) -> usize {
    let appends = u32::try_from(sweep(case, 0).appends).expect("there are few");
    // Before the first there is nothing to cancel.
    let cancels = around_every_append().skip(1).take_while(|stop| stop.append <= appends);
    let fates = cancels.map(|at| Fate { saying: Some(Saying::cancel(at)), ..Fate::PLAIN });
    fates.map(|fate| sweep_with(case, 1, fate).stories).sum()
}
