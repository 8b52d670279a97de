//! Tests of what an operator does, and of the scripts behind it.

use std::{collections::BTreeMap, time::Duration};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::TryStreamExt as _;

use super::super::{
    REMEMBERED, Scripts, mistakes,
    tests::{leases, subject},
};
use crate::{
    conformance,
    lease::{LeaseAdmin as _, LeaseStore as _, LockStore as _, Owner, Share, Want},
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
async fn every_clause_that_is_missing_where_a_holder_says_something_is_found() {
    const LOOK: &str = "if redis.call('HGET', KEYS[1], 'o') ~= ARGV[1] then";
    const SAY: &str = "redis.call('HSET', KEYS[1], 'm', ARGV[2])\n";
    let mistakes = [
        ("describe", SAY, "", "what a holder says"),
        ("describe", "'HSET', KEYS", "'HSETNX', KEYS", "what it says later"),
        ("inspect", "KEYS[1]), held[5] }", "KEYS[1]), false }", "to whoever looks"),
        ("list", "held[1] and held[5]", "false", "to whoever looks"),
        ("renew", "outlive(alone, lease)", "redis.call('HDEL', alone, 'm')", "a renewal keeps"),
        (
            "describe",
            SAY,
            "redis.call('HSET', KEYS[1], 'm', ARGV[2])\nredis.call('PERSIST', KEYS[1])\n",
            "lengthens no lease",
        ),
        (
            "describe",
            LOOK,
            "if (redis.call('HGET', KEYS[1], 'o') or ARGV[1]) ~= ARGV[1] then",
            "brings none back",
        ),
        ("describe", LOOK, "if redis.call('EXISTS', KEYS[1]) == 0 then", "nobody says anything"),
        (
            "release",
            "redis.call('DEL', KEYS[1])",
            "redis.call('HDEL', KEYS[1], 'o')",
            "of a tenure that begins",
        ),
        ("hand_over", "redis.call('DEL', KEYS[1])\n", "", "of what was handed over"),
    ];
    mistakes::are_found(mistakes, async |server, scripts| {
        conformance::admin::run(async || subject(server, scripts).await).await;
    })
    .await;
}

#[tokio::test]
async fn words_that_are_none_of_ours_are_not_told_and_all_else_is() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    let (owner, lease) = (Owner::draw(), Duration::from_secs(60));
    let said = BTreeMap::from([("doing".to_owned(), "page 3".to_owned())]);
    for name in ["a text", "bytes", "ours"] {
        leases.try_acquire(name, &owner, lease).await.expect("nobody else wants it");
        assert!(leases.describe(name, &owner, &said).await.expect("it answers"));
    }
    let kept = server.cli(&["HGET", "shop:{ours}:l", "m"]);
    assert_eq!(kept, r#"{"doing":"page 3"}"#);
    server.cli(&["HSET", "shop:{a text}:l", "m", "page 3"]);
    let bytes = r"return redis.call('HSET', KEYS[1], 'm', '\255\0')";
    assert_eq!(server.cli(&["EVAL", bytes, "1", "shop:{bytes}:l"]), "0");

    let mut names: Vec<_> = leases.names().try_collect().await.expect("it answers");
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let listed = names.into_iter().map(|held| held.holder.map(|tenure| tenure.metadata));
    let none = BTreeMap::new;
    assert_eq!(listed.collect::<Vec<_>>(), [Some(none()), Some(none()), Some(said)]);
    for name in ["a text", "bytes"] {
        let tenure = leases.inspect(name).await.expect("it answers").expect("it is held");
        assert_eq!((tenure.owner, tenure.metadata), (owner.clone(), none()));
    }
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
