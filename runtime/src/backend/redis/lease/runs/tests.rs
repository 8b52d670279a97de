//! Tests of runs, and of what the scripts do with their numbers.

use std::time::Duration;

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use super::super::{
    Scripts, mistakes,
    tests::{leases, subject},
};
use crate::{
    conformance,
    lease::{
        Agreed, LeaseError, LeaseStore as _, Owner, QuorumNode as _, RunEnd, RunStore as _, Turn,
    },
};

#[tokio::test]
async fn every_clause_that_is_missing_in_what_counts_runs_is_found() {
    let mistakes = [
        ("acquire", "before + 1)", "1)", "how many were cut off"),
        ("acquire", "before + 1)", "before)", "how many were cut off"),
        (
            "acquire",
            "    redis.call('SET', KEYS[6], attempt, 'PX', ARGV[8])\n",
            "",
            "how many were",
        ),
        ("acquire", "    redis.call('HSET', KEYS[1], 'n', attempt)\n", "", "who begins again"),
        ("acquire", "held[3] or count() }", "count() }", "who begins again"),
        ("acquire", "lease, 0, count() }", "lease, 0, false }", "how many were cut off"),
        (
            "acquire",
            "-- When something changes of which nobody is told.\n",
            "count()\n",
            "after a run that ended",
        ),
        ("end_run", "held[1] ~= ARGV[1] or ", "", "nobody says"),
        ("end_run", " or not held[2]", "", "who has a name otherwise"),
        ("end_run", "ARGV[2] == '1' and 0 or held[2] - 1", "held[2] - 1", "after a run that ended"),
        ("end_run", "ARGV[2] == '1' and 0 or held[2] - 1", "0", "never began"),
        ("end_run", "  redis.call('DEL', KEYS[2])\n", "", "after a run that ended"),
        ("end_run", "'XX', 'KEEPTTL'", "'KEEPTTL'", "a run that ended"),
    ];
    mistakes::are_found(mistakes, async |server, scripts| {
        conformance::runs::run(async || subject(server, scripts).await).await;
    })
    .await;
}

#[tokio::test]
async fn a_number_is_kept_for_a_quarter_of_a_year_and_only_while_no_run_has_ended() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    let (name, lease, stay) = ("backup", Duration::from_secs(60), Duration::ZERO);
    let days =
        || server.cli(&["TTL", "shop:{backup}:n"]).parse::<i64>().expect("a number") / 86_399;
    // A lock has no number, and asks the server for nothing more.
    let plain = Owner::draw();
    leases.try_acquire(name, &plain, lease).await.expect("the server answers");
    leases.release(name, &plain).await.expect("the server answers");
    assert_eq!(server.cli(&["KEYS", "*"]), "shop:{backup}:f");

    for attempt in ["1", "2"] {
        let owner = Owner::draw();
        leases.begin_run(name, &owner, lease, stay).await.expect("the server answers");
        assert_eq!(server.cli(&["GET", "shop:{backup}:n"]), attempt);
        assert_eq!(days(), 90);
        leases.release(name, &owner).await.expect("the server answers");
    }
    let owner = Owner::draw();
    let turn = leases.begin_run(name, &owner, lease, stay).await.expect("the server answers");
    let Turn::Granted(grant) = turn else { panic!("{turn:?}") };
    let agreed = Agreed { attempt: Some(3), ..grant.into() };
    leases.raise(name, &owner, agreed).await.expect("the server answers");
    assert_eq!((server.cli(&["GET", "shop:{backup}:n"]).as_str(), days()), ("3", 90));
    leases.end_run(name, &owner, RunEnd::NotBegun).await.expect("the server answers");
    assert_eq!((server.cli(&["GET", "shop:{backup}:n"]).as_str(), days()), ("2", 90));
    leases.release(name, &owner).await.expect("the server answers");
    let owner = Owner::draw();
    leases.begin_run(name, &owner, lease, stay).await.expect("the server answers");
    leases.end_run(name, &owner, RunEnd::Ended).await.expect("the server answers");
    leases.release(name, &owner).await.expect("the server answers");
    assert_eq!(server.cli(&["KEYS", "*"]), "shop:{backup}:f");
}

#[tokio::test]
async fn a_number_that_is_none_is_told_before_anything_is_written() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    server.cli(&["SET", "shop:{words}:n", "many"]);
    server.cli(&["SET", "shop:{debt}:n", "-5"]);
    server.cli(&["SET", "shop:{endless}:n", "inf"]);
    server.cli(&["LPUSH", "shop:{list}:n", "7"]);
    for name in ["words", "debt", "endless", "list"] {
        let (owner, lease) = (Owner::draw(), Duration::from_secs(60));
        let begun = leases.begin_run(name, &owner, lease, Duration::ZERO).await;
        let error = begun.expect_err("it is no number");
        assert!(matches!(error, LeaseError::Refused { retryable: false, .. }), "{error:?}");
        assert_eq!(server.cli(&["EXISTS", &format!("shop:{{{name}}}:l")]), "0");
    }
}
