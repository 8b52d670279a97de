//! Tests of leases, and of the scripts behind them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use super::{Inner, Kind, Link, LinkSettings, RedisLeases, mistakes, scripts::Scripts};
use crate::{
    conformance::{self, lease::Subject},
    kernel::Fence,
    lease::{
        Acquired, Beat, CandidateStore as _, LeaseAdmin as _, LeaseStore as _, LockStore as _,
        Owner, Renewal, Renewed, Share, Turn, Want,
    },
};

pub(super) async fn leases(
    server: &RedisServer,
    scripts: &Arc<Scripts>,
    namespace: &str,
) -> RedisLeases {
    let link = Link::open(LinkSettings::new(server.url())).await.expect("the server is there");
    let (namespace, scripts) = (namespace.to_owned(), Arc::clone(scripts));
    RedisLeases(Arc::new(Inner { link, namespace, scripts, replicas: None }))
}

/// What a rule is checked on.
pub(super) async fn subject(server: &RedisServer, scripts: &Arc<Scripts>) -> Subject<RedisLeases> {
    // No two rules share a name.
    let namespace = Owner::draw();
    Subject {
        store: leases(server, scripts, namespace.as_str()).await,
        lease: Duration::from_millis(160),
        pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
    }
}

#[tokio::test]
async fn every_clause_that_is_missing_in_a_script_is_found() {
    let mistakes = [
        // No look at whose it is, or an end that nobody sets.
        ("acquire", "if is_free and is_next then", "if true then", "of many who"),
        ("acquire", "redis.call('PEXPIRE', lease, milliseconds)\n", "", "is busy"),
        ("acquire", "if held[1] == owner and kind == 'x' then", "if false then", "keeps it, with"),
        ("acquire", "PTTL', key) < milliseconds", "PTTL', key) ~= 7", "acquiring again never"),
        ("acquire", "local fence = now", "local fence = '0'", "a fence that is not 0"),
        ("acquire", "local fence = now", "local fence = '2'", "each tenure has a higher fence"),
        ("renew", "alone, 'o') == owner", "alone, 'o') ~= 'nobody'", "nobody renews"),
        ("renew", "PTTL', key) < milliseconds", "PTTL', key) ~= 7", "a renewal never"),
        (
            "renew",
            "return (from[1] == owner or from[2]) and -1 or 0",
            "redis.call('HSET', alone, 'o', owner)",
            "nobody renews",
        ),
        ("release", "if holder == ARGV[1] then", "if holder then", "nobody frees"),
        ("release", "redis.call('DEL', KEYS[1])", "", "the owner frees"),
        ("release", "elseif holder then", "else", "freeing what is over"),
        // The line.
        ("acquire", "if is_free and is_next then", "if is_free then", "who comes first"),
        (
            "acquire",
            "tonumber(redis.call('HGET', KEYS[4], me) or 0) > now",
            "false",
            "who comes first",
        ),
        ("acquire", "tonumber(until_when) > now", "true", "does not ask in time"),
        (
            "acquire",
            "tonumber(redis.call('HGET', KEYS[4], me) or 0) > now",
            "redis.call('ZSCORE', KEYS[3], me)",
            "asks again too late",
        ),
        (
            "acquire",
            "has_place and redis.call('ZRANK'",
            "redis.call('ZRANK'",
            "asks again too late",
        ),
        ("acquire", "again = head_ends - now", "again = -1", "does not ask in time"),
        ("acquire", "again = redis.call('PTTL', KEYS[1])", "again = -1", "is busy"),
        ("release", "ipairs({ 'x', 's' })", "ipairs({ 'x' })", "giving a place back"),
        (
            "release",
            "wake(KEYS[1], KEYS[2], KEYS[3], KEYS[4], now, ARGV[2])",
            "",
            "who is next is told",
        ),
        // Those who go first.
        ("acquire", " or (goes_first and score >= 0)", "", "who shares and goes first"),
        ("acquire", "goes_first and score >= 0", "score >= 0", "who comes first"),
        ("acquire", "goes_first and score >= 0", "goes_first", "those who go first"),
        ("acquire", "goes_first and micros - 4e15 or micros", "micros", "who is alone and goes"),
        (
            "acquire",
            "goes_first and micros - 4e15 or micros",
            "micros - 4e15",
            "who shares and goes first",
        ),
        ("acquire", "goes_first and '(0' or '+inf'", "'+inf'", "who is alone and goes first"),
        ("acquire", "ZCOUNT', KEYS[3], '-inf', top", "ZCARD', KEYS[3]", "what is in its way"),
        ("acquire", "elseif not is_next then", "elseif head and head ~= me then", "in its way"),
        // From hand to hand.
        ("hand_over", "if held[1] ~= from then", "if false then", "nobody hands over"),
        ("hand_over", "redis.call('PEXPIRE', lease, milliseconds)\n", "", "handed over past"),
        (
            "hand_over",
            "local fence = now",
            "local fence = redis.call('GET', fences) or now",
            "handed over past",
        ),
        ("hand_over", "if held[1] == to then", "if false then", "handing over again"),
        (
            "hand_over",
            "  outlive(KEYS[1], lease)\n",
            "  redis.call('PEXPIRE', KEYS[1], lease)\n",
            "handing over again",
        ),
        (
            "hand_over",
            "redis.call('ZREM', KEYS[3], 'x' .. to)\nredis.call('HDEL', KEYS[4], 'x' .. to)\n",
            "",
            "waits no more",
        ),
        // Sharing.
        ("acquire", "redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now)", "", "of its own"),
        (
            "acquire",
            "and (kind == 's' or redis.call('EXISTS', KEYS[5]) == 0)",
            "",
            "alone, or shared",
        ),
        (
            "acquire",
            "wake(KEYS[1], KEYS[3], KEYS[4], KEYS[5], now, ARGV[6])",
            "",
            "one after the other",
        ),
        ("renew", "math.max(now + lease, reading)", "now + lease", "who shares renews"),
        ("renew", "if reading <= now then", "if reading == 0 then", "of its own"),
        ("release", "'(' .. now, '+inf') == 0", "'(' .. now, '+inf') >= 0", "the last who shares"),
        (
            "release",
            "tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or 0) > now",
            "true",
            "giving a place back",
        ),
        ("downgrade", "  redis.call('DEL', KEYS[1])\n", "", "a downgrade lets"),
        ("downgrade", "elseif reading <= now then", "elseif false then", "by a downgrade"),
    ];
    mistakes::are_found(mistakes, async |server, scripts| {
        let mut make = async || subject(server, scripts).await;
        conformance::lease::run(&mut make).await;
        conformance::lock::run(&mut make).await;
    })
    .await;
}

