//! Ends of a process that are none of an order: signals, closed pipes, and being killed.

use std::process::{Command, Stdio};

use crate::scene::{Running, Scene, Stream, text};

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(process.to_string()).status();
    assert!(sent.expect("kill starts").success());
}

#[test]
fn a_server_that_is_told_to_stop_lets_its_steps_finish_and_leaves_the_rest() {
    for signal in ["INT", "TERM"] {
        let scene = Scene::new();
        let mut server = Running::start(scene.command(&["serve", "--slow", "300ms"]));
        server.wait_for(Stream::Err, "working in");
        let mut placing = Running::start(scene.command(&["place", "tea"]));
        placing.wait_for(Stream::Out, "`reserve` starts");
        send(signal, server.id());
        assert!(server.end().status.success());
        let output = placing.end();
        let cut = "order: the process that works in `shop` ended; what it said stays true, and the \
                   rest is open\n";
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), cut.to_owned()));
        assert!(!scene.at("shop/socket").exists());

        let said = text(&output.stdout);
        let id = said.lines().next().expect("it is the id");
        let history = scene.good(&["inspect", id]);
        assert!(history.contains("2: `reserve` done"), "{history}");
        scene.good(&["serve", "--once"]);
        assert_eq!(scene.good(&["list", "--all"]), format!("{id} completed\n"));
    }
}

#[test]
fn who_places_an_order_and_is_told_to_stop_leaves_it_to_the_next() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let scene = Scene::new();
        let mut placing = Running::start(scene.command(&["place", "--slow", "300ms", "tea"]));
        placing.wait_for(Stream::Out, "`charge` starts");
        send(signal, placing.id());
        let output = placing.end();
        assert_eq!(output.status.code(), Some(status));
        let said = text(&output.stderr);
        assert_eq!(said, "order: stopped; what is open goes on with the next command\n");
        scene.good(&["serve", "--once"]);
        let world = scene.good(&["world"]);
        assert!(world.contains("charged 1 x, paid 3.50, shipped 1"), "{world}");
    }
}

#[test]
fn a_guest_that_is_told_to_stop_stops_nobody_else() {
    let scene = Scene::new();
    let mut server = Running::start(scene.command(&["serve", "--slow", "300ms"]));
    server.wait_for(Stream::Err, "working in");
    let mut placing = Running::start(scene.command(&["place", "--key", "a", "tea"]));
    placing.wait_for(Stream::Out, "`reserve` starts");
    send("INT", placing.id());
    assert_eq!(placing.end().status.code(), Some(130));
    let said = scene.good(&["place", "--key", "a", "tea"]);
    assert!(said.contains("the order is completed"), "{said}");
    assert!(scene.good(&["world"]).contains("charged 1 x"));
}

#[test]
fn a_closed_pipe_ends_the_words_and_not_the_order() {
    for is_served in [false, true] {
        let scene = Scene::new();
        let server = is_served.then(|| {
            let mut server = Running::start(scene.command(&["serve"]));
            server.wait_for(Stream::Err, "working in");
            server
        });
        let mut placing = scene.command(&["place", "--slow", "100ms", "tea"]);
        let mut placing = placing.stdout(Stdio::piped()).spawn().expect("it starts");
        drop(placing.stdout.take());
        assert!(placing.wait().expect("it is ours").success());
        drop(server);
        scene.good(&["serve", "--once"]);
        let world = scene.good(&["world"]);
        assert!(world.contains("charged 1 x, paid 3.50, shipped 1"), "{world}");
    }
}

#[test]
fn a_killed_process_leaves_a_socket_that_troubles_nobody() {
    let scene = Scene::new();
    let mut server = Running::start(scene.command(&["serve"]));
    server.wait_for(Stream::Err, "working in");
    server.kill();
    assert!(scene.at("shop/socket").exists());
    scene.good(&["place", "tea"]);
    let mut server = Running::start(scene.command(&["serve"]));
    server.wait_for(Stream::Err, "working in");
    assert_eq!(scene.good(&["list", "--all"]).lines().count(), 1);
}

#[test]
fn what_is_no_wish_is_answered_and_the_server_goes_on() {
    use std::io::{Read, Write};
    let scene = Scene::new();
    let mut server = Running::start(scene.command(&["serve"]));
    server.wait_for(Stream::Err, "working in");
    for words in ["hello\n", "{}\n", "\n", "{\"place\":{}}\n"] {
        let mut line =
            std::os::unix::net::UnixStream::connect(scene.at("shop/socket")).expect("it is there");
        line.write_all(words.as_bytes()).expect("it reads");
        let mut said = String::new();
        line.read_to_string(&mut said).expect("it answers");
        assert!(said.starts_with("{\"failed\":\"this is no wish: "), "{said}");
    }
    scene.good(&["place", "tea"]);
}
