//! The lease stores keep their contract.

use std::time::Duration;

use distributed_task::{
    backend::{
        memory::MemoryLeases,
        quorum::QuorumLeases,
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
    conformance::lock::run(async || subject(MemoryLeases::new())).await;
    conformance::admin::run(async || subject(MemoryLeases::new())).await;
    conformance::candidates::run(async || subject(MemoryLeases::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_in_redis_keep_the_contract() {
    let (server, mut stores) = (server(), 0);
    let mut make = async || {
        stores += 1;
        let leases = RedisLeases::builder(server.url()).namespace(format!("rule-{stores}"));
        subject(leases.open().await.expect("the server is there"))
    };
    conformance::lease::run(&mut make).await;
    conformance::lock::run(&mut make).await;
    conformance::admin::run(&mut make).await;
    conformance::candidates::run(&mut make).await;
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

async fn quorum_in_memory(servers: usize) -> QuorumLeases {
    let builder =
        (0..servers).fold(QuorumLeases::builder(), |with, _| with.node(MemoryLeases::new()));
    builder.open().await.expect("they can vote")
}

#[tokio::test(start_paused = true)]
async fn leases_over_several_stores_in_memory_keep_the_contract() {
    for servers in [1, 3, 5] {
        conformance::lease::run(async || subject(quorum_in_memory(servers).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_over_three_servers_keep_the_contract() {
    let (servers, mut stores) = ([server(), server(), server()], 0);
    conformance::lease::run(async || {
        stores += 1;
        let mut builder = QuorumLeases::builder();
        for server in &servers {
            let leases = RedisLeases::builder(server.url()).namespace(format!("rule-{stores}"));
            builder = builder.node(leases.open().await.expect("the server is there"));
        }
        // Nothing was granted before they started, and the machine may be busy.
        let builder = builder.servers_forget_nothing().node_timeout(Duration::from_millis(200));
        let store = builder.open().await.expect("they can vote");
        Subject { lease: 2 * LEASE, ..subject(store) }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_votes_as_the_contract_says() {
    conformance::quorum_node::run(async || subject(MemoryLeases::new())).await;
}