/// Whether the fence rises over a server that has lost everything.
async fn rises_over_a_loss(server: &RedisServer, scripts: &Arc<Scripts>) -> bool {
    let (leases, mut last, mut rises) = (leases(server, scripts, "loss").await, Fence::NONE, true);
    for turn in 0..10 {
        if turn == 9 {
            assert_eq!(server.cli(&["FLUSHALL"]), "OK");
        }
        let acquired = leases.try_acquire("name", &Owner::draw(), Duration::from_millis(1)).await;
        let Ok(Acquired::Granted(grant)) = acquired else { panic!("{acquired:?}") };
        rises &= grant.fence > last;
        last = grant.fence;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rises
}

#[tokio::test]
async fn a_fence_rises_also_where_the_last_one_was_lost() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    assert!(rises_over_a_loss(&server, &Scripts::standard()).await);
    let counts = Scripts::with("acquire", ("last >= micros", "true"));
    assert!(!rises_over_a_loss(&server, &counts).await, "it is what the time is for");
}

/// Whether who comes stands behind who came when the clock of the server was ahead, of those who go first and
/// of the others.
async fn stands_behind_later_times(server: &RedisServer, scripts: &Arc<Scripts>) -> bool {
    let leases = leases(server, scripts, Owner::draw().as_str()).await;
    let (lease, mut ahead) = (Duration::from_secs(60), Vec::new());
    let holder = leases.try_acquire("name", &Owner::draw(), lease).await;
    assert!(matches!(holder, Ok(Acquired::Granted(_))), "{holder:?}");
    for goes_first in [true, false] {
        for owner in [Owner::draw(), Owner::draw()] {
            let (name, share, owner, stay) = ("name", Share::Alone, &owner, lease);
            let want = Want { name, owner, share, goes_first, lease, stay };
            let turn = leases.acquire_in_turn(want).await;
            let Ok(Turn::Waiting(waiting)) = turn else { panic!("{turn:?}") };
            ahead.push(waiting.ahead);
            let [line] = leases.keys(name, [Kind::Queue]);
            server.cli(&["ZINCRBY", &line, "1000000000", &format!("x{}", owner.as_str())]);
        }
    }
    ahead == [0, 1, 2, 3]
}

