//! The store at the other end of its line is a journal like any other, and keeps the contract.

use std::{sync::Arc, time::Duration};

use super::{
    gate::Gate,
    line::Line,
    mutation::Mutation,
    plan::{Keeps, Plan, StorePlan, Weather},
    scene::Scene,
    store::Store,
    world::World,
};
use crate::conformance::{self, journal::Subject};

const ROOM: usize = 16;
const LEASE: Duration = Duration::from_secs(10);
const KEYS: Duration = Duration::from_secs(8);

/// A line to a remote store, on which nothing goes wrong.
fn line() -> Line {
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
    let scene = Scene::new(plan, Mutation::None, false);
    scene.calm();
    let store = Store::new(&scene, &World::new(&scene));
    let (gate, faults, memory) = (Arc::new(Gate::new()), Vec::new(), Arc::default());
    Line { scene, store, gate, name: "host".into(), faults, memory }
}

#[tokio::test(start_paused = true)]
async fn a_remote_store_keeps_the_contract() {
    conformance::journal::run(async || Subject {
        journal: Arc::new(line()),
        capacity: ROOM,
        lease: LEASE,
        keys: KEYS,
        carried: Duration::from_secs(60),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    })
    .await;
}
