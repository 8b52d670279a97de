//! Kills while an order is placed: what was acknowledged is there, and a key means one order.

use std::{collections::BTreeMap, thread::sleep};

use crate::{
    accounts,
    chance::Chance,
    lives::{Journal, forget, operate},
    scene::{Running, Scene, Stream, text},
    seed,
};

const ROUNDS: usize = 40;

/// The ids that were printed before the process was killed, by key.
type Acknowledged = BTreeMap<String, String>;

fn key(round: usize) -> String {
    format!("k{round}")
}

/// Places one order after the other, and kills whoever does it.
fn place_and_kill(scene: &Scene, journal: Journal) -> Acknowledged {
    let mut chance = Chance::new(seed());
    let mut acknowledged = Acknowledged::new();
    for key in (0..ROUNDS).map(key) {
        if journal == Journal::Lost {
            forget(scene);
        }
        let pace = ["--far", "5ms", "--slow", "5ms"];
        let mut running =
            Running::start(scene.command(&[&["place", "--key", &key, "tea"][..], &pace].concat()));
        // From the beginning, or from the acknowledgement.
        if chance.one_in(2) {
            running.wait_for(Stream::Out, "-");
        }
        sleep(chance.millis(30));
        let said = running.kill();
        if let Some((id, _)) = said.split_once('\n') {
            acknowledged.insert(key, id.to_owned());
        }
    }
    let count = acknowledged.len();
    assert!((5..ROUNDS).contains(&count), "KILL_SEED={}: {count} acknowledged", seed());
    acknowledged
}

/// The keys whose orders the journal does not know.
fn lost(scene: &Scene, acknowledged: &Acknowledged) -> Vec<String> {
    // There is no journal at all if the last process was killed before it made one.
    let listed = text(&scene.run(&["list", "--all"]).stdout);
    let is_lost = |(_, id): &(&String, &String)| !listed.contains(&**id);
    acknowledged.iter().filter(is_lost).map(|(key, _)| key.clone()).collect()
}

#[test]
fn an_order_whose_id_was_printed_is_never_lost_and_its_key_placed_again_is_the_same_order() {
    for is_served in [false, true] {
        let (told, scene) = (format!("KILL_SEED={}, served: {is_served}", seed()), Scene::new());
        let server = is_served.then(|| {
            let mut server = Running::start(scene.command(&["serve"]));
            server.wait_for(Stream::Err, "working in");
            server
        });
        let acknowledged = place_and_kill(&scene, Journal::Kept);
        assert_eq!(lost(&scene, &acknowledged), [""; 0], "{told}");
        drop(server);

        operate(&scene);
        for key in (0..ROUNDS).map(key) {
            let said = scene.good(&["place", "--key", &key, "tea"]);
            let id = said.lines().next().expect("it prints the id");
            let before = acknowledged.get(&key);
            assert!(before.is_none_or(|before| before == id), "{told}: {key} is two orders");
        }
        let accounts = accounts::accounts(&scene.at("shop"));
        assert_eq!(accounts.len(), ROUNDS, "{told}");
        for (id, account) in accounts {
            let once = (account.reserved, account.charges, account.repeats, account.parcels);
            assert_eq!(once, (1, 1, 0, 1), "{told}: {id}");
        }
    }
}

/// The control: without the journal, what was acknowledged is lost.
#[test]
fn without_the_journal_an_order_whose_id_was_printed_is_lost() {
    let scene = Scene::new();
    let acknowledged = place_and_kill(&scene, Journal::Lost);
    assert_ne!(lost(&scene, &acknowledged), [""; 0], "KILL_SEED={}", seed());
}
