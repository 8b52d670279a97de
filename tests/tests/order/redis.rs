//! The same orders over Redis, by processes that share nothing else but the world.

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use crate::scene::{Running, Scene, Stream, text};

#[track_caller]
fn stops_well(running: Running) {
    let id = running.id().to_string();
    let sent = std::process::Command::new("kill").args(["-s", "TERM", &id]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn what_one_process_places_a_worker_ships_and_a_third_one_asks_about() {
    let (scene, server) = (Scene::new(), RedisServer::start(RedisOptions::default()));
    let url = server.url();
    let redis = ["--redis", &url];
    let said = scene.good(&[&["place", "--detach", "--key", "17", "tea"], &redis[..]].concat());
    let id = said.trim();
    let open = scene.good(&[&["list"], &redis[..]].concat());
    assert_eq!(open, format!("{id} running\n"), "nobody works on it");
    let mut command = scene.command(&["worker"]);
    // What is in the environment need not be said.
    command.env("REDIS_URL", &url);
    let mut worker = Running::start(command);
    worker.wait_for(Stream::Err, "working");
    let said = scene.good(&[&["place", "--key", "17", "tea"], &redis[..]].concat());
    assert!(said.starts_with(id), "the same key is the same order: {said}");
    assert!(said.contains("the order is completed: 3.50 paid"), "{said}");
    let told = scene.good(&[&["inspect", id], &redis[..]].concat());
    assert!(told.contains("`ship` done"), "{told}");
    assert!(scene.good(&["world"]).contains("charged 1 x, paid 3.50, shipped 1"));
    // Another name is another shop.
    let other = [&["list", "--all", "--namespace", "other"], &redis[..]].concat();
    assert_eq!(scene.good(&other), "");

    let mut api = Running::start(scene.command(&[&["api"], &redis[..]].concat()));
    api.wait_for(Stream::Err, "working");
    let second = scene.run(&[&["api"], &redis[..]].concat());
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another process answers"));
    stops_well(api);
    stops_well(worker);
    let seats = server.cli(&["EXISTS", "{order:0}:seats"]);
    assert_eq!(seats, "0", "they have left, and nobody waits for their leases");
}

#[test]
fn a_redis_that_may_forget_orders_is_refused_with_what_to_do() {
    let scene = Scene::new();
    let options = RedisOptions { appends: Appends::EverySecond, ..RedisOptions::default() };
    let server = RedisServer::start(options);
    for verb in [&["worker"][..], &["place", "tea"], &["list"]] {
        let output = scene.run(&[verb, &["--redis", &server.url()]].concat());
        let told = (output.status.code(), text(&output.stderr));
        let error = "order: this Redis may forget orders when it ends: start it with `--appendonly \
                     yes --appendfsync always`\n";
        assert_eq!(told, (Some(1), error.to_owned()), "{verb:?}");
    }
    drop(server);
    let nowhere = scene.run(&["list", "--redis", "redis://127.0.0.1:1/"]);
    assert_eq!(nowhere.status.code(), Some(1));
    let why = text(&nowhere.stderr);
    assert!(why.starts_with("order: Redis at 127.0.0.1:1 cannot be reached"), "{why}");
}
