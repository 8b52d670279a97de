//! One schedule from its beginning to its end: the storm, the calm, and the judgement.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};
use uuid::Uuid;

use super::{
    clients::{self, Heard, letter},
    mutation::Mutation,
    oracle,
    plan::{Plan, Word},
    process::Outside,
    quiet,
    scene::{Counts, Scene},
    show::short,
};
use crate::{
    kernel::{EntryId, Mail, Place, SagaId},
    orchestrator::seeded,
};

/// So long every saga may take to its end when nothing goes wrong any more (INV14): an undo is tried
/// for a day, and there may be several.
const BOUND: Duration = Duration::from_secs(4 * 24 * 3600);
/// So often an operator asks for a saga to be tried again.
const TRY_AGAIN: u32 = 40;
/// So often an operator says anything.
const WORDS: u32 = 120;

/// What came of a schedule.
pub(super) struct Report {
    /// What was wrong; empty if all was well.
    pub(super) wrong: Vec<String>,
    pub(super) counts: Counts,
    pub(super) trace: Vec<String>,
}

impl Report {
    /// Of everything that happened.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.trace.hash(&mut hasher);
        hasher.finish()
    }
}

/// Runs a schedule.
pub(super) fn run(plan: &Plan, mutation: Mutation, traced: bool) -> Report {
    seeded::follow(Some(plan.seed));
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without a reactor");
    let played = quiet::panics(|| {
        catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let scene = Scene::new(plan.clone(), mutation, traced);
                let outcome = AssertUnwindSafe(play(Arc::clone(&scene)));
                let outcome = futures_util::FutureExt::catch_unwind(outcome).await;
                if let Err(panic) = outcome {
                    scene.note(format!("panic: {}", quiet::message(&*panic)));
                }
                scene
            })
        }))
    });
    quiet::panics(|| drop(runtime));
    seeded::follow(None);
    match played {
        Ok(scene) => Report { wrong: scene.wrong(), counts: scene.counts(), trace: scene.traced() },
        Err(panic) => Report {
            wrong: vec![format!("panic: {}", quiet::message(&*panic))],
            counts: Counts::new(),
            trace: Vec::new(),
        },
    }
}

async fn play(scene: Arc<Scene>) {
    let outside = Outside::new(&scene);
    let heard = Arc::new(Heard::default());
    let plan = &scene.plan;
    let places: Vec<_> =
        (0..plan.hosts.len()).map(|place| tokio::spawn(outside.clone().place(place))).collect();
    let submits: Vec<_> = plan
        .sagas
        .iter()
        .map(|saga| clients::submits(outside.clone(), Arc::clone(&heard), saga.clone()))
        .map(tokio::spawn)
        .collect();
    for (nth, mail) in plan.mail.iter().enumerate() {
        tokio::spawn(clients::tells(outside.clone(), mail.clone(), nth));
    }
    if let Some((at, loses)) = plan.fail_over {
        let store = Arc::clone(&outside.store);
        tokio::spawn(async move {
            sleep(at).await;
            store.fail_over(loses);
        });
    }
    sleep(plan.storm).await;
    scene.calm();
    scene.trace("fate", || "calm");
    for place in places {
        if timeout(BOUND, place).await.is_err() {
            scene.note("INV14: a host does not begin, although all is calm");
            return;
        }
    }
    outside.leave_one().await;
    let all = async {
        // Whoever submits may wait for what only an operator can move.
        let submitted = async {
            for submit in submits {
                let _ = submit.await;
            }
        };
        let (mut submitted, mut settled) =
            (std::pin::pin!(submitted), std::pin::pin!(settles(&outside, false)));
        tokio::select! {
            biased;
            () = &mut submitted => {}
            () = &mut settled => {}
        }
        loop {
            settles(&outside, true).await;
            // Whoever waits hears of it; and what was still on its way arrives.
            sleep(Duration::from_secs(60)).await;
            if outside.store.places().iter().all(|(_, place)| *place == Place::Ended) {
                return;
            }
        }
    };
    if timeout(BOUND, all).await.is_err() {
        for (saga, place) in outside.store.places() {
            if place != Place::Ended {
                scene.note(format!("INV14: {} does not end: {place:?}", short(saga)));
            }
        }
        return;
    }
    oracle::judge(&outside, &heard);
    outside.leave_all().await;
    outside.store.audit();
}

/// What an operator says: try again, at first; then what became of the steps, one by one.
fn word(nth: u32, steps: usize) -> Word {
    let step = (nth / 3) as usize % steps;
    match nth % 3 {
        0 if nth > TRY_AGAIN => Word::MarkDone(step),
        1 if nth > TRY_AGAIN => Word::MarkUndone(step),
        _ => Word::Unpark,
    }
}

/// Waits until every saga is over, and says what an operator would say to one that is parked. If not
/// all are submitted yet, goes on for ever.
async fn settles(outside: &Outside, submitted: bool) {
    let mut said: std::collections::BTreeMap<SagaId, u32> = std::collections::BTreeMap::new();
    loop {
        let changes = outside.store.changes();
        let mut changes = std::pin::pin!(changes);
        // From now on none is missed.
        changes.as_mut().enable();
        let places = outside.store.places();
        if submitted && places.iter().all(|(_, place)| *place == Place::Ended) {
            return;
        }
        for (saga, _) in places.iter().filter(|(_, place)| *place == Place::Parked) {
            let words = said.entry(*saga).or_default();
            *words += 1;
            if *words > WORDS {
                outside.scene.note(format!("INV14: {} is parked for ever", short(saga)));
                return;
            }
            outside.scene.count("words of the operator");
            let id = saga.0.as_u128()
                ^ (0xf00d_0000 + u128::from(*words) + u128::from(submitted) * 4096);
            let word = word(*words, outside.scene.plan.definition.steps.len());
            let mail = Mail { id: EntryId(Uuid::from_u128(id)), letter: letter(word) };
            let _ = outside.store.tell(*saga, mail);
        }
        changes.await;
    }
}
