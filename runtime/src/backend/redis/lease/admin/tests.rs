//! Tests of what an operator does, and of the scripts behind it.

use std::time::Duration;

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use super::super::{
    REMEMBERED, Scripts, mistakes,
    tests::{leases, subject},
};
use crate::{
    conformance,
    lease::{LeaseAdmin as _, LockStore as _, Owner, Share, Want},
};

#[tokio::test]
async fn every_clause_that_is_missing_in_a_script_of_an_operator_is_found() {
    let mistakes = [
        ("force", "(held[2] or '0') ~= ARGV[1] then", "false then", "by its own fence"),
        ("force", "redis.call('DEL', KEYS[1])\n", "", "over at once"),
        ("force", "'o', held[1], 'f', ARGV[1]", "'f', ARGV[1]", "its holder is told"),
        (
            "force",
            "wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4],",
            "string.len(KEYS[1], KEYS[2], KEYS[3], KEYS[4],",
            "who is first in line",
        ),
        ("renew", "and -1 or 0", "and 0 or 0", "its holder is told"),
        ("renew", "(from[1] == owner or from[2])", "from[1] == owner", "who shared it is told"),
        ("renew", "(from[1] == owner or from[2])", "from[2]", "its holder is told"),
        ("readers", "'(' .. now, '+inf', 'W", "'-inf', '+inf', 'W", "or no more, is not told"),
        ("readers", "told[i] - now", "told[i]", "with what is left"),
        (
            "readers",
            "ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf'",
            "ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. now",
            "that end first",
        ),
        ("readers", "'LIMIT', 0, ARGV[1]", "'LIMIT', 0, -1", "that end first"),
        ("force_reader", "redis.call('ZREM', KEYS[4], owner)\n", "", "others keep theirs"),
        (
            "force_reader",
            "redis.call('ZREM', KEYS[4], owner)",
            "redis.call('DEL', KEYS[4])",
            "others keep theirs",
        ),
        (
            "force_reader",
            "redis.call('HSET', KEYS[5], mine, string",
            "string.len(string",
            "who shared it is told",
        ),
        ("force_reader", "or 0) <= now then", "or 0) < 0 then", "those only who share"),
        ("force_reader", "or 0) <= now then", "or 0) == 0 then", "those only who share"),
        ("force_reader", "  return is_known\n", "  return 0\n", "away again says"),
        ("force_reader", ">= most + 3 then", ">= 2 * most then", "the last thousand"),
        (
            "force_reader",
            "if at < since then",
            "if at < math.huge and (oldest == mine or at > since) then",
            "the last thousand",
        ),
        ("force_reader", "known[i]:sub(1, 1) == 's' and", "", "the last thousand"),
        (
            "force_reader",
            "wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, ARGV[5])\n",
            "",
            "the last share is taken away",
        ),
        (
            "list",
            "sharing = redis.call('ZCOUNT', readers",
            "sharing = redis.call('ZCOUNT', line",
            "is counted",
        ),
    ];
    mistakes::are_found(mistakes, async |server, scripts| {
        conformance::admin::run(async || subject(server, scripts).await).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_remembered_of_a_reader_ends_and_what_is_none_of_ours_stays() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    let (owner, lease) = (Owner::draw(), Duration::from_secs(60));
    for name in ["name", "theirs"] {
        let want = Want { share: Share::Shared, ..Want::alone(name, &owner, lease) };
        leases.acquire_in_turn(want).await.expect("nobody else wants it");
    }
    assert!(leases.force_release_reader("name", &owner, "ops").await.expect("it answers"));
    let ends: u64 = server.cli(&["PTTL", "shop:{name}:x"]).parse().expect("it has an end");
    assert!((REMEMBERED / 2..=REMEMBERED).contains(&Duration::from_millis(ends)), "{ends}");
    let why = server.cli(&["HGET", "shop:{name}:x", &format!("s{}", owner.as_str())]);
    assert!(why.ends_with(" ops"), "{why}");

    for wrong in ["d", "q", "x"] {
        let key = format!("shop:{{theirs}}:{wrong}");
        server.cli(&["SET", &key, "7"]);
        let error = leases.force_release_reader("theirs", &owner, "ops").await;
        let error = error.expect_err("it is of another type").to_string();
        assert!(error.contains("WRONGTYPE"), "{error}");
        server.cli(&["DEL", &key]);
        let readers = leases.readers("theirs").await.expect("it answers");
        assert_eq!(readers.iter().map(|reader| &reader.owner).collect::<Vec<_>>(), [&owner]);
        assert_eq!(server.cli(&["EXISTS", "shop:{theirs}:x"]), "0");
    }
}
