//! The examples `outbox` and `nightly`, each as two processes of which one is killed.
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
    let fence = |line: &str| line.rsplit(' ').next().and_then(|fence| fence.parse::<u64>().ok());
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
