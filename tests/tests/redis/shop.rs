//! A small task that can be slow, refuse, and be undone, with a ledger of what happened.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    Worker,
    backend::redis::RedisJournal,
    builder::{Distributed, TaskBuilder},
    prelude::*,
};
use distributed_task_test_servers::{RedisOptions, RedisServer};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Of every host here.
pub const LEASE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wish {
    pub name: String,
    pub refused: bool,
}

impl Wish {
    pub fn of(name: &str) -> Self {
        Self { name: name.to_owned(), refused: false }
    }

    pub fn refused(name: &str) -> Self {
        Self { name: name.to_owned(), refused: true }
    }
}

/// What happened, in order.
#[derive(Clone)]
pub struct Ledger {
    entries: Arc<Mutex<Vec<String>>>,
    /// Steps that may ship.
    pub gate: Arc<Semaphore>,
}

impl Ledger {
    pub fn open() -> Self {
        Self { entries: Arc::default(), gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)) }
    }

    pub fn closed() -> Self {
        Self { entries: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    pub fn note(&self, what: impl Into<String>) {
        self.entries.lock().expect("nobody panics").push(what.into());
    }

    pub fn entries(&self) -> Vec<String> {
        self.entries.lock().expect("nobody panics").clone()
    }

    /// Waits until something happened.
    pub async fn until(&self, what: &str) {
        let seen = async {
            while !self.entries().iter().any(|entry| entry == what) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(30), seen).await;
        seen.unwrap_or_else(|_| panic!("`{what}` did not happen: {:?}", self.entries()));
    }
}

#[distributed_task(request = Wish, response = String, cancellable, durability = "process")]
pub struct Buy {
    ledger: Ledger,
    host: String,
}

#[steps]
impl Buy {
    #[step(compensate = put_back)]
    async fn reserve(&self, request: &Wish) -> String {
        self.ledger.note(format!("reserve {} at {}", request.name, self.host));
        request.name.clone()
    }

    async fn put_back(&self, request: &Wish) -> StepResult<()> {
        self.ledger.note(format!("put back {}", request.name));
        Ok(())
    }

    #[step(no_undo = "a parcel comes back by itself", timeout = "5s")]
    async fn ship(&self, request: &Wish, reserve: &String) -> StepResult<String> {
        self.ledger.note(format!("ship {reserve} at {}", self.host));
        self.ledger.gate.acquire().await.expect("it is never closed").forget();
        if request.refused {
            return Err(StepError::Refused(Refusal::new("sold-out", "nothing is left")));
        }
        Ok(format!("{reserve}, shipped"))
    }
}

/// A server, and what hosts need to share it.
pub fn server() -> (RedisServer, Distributed) {
    let server = RedisServer::start(RedisOptions::default());
    let shared = shared(&server);
    (server, shared)
}

/// What the hosts of one process share.
pub fn shared(server: &RedisServer) -> Distributed {
    let journal = RedisJournal::builder(server.url()).lease(LEASE);
    Distributed::default().redis_with(journal)
}

/// One API host, and what others need to join it.
pub struct Scene {
    pub api: Task<Buy>,
    pub ledger: Ledger,
    server: RedisServer,
}

impl Scene {
    pub async fn new(ledger: Ledger) -> Self {
        let (server, here) = server();
        let api = buy(&ledger, "api", &here).build_api().await.expect("it is built");
        Self { api, ledger, server }
    }

    /// Another process, as far as the server can tell.
    pub fn host(&self, name: &str) -> TaskBuilder<Buy> {
        buy(&self.ledger, name, &shared(&self.server))
    }

    pub async fn worker(&self, name: &str) -> Worker<Buy> {
        self.host(name).build_worker().await.expect("it is built")
    }

    pub async fn other_api(&self) -> Task<Buy> {
        self.host("other").build_api().await.expect("it is built")
    }

    /// Asks for something that is there.
    pub async fn tea(&self) -> SagaHandle<Buy> {
        self.api.submit(Wish::of("tea")).await.expect("it is accepted")
    }
}

pub fn buy(ledger: &Ledger, host: &str, shared: &Distributed) -> TaskBuilder<Buy> {
    Buy::builder()
        .ledger(ledger.clone())
        .host(host.to_owned())
        .use_distributed_mode(|_| shared.clone())
        .grace(Duration::from_millis(50))
}
