//! How long it takes until others go on with what a process had, and when they must not.

use std::{
    collections::BTreeMap,
    thread::sleep,
    time::{Duration, Instant},
};

use distributed_task_test_servers::{Connections, Flow, Way, wait_until};
use serde_json::{Value, json};

use crate::{
    LEASE, LONGEST_CALL,
    accounts::{Account, accounts},
    customers::ask,
    shop::{Setting, Shop},
    story::{ends, lines},
};

const SETTING: Setting = Setting { lease: LEASE, workers: 1, slow: 40, partitions: 1 };

/// The seats that own orders, in hexadecimal; those that nobody owns have zeros.
const OWNERS: &str = r"
local owners = {}
for n, owner in ipairs(redis.call('HVALS', '{order:0}:o')) do
  owners[n] = owner:sub(1, 16):gsub('.', function(c) return string.format('%02x', c:byte()) end)
end
return owners";

const SEATS_KEY: &str = "{order:0}:seats";
/// All seats, in hexadecimal.
const SEATS: &str = r"
local seats = redis.call('ZRANGE', '{order:0}:seats', 0, -1)
for n, seat in ipairs(seats) do
  seats[n] = seat:gsub('.', function(c) return string.format('%02x', c:byte()) end)
end
table.sort(seats)
return seats";

/// The only owner of orders, if there is one.
fn owner(shop: &Shop) -> Option<String> {
    let told = shop.redis.cli(&["EVAL", OWNERS, "0"]);
    let mut owners: Vec<_> = told.lines().map(str::to_owned).collect();
    owners.dedup();
    let is_one = owners.len() == 1 && owners[0].contains(|digit| digit != '0');
    owners.pop().filter(|owner| is_one && owner.len() == 32)
}

fn place(shop: &Shop, key: &str, card: &str) -> Result<String, String> {
    let order = json!({ "item": "tea", "pieces": 1, "card": card, "to": "here" });
    let wish = json!({ "place": { "key": key, "order": order, "follow": false } });
    ask(&shop.socket(), &wish).expect("it is there")
}

/// One order on this card, which somebody owns.
fn one_owned(shop: &Shop, card: &str) -> (String, String) {
    let id = place(shop, "1", card).expect("it is accepted");
    wait_until("somebody owns it", || owner(shop).is_some());
    (id, owner(shop).expect("nobody lets it go"))
}

fn books(shop: &Shop) -> BTreeMap<String, Account> {
    accounts(&shop.scene.at("shop"))
}

fn wait_for_another_owner(shop: &Shop, before: &str) {
    wait_until("another one owns it", || owner(shop).is_some_and(|owner| owner != before));
}

fn wait_for_the_end(shop: &Shop, id: &str) {
    wait_until("it is over", || ends(shop).get(id).is_some_and(|end| end == "completed"));
}

#[test]
fn inv9_what_a_killed_worker_had_is_taken_over_after_its_lease() {
    let mut shop = Shop::open(SETTING);
    let (_, killed) = one_owned(&shop, "4002");
    shop.add_host();
    shop.wait_until_all_work();
    shop.hosts[1].kill();
    let begun = Instant::now();
    wait_for_another_owner(&shop, &killed);
    let took = begun.elapsed();
    println!("taken over {took:?} after the kill; lease and two pulses: {:?}", LEASE * 5 / 3);
    assert!(took < LEASE * 10, "it was taken over after {took:?}");
    // Its last pulse was a third of a lease ago at most.
    assert!(took >= LEASE / 2, "it was taken over after {took:?}, while its lease ran");
}

