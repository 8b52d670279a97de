//! The store at the other end of its line is a journal like any other, and keeps the contract: with
//! the rules on lost replies, for it is a remote one.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;

use super::{
    gate::Gate,
    line::Line,
    mutation::Mutation,
    plan::{Keeps, Plan, StorePlan, Weather},
    quiet,
    scene::Scene,
    store::Store,
    world::World,
};
use crate::{
    conformance::{self, journal::Subject},
    journal::{Journal as _, Wire},
};

const ROOM: usize = 16;
const LEASE: Duration = Duration::from_secs(10);
const KEYS: Duration = Duration::from_secs(8);

/// A line to a remote store, on which nothing goes wrong but what is broken.
fn line(mutation: Mutation) -> Line {
    let store = StorePlan {
        lease: LEASE,
        remote: true,
        keeps_bytes: false,
        carrier: false,
        audited: true,
        // Few, so that the records of ended sagas go and only their tombstones stay.
        keeps: Keeps { waiting: ROOM, ended: 64, keys: KEYS },
    };
    let (faults, weather) = (Vec::new(), Weather::default());
    let plan = Plan { store, faults, weather, fail_over: None, ..Plan::draw(1) };
    let scene = Scene::new(plan, mutation, false);
    scene.calm();
    let store = Store::new(&scene, &World::new(&scene));
    let (gate, faults, turns) = (Arc::new(Gate::new()), Vec::new(), Arc::default());
    Line { scene, store, gate, name: "host".into(), faults, turns }
}

/// What the suite says of the store: the first rule that is broken, if any.
async fn verdict(mutation: Mutation) -> Result<(), String> {
    let suite = conformance::journal::run(async || Subject {
        journal: Arc::new(line(mutation)),
        capacity: ROOM,
        lease: LEASE,
        keys: KEYS,
        carried: Duration::from_secs(60),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    });
    AssertUnwindSafe(suite).catch_unwind().await.map_err(|panic| quiet::message(&*panic))
}

#[tokio::test(start_paused = true)]
async fn a_remote_store_keeps_the_contract_with_the_rules_on_lost_replies() {
    assert_eq!(line(Mutation::None).wire(), Wire::Remote);
    assert_eq!(verdict(Mutation::None).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_remote_store_that_breaks_a_rule_on_lost_replies_is_found_by_that_rule() {
    for (mutation, rule) in [
        (Mutation::DoesItAgain, "the same number of the same seat is answered with the same reply"),
        (Mutation::AnyNumber, "a number out of turn is `Diverged`, and nothing is written"),
        (Mutation::AnswersTheDead, "a reaped seat's repetition is `Fenced`"),
    ] {
        let broken = verdict(mutation).await.expect_err("it is broken");
        let is_found = broken.starts_with(&format!("broken rule: {rule}\n"));
        assert!(is_found, "{mutation:?} is found so:\n{broken}");
    }
}
