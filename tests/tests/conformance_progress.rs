//! The trackers of progress keep their contract.

use distributed_task::{
    backend::{memory::MemoryProgress, redis::RedisProgress},
    conformance,
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

#[tokio::test]
async fn s2_progress_in_memory_keeps_the_contract() {
    conformance::progress::run(async || MemoryProgress::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s2_progress_over_redis_keeps_the_contract() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let mut trackers = 0;
    conformance::progress::run(async || {
        trackers += 1;
        let builder = RedisProgress::builder(server.url()).namespace(format!("test-{trackers}"));
        builder.open().await.expect("the server is there")
    })
    .await;
}
