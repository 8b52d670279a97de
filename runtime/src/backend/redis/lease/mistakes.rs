//! Scripts with a mistake in one of them: each clause that is taken out breaks a rule of a suite.

use std::{panic::AssertUnwindSafe, sync::Arc};

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::{FutureExt, StreamExt, future, stream};

use super::scripts::Scripts;

/// The script, what it says, what it says instead, and words of the rule that this breaks.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

/// Runs a suite with the scripts as they are, and with each mistake. All on one server.
pub(super) async fn are_found(
    mistakes: impl IntoIterator<Item = Mistake>,
    suite: impl AsyncFn(&RedisServer, &Arc<Scripts>),
) {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    // The first rule that is broken, if any.
    let verdict = async |scripts: Arc<Scripts>| {
        let panic = AssertUnwindSafe(suite(&server, &scripts)).catch_unwind().await;
        panic.map_err(|message| message.downcast().map_or_else(|_| String::new(), |text| *text))
    };
    assert_eq!(verdict(Scripts::standard()).await, Ok(()));
    let wrong = stream::iter(mistakes)
        .map(async |(script, instead_of, says, rule)| {
            let broken = verdict(Scripts::with(script, (instead_of, says))).await;
            let broken = broken.err().unwrap_or_else(|| "nothing was found".to_owned());
            let is_found = broken.lines().next().is_some_and(|sentence| sentence.contains(rule));
            (!is_found).then(|| format!("`{says}` for `{instead_of}`: {broken}"))
        })
        .buffer_unordered(4)
        .filter_map(future::ready);
    let wrong: Vec<String> = wrong.collect().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