#[tokio::test]
async fn who_comes_stands_behind_who_came_whatever_the_clock_says() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    assert!(stands_behind_later_times(&server, &Scripts::standard()).await);
    for mistake in
        [("math.max(came, newest + 1)", "came"), ("goes_first and '(0' or '+inf'", "'(0'")]
    {
        let scripts = Scripts::with("acquire", mistake);
        assert!(!stands_behind_later_times(&server, &scripts).await, "{mistake:?}");
    }
}

#[tokio::test]
async fn scripts_that_the_server_forgot_and_keys_of_others_are_told_apart() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "shop").await;
    let (owner, lease) = (Owner::draw(), Duration::from_secs(60));
    let acquired = leases.try_acquire("name", &owner, lease).await;
    assert!(matches!(acquired, Ok(Acquired::Granted(_))), "{acquired:?}");
    assert_eq!(server.cli(&["SCRIPT", "FLUSH"]), "OK");
    assert_eq!(leases.try_renew("name", &owner, lease).await.ok(), Some(Renewed::Renewed));

    server.cli(&["SET", "shop:{theirs}:l", "7"]);
    let error = leases.try_acquire("theirs", &owner, lease).await.expect_err("it is no lease");
    assert!(!error.is_outcome_unknown() && !error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert_eq!(server.cli(&["GET", "shop:{theirs}:l"]), "7");

    // What cannot be handed over stays where it is.
    server.cli(&["DEL", "shop:{name}:f"]);
    server.cli(&["LPUSH", "shop:{name}:f", "7"]);
    let handed = leases.hand_over("name", &owner, &Owner::draw(), lease).await;
    let error = handed.expect_err("it is no fence");
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    let tenure = leases.inspect("name").await.expect("the server answers");
    assert_eq!(tenure.map(|tenure| tenure.owner), Some(owner.clone()));

    // It keeps no other from being renewed.
    let renewal = |name: &str| Renewal { name: name.into(), owner: owner.clone(), lease };
    let renewals = ["theirs", "name", "nobodys"].map(renewal);
    let answers = leases.renew_all(&renewals).await.expect("the server answers");
    let [Err(error), Ok(Renewed::Renewed), Ok(Renewed::NotOwner)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
}

#[tokio::test]
async fn what_is_held_is_kept_while_the_memory_is_full() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let leases = leases(&server, &Scripts::standard(), "full").await;
    let (owner, lease) = (Owner::draw(), Duration::from_secs(60));
    let want = |name, share| Want { share, ..Want::alone(name, &owner, lease) };
    for want in [want("alone", Share::Alone), want("shared", Share::Shared)] {
        let turn = leases.acquire_in_turn(want).await;
        assert!(matches!(turn, Ok(Turn::Granted(_))), "{turn:?}");
    }
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for name in ["alone", "shared"] {
        assert_eq!(leases.try_renew(name, &owner, lease).await.ok(), Some(Renewed::Renewed));
    }
    let beat = Beat {
        name: "alone",
        candidate: "a",
        owner: Some(&owner),
        is_healthy: true,
        health_score: 1.0,
        metadata: &BTreeMap::new(),
        interval: lease,
    };
    leases.beat(beat).await.expect("it is live yet");
    let acquired = leases.try_acquire("other", &owner, lease).await.map(drop);
    let described = leases.describe("alone", &owner, &BTreeMap::new()).await.map(drop);
    for refused in [acquired, described] {
        let error = refused.expect_err("there is no room");
        assert!(error.is_retryable() && error.to_string().contains("OOM"), "{error:?}");
    }
}
