//! The examples of what one process does for all, each as processes of which one is killed.
#![cfg(unix)]

#[allow(dead_code, reason = "the tests of `order` use the rest")]
#[path = "../order/scene.rs"]
mod scene;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use distributed_task_tests::programs::example;

use scene::{Running, Stream, text};

fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

/// A folder, and a program to run in it.
struct Place {
    folder: tempfile::TempDir,
    program: PathBuf,
    server: RedisServer,
}

impl Place {
    fn of(program: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        Self { folder, program: example(program, &[]), server: server() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("REDIS_URL", self.server.url()).stdin(Stdio::null());
        command.current_dir(Path::new(self.folder.path()));
        command
    }

    fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments))
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.start(arguments).end();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

/// The number at the end of a line.
fn fence(line: &str) -> u64 {
    line.trim_end().rsplit(' ').next().and_then(|fence| fence.parse().ok()).expect("it has a fence")
}

/// What was sent by whom, in order: `text: sent by name under fence`.
fn sent(list: &str) -> Vec<(&str, &str, u64)> {
    let line = |line| {
        let (message, by) = str::split_once(line, ": sent by ").expect("it was sent");
        let (by, fence) = by.split_once(" under ").expect("it has a fence");
        let (_, message) = message.split_once(' ').expect("it has a number");
        (message, by, fence.parse().expect("a fence is a number"))
    };
    list.lines().map(line).collect()
}

#[test]
fn one_sends_and_another_one_goes_on_when_it_is_killed() {
    let place = Place::of("outbox");
    place.good(&["add", "first", "second"]);
    let mut one = place.start(&["dispatch", "--id", "one", "--lease", "2"]);
    one.wait_for(Stream::Out, "one sent second");
    let mut two = place.start(&["dispatch", "--id", "two", "--lease", "2"]);
    two.wait_for(Stream::Out, "two stands");
    place.good(&["add", "third"]);
    one.wait_for(Stream::Out, "one sent third");
    one.kill();
    place.good(&["add", "fourth"]);
    two.wait_for(Stream::Out, "two sent fourth");
    let said = two.kill();
    assert!(!said.contains("third"), "{said}");

    let list = place.good(&["list"]);
    let sent = sent(&list);
    let by: Vec<_> = sent.iter().map(|(message, by, _)| (*message, *by)).collect();
    assert_eq!(by, [("first", "one"), ("second", "one"), ("third", "one"), ("fourth", "two")]);
    assert_eq!(sent[0].2, sent[2].2, "it is one tenure");
    assert!(sent[2].2 < sent[3].2, "{list}");
}

/// A leader that was stopped by a signal and goes on later finds that it leads no more, and the database would
/// refuse what it sends.
#[test]
fn a_leader_that_was_paused_sends_nothing_any_more() {
    let place = Place::of("outbox");
    let mut one = place.start(&["dispatch", "--id", "one", "--lease", "1"]);
    one.wait_for(Stream::Out, "one leads");
    let mut two = place.start(&["dispatch", "--id", "two", "--lease", "1"]);
    two.wait_for(Stream::Out, "two stands");
    signal(one.id(), "STOP");
    two.wait_for(Stream::Out, "two leads");
    place.good(&["add", "late"]);
    signal(one.id(), "CONT");
    two.wait_for(Stream::Out, "two sent late");
    one.wait_for(Stream::Err, "work was dropped");
    one.kill();
    two.kill();
    let list = place.good(&["list"]);
    assert_eq!(sent(&list).iter().map(|(_, by, _)| *by).collect::<Vec<_>>(), ["two"]);
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(sent.expect("there is a `kill`").success());
}

#[test]
fn a_report_is_written_once_each_night_and_again_when_its_writer_is_killed() {
    let place = Place::of("nightly");
    let every = ["--every", "2"];
    let start = |id, takes| place.start(&[&["--id", id, "--takes", takes], &every[..]].concat());
    // It takes longer than a night, so that it is killed in it.
    let mut slow = start("slow", "60000");
    let begun = slow.wait_for(Stream::Out, "slow begins");
    let mut quick = start("quick", "10");
    quick.wait_for(Stream::Out, "quick leaves it to somebody else");
    slow.kill();
    let wrote = quick.wait_for(Stream::Out, "quick wrote the report");
    assert!(fence(&begun) < fence(&wrote), "{begun}, {wrote}");

    // Every night it is one of two.
    let mut other = start("other", "10");
    other.wait_for(Stream::Out, "other waits");
    let (mut nights, mut wrote) = (0, 0);
    while nights < 3 {
        let line = other.wait_for(Stream::Out, "other ");
        nights += usize::from(line.contains("leaves") || line.contains("wrote"));
        wrote += usize::from(line.contains("wrote"));
    }
    let quick = quick.kill();
    let together = wrote + quick.matches("quick wrote").count();
    // It wrote alone before, and one of the nights may be in the making.
    assert!((nights + 1..=nights + 3).contains(&together), "{wrote} and {quick}");
    other.kill();
}

