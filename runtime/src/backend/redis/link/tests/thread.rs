//! A way that has a thread of its own.

use std::thread;

use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    runtime::{Builder, Runtime},
};

use super::*;

/// What is given to a runtime that has ended is dropped.
async fn ends(thread: Handle) {
    let ended = async {
        while thread.spawn(async {}).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("it ends");
}

#[tokio::test]
async fn its_thread_ends_when_nobody_has_it() {
    let server = RedisServer::start(RedisOptions::default());
    let link = Link::open_on_a_thread(settings(&server)).await.expect("it is there");
    link.spawn(async {}).await.expect("it runs");
    link.call(cmd("PING")).await.expect("it answers");
    let thread = link.runtime.clone();
    // Also where the last one who has it runs there itself.
    link.spawn(drop_later(Arc::clone(&link)));
    drop(link);
    ends(thread).await;
}

async fn drop_later(link: Arc<Link>) {
    sleep(Duration::from_millis(20)).await;
    drop(link);
}

#[tokio::test]
async fn its_thread_ends_with_the_runtime_that_it_was_opened_in() {
    let server = RedisServer::start(RedisOptions::default());
    let home = Runtime::new().expect("a runtime");
    let settings = settings(&server).response_limit(Duration::from_secs(1));
    let link = home.spawn(Link::open_on_a_thread(settings)).await;
    let link = link.expect("it runs").expect("it is there");
    link.call(cmd("PING")).await.expect("it answers");
    home.shutdown_background();
    ends(link.runtime.clone()).await;
    let gone = timeout(PATIENCE, link.call(cmd("PING"))).await.expect("it is not waited for");
    assert!(gone.is_err(), "{gone:?}");
}

#[tokio::test]
async fn its_thread_ends_with_an_opening_that_is_given_up() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("there is a port");
    let url = format!("redis://{}/", silent.local_addr().expect("it has one"));
    let connect_limit = PATIENCE * 3;
    let settings = LinkSettings { connect_limit, ..LinkSettings::new(url) };
    let opening = tokio::spawn(Link::open_on_a_thread(settings.open_limit(connect_limit)));
    let (mut wire, _) = silent.accept().await.expect("it connects");
    opening.abort();
    // It lives there, and nobody else closes it.
    let closed = timeout(PATIENCE, wire.read_to_end(&mut Vec::new())).await;
    closed.expect("its thread has ended").expect("it is closed in good order");
}

#[tokio::test]
async fn it_answers_while_the_runtime_that_it_was_opened_in_is_blocked() {
    let server = RedisServer::start(RedisOptions::default());
    let (tell, told) = tokio::sync::oneshot::channel();
    let (go_on, blocked) = mpsc::channel::<()>();
    let url = server.url();
    let home = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let link = Link::open_on_a_thread(LinkSettings::new(url)).await.expect("it is there");
            let _ = tell.send(link);
            let _ = blocked.recv();
        });
    });
    let link = told.await.expect("it is opened");
    for _ in 0..3 {
        let pong = timeout(PATIENCE, link.call(cmd("PING"))).await.expect("nobody blocks it");
        assert_eq!(pong.expect("it answers"), Value::SimpleString("PONG".into()));
    }
    drop((go_on, link));
    home.join().expect("it ends");
}