/// What it did ended while it was stopped, and somebody else does it again: what it tells is no news to
/// the world, and saves the other one the wait for its own answer.
#[test]
fn a_worker_that_was_stopped_for_longer_than_its_lease_tells_what_it_did() {
    let slow = Duration::from_secs(2);
    let mut shop = Shop::open(Setting { slow: slow.as_millis() as u64, ..SETTING });
    let placed: Vec<_> = (0..3).map(|n| place(&shop, &n.to_string(), "4242")).collect();
    let ids: Vec<_> = placed.into_iter().map(|id| id.expect("it is accepted")).collect();
    wait_until("all are reserved", || books(&shop).len() == 3);
    let stopped = owner(&shop).expect("one worker has them all");
    shop.hosts[1].signal("STOP");
    let begun = Instant::now();
    shop.add_host();
    wait_for_another_owner(&shop, &stopped);
    wait_until("its own answers are there", || begun.elapsed() > slow + slow / 20);
    shop.hosts[1].signal("CONT");
    ids.iter().for_each(|id| wait_for_the_end(&shop, id));
    let events = |id| lines(&shop, &json!({ "inspect": { "id": id, "json": true } }));
    let is_late = |event: &Value| event["event"] == "late_report";
    assert!(ids.iter().flat_map(events).any(|event| is_late(&event)), "{}", shop.logs());
    for (id, account) in books(&shop) {
        assert_eq!((account.reserved, account.charges, account.parcels), (1, 1, 1), "{id}");
    }
}

/// The server is away for longer than every lease. Each host stops what it does in time, as nobody can
/// tell it that the others do not go on with it, and all of them are there when the server is.
#[test]
fn a_server_that_is_away_for_longer_than_the_lease_costs_no_order_and_no_host() {
    let mut shop = Shop::open(Setting { slow: 1_000, ..SETTING });
    shop.add_host();
    shop.wait_until_all_work();
    let (id, _) = one_owned(&shop, "4242");
    shop.redis.kill();
    sleep(LEASE * 2);
    shop.redis.restart();
    let begun = Instant::now();
    wait_for_the_end(&shop, &id);
    println!("over {:?} after the server was back, of which 3 s are the work", begun.elapsed());
    let account = books(&shop)[&id];
    assert_eq!((account.reserved, account.charges, account.parcels), (1, 1, 1));
    assert!(shop.hosts.iter().all(|host| host.failed_starts == 0), "{}", shop.logs());
    assert_eq!(shop.close(), [""; 0]);
}

/// A pulse that nobody answers, on a connection that is replaced at once, does not cost a seat.
#[test]
fn a_connection_that_falls_silent_costs_no_seat() {
    let lease = Duration::from_secs(2);
    let shop = Shop::open(Setting { lease, ..SETTING });
    let seats = || shop.redis.cli(&["EVAL", SEATS, "0"]);
    let before = seats();
    assert_eq!(before.lines().count(), 2);
    for host in &shop.hosts {
        host.proxy.set(Connections::Open, Way::Both, Flow::Drop);
    }
    // Renewed by a pulse that was sent after this, or gone.
    let asked = format!(
        "return redis.call('ZCOUNT', '{SEATS_KEY}', {}, '+inf')",
        deadline_of_now(&shop, lease)
    );
    wait_until("all seats are renewed, or new", || shop.redis.cli(&["EVAL", &asked, "0"]) == "2");
    assert_eq!(seats(), before, "{}", shop.logs());
}

/// When a lease runs out that is renewed now.
fn deadline_of_now(shop: &Shop, lease: Duration) -> u128 {
    let now = shop.redis.cli(&["TIME"]);
    let mut parts = now.lines().map(|part| part.parse::<u128>().expect("it is a number"));
    let (seconds, micros) = (parts.next().expect("seconds"), parts.next().expect("and parts"));
    seconds * 1_000_000 + micros + lease.as_micros()
}

/// Whoever places an order while nobody answers hears so, and the key finds what became of it.
#[test]
fn an_order_that_is_placed_while_the_server_is_silent_is_refused_in_time_and_is_one_order() {
    let shop = Shop::open(SETTING);
    shop.redis.pause();
    let begun = Instant::now();
    let refused = place(&shop, "1", "4242").expect_err("nobody answers");
    let took = begun.elapsed();
    println!("refused after {took:?}: {refused}");
    assert!(took < LONGEST_CALL, "it took {took:?}");
    shop.redis.resume();
    let id = place(&shop, "1", "4242").expect("it answers again");
    wait_for_the_end(&shop, &id);
    assert_eq!(ends(&shop).len(), 1);
    assert_eq!(place(&shop, "1", "4242").as_deref(), Ok(&*id));
}
