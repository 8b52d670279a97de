//! Each clause that is taken out of the script breaks a rule of the suite.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::FutureExt;

use super::super::{Inner, Link, LinkSettings, RedisLeases, scripts::Scripts};
use crate::conformance::{self, lease::Subject};

/// What the suite says of a server with these scripts: the first rule that is broken, if any.
async fn verdict(server: &RedisServer, scripts: Arc<Scripts>) -> Result<(), String> {
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    let mut stores = 0;
    let suite = conformance::quorum_node::run(async || {
        stores += 1;
        let link = Link::open(LinkSettings::new(server.url())).await.expect("the server is there");
        let (namespace, scripts) = (format!("rule-{stores}"), Arc::clone(&scripts));
        Subject {
            store: RedisLeases(Arc::new(Inner { link, namespace, scripts })),
            lease: Duration::from_millis(160),
            pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
        }
    });
    let panic = AssertUnwindSafe(suite).catch_unwind().await;
    panic.map_err(|message| message.downcast().map_or_else(|_| String::new(), |text| *text))
}

#[tokio::test]
async fn every_clause_that_is_missing_in_the_script_that_tells_a_fence_is_found() {
    let mistakes = [
        ("if held[1] ~= ARGV[1] then", "if not held[1] then", "nobody tells"),
        ("held[1] ~= ARGV[1]", "held[1] and held[1] ~= ARGV[1]", "a tenure that is over"),
        ("not held[3] or tonumber(held[2]) < agreed", "not held[3]", "is never lowered"),
        ("not held[3] or tonumber(held[2]) < agreed", "true", "is never lowered"),
        ("not held[3] or ", "", "a tenure has the fence"),
        (", 'a', 1)", ")", "is never lowered"),
        ("tonumber(redis.call('GET', KEYS[2]) or 0) < agreed", "false", "later tenures"),
        ("tonumber(redis.call('GET', KEYS[2]) or 0) < agreed", "true", "later tenures"),
    ];
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    assert_eq!(verdict(&server, Scripts::standard()).await, Ok(()));
    let mut wrong = String::new();
    for (instead_of, says, rule) in mistakes {
        let broken = match verdict(&server, Scripts::with("raise", (instead_of, says))).await {
            Ok(()) => "nothing was found".to_owned(),
            Err(broken) => broken,
        };
        if !broken.lines().next().is_some_and(|sentence| sentence.contains(rule)) {
            wrong += &format!("`{says}` for `{instead_of}`: {broken}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
