//! Bad input, and folders that cannot be used: one line, which says what is wrong.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use distributed_task::{backend::sqlite::SqliteJournal, prelude::*};

use crate::scene::{Scene, program, text};

const NOBODY: &str = "0192f0c1-0000-7000-8000-000000000000";

#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], status: i32, error: &str) {
    let output = scene.run(arguments);
    let told = (output.status.code(), text(&output.stderr), text(&output.stdout));
    assert_eq!(told, (Some(status), format!("order: {error}\n"), String::new()), "{arguments:?}");
}

#[test]
fn a_command_line_that_makes_no_sense_is_told_in_one_line_and_changes_nothing() {
    let scene = Scene::new();
    for (arguments, error) in [
        (
            &[][..],
            "'order' requires a subcommand but one was not provided [subcommands: place, serve, \
             worker, api, list, inspect, cancel, retry, waive, done, world, help]",
        ),
        (&["plaice"], "unrecognized subcommand 'plaice'"),
        (&["place"], "the following required arguments were not provided: <ITEM>"),
        (&["place", "tea", "0"], "invalid value '0' for '[PIECES]': 0 is not in 1..=4294967295"),
        (
            &["place", "tea", "x\ny"],
            "invalid value 'x\\ny' for '[PIECES]': invalid digit found in string",
        ),
        (&["place", ""], "a value is required for '<ITEM>' but none was supplied"),
        (
            &["inspect", "17"],
            "invalid value '17' for '<ID>': it is no id of an order; `order list` shows those that \
             are open",
        ),
        (
            &["waive", NOBODY],
            "the following required arguments were not provided: --reason <REASON>",
        ),
        (
            &["waive", NOBODY, "--reason", ""],
            "a value is required for '--reason <REASON>' but none was supplied",
        ),
        (
            &["done", NOBODY],
            "the following required arguments were not provided: --evidence <EVIDENCE>",
        ),
        (&["worker"], "say where Redis is, with --redis or REDIS_URL; `order serve` needs none"),
        (
            &["worker", "--lease", "1ms"],
            "invalid value '1ms' for '--lease <TIME>': 500ms is the shortest: it has to be renewed in \
             time",
        ),
        (
            &["serve", "--slow", "1h"],
            "invalid value '1h' for '--slow <TIME>': write it like 500ms or 2s",
        ),
        (
            &["serve", "--slow", "3s"],
            "invalid value '3s' for '--slow <TIME>': 2s is the longest: after 5s a call counts as lost",
        ),
    ] {
        refused(&scene, arguments, 2, &format!("{error} (see --help)"));
    }
    assert!(!scene.at("shop").exists());
}

#[test]
fn an_order_that_nobody_knows_and_a_key_that_is_none_are_refused() {
    let scene = Scene::new();
    refused(
        &scene,
        &["list"],
        1,
        "there are no orders in `shop`: say where they are with --folder",
    );
    scene.good(&["place", "tea"]);
    for command in [
        &["inspect"][..],
        &["cancel"],
        &["retry"],
        &["waive", "--reason", "x"],
        &["done", "--evidence", "x"],
    ] {
        let arguments = [command, &[NOBODY]].concat();
        refused(&scene, &arguments, 1, &format!("there is no saga {NOBODY}"));
    }
    refused(
        &scene,
        &["place", "--key", "größe", "tea"],
        1,
        "`order`: the key has 'ö' in it, which is not printable ASCII: a key is 1 to 255 printable \
         ASCII characters",
    );
}

#[distributed_task(request = (), response = ())]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    async fn look(&self) {}
}

#[tokio::test]
async fn an_id_of_another_task_is_not_taken_for_an_order() {
    let scene = Scene::new();
    scene.good(&["place", "tea"]);
    let journal = scene.at("shop/journal.db");
    let other = Other::builder().use_in_process_mode().journal_path(journal).build().await;
    let other = other.expect("nobody has it open");
    let saga = other.submit(()).await.expect("submitted");
    saga.outcome().await.expect("it ends");
    let id = saga.id().to_string();
    drop(saga);
    other.shutdown(std::time::Duration::from_secs(10)).await;
    drop(other);
    for command in ["inspect", "cancel", "retry"] {
        let error = format!("saga {id} belongs to another task");
        refused(&scene, &[command, &id], 1, &error);
    }
}

#[test]
fn a_journal_that_another_process_has_is_not_touched() {
    let scene = Scene::new();
    scene.good(&["place", "tea"]);
    let held = SqliteJournal::open(scene.at("shop/journal.db")).expect("nobody has it open");
    let error = "another process works in `shop`: ask it with the other commands, or end it first";
    for arguments in [&["list"][..], &["serve"]] {
        refused(&scene, arguments, 1, error);
    }
    drop(held);
    scene.good(&["list"]);
}

#[test]
fn files_that_are_something_else_are_left_as_they_are() {
    let scene = Scene::new();
    scene.good(&["place", "tea"]);
    for (file, name) in [("journal", "shop/journal.db"), ("world", "shop/world.db")] {
        let path = scene.at(name);
        let good = fs::read(&path).expect("it is there");
        let bad = vec![b'x'; 20_000];
        fs::write(&path, &bad).expect("there is room");
        let output = scene.run(&["list"]);
        let said = text(&output.stderr);
        let why = match file {
            "journal" => "this is not a journal: it is not an SQLite database",
            _ => "file is not a database",
        };
        assert!(said.starts_with(&format!("order: {name}: {why}")), "{said}");
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert_eq!(fs::read(&path).expect("it is there"), bad);
        fs::write(&path, good).expect("there is room");
    }
    scene.good(&["list"]);
}

#[test]
fn a_folder_that_cannot_be_one_is_named() {
    let scene = Scene::new();
    fs::write(scene.at("file"), "x").expect("there is room");
    refused(
        &scene,
        &["--folder", "file", "place", "tea"],
        1,
        "cannot make the folder `file`: File exists (os error 17)",
    );
    fs::create_dir(scene.at("theirs")).expect("there is room");
    fs::set_permissions(scene.at("theirs"), PermissionsExt::from_mode(0o555)).expect("it is ours");
    let output = unprivileged(&scene, &["--folder", "theirs/new", "place", "tea"]);
    let error = "order: cannot make the folder `theirs/new`: Permission denied (os error 13)\n";
    assert_eq!(output, error);
    let output = unprivileged(&scene, &["--folder", "theirs", "place", "tea"]);
    let start = "order: theirs/world.db: unable to open database file";
    assert!(output.starts_with(start) && output.lines().count() == 1, "{output}");
}

/// What it says to somebody who may not do everything; whoever tests may be root.
fn unprivileged(scene: &Scene, arguments: &[&str]) -> String {
    let user = Command::new("id").arg("-u").output().expect("it starts").stdout;
    if text(&user).trim() != "0" {
        return text(&scene.run(arguments).stderr);
    }
    // The program itself may lie where only root may go.
    let copy = scene.at("program");
    fs::copy(program(), &copy).expect("there is room");
    fs::set_permissions(scene.at(""), PermissionsExt::from_mode(0o755)).expect("it is ours");
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy).args(arguments);
    let output = setpriv.current_dir(scene.at("")).output().expect("setpriv starts");
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr)
}
