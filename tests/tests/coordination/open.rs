//! How a program comes to coordinate: each shape, over both stores.

use std::time::Duration;

use distributed_task::{
    backend::{memory::MemoryLeases, redis::RedisLeases},
    builder::{CoordinationBuilder, CoordinationOpenError},
    coordination::{
        Coordination, CoordinationOptions, HealthStatus, OnBusy, ReleaseOutcome, Role,
        SingletonRun, Stopped,
    },
};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    stands::until,
    world::{LEASE, server},
};

async fn opened(builder: CoordinationBuilder) -> Coordination {
    builder.open().await.expect("the store is there")
}

/// LE-45 to LE-47 and CF-02: one handle, and all else is made from it.
async fn each_shape_works(coordination: &Coordination) {
    let elections = coordination.clone();
    let (stop, told) = oneshot::channel::<()>();
    let candidacy = elections.election("job-scheduler").start().expect("it stands");
    until(&candidacy, Role::Leader).await;
    let second = elections.election("other").start().expect("it stands in both");
    until(&second, Role::Leader).await;
    let healthy = async {
        loop {
            // A machine that is busy is slow for a moment.
            let health = coordination.health().await;
            if (health.status, health.elections.len()) == (HealthStatus::Healthy, 2) {
                return;
            }
        }
    };
    timeout(LEASE * 50, healthy).await.expect("both lead, and the store answers");

    let locked = coordination.lock("account").with_lock(async |held| held.fence()).await;
    let fence = locked.expect("nobody else wants it");
    let job = coordination.singleton("nightly").on_busy(OnBusy::Fail);
    let run = job.run(async |held| held.fence()).await.expect("nobody else runs it");
    assert!(matches!(run, SingletonRun::Done(ran) if ran.0 > 0 && fence.0 > 0));
    let statistics = coordination.monitor().statistics();
    assert!(statistics.acquired >= 4, "{statistics:?}");

    let hosted = tokio::spawn(candidacy.run_until(async { drop(told.await) }));
    stop.send(()).expect("it waits for that");
    let stopped = hosted.await.expect("nothing panics");
    assert_eq!(stopped, Stopped::Released(ReleaseOutcome::Released));
    second.stop().await;
    assert_eq!(coordination.shutdown(LEASE * 10).await, 0);
}

#[tokio::test]
async fn each_shape_works_over_each_store() {
    let server = server();
    let options: CoordinationOptions =
        serde_json::from_str(r#"{ "locking": { "default_lock_timeout": "5s" } }"#)
            .expect("options");
    let redis = RedisLeases::builder(server.url()).namespace("shop");
    for builder in [
        Coordination::builder().memory(),
        Coordination::builder().redis(server.url()),
        Coordination::builder().redis_with(redis.clone()).options(options.clone()),
        Coordination::builder().store(MemoryLeases::new()),
    ] {
        each_shape_works(&opened(builder).await).await;
    }

    let (one, two) = (Coordination::builder(), Coordination::builder().redis_with(redis));
    let shares = redis_connection(&server).await;
    let one = opened(one.store(shares).options(options)).await;
    let held = one.lock("account").acquire().await.expect("nobody else has it");
    assert_eq!(held.ttl(), Duration::from_secs(5), "as its options say");
    let two = opened(two).await;
    let asked = two.lock("account").try_acquire().await.expect("it answers");
    assert!(asked.is_none(), "they share a namespace");
}

async fn redis_connection(server: &distributed_task_test_servers::RedisServer) -> RedisLeases {
    RedisLeases::builder(server.url()).namespace("shop").open().await.expect("it is there")
}

/// LE-46.
#[tokio::test]
async fn what_is_missing_is_named() {
    let missing = Coordination::builder().open().await.expect_err("nobody said where");
    assert!(matches!(missing, CoordinationOpenError::NoStore));
    assert!(missing.to_string().contains("call `.redis(url)`"), "{missing}");

    let wrong = r#"{ "locking": { "lock_pool_size": 0 }, "batching": { "batch_size": 0 } }"#;
    let wrong = serde_json::from_str(wrong).expect("they can be read");
    // Nobody connects with options that cannot be followed.
    let nowhere = Coordination::builder().redis("redis://127.0.0.1:1/").options(wrong);
    match nowhere.open().await {
        Err(CoordinationOpenError::Options(invalid)) => assert_eq!(invalid.findings.len(), 2),
        other => panic!("{other:?}"),
    }
    let malformed = Coordination::builder().redis("http://127.0.0.1/").open().await;
    let error = malformed.expect_err("that is no Redis");
    assert!(matches!(error, CoordinationOpenError::Redis(_)), "{error}");
}
