//! The way to Redis against real servers.

// Real servers take real time.
#![allow(clippy::disallowed_methods)]

mod calls;
mod network;
mod sentinel;
mod start;
mod thread;

use std::{
    sync::mpsc,
    time::{Duration, Instant},
};

use distributed_task_test_servers::{Proxy, RedisOptions, RedisServer};
use redis::{Value, cmd};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Limits that fit a test.
impl LinkSettings {
    fn response_limit(self, limit: Duration) -> Self {
        Self { response_limit: limit, ..self }
    }

    fn open_limit(self, limit: Duration) -> Self {
        Self { open_limit: limit, ..self }
    }
}

fn settings(server: &RedisServer) -> LinkSettings {
    LinkSettings::new(server.url())
}

async fn open(server: &RedisServer) -> Arc<Link> {
    Link::open(settings(server)).await.expect("it is there")
}

/// First it is told that nothing is heard, perhaps more than once, and then that something may have been missed.
#[track_caller]
fn is_heard_again(ears: &mpsc::Receiver<Heard>) {
    let next = || ears.recv_timeout(PATIENCE);
    assert_eq!(next(), Ok(Heard::Silence));
    let other = std::iter::repeat_with(next).find(|heard| *heard != Ok(Heard::Silence));
    assert_eq!(other, Some(Ok(Heard::Gap)));
}

/// A server behind a network that can fail.
struct World {
    server: RedisServer,
    proxy: Proxy,
    link: Arc<Link>,
}

impl World {
    /// With a limit that no call reaches, so that it does not matter how fast the machine is.
    async fn new() -> Self {
        Self::with(|settings| settings.response_limit(PATIENCE)).await
    }

    async fn with(change: impl FnOnce(LinkSettings) -> LinkSettings) -> Self {
        let server = RedisServer::start(RedisOptions::default());
        let proxy = Proxy::start(&format!("127.0.0.1:{}", server.port()));
        let settings = LinkSettings::new(server.url_at(proxy.port()));
        let link = Link::open(change(settings)).await.expect("it is there");
        Self { server, proxy, link }
    }

    /// Asks until it is answered, and returns how long that took.
    async fn heals(&self) -> Duration {
        let start = Instant::now();
        while self.link.call(cmd("PING")).await.is_err() {
            assert!(start.elapsed() < PATIENCE, "no answer any more");
        }
        start.elapsed()
    }
}

fn is_unanswered(answer: &Result<Value, LinkError>) -> bool {
    matches!(answer, Err(LinkError::Unanswered(_)))
}
