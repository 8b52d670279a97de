//! Options for all of a process.

use std::time::Duration;

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{
        AcquireError, Coordination, CoordinationOptions, LeaderElectionOptions, RwPolicy,
        SingletonRun,
    },
};

use crate::world::{LEASE, pass};

#[test]
fn all_that_is_wrong_with_options_is_told_at_once() {
    let wrong = r#"{
        "locking": {
            "default_lock_timeout": "2days",
            "lock_retry_delay": "0s",
            "lock_extension_interval": "0s",
            "lock_pool_size": 0,
            "use_lua_scripts": false
        },
        "leader_election": { "lease_duration": "1ms", "minimum_health_score": 7.0 },
        "batching": { "batch_size": 0 }
    }"#;
    let options: CoordinationOptions = serde_json::from_str(wrong).expect("they can be read");
    let findings = options.check().expect_err("they are wrong").findings;
    let paths: Vec<_> = findings.iter().filter_map(|finding| finding.split('`').nth(1)).collect();
    let wanted = [
        "locking.default_lock_timeout",
        "locking.lock_retry_delay",
        "locking.lock_extension_interval",
        "locking.lock_pool_size",
        "locking.use_lua_scripts",
        "batching.batch_size",
        "leader_election.lease_duration",
        "leader_election.minimum_health_score",
    ];
    assert_eq!(paths, wanted, "{findings:?}");
    // There is no way without scripts, whoever asks for one.
    assert!(findings[4].ends_with("leave it out, since fences and lines need scripts"));
    let other = r#"{ "locking": { "UseLuaScripts": false } }"#;
    let unknown = serde_json::from_str::<CoordinationOptions>(other).expect_err("it is no option");
    assert!(unknown.to_string().contains("`use_lua_scripts`"), "{unknown}");
    let unknown = serde_json::from_str::<CoordinationOptions>(r#"{ "locks": {} }"#);
    assert!(unknown.expect_err("it is no option").to_string().contains("`locking`"));
    let other: LeaderElectionOptions =
        serde_json::from_str(r#"{ "minimum_nodes": 3 }"#).expect("it is another name");
    assert_eq!(other.min_candidates, Some(3));
    let defaults = CoordinationOptions::default();
    assert_eq!(defaults.check(), Ok(()));
    let text = serde_json::to_string(&defaults).expect("they can be written");
    assert_eq!(serde_json::from_str::<CoordinationOptions>(&text).expect("it is theirs"), defaults);
    assert!(text.contains(r#""default_lock_timeout":"5m""#), "{text}");
    assert!(text.contains(r#""rw_lock_policy":"queue_fair""#), "{text}");
}

/// An extension every minute is enough for no lease of a minute: a third of it counts.
#[tokio::test(start_paused = true)]
async fn options_hold_for_what_says_nothing_else() {
    let options = r#"{
        "locking": { "default_lock_timeout": "1m", "max_lock_retries": 2 },
        "leader_election": { "candidate_id": "web" },
        "batching": { "enable_batching": false }
    }"#;
    let options: CoordinationOptions = serde_json::from_str(options).expect("they can be read");
    let store = MemoryLeases::new();
    let [process, other] = [(); 2].map(|()| {
        let process = Coordination::on_this_runtime(store.clone());
        process.with_options(options.clone()).expect("they are right")
    });
    let (long, short) = (process.lock("long"), process.lock("short").lease(LEASE));
    let long = long.acquire().await.expect("it is free");
    let short = short.acquire().await.expect("it is free");
    assert_eq!(long.ttl(), Duration::from_secs(60));
    for _ in 0..20 {
        pass(Duration::from_secs(15)).await;
        long.check().expect("it is extended");
        short.check().expect("it is extended");
    }
    let Err(AcquireError::NotAcquired(why)) = other.lock("long").acquire().await else {
        panic!("it is held")
    };
    assert_eq!(why.attempts, 3);
    assert!(process.election("job-scheduler").candidate().starts_with("web"));
    drop((long, short));
}

/// A lock says otherwise.
#[tokio::test(start_paused = true)]
async fn a_policy_holds_for_locks_that_say_no_other() {
    let options = r#"{ "locking": { "rw_lock_policy": "prefer_readers" } }"#;
    let options: CoordinationOptions = serde_json::from_str(options).expect("they can be read");
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let process = process.with_options(options).expect("they are right");
    let catalogue = process.rw_lock("catalogue");
    let reading = catalogue.read().await.expect("it is free");
    let writer = process.rw_lock("catalogue");
    let writing = tokio::spawn(async move { writer.write().await });
    pass(LEASE).await;
    assert!(catalogue.try_read().await.expect("it answers").is_some());
    let fair = process.rw_lock("catalogue").policy(RwPolicy::QueueFair);
    assert!(fair.try_read().await.expect("it answers").is_none());
    drop(reading);
    drop(writing.await.expect("nothing panics").expect("nobody reads"));
    let other = r#"{ "locking": { "rw_lock_policy": "PreferReaders" } }"#;
    let unknown = serde_json::from_str::<CoordinationOptions>(other).expect_err("it is no policy");
    assert!(unknown.to_string().contains("`prefer_readers`"), "{unknown}");
}

/// Its lease is for the death of its process, and not for how long it takes.
#[tokio::test(start_paused = true)]
async fn a_job_is_extended_whatever_is_said_of_locks() {
    let options =
        r#"{ "locking": { "default_lock_timeout": "1s", "enable_lock_extension": false } }"#;
    let options: CoordinationOptions = serde_json::from_str(options).expect("they can be read");
    let process = Coordination::on_this_runtime(MemoryLeases::new());
    let process = process.with_options(options).expect("they are right");
    let long = Duration::from_secs(10);
    let lock = process.rw_lock("catalogue").write().await.expect("it is free");
    let run = process.singleton("backup").run(async |_| pass(long).await).await;
    assert_eq!(run.expect("it is free"), SingletonRun::Done(()));
    lock.check().expect_err("it was not extended");
    let lock = process.rw_lock("catalogue").extend_every(Duration::from_millis(100));
    let lock = lock.write().await.expect("it is free");
    pass(long).await;
    lock.check().expect("it is extended");
}
