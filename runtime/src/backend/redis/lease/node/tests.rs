//! Each clause that is taken out of the script breaks a rule of the suite.

use super::super::{mistakes, tests::subject};
use crate::conformance;

#[tokio::test]
async fn every_clause_that_is_missing_in_the_script_that_tells_what_was_agreed_on_is_found() {
    let mistakes = [
        ("if held[1] ~= ARGV[1] then", "if not held[1] then", "nobody tells"),
        ("held[1] ~= ARGV[1]", "held[1] and held[1] ~= ARGV[1]", "a tenure that is over"),
        ("not held[3] or tonumber(held[2]) < agreed", "not held[3]", "is never lowered"),
        ("not held[3] or tonumber(held[2]) < agreed", "true", "is never lowered"),
        ("not held[3] or ", "", "a tenure has the fence"),
        (", 'a', 1)", ")", "is never lowered"),
        ("if is_counted then", "if false then", "a run is the attempt"),
        ("if is_counted then", "if is_counted and not held[3] then", "a run is the attempt"),
        (
            "KEYS[3] and held[4] and redis.call('GET', KEYS[3]) == held[4]",
            "KEYS[3]",
            "what was agreed on is told of no run",
        ),
        ("redis.call('GET', KEYS[3]) == held[4]", "true", "a run that ended, or did not begin"),
        ("    redis.call('HSET', KEYS[1], 'n', ARGV[4])\n", "", "a run is the attempt"),
        ("    redis.call('SET', KEYS[3], ARGV[4], 'KEEPTTL')\n", "", "a run is the attempt"),
        ("tonumber(redis.call('GET', KEYS[2]) or 0) < agreed", "false", "later tenures"),
        ("tonumber(redis.call('GET', KEYS[2]) or 0) < agreed", "true", "later tenures"),
    ];
    let mistakes = mistakes.map(|(instead_of, says, rule)| ("raise", instead_of, says, rule));
    let untold = [("inspect", "held[3] and 1 or 0", "0"), ("list", "held[3] and 1", "false")];
    let untold =
        untold.map(|(script, instead_of, says)| (script, instead_of, says, "whoever looks"));
    let raised = [("acquire", "last >= micros", "false", "later tenures")];
    let mistakes = mistakes.into_iter().chain(untold).chain(raised);
    mistakes::are_found(mistakes, async |server, scripts| {
        conformance::quorum_node::run(async || subject(server, scripts).await).await;
    })
    .await;
}
