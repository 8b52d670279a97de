//! The lease stores keep their contract.

use std::time::Duration;

use distributed_task::{
    backend::{
        memory::MemoryLeases,
        redis::{RedisJournal, RedisLeases},
    },
    conformance::{self, lease::Subject},
    lease::LeaseStore,
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

const LEASE: Duration = Duration::from_millis(300);

fn subject<L: LeaseStore>(store: L) -> Subject<L> {
    Subject { store, lease: LEASE, pass: Box::new(|time| Box::pin(tokio::time::sleep(time))) }
}

fn server() -> RedisServer {
    RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() })
}

#[tokio::test(start_paused = true)]
async fn leases_in_memory_keep_the_contract() {
    conformance::lease::run(async || subject(MemoryLeases::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_in_redis_keep_the_contract() {
    let (server, mut stores) = (server(), 0);
    conformance::lease::run(async || {
        stores += 1;
        let leases = RedisLeases::builder(server.url()).namespace(format!("rule-{stores}"));
        subject(leases.open().await.expect("the server is there"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_over_the_connection_of_a_journal_keep_the_contract() {
    let (server, mut stores) = (server(), 0);
    conformance::lease::run(async || {
        stores += 1;
        let journal = RedisJournal::builder(server.url()).namespace(format!("rule-{stores}"));
        subject(journal.open().await.expect("the server is there").leases())
    })
    .await;
}
