//! One story again, as a failure printed it:
//! `CRASH=<case>:<append>:<before|after>,.. cargo test .. the_story_that_is_asked_for`. One crash for
//! each process in turn; `cancel-before:<n>` or `waive.1-after:<n>` beside them say that there, the
//! latter to the second step, counted over all processes.

use std::env;

use distributed_task::{
    TaskSteps,
    testing::parts::{Side, Stop},
};

use crate::{
    cases::{
        ERRANDS, INTAKES, MARKETS, ORDERS, PAIRS, Row, SALES, SURVEYS, TRANSFERS, TRIPS, errands,
        intake, market, order, pair, sale, survey, transfer, trip, trip_without_car,
    },
    operators::end_after,
    saying::{Saying, Verb},
    story::{Case, Fate, tell},
    sweep::judge,
};

/// What is told when nobody asks: two crashes and a cancel.
const ANY: &str = "pair:2:before,1:after,cancel-before:3";

/// How to run a story again.
pub(crate) fn command(name: &str, stops: &[Stop], fate: Fate) -> String {
    let crash = |stop: &Stop| format!("{}:{}", stop.append, stop.side.word());
    let mut words: Vec<String> = stops.iter().map(crash).collect();
    words.extend(fate.saying.map(Saying::text));
    let test = "cargo test -p distributed-task-tests --test crash_points the_story_that";
    format!("CRASH={name}:{} {test}", words.join(","))
}

/// What a story is about: its crashes, and when it is cancelled.
fn parse(name: &str, words: &str) -> (Vec<Stop>, Fate) {
    let (mut stops, mut fate) = (Vec::new(), Fate::PLAIN);
    for word in words.split(',').filter(|word| !word.is_empty()) {
        let (left, right) = word.split_once(':').expect("two words, and `:` between them");
        let number = |text: &str| text.parse().expect("the number of an append");
        let stop = |append, side| Stop { append: number(append), side };
        match (left, right) {
            (append, "before") => stops.push(stop(append, Side::Before)),
            (append, "after") => stops.push(stop(append, Side::After)),
            (append, "unanswered") => stops.push(stop(append, Side::Unanswered)),
            _ => {
                let saying = Saying::parse(word);
                let saying =
                    saying.unwrap_or_else(|| panic!("`{word}`: see the head of this file"));
                fate.saying = Some(Saying { end: end_after(name, saying), ..saying });
            }
        }
    }
    (stops, fate)
}

fn run<T: TaskSteps>(rows: &[Row], case: fn(Row) -> Case<T>, asked: &str) -> usize {
    let (name, words) = asked.split_once(':').expect("the name of a case, and `:`");
    let (stops, fate) = parse(name, words);
    let rows = rows.iter().filter(|row| row.0 == name);
    let tell = |row: &Row| {
        let (case, mut fate) = (case(*row), fate);
        if let Some(saying) = fate.saying.as_mut().filter(|saying| saying.verb == Verb::Late) {
            saying.end = case.end;
        }
        judge(name, &stops, fate, &tell(&case, &stops, fate));
    };
    rows.inspect(|row| tell(row)).count()
}

#[test]
fn the_story_that_is_asked_for() {
    let asked = env::var("CRASH").unwrap_or_else(|_| ANY.to_owned());
    let told = run(&ORDERS, order, &asked)
        + run(&PAIRS, pair, &asked)
        + run(&TRIPS, trip, &asked)
        + run(&TRIPS, trip_without_car, &asked)
        + run(&SURVEYS, survey, &asked)
        + run(&SALES, sale, &asked)
        + run(&TRANSFERS, transfer, &asked)
        + run(&ERRANDS, errands, &asked)
        + run(&MARKETS, market, &asked)
        + run(&INTAKES, intake, &asked);
    assert!(told > 0, "no case is called as `{asked}` says");
}

#[test]
fn what_a_failure_prints_is_what_is_told_again() {
    for any in [
        ANY,
        "order-undo-refused:2:after,waive.1-after:7",
        "pair:1:after,late.1-before:3",
        "sale:3:unanswered",
    ] {
        let (name, words) = any.split_once(':').expect("a name");
        let (stops, fate) = parse(name, words);
        assert!(command(name, &stops, fate).starts_with(&format!("CRASH={any} ")), "{any}");
    }
}
