//! Orders that wait for somebody, and what somebody can do: the same whether a process serves or not.

use crate::scene::{Running, Scene, Stream, text};

/// A shop with one order that is stuck: the carrier refuses it, and the bank keeps the money.
struct Stuck {
    scene: Scene,
    id: String,
    /// Answers the commands, if it is there.
    _server: Option<Running>,
}

impl Stuck {
    fn new(is_served: bool) -> Self {
        let scene = Scene::new();
        let server = is_served.then(|| {
            let mut server = Running::start(scene.command(&["serve"]));
            server.wait_for(Stream::Err, "working in");
            server
        });
        let placed = scene.run(&["place", "--card", "4003", "--to", "Atlantis", "tea"]);
        let id = text(&placed.stdout).lines().next().expect("it is the id").to_owned();
        let expected =
            format!("order: the order waits for somebody; `order inspect {id}` says for what\n");
        assert_eq!((placed.status.code(), text(&placed.stderr)), (Some(1), expected));
        Self { scene, id, _server: server }
    }

    /// Commands as they are advised, with something in the place of what they leave open.
    fn advice(&self) -> Vec<Vec<String>> {
        let said = self.scene.good(&["inspect", &self.id]);
        let commands = said.lines().filter_map(|line| line.strip_prefix("order "));
        let commands = commands.map(|command| command.split(" # ").next().expect("it is one"));
        commands.map(|command| command.split(' ').map(str::to_owned).collect()).collect()
    }

    #[track_caller]
    fn is_over(&self, last: &str, paid: &str) {
        assert_eq!(self.scene.good(&["list"]), "", "{last}");
        assert!(
            self.scene.good(&["world"]).contains(&format!("reserved 0, charged 1 x, paid {paid}")),
            "{last}"
        );
    }
}

const WHY: &str = "the account of the card 4003 is closed (account_closed)";

#[test]
fn a_stuck_order_says_where_why_and_what_to_write() {
    for is_served in [false, true] {
        let stuck = Stuck::new(is_served);
        let id = &stuck.id;
        let listed = stuck.scene.good(&["list"]);
        assert_eq!(listed, format!("{id} stuck at charge: {WHY}\n"));
        let json: serde_json::Value =
            serde_json::from_str(&stuck.scene.good(&["list", "--json"])).expect("it is JSON");
        assert_eq!((&json["status"], &json["steps"][0]), (&"stuck".into(), &"charge".into()));

        let said = stuck.scene.good(&["inspect", id]);
        let first = format!("{id} stuck at charge: undo of `charge` failed, attempt 1: {WHY}\n");
        assert!(said.starts_with(&first), "{said}");
        assert_eq!(
            stuck.advice(),
            [
                vec!["retry", id],
                vec!["done", id, "--step", "charge", "--evidence", "TEXT"],
                vec!["waive", id, "--step", "charge", "--reason", "TEXT"],
            ]
        );
        let events = stuck.scene.good(&["inspect", id, "--json"]);
        let last = events.lines().last().expect("there are some");
        let last: serde_json::Value = serde_json::from_str(last).expect("it is JSON");
        assert_eq!((&last["event"], &last["stuck"][0]), (&"undo_failed".into(), &"charge".into()));
    }
}

#[test]
fn retry_tries_again_and_helps_when_the_reason_is_gone() {
    for is_served in [false, true] {
        let stuck = Stuck::new(is_served);
        let retried = stuck.scene.run(&["retry", &stuck.id]);
        assert_eq!(retried.status.code(), Some(1), "the account is still closed");
        assert!(text(&retried.stdout).contains("attempt 2"));

        stuck.scene.good(&["world", "reopen", "4003"]);
        let said = stuck.scene.good(&["retry", "--by", "alice", &stuck.id]);
        assert!(said.contains("to be tried again, says alice"), "{said}");
        assert!(said.ends_with("refused: there is no road to Atlantis (no_road)\n"), "{said}");
        stuck.is_over(&said, "0.00");
    }
}

#[test]
fn waive_and_done_end_it_and_stay_in_its_history() {
    for is_served in [false, true] {
        for (command, said) in [
            (2, "the effect of `charge` remains, says operator: TEXT"),
            (1, "`charge` counts as done, says operator: TEXT"),
        ] {
            let stuck = Stuck::new(is_served);
            let told = stuck.scene.good(&stuck.advice()[command]);
            assert!(told.contains(said), "{told}");
            stuck.is_over(&told, "3.50");
            assert!(stuck.scene.good(&["inspect", &stuck.id]).contains(said));
        }
        // There is one that can be meant.
        let stuck = Stuck::new(is_served);
        let told = stuck.scene.good(&["waive", &stuck.id, "--reason", "too little"]);
        assert!(told.ends_with("what remains: charge: waived by operator: too little\n"), "{told}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_in_one_line() {
    for is_served in [false, true] {
        let stuck = Stuck::new(is_served);
        let (scene, id) = (&stuck.scene, &*stuck.id);
        let done = scene.good(&["place", "tea"]);
        let done = done.lines().next().expect("it is the id");
        for (arguments, error) in [
            (&["cancel", done][..], format!("too late: order {done} is completed")),
            (&["retry", done], format!("too late: order {done} is completed")),
            (
                &["waive", done, "--reason", "x"],
                format!(
                    "order {done} is completed: only an undo that failed can be waived, or done by hand"
                ),
            ),
            (
                &["waive", id, "--reason", "x", "--step", "ship"],
                format!(
                    "saga {id} is stuck: `ship` refused, and this is for steps whose undo failed: here `charge`"
                ),
            ),
            (
                &["done", id, "--evidence", "x", "--step", "pay"],
                format!("saga {id} has no step `pay`: it has reserve, charge, ship"),
            ),
            (
                &["cancel", id],
                format!("the order waits for somebody; `order inspect {id}` says for what"),
            ),
        ] {
            let output = scene.run(arguments);
            let told = (output.status.code(), text(&output.stderr));
            assert_eq!(told, (Some(1), format!("order: {error}\n")), "{arguments:?}");
        }
    }
}
