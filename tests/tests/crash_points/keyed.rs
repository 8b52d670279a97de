//! Starts under a key, said twice, with a crash around every append of the API phase and of what
//! follows: a key has one open saga, and a start that was answered keeps it (I2).

use std::{collections::BTreeSet, sync::Arc};

use distributed_task::{
    SubmitError,
    kernel::{SagaId, Stamped},
    testing::{
        oracle::{self, End},
        parts::{self, Stop},
    },
};

use crate::{
    cases::{INTAKES, intake},
    faulty::Fault,
    process::{Process, Ran},
    sagas::Intake,
    store::Store,
    story::{BOUND, Case, Fate},
    sweep::around_every_append,
    world::{Effect, World},
};

const KEY: &str = "letter-17";

/// What happened under the key.
struct Story {
    store: Arc<Store>,
    world: World,
    /// So many processes were stopped.
    deaths: usize,
}

/// Every process is told twice to start the same, and all but the last are stopped.
fn tell(case: &Case<Intake>, stops: &[Stop], fault: Fault) -> Story {
    let fate = Fate { fault, ..Fate::PLAIN };
    let store = Store::with(fate, true);
    let world = World::new(&store, case.script);
    let mut story = Story { store, world, deaths: 0 };
    for stop in stops.iter().copied().map(Some).chain([None]) {
        let (store, world) = (&story.store, &story.world);
        let mut process = Process::start(case, store, world, stop, fault);
        let answered = store.acknowledged().len() + 2;
        for nth in 0..2 {
            let key = match fault {
                Fault::ForgetsKeys => format!("{KEY}, time {nth} of {}", story.deaths),
                _ => KEY.to_owned(),
            };
            process.submit_with_key(key, case.request);
        }
        let all_is_over = |store: &Store| {
            let over = |place: &(SagaId, _)| place.1 == distributed_task::kernel::Place::Ended;
            (store.acknowledged().len() >= answered || !store.wrong().is_empty())
                && store.places().iter().all(over)
        };
        match process.run_until(BOUND, all_is_over) {
            Ran::Stopped => {
                store.orphan();
                process.kill();
                story.deaths += 1;
                continue;
            }
            Ran::AtRest if !store.wrong().is_empty() => process.kill(),
            Ran::AtRest => {
                let another = |task: distributed_task::Task<Intake>| async move {
                    task.submit_with_key(KEY, "another letter".to_owned()).await.err()
                };
                match process.ask(another) {
                    Some(SubmitError::KeyReused { .. }) => {}
                    other => store.note(format!("I2: another request: {other:?}")),
                }
                process.leave();
            }
            Ran::OutOfTime => {
                store.note(format!("INV14: not over after {BOUND:?}"));
                process.kill();
            }
        }
        break;
    }
    story
}

/// Everything that is wrong with it.
fn verdict(story: &Story) -> Vec<String> {
    let mut wrong = story.store.wrong();
    let effects = story.world.effects();
    let mut ends = Vec::new();
    for (id, definition, records) in story.store.sagas() {
        let of_saga = effects.iter().filter(|effect| effect.saga == Some(id));
        let of_saga: Vec<_> = of_saga.map(Effect::standing).collect();
        wrong.extend(oracle::examine(&definition, &records, &of_saga));
        ends.push((id, End::of(&definition, &records)));
    }
    let kept: Vec<_> = ends.iter().filter(|(_, end)| *end != End::Abandoned).collect();
    let [(kept, End::Completed)] = kept[..] else {
        wrong.push(format!("I2: one start is not abandoned, and completed: {ends:?}"));
        return wrong;
    };
    let answered: BTreeSet<_> = story.store.acknowledged().into_iter().collect();
    if answered != BTreeSet::from([*kept]) {
        wrong.push(format!("INV10: {kept} has the key, and {answered:?} was answered"));
    }
    let objects = story.store.objects();
    if objects.len() != 2 {
        wrong.push(format!("INV6: two objects should be left, not {objects:?}"));
    }
    wrong
}

/// All crashes, so many deaths deep: how many stories, how many of them with an abandoned start, and
/// what is wrong.
fn sweep(case: &Case<Intake>, deaths: usize, fault: Fault) -> (usize, usize, Vec<String>) {
    let (mut stories, mut abandoned, mut complaints) = (0, 0, Vec::new());
    let mut open = vec![Vec::new()];
    while let Some(stops) = open.pop() {
        for stop in around_every_append() {
            let stops = [&stops[..], &[stop]].concat();
            let story = tell(case, &stops, fault);
            if story.deaths < stops.len() {
                break;
            }
            stories += 1;
            abandoned += usize::from(story.store.places().len() > 1);
            let told = |wrong| format!("{stops:?} {wrong}\n{}", records(&story));
            complaints.extend(verdict(&story).into_iter().map(told));
            if stops.len() < deaths {
                open.push(stops);
            }
        }
    }
    (stories, abandoned, complaints)
}

fn records(story: &Story) -> String {
    let lines = |(id, definition, records): (SagaId, Arc<_>, Vec<Stamped>)| {
        format!("{id}\n{}", parts::records(&definition, &records))
    };
    story.store.sagas().into_iter().map(lines).collect()
}

#[test]
fn i2_schedule_a6_a_key_has_one_open_saga_whoever_dies_and_an_answered_start_keeps_it() {
    let (stories, abandoned, complaints) = sweep(&intake(INTAKES[0]), 2, Fault::None);
    assert!(complaints.is_empty(), "{}", complaints[0]);
    assert!(stories > 100 && abandoned > 20, "{stories} {abandoned}");
}

#[test]
fn i2_who_forgets_the_key_is_found_out() {
    let (.., complaints) = sweep(&intake(INTAKES[0]), 1, Fault::ForgetsKeys);
    let found = |what: &str| complaints.iter().any(|wrong| wrong.contains(what));
    assert!(found("sagas are open under one key"), "{complaints:?}");
    assert!(found("one start is not abandoned"), "{complaints:?}");
}