#[test]
fn a_projection_goes_on_at_the_checkpoint_when_the_process_that_leads_is_killed() {
    let place = Place::of("projection");
    let follow = |id| place.start(&["follow", "--id", id, "--lease", "2"]);
    place.good(&["append", "anna=5", "ben=7"]);
    let mut one = follow("one");
    one.wait_for(Stream::Out, "one projected 2");
    let before = place.good(&["show"]);
    let mut two = follow("two");
    two.wait_for(Stream::Out, "two stands");
    place.good(&["append", "anna=-2"]);
    one.wait_for(Stream::Out, "one projected 3");
    one.kill();
    place.good(&["append", "ben=30"]);
    two.wait_for(Stream::Out, "two projected 4");
    let said = two.kill();
    assert!(!said.contains("computes 3"), "{said}");
    let after = place.good(&["show"]);
    assert!(after.starts_with("anna: 3\nben: 37\nup to 4 under "), "{after}");
    assert!(fence(&before) < fence(&after), "{before}{after}");
}

/// It is stopped by a signal between its look and its write, and does not know that it leads no more when it goes
/// on. The checkpoint does.
#[test]
fn a_checkpoint_of_who_led_before_is_refused() {
    let place = Place::of("projection");
    let follow = |id, takes| place.start(&["follow", "--id", id, "--lease", "1", "--takes", takes]);
    place.good(&["append", "anna=5"]);
    let mut one = follow("one", "5000");
    one.wait_for(Stream::Out, "one computes 1");
    signal(one.id(), "STOP");
    let mut two = follow("two", "0");
    two.wait_for(Stream::Out, "two projected 1");
    signal(one.id(), "CONT");
    one.wait_for(Stream::Err, "one did not write 1: somebody who led later has begun");
    let said = one.kill();
    assert!(!said.contains("projected"), "{said}");
    place.good(&["append", "anna=1"]);
    two.wait_for(Stream::Out, "two projected 2");
    two.kill();
    let list = place.good(&["show"]);
    assert!(list.starts_with("anna: 6\nup to 2 under "), "{list}");
}

/// A number and the tenure that it is from.
fn number(line: &str) -> (u64, u64) {
    let parts = line.trim_end().split_once('-').expect("it has two parts");
    (parts.0.parse().expect("it is a fence"), parts.1.parse().expect("it is a number"))
}

#[test]
fn a_service_runs_in_one_process_and_in_another_one_when_that_is_killed() {
    let place = Place::of("singleton-service");
    let run = |id| place.start(&["run", "--id", id, "--lease", "2"]);
    let mut one = run("one");
    one.wait_for(Stream::Out, "one leads");
    let mut two = run("two");
    two.wait_for(Stream::Out, "two stands");
    let next = || number(&place.good(&["next"]));
    let mut given = vec![next(), next(), next()];
    let (first, _) = given[0];
    assert!(given.iter().all(|(tenure, _)| *tenure == first), "one process serves: {given:?}");
    // It is asked while nobody serves, and answered when somebody does.
    one.kill();
    given.push(next());
    two.wait_for(Stream::Out, "two leads");
    // And again: one that is stopped takes connections, and answers nobody.
    let mut three = run("three");
    three.wait_for(Stream::Out, "three stands");
    signal(two.id(), "STOP");
    given.push(next());
    three.wait_for(Stream::Out, "three leads");
    signal(two.id(), "CONT");
    two.wait_for(Stream::Err, "work was dropped");
    given.push(next());
    assert!(given.is_sorted_by(|before, after| before < after), "{given:?}");
    assert!(first < given[3].0 && given[3].0 < given[4].0, "{given:?}");
    assert_eq!(given[4].0, given[5].0, "{given:?}");
    two.kill();
    three.kill();
}

#[test]
fn a_cache_is_warmed_by_one_and_what_is_missing_by_another_one_when_that_is_killed() {
    let place = Place::of("cache-warm-up");
    let texts = place.folder.path().join("texts");
    std::fs::create_dir(&texts).expect("there is room");
    for (name, text) in [("a", "one"), ("b", "one two"), ("c", "one two\nthree")] {
        std::fs::write(texts.join(name), text).expect("there is room");
    }
    let arguments =
        |id, more: &[&'static str]| [&["texts", "--id", id, "--lease", "1"], more].concat();
    // It is killed in the middle of it.
    let mut one = place.start(&arguments("one", &["--pause", "60000"]));
    one.wait_for(Stream::Out, "one counted");
    let hasty = place.good(&arguments("hasty", &["--skip"]));
    assert_eq!(hasty, "hasty misses 2\nhasty starts with a cold cache\n");
    let mut two = place.start(&arguments("two", &[]));
    two.wait_for(Stream::Out, "two misses 2");
    one.kill();
    let two = text(&two.end().stdout);
    assert!(two.ends_with("two starts with a warm cache\n"), "{two}");
    assert_eq!(two.matches("two counted").count(), 2, "{two}");
    let late = place.good(&arguments("late", &["--redis", "redis://127.0.0.1:1/"]));
    assert_eq!(late, "late misses 0\nlate starts with a warm cache\n");

    let cache = rusqlite::Connection::open(place.folder.path().join("cache.db"));
    let cache = cache.expect("it is a database");
    let mut entries = cache.prepare("select name, words, counted_by from entry order by name");
    let entries = entries.as_mut().expect("there is such a table");
    let entries = entries.query_map([], |row| row.try_into()).expect("they can be read");
    let entries: Vec<(String, u32, String)> =
        entries.map(|entry| entry.expect("it is one")).collect();
    let expected = [("a", 1, "one"), ("b", 2, "two"), ("c", 3, "two")];
    assert_eq!(entries, expected.map(|(name, words, by)| (name.into(), words, by.into())));
}
