//! Tests of candidates, and of the scripts behind them.

use std::time::Duration;

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use super::super::{
    Scripts, mistakes,
    tests::{leases, subject},
};
use crate::{
    conformance,
    lease::{CandidateStore as _, LeaseError},
};

#[tokio::test]
async fn every_clause_that_is_missing_in_a_script_of_candidates_is_found() {
    let mistakes = [
        ("beat", "    redis.call('ZREM', ends, gone)\n", "", "who is silent"),
        ("beat", "'-inf', now)) do", "'-inf', '+inf')) do", "who beats is live"),
        ("beat", "string.format('%.0f', now + lasts)", "string.format('%.0f', now)", "who beats"),
        ("beat", "'o' .. candidate, owner, ", "", "nobody leads whom"),
        ("beat", "'o' .. candidate, owner", "'o' .. candidate, 'other'", "nobody leads whom"),
        ("beat", "first - now", "lasts", "says when the first"),
        ("beat", "unpack(KEYS, 2 * i + 1, 2 * i + 2)", "unpack(KEYS, 1, 2)", "of several"),
        ("beat", "unpack(ARGV, 4 * i + 1, 4 * i + 4)", "unpack(ARGV, 1, 4)", "of several"),
        ("beat", "answers[#answers + 1]", "answers[#KEYS / 2 - i]", "of several"),
        ("candidates", "known[1] == holder and 1 or 0", "1 or 0", "nobody leads whom"),
        ("candidates", "KEYS[3], '(' .. now", "KEYS[3], '-inf'", "each is live"),
        ("candidates", "ends > now and", "ends > 0 and", "looked for"),
        ("leave", "redis.call('ZREM', KEYS[2], candidate)", "0", "who leaves"),
    ];
    mistakes::are_found(mistakes, async |server, scripts| {
        conformance::candidates::run(async || subject(server, scripts).await).await;
    })
    .await;
}

#[tokio::test]
async fn who_stands_leaves_nothing_behind_and_what_is_of_others_is_told() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    let none = std::collections::BTreeMap::new();
    let beat = |name, candidate| crate::lease::Beat {
        name,
        candidate,
        owner: None,
        is_healthy: true,
        health_score: 1.0,
        metadata: &none,
        interval: Duration::from_millis(50),
    };
    // Nobody looks, nobody leaves, and one is told by the time alone.
    leases.beat(beat("ours", "a")).await.expect("the server answers");
    leases.beat(beat("ours", "b")).await.expect("the server answers");
    assert_eq!(server.cli(&["ZCARD", "shop:{ours}:cs"]), "2");
    assert_eq!(server.cli(&["HLEN", "shop:{ours}:c"]), "6");
    while server.cli(&["DBSIZE"]) != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Nor do those who are gone while others go on.
    leases.beat(beat("ours", "a")).await.expect("the server answers");
    tokio::time::sleep(Duration::from_millis(200)).await;
    leases.beat(beat("ours", "b")).await.expect("the server answers");
    assert_eq!(server.cli(&["HLEN", "shop:{ours}:c"]), "3");

    server.cli(&["SET", "shop:{theirs}:c", "7"]);
    for answer in
        [leases.beat(beat("theirs", "a")).await.map(drop), leases.leave("theirs", "a").await]
    {
        let error = answer.expect_err("it is not ours");
        assert!(matches!(error, LeaseError::Refused { retryable: false, .. }), "{error:?}");
    }
    assert_eq!(server.cli(&["GET", "shop:{theirs}:c"]), "7");
    assert_eq!(server.cli(&["EXISTS", "shop:{theirs}:cs"]), "0");

    // It keeps no other from being heard.
    let beats = ["theirs", "ours"].map(|name| beat(name, "a"));
    let answers = leases.beat_all(&beats).await.expect("the server answers");
    let [Err(error), Ok(_)] = &answers[..] else { panic!("{answers:?}") };
    assert!(error.to_string().contains("WRONGTYPE") && !error.is_retryable(), "{error:?}");
}
