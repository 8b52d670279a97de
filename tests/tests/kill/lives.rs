//! Many lives of one shop: each but the last ends by `SIGKILL`.

use std::{
    fmt, fs,
    sync::mpsc,
    thread::{self, sleep},
};

use serde_json::Value;

use crate::{
    accounts,
    books::{self, Interrupted},
    chance::Chance,
    customers::{Order, order_all},
    scene::{PATIENCE, Running, Scene, Stream},
    seed,
    verdict::{Ends, Finding, findings},
};

/// Whether a life knows of the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    Kept,
    /// It is gone when the process starts: there is no recovery.
    Lost,
}

/// What happened in all lives.
#[derive(Default)]
pub(crate) struct Story {
    seed: u64,
    pub(crate) orders: usize,
    /// So many kills found orders that were not over, and so on.
    pub(crate) with_open_orders: usize,
    pub(crate) with_steps_in_flight: usize,
    pub(crate) with_undos_in_flight: usize,
    /// So many came before the process had said that it works.
    pub(crate) while_starting: usize,
    /// Orders that an operator had to try again, after too many hosts had died on them.
    pub(crate) retried: usize,
    pub(crate) findings: Vec<Finding>,
}

/// So many lives, and a last one in which everything comes to its end.
pub(crate) fn lives(kills: usize, journal: Journal) -> Story {
    let seed = seed();
    let (mut chance, scene) = (Chance::new(seed), Scene::new());
    let mut story = Story { seed, ..Story::default() };
    let mut orders = Vec::new();
    scene.good(&["world", "stock", "tea", "100000000"]);
    for _ in 0..kills {
        if journal == Journal::Lost {
            forget(&scene);
        }
        let interrupted = life(&scene, &mut orders, &mut chance, &mut story);
        story.with_open_orders += usize::from(interrupted.open > 0);
        story.with_steps_in_flight += usize::from(interrupted.steps > 0);
        story.with_undos_in_flight += usize::from(interrupted.undos > 0);
    }
    story.orders = orders.len();
    story.retried = last_life(&scene, &mut orders, journal);
    story.findings = findings(&orders, &ends(&scene), &accounts::accounts(&scene.at("shop")));
    story
}

/// One life: new customers, old ones who heard no answer, and one who asks again. Then the end.
fn life(
    scene: &Scene,
    orders: &mut Vec<Order>,
    chance: &mut Chance,
    story: &mut Story,
) -> Interrupted {
    let mut running = serve(scene);
    if chance.one_in(8) {
        story.while_starting += 1;
        sleep(chance.millis(25));
        running.kill();
        return books::interrupted(&scene.at("shop"));
    }
    running.wait_for(Stream::Err, "working in");
    let (number, new) = (orders.len(), 3 + chance.below(4) as usize);
    let again = chance.below(number as u64 + 1) as usize;
    orders.extend((number..number + new).map(|number| Order::new(number, chance)));
    let asks = |(at, order): &(usize, &mut Order)| *at == again || !order.is_settled();
    let asking = orders.iter_mut().enumerate().filter(asks).map(|(_, order)| order).collect();
    // From the beginning, or when the first order is under way, which takes a while.
    let (from_first, moment) = match chance.one_in(4) {
        true => (false, chance.millis(120)),
        false => (true, chance.millis(70)),
    };
    let socket = scene.at("shop/socket");
    thread::scope(|scope| {
        let (heard, hears) = mpsc::channel();
        scope.spawn(move || order_all(&socket, asking, &heard));
        if from_first {
            // An error: they have all been answered.
            let _ = hears.recv_timeout(PATIENCE);
        }
        sleep(moment);
        running.kill();
    });
    books::interrupted(&scene.at("shop"))
}

/// All customers hear an answer, and all orders come to their ends. Answers how many were parked.
fn last_life(scene: &Scene, orders: &mut [Order], journal: Journal) -> usize {
    if journal == Journal::Lost {
        forget(scene);
    }
    let mut running = serve(scene);
    running.wait_for(Stream::Err, "working in");
    // Some customers have an answer, and ask all the same.
    let asks = |(at, order): &(usize, &mut Order)| at % 2 == 1 || !order.is_settled();
    let asking = orders.iter_mut().enumerate().filter(asks).map(|(_, order)| order).collect();
    order_all(&scene.at("shop/socket"), asking, &mpsc::channel().0);
    running.kill();
    operate(scene)
}

/// Lets all orders come to their ends, and does what operators are for; answers how many orders were
/// parked, because too many hosts had died on them.
pub(crate) fn operate(scene: &Scene) -> usize {
    let mut parked = 0;
    // Twice: one that was parked on its way back may be stuck when it goes on.
    for _ in 0..2 {
        scene.good(&["serve", "--once"]);
        for (id, status) in listed(&scene.good(&["list", "--json"])) {
            match &*status {
                "parked" => {
                    parked += 1;
                    scene.good(&["retry", &id, "--detach"]);
                }
                _ => _ = scene.good(&["waive", &id, "--reason", "the bank keeps it", "--detach"]),
            }
        }
    }
    scene.good(&["serve", "--once"]);
    parked
}

fn serve(scene: &Scene) -> Running {
    Running::start(scene.command(&["serve", "--far", "10ms", "--slow", "12ms"]))
}

pub(crate) fn forget(scene: &Scene) {
    for name in ["journal.db", "journal.db-wal", "journal.db.lock"] {
        // The first life has none.
        let _ = fs::remove_file(scene.at("shop").join(name));
    }
}

fn ends(scene: &Scene) -> Ends {
    listed(&scene.good(&["list", "--all", "--json"]))
}

fn listed(lines: &str) -> Ends {
    let row = |line| {
        let row: Value = serde_json::from_str(line).expect("a row is JSON");
        let text = |name: &str| row[name].as_str().expect("it is text").to_owned();
        (text("id"), text("status"))
    };
    lines.lines().map(row).collect()
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, orders, with_open_orders, with_steps_in_flight, .. } = self;
        let Self { with_undos_in_flight, while_starting, retried, findings, .. } = self;
        write!(
            f,
            "KILL_SEED={seed}: {orders} orders; kills with open orders: {with_open_orders}, with \
             steps in flight: {with_steps_in_flight}, with undos in flight: \
             {with_undos_in_flight}, while starting: {while_starting}; parked after too many \
             deaths, and retried by an operator: {retried}; found: {findings:#?}"
        )
    }
}
