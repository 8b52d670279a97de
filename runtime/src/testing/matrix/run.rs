//! One run: the processes that live and die around one saga, and what is found afterwards.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::{
    plan::{Life, Plan, Stops, World},
    point::Point,
};
use crate::{
    Task,
    kernel::{Finish, Place, Record, SagaId},
    task::TaskSteps,
    testing::{
        oracle::End,
        process::SOON,
        store::{Saga, Store},
    },
};

/// How long to look whether something comes out of nothing.
const QUIET: Duration = Duration::from_secs(300);

/// What happened in a run.
pub(super) struct Told {
    pub(super) world: World,
    pub(super) saga: Option<Saga>,
    pub(super) end: End,
    /// How it ended for the crash.
    pub(super) crash: Option<Crash>,
    /// Objects that are left: their step, and their name.
    pub(super) objects: Vec<(String, String)>,
    /// What a completed saga answers.
    pub(super) response: Option<Bytes>,
}

/// What was under way when the process was stopped.
#[derive(Clone, Debug, Default)]
pub(super) struct Crash {
    /// The host that began the saga had it (A6).
    pub(super) starting: bool,
    /// Steps that never run twice, and whose end nobody has written down.
    pub(super) in_doubt: Vec<String>,
}

/// Why a process does not run any more.
enum Ran {
    Stopped,
    AtRest,
    OutOfTime,
}

/// Does one run.
pub(super) fn tell<T: TaskSteps>(plan: &Plan<T>, point: Point) -> Told {
    let world = plan.world(point);
    let mut life = plan.start(&world, Stops::Here);
    life.submit(&world, Arc::clone(&plan.request));
    let mut crash = None;
    // Where everything runs twice, it takes twice as long.
    let limit = plan.limit.saturating_mul(1 + u32::from(point.scenario.is_twice()));
    if let Some(stopped) = live(life, &world, limit) {
        crash = Some(stopped);
        if plan.recovery {
            life = plan.start(&world, Stops::Nowhere);
            let nothing = world.store.place().is_none();
            live(life, &world, if nothing { QUIET } else { limit });
        }
    }
    let saga = world.store.saga();
    let end = saga.as_ref().map_or(End::Nothing, |(_, of, records)| End::of(of, records));
    let objects = world.store.objects(&plan.buckets());
    let objects = objects.into_iter().map(|(step, key)| (step, file_name(&key))).collect();
    let response = saga.as_ref().and_then(response);
    Told { world, saga, end, crash, objects, response }
}

/// The name that a step gave to its object.
fn file_name(key: &str) -> String {
    // Before it stand task, saga, step and generation.
    key.split('/').skip(4).collect::<Vec<_>>().join("/")
}

fn response((_, _, records): &Saga) -> Option<Bytes> {
    let Record::Finished(finished) = &records.last()?.record else { return None };
    let Finish::Completed(response) = &finished.finish else { return None };
    response.as_encoded().map(|encoded| encoded.bytes.clone())
}

/// The life of one process; with what was under way, if it was stopped.
fn live<T: TaskSteps>(mut life: Life<T>, world: &World, limit: Duration) -> Option<Crash> {
    let store = &world.store;
    match run(&mut life, store, limit) {
        Ran::Stopped => {
            let starting = store.is_starting();
            let in_doubt = store.in_doubt().into_iter().map(|(step, _)| step).collect();
            store.orphan();
            let before = store.appends();
            life.line.bury();
            life.process.kill();
            if store.appends() != before {
                store.note("INV13: a dead process wrote".to_owned());
            }
            return Some(Crash { starting, in_doubt });
        }
        Ran::AtRest => look(&mut life, world),
        Ran::OutOfTime if store.place().is_none() => {}
        Ran::OutOfTime => store.note(format!("INV14: it is not over after {limit:?}")),
    }
    let Life { mut process, other, .. } = life;
    if let Some(other) = other {
        process.enter(async move { other.shutdown(SOON).await });
    }
    if !process.leave() {
        store.note("INV14: something still runs when the saga is at rest".to_owned());
    }
    None
}

fn run<T: TaskSteps>(life: &mut Life<T>, store: &Store, limit: Duration) -> Ran {
    let Life { process, line, .. } = life;
    process.enter(async move {
        tokio::select! {
            biased;
            () = line.stopped() => Ran::Stopped,
            () = store.over() => Ran::AtRest,
            () = sleep(limit) => Ran::OutOfTime,
        }
    })
}

/// What a handle says of the saga, and what the queue has left.
fn look<T: TaskSteps>(life: &mut Life<T>, world: &World) {
    let store = &world.store;
    let Some((id, place)) = store.place() else { return };
    let task = life.process.task();
    let second = world.redelivery.is_some();
    let (seen, gaps) = life.process.enter(async move {
        if second {
            // The other ticket may still be on its way.
            sleep(SOON).await;
        }
        ask(task, id).await
    });
    let found = store.saga().map(|(_, of, records)| End::of(&of, &records));
    if Some(seen) != found {
        store.note(format!("INV10: a handle says {seen:?}, and the journal {found:?}"));
    }
    if let Some(gap) = gaps {
        store.note(format!("INV11: {gap}"));
    }
    if let Some(queue) = &world.redelivery {
        let (published, unsettled) = (queue.published(), queue.unsettled());
        // A saga that its API host undoes has none.
        if published == 1 {
            store.note("J3: the ticket was to come twice, and came once".to_owned());
        }
        if unsettled > 0 && place != Place::Parked {
            store.note(format!("INV12: {unsettled} tickets are not settled"));
        }
    }
}

/// How the saga ended for its handle, and what is wrong with the numbers of its events.
async fn ask<T: TaskSteps>(task: Task<T>, id: SagaId) -> (End, Option<String>) {
    let Ok(saga) = task.handle(id).await else { return (End::Nothing, None) };
    let end = match timeout(SOON, saga.outcome()).await {
        Ok(outcome) => End::seen(outcome),
        Err(_) => End::Open,
    };
    let Ok(events) = saga.history().await else { return (end, None) };
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    let whole = numbers.iter().copied().eq(0..numbers.len() as u64);
    let gap = (!whole).then(|| format!("the events of the saga are numbered {numbers:?}"));
    (end, gap)
}
