//! The lease stores keep their contract.

#[path = "singleton/line.rs"]
mod line;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::{
        memory::MemoryLeases,
        quorum::QuorumLeases,
        redis::{RedisJournal, RedisLeases},
    },
    conformance::{self, distributed_lock, lease::Subject},
    coordination::Coordination,
    lease::{LeaseError, LeaseStore},
    lock::{DistributedLock, HeldLock},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::future::BoxFuture;

use line::Line;

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
    conformance::runs::run(async || subject(MemoryLeases::new())).await;
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
    conformance::runs::run(&mut make).await;
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
        conformance::admin::run(async || subject(quorum_in_memory(servers).await)).await;
        conformance::candidates::run(async || subject(quorum_in_memory(servers).await)).await;
        conformance::runs::run(async || subject(quorum_in_memory(servers).await)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_over_three_servers_keep_the_contract() {
    let (servers, mut stores) = ([server(), server(), server()], 0);
    let mut make = async || {
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
    };
    conformance::lease::run(&mut make).await;
    conformance::admin::run(&mut make).await;
    conformance::candidates::run(&mut make).await;
    conformance::runs::run(make).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_in_memory_votes_as_the_contract_says() {
    conformance::quorum_node::run(async || subject(MemoryLeases::new())).await;
}

/// Two processes over one store, of which one can be cut off.
fn two<L: LeaseStore>(
    ours: L,
    theirs: L,
    process: impl Fn(Line<L>) -> Coordination,
) -> distributed_lock::Subject {
    let is_cut = Arc::new(AtomicBool::new(false));
    let ours = Line::new(ours, &is_cut);
    let theirs = Line::new(theirs, &Arc::default());
    distributed_lock::Subject {
        ours: Arc::new(process(ours)),
        theirs: Arc::new(process(theirs)),
        cut_off: Box::new(move || is_cut.store(true, Ordering::SeqCst)),
        ttl: 2 * LEASE,
        pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
    }
}

#[tokio::test(start_paused = true)]
async fn locks_in_memory_keep_the_contract_of_the_service() {
    distributed_lock::run(async || {
        let store = MemoryLeases::new();
        two(store.clone(), store, Coordination::on_this_runtime)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_in_redis_keep_the_contract_of_the_service() {
    let (server, mut stores) = (server(), 0);
    distributed_lock::run(async || {
        stores += 1;
        let open = async || {
            let leases = RedisLeases::builder(server.url()).namespace(format!("rule-{stores}"));
            leases.open().await.expect("the server is there")
        };
        two(open().await, open().await, Coordination::new)
    })
    .await;
}

/// Locks for nothing: who holds is told nothing and renews nothing.
struct Careless(Coordination);

impl DistributedLock for Careless {
    fn try_acquire<'a>(
        &'a self,
        resource: &'a str,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        Box::pin(async move {
            let lease = self.0.lease(resource).ttl(ttl).without_renewal();
            let asked = lease.try_acquire().await.expect("memory answers");
            Ok(asked.map(|guard| Box::new(guard) as Box<dyn HeldLock>))
        })
    }
}

#[tokio::test(start_paused = true)]
#[should_panic = "broken rule: it is held for as long as its holder lives"]
async fn a_lock_that_is_not_renewed_breaks_the_contract() {
    distributed_lock::run(async || {
        let store = MemoryLeases::new();
        let subject = two(store.clone(), store.clone(), Coordination::on_this_runtime);
        let ours = Arc::new(Careless(Coordination::on_this_runtime(store)));
        distributed_lock::Subject { ours, ..subject }
    })
    .await;
}
