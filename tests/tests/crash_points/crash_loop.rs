//! A saga that kills every process that touches it.

use distributed_task::{
    journal::Told,
    kernel::{Letter, ParkReason, Place, Record},
    testing::{
        oracle::End,
        parts::{Side, Stop},
    },
};

use crate::{
    cases::{PAIRS, pair},
    faulty::Fault,
    process::{Process, Ran},
    story::{BOUND, Case, Fate, tell},
};

/// The second append of the first process, and the first of each later one, is the end of the first
/// step: it is done, and nobody lives to write it down.
fn deaths(count: usize) -> Vec<Stop> {
    let stop = |append| Stop { append, side: Side::Before };
    std::iter::once(stop(2)).chain(std::iter::repeat_n(stop(1), count - 1)).collect()
}

#[test]
fn r3_four_deaths_in_a_row_do_not_park_a_saga() {
    let story = tell(&pair(PAIRS[0]), &deaths(4), Fate::PLAIN);
    assert_eq!(story.verdict(), Vec::<String>::new(), "{story}");
    assert_eq!(story.world.calls("first", "act"), 5);
}

#[test]
fn r3_the_fifth_death_in_a_row_parks_it_until_somebody_says_go_on() {
    let case = Case { end: End::Open, ..pair(PAIRS[0]) };
    let mut story = tell(&case, &deaths(5), Fate::PLAIN);
    assert_eq!(story.verdict(), Vec::<String>::new(), "{story}");
    let (id, _, records) = story.store.saga().expect("it is there");
    let Some(Record::Parked(reason)) = records.last().map(|last| &last.record) else {
        panic!("{story}")
    };
    assert_eq!((&**reason, story.world.calls("first", "act")), (&ParkReason::CrashLoop(5), 5));

    let go_on = Letter::Unpark { by: "an operator".to_owned() };
    assert_eq!(story.store.tell(id, go_on), Told::Told);
    let mut process = Process::start(&case, &story.store, &story.world, None, Fault::None);
    assert_eq!(process.run(BOUND), Ran::AtRest);
    assert!(matches!(story.store.place(), Some((_, Place::Ended))), "{story}");
    story.seen = process.outcome();
    story.expected = End::Completed;
    assert_eq!(story.verdict(), Vec::<String>::new(), "{story}");
    process.leave();
}
