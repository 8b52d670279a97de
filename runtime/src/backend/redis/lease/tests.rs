//! Tests of the suite: each clause that is taken out of a script breaks a rule of it (LS-24).

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::FutureExt;

use super::{Inner, Link, LinkSettings, RedisLeases, scripts::Scripts};
use crate::{
    conformance::{self, lease::Subject},
    kernel::Fence,
    lease::{Acquired, LeaseStore as _, Owner, Renewed},
};

async fn leases(server: &RedisServer, scripts: &Arc<Scripts>, namespace: &str) -> RedisLeases {
    let link = Link::open(LinkSettings::new(server.url())).await.expect("the server is there");
    let (namespace, scripts) = (namespace.to_owned(), Arc::clone(scripts));
    RedisLeases(Arc::new(Inner { link, namespace, scripts }))
}

/// What the suite says of leases with these scripts: the first rule that is broken, if any.
async fn verdict(server: &RedisServer, scripts: &Arc<Scripts>) -> Result<(), String> {
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    let mut stores = 0;
    let suite = conformance::lease::run(async || {
        stores += 1;
        Subject {
            store: leases(server, scripts, &format!("rule-{stores}")).await,
            lease: Duration::from_millis(160),
            pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
        }
    });
    let panic = AssertUnwindSafe(suite).catch_unwind().await;
    panic.map_err(|message| message.downcast().map_or_else(|_| String::new(), |text| *text))
}

#[tokio::test]
async fn every_clause_that_is_missing_in_a_script_is_found() {
    let mistakes = [
        // No look at whose it is, or an end that nobody sets.
        ("acquire", "elseif held[1] then", "elseif false then", "of many who want"),
        ("acquire", "redis.call('PEXPIRE', KEYS[1], ARGV[2])\nreturn", "return", "is busy"),
        ("acquire", "if held[1] == ARGV[1] then", "if false then", "keeps it, with its fence"),
        ("acquire", "  if left < lease then", "  if true then", "acquiring again never"),
        ("acquire", "math.max(now, ", "math.min(1, ", "each tenure has a higher fence"),
        ("renew", "~= ARGV[1]", "== 'nobody'", "nobody renews"),
        (
            "renew",
            "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then",
            "if true then",
            "a renewal never",
        ),
        ("renew", "  return 0\n", "  redis.call('HSET', KEYS[1], 'o', ARGV[1])\n", "nobody renews"),
        ("release", "owner ~= ARGV[1]", "false", "nobody frees"),
        ("release", "redis.call('DEL', KEYS[1])", "", "the owner frees"),
        ("release", "if not owner then", "if false then", "freeing what is over"),
    ];
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    assert_eq!(verdict(&server, &Scripts::standard()).await, Ok(()));
    let mut wrong = String::new();
    for (script, instead_of, says, rule) in mistakes {
        let broken = match verdict(&server, &Scripts::with(script, (instead_of, says))).await {
            Ok(()) => "nothing was found".to_owned(),
            Err(broken) => broken,
        };
        if !broken.lines().next().is_some_and(|sentence| sentence.contains(rule)) {
            wrong += &format!("`{says}` for `{instead_of}`: {broken}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
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
    let counts = Scripts::with("acquire", ("math.max(now, ", "math.max(0, "));
    assert!(!rises_over_a_loss(&server, &counts).await, "it is what the time is for");
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
}
