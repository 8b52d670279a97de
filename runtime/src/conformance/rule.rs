//! What a suite is made of: rules, each the sentence of a contract and a check of it.

use std::{error::Error, time::Duration};

use futures_util::future::BoxFuture;

/// What a check found. An error says how the rule is broken.
pub(super) type Verdict = Result<(), Box<dyn Error + Send + Sync>>;

/// A check is given a fresh subject of its own.
pub(super) struct Rule<S> {
    pub(super) sentence: &'static str,
    pub(super) check: fn(S) -> BoxFuture<'static, Verdict>,
}

/// No rule of a store that works takes this long, with all the time that it lets pass.
const LIMIT: Duration = Duration::from_secs(600);

/// Checks each rule, in order, on a subject made for it.
///
/// # Panics
/// With the sentence of the first rule that is broken, and how.
pub(super) async fn check_all<S>(rules: &[Rule<S>], mut make: impl AsyncFnMut() -> S) {
    for Rule { sentence, check } in rules {
        match tokio::time::timeout(LIMIT, check(make().await)).await {
            Ok(Ok(())) => {}
            Ok(Err(broken)) => panic!("broken rule: {sentence}\n  because {broken}"),
            Err(_) => panic!("broken rule: {sentence}\n  because nothing happened for {LIMIT:?}"),
        }
    }
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

pub(super) fn ensure_eq<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Verdict {
    ensure(found == wanted, || format!("{found:?} was found where {wanted:?} was wanted"))
}
