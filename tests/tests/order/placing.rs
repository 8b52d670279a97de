//! Orders of every fate, and what the world has of them afterwards.

use serde_json::Value;

use crate::scene::{Running, Scene, Stream, text};

/// Pieces, cents and parcels that the world has for each order, in their order.
fn accounts(scene: &Scene) -> Vec<(i64, i64, i64)> {
    let rows = scene.good(&["world", "--json"]);
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("it is JSON"));
    let orders = rows.filter(|row| row["order"].is_string());
    let number = |row: &Value, name: &str| row[name].as_i64().expect("it is a number");
    orders
        .map(|row| (number(&row, "reserved"), number(&row, "cents"), number(&row, "parcels")))
        .collect()
}

#[test]
fn an_order_is_acknowledged_by_its_id_and_followed_to_its_end() {
    let scene = Scene::new();
    let said = scene.good(&["place", "tea", "2"]);
    let events: Vec<_> = said.lines().skip(1).filter_map(|line| line.split_once(" s  ")).collect();
    let events: Vec<_> = events.iter().map(|(_, event)| *event).collect();
    assert_eq!(
        events,
        [
            "0: submitted",
            "1: `reserve` starts",
            "2: `reserve` done",
            "3: `charge` starts",
            "4: `charge` done",
            "5: `ship` starts",
            "6: `ship` done",
            "7: the saga is completed",
        ]
    );
    assert_eq!(said.lines().last(), Some("the order is completed: 7.00 paid, parcel 3"));
    assert_eq!(accounts(&scene), [(2, 700, 1)]);
    let id = said.lines().next().expect("it is the id");
    assert_eq!(scene.good(&["list"]), "");
    assert_eq!(scene.good(&["list", "--all"]), format!("{id} completed\n"));
}

#[test]
fn an_order_that_cannot_be_done_is_taken_back_and_the_user_hears_why() {
    for (arguments, why) in [
        (&["cake", "4"][..], "step `reserve` refused: 4 cake wanted, 3 left (out_of_stock)"),
        (&["snow"], "step `reserve` refused: there is no such thing as snow (unknown_item)"),
        (
            &["--card", "4000", "tea"],
            "step `charge` refused: the card 4000 is refused (card_refused)",
        ),
        (
            &["--to", "Atlantis", "tea"],
            "step `ship` refused: there is no road to Atlantis (no_road)",
        ),
    ] {
        let scene = Scene::new();
        let output = scene.run(&[&["place"], arguments].concat());
        let expected = format!("order: the order went back: {why}\n");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), expected));
        assert!(accounts(&scene).iter().all(|account| *account == (0, 0, 0)));
        assert!(scene.good(&["world"]).contains("stock: 100 tea"));
    }
}

#[test]
fn an_answer_that_is_lost_is_looked_up_before_the_card_is_charged_again() {
    let scene = Scene::new();
    let said = scene.good(&["place", "--card", "4001", "tea"]);
    assert!(said.contains("`charge` failed, attempt 1: the connection was reset"), "{said}");
    assert!(said.contains("probe of `charge`: it happened"), "{said}");
    let world = scene.good(&["world"]);
    assert!(world.ends_with(": reserved 1, charged 1 x, paid 3.50, shipped 1\n"), "{world}");
}

#[test]
fn a_key_is_one_order_however_often_it_is_placed() {
    let scene = Scene::new();
    let first = scene.good(&["place", "--key", "17", "tea"]);
    assert_eq!(scene.good(&["place", "--key", "17", "tea"]), first);
    let id = first.lines().next().expect("it is the id");
    assert_eq!(scene.good(&["place", "--key", "17", "--detach", "tea"]), format!("{id}\n"));
    assert_eq!(accounts(&scene), [(1, 350, 1)]);

    let other = scene.run(&["place", "--key", "17", "cake"]);
    let expected = format!(
        "order: `order`: the key `17` was used for another request, which is saga {id}: use a new \
         key for a new request\n"
    );
    assert_eq!((other.status.code(), text(&other.stderr)), (Some(1), expected));
    assert!(other.stdout.is_empty());
}

#[test]
fn what_one_process_works_on_others_can_ask_about() {
    let scene = Scene::new();
    let mut first = Running::start(scene.command(&["place", "--slow", "500ms", "tea"]));
    first.wait_for(Stream::Out, "`reserve` starts");
    let second = scene.good(&["place", "--detach", "coffee"]);
    let listed = scene.good(&["list"]);
    assert!(listed.contains(second.trim()) && listed.lines().count() == 2, "{listed}");
    // It is answered to its end, although the first has less to do.
    let said = scene.good(&["cancel", second.trim()]);
    assert!(said.ends_with("the order is cancelled: cancelled by its submitter\n"), "{said}");
    assert!(first.end().status.success());
    let accounts = accounts(&scene);
    assert_eq!(accounts[0], (1, 350, 1));
    assert!(accounts[1..].iter().all(|account| *account == (0, 0, 0)), "{accounts:?}");
}

#[test]
fn what_was_only_placed_is_worked_on_by_the_next_who_comes() {
    let scene = Scene::new();
    let id = scene.good(&["place", "--detach", "--slow", "200ms", "tea"]);
    assert!(scene.good(&["list"]).starts_with(id.trim()));
    let output = scene.run(&["serve", "--once"]);
    assert_eq!(text(&output.stderr), "order: working in `shop`: 1 open\n");
    assert_eq!(scene.good(&["list", "--all"]), format!("{} completed\n", id.trim()));
}
