//! The network fails, and the server is slow or away.

use std::sync::mpsc;

use distributed_task_test_servers::{Connections, Flow, Way};

use super::*;

fn sleep_script(millis: u32) -> Cmd {
    let text = "local from = redis.call('TIME') \
                repeat local now = redis.call('TIME') \
                until (now[1] - from[1]) * 1000 + (now[2] - from[2]) / 1000 > tonumber(ARGV[1]) \
                return 'slept'";
    cmd("EVAL").arg(text).arg(0).arg(millis).take()
}

#[tokio::test]
async fn a_connection_that_only_times_out_is_replaced_within_a_second() {
    let world = World::new().await;
    let mut times = Vec::new();
    for way in [Way::In, Way::Out, Way::Both] {
        for flow in [Flow::Hold, Flow::Drop] {
            let before = world.proxy.accepted();
            world.proxy.set(Connections::Open, way, flow);
            let start = Instant::now();
            let answer = world.link.call(cmd("PING")).await;
            assert!(is_unanswered(&answer), "{way:?} {flow:?}: {answer:?}");
            world.link.call(cmd("PING")).await.expect("the next connection is good");
            times.push(start.elapsed());
            assert!(world.proxy.accepted() > before, "{way:?} {flow:?}");
        }
    }
    // A machine that is busy may be slow now and then.
    times.sort();
    assert!(times[2] < Duration::from_secs(1), "{times:?}");
    assert!(times[5] < Duration::from_secs(10), "{times:?}");
}

#[tokio::test]
async fn a_server_that_is_busy_does_not_lose_its_connection() {
    let world = World::new().await;
    let id = world.link.call(cmd("CLIENT").arg("ID").take()).await.expect("it answers");
    let slow = world.link.call(sleep_script(800)).await.expect("it is awaited");
    assert_eq!(slow, Value::BulkString(b"slept".to_vec()));
    let answer = world.link.call(cmd("CLIENT").arg("ID").take()).await.expect("it answers");
    assert_eq!(answer, id, "it is the same connection");
}

#[tokio::test]
async fn a_server_that_is_stopped_for_a_while_does_not_lose_its_connection() {
    let world = World::new().await;
    let id = world.link.call(cmd("CLIENT").arg("ID").take()).await.expect("it answers");
    world.server.pause();
    let (answer, ()) = tokio::join!(world.link.call(cmd("CLIENT").arg("ID").take()), async {
        sleep(Duration::from_millis(900)).await;
        world.server.resume();
    });
    assert_eq!(answer.expect("it is awaited"), id, "it is the same connection");
}

#[tokio::test]
async fn a_slow_network_does_not_lose_a_large_call() {
    let world = World::new().await;
    world.proxy.set(Connections::All, Way::In, Flow::Rate(1_000_000));
    let before = world.proxy.accepted();
    // 0.9 s: three times as long as a small call may be silent.
    let large = cmd("SET").arg("k").arg(vec![b'x'; 900_000]).take();
    world.link.call(large).await.expect("it is on its way");
    assert_eq!(world.proxy.accepted(), before + 1, "a second connection was tried, and not needed");
}

#[tokio::test]
async fn a_connection_that_breaks_is_replaced_at_once() {
    let world = World::new().await;
    for end in [Proxy::cut, Proxy::reset] {
        end(&world.proxy);
        let took = world.heals().await;
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_unanswered_at_once() {
    let world = World::new().await;
    world.proxy.set(Connections::Open, Way::Out, Flow::Drop);
    let (answer, ()) = tokio::join!(world.link.call(cmd("INCR").arg("k").take()), async {
        while world.server.cli(&["GET", "k"]) != "1" {
            sleep(Duration::from_millis(5)).await;
        }
        world.proxy.cut();
    });
    assert!(is_unanswered(&answer), "{answer:?}");
}

#[tokio::test]
async fn nothing_is_sent_while_the_server_is_away_and_calls_go_on_when_it_is_back() {
    let mut world = World::with(|settings| settings.response_limit(Duration::from_secs(1))).await;
    world.server.kill();
    // The broken connection may be seen by this call only.
    let _ = world.link.call(cmd("PING")).await;
    let answer = world.link.call(cmd("INCR").arg("k").take()).await;
    let error = answer.expect_err("nobody is there");
    assert!(matches!(error, LinkError::Refused(_)), "{error}");
    assert!(error.is_worth_repeating(), "{error}");
    assert!(error.to_string().contains("was not sent"), "{error}");
    world.server.restart();
    world.heals().await;
    assert_eq!(world.server.cli(&["EXISTS", "k"]), "0", "it was never sent");
}

#[tokio::test]
async fn a_connection_heals_without_calls_when_the_network_does() {
    let world = World::with(|settings| settings.response_limit(Duration::from_secs(1))).await;
    world.proxy.set(Connections::All, Way::Both, Flow::Drop);
    let answer = world.link.call(cmd("PING")).await;
    assert!(is_unanswered(&answer), "{answer:?}");
    // New connections are served again; the old one stays silent for good.
    world.proxy.set(Connections::Next, Way::Both, Flow::Forward);
    world.heals().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_subscription_is_made_anew() {
    let listen_pulse = Duration::from_millis(200);
    let world = World::with(|settings| LinkSettings { listen_pulse, ..settings }).await;
    let (heard, ears) = mpsc::channel();
    let _subscription = world.link.subscribe(vec![b"a".to_vec()], move |news| {
        let _ = heard.send(news);
    });
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(Heard::Gap));
    world.proxy.set(Connections::Open, Way::Both, Flow::Drop);
    // Nobody calls: it is its own pulse that notices.
    is_heard_again(&ears);
    world.server.cli(&["PUBLISH", "a", "1"]);
    let message = Heard::Message { channel: b"a".to_vec(), payload: b"1".to_vec() };
    assert_eq!(ears.recv_timeout(PATIENCE), Ok(message));
}

#[tokio::test]
async fn what_is_large_gets_the_time_that_it_takes() {
    // With the limit that there is, which is shorter than that.
    let world = World::with(|settings| settings).await;
    world.proxy.set(Connections::All, Way::In, Flow::Rate(2_000_000));
    let large = vec![b'x'; 6_000_000];
    let before = world.proxy.accepted();
    let set = world.link.call(cmd("SET").arg("large").arg(large).take());
    // What comes behind it waits for it.
    let (set, pong) = tokio::join!(set, world.link.call(cmd("PING")));
    assert_eq!(set.expect("it is awaited"), Value::Okay);
    pong.expect("it is awaited");
    assert_eq!(world.proxy.accepted(), before + 1, "a second connection was tried, and not needed");
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_gets_the_time_that_it_takes() {
    let world = World::with(|settings| settings.response_limit(Duration::from_millis(500))).await;
    let large = world.link.call(cmd("SETRANGE").arg("large").arg(3_000_000).arg("x").take());
    large.await.expect("there is room");
    world.proxy.set(Connections::All, Way::Out, Flow::Rate(2_000_000));
    let answer = world.link.call(cmd("GET").arg("large").take()).await;
    assert!(matches!(answer, Ok(Value::BulkString(text)) if text.len() == 3_000_001));
}
