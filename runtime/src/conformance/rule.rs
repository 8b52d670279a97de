//! What a suite is made of: rules, each the sentence of a contract and a check of it.

use std::{error::Error, time::Duration};

use futures_util::{StreamExt, future::BoxFuture, stream};

/// What a check found. An error says how the rule is broken.
pub(super) type Verdict = Result<(), Failure>;

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// A check is given a fresh subject of its own.
pub(super) struct Rule<S> {
    pub(super) sentence: &'static str,
    pub(super) check: fn(S) -> BoxFuture<'static, Verdict>,
}

/// The rules of a suite: sentences, each with its check.
macro_rules! rules {
    ($($sentence:literal => $check:path,)*) => {
        &[$($crate::conformance::rule::Rule {
            sentence: $sentence,
            check: |subject| futures_util::FutureExt::boxed($check(subject)),
        },)*]
    };
}
pub(super) use rules;

/// What a check found when the machine was too slow for it, which proves nothing: it is repeated.
#[derive(Debug, thiserror::Error)]
#[error("{0}, while the machine was too slow to tell")]
pub(super) struct TooSlow(pub(super) Failure);

pub(super) fn too_slow(found: &str) -> Verdict {
    Err(Box::new(TooSlow(found.into())))
}

/// After so many checks that prove nothing, the last one counts.
const TRIES: usize = 8;

/// No rule of a store that works takes this long, with all the time that it lets pass.
const LIMIT: Duration = Duration::from_secs(600);

impl<S> Rule<S> {
    /// How the rule is broken, if it is.
    async fn broken(&self, mut make: impl AsyncFnMut() -> S) -> Result<(), String> {
        let mut tries = 1;
        let because = loop {
            match tokio::time::timeout(LIMIT, (self.check)(make().await)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(slow)) if slow.is::<TooSlow>() && tries < TRIES => tries += 1,
                Ok(Err(broken)) => break broken.to_string(),
                Err(_) => break format!("nothing happened for {LIMIT:?}"),
            }
        };
        Err(format!("broken rule: {}\n  because {because}", self.sentence))
    }
}

/// Checks each rule, in order, on a subject made for it.
///
/// # Panics
/// With the sentence of the first rule that is broken, and how.
pub(super) async fn check_all<S>(rules: &[Rule<S>], mut make: impl AsyncFnMut() -> S) {
    for rule in rules {
        if let Err(broken) = rule.broken(&mut make).await {
            panic!("{broken}");
        }
    }
}

/// The same, so many rules at a time.
///
/// # Panics
/// With the sentences of all the rules that are broken, and how.
pub(super) async fn check_many<S>(rules: &[Rule<S>], at_a_time: usize, make: impl AsyncFn() -> S) {
    let checks = stream::iter(rules).map(|rule| rule.broken(&make));
    let checked: Vec<_> = checks.buffered(at_a_time.max(1)).collect().await;
    let broken: Vec<_> = checked.into_iter().filter_map(Result::err).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

pub(super) fn ensure_eq<T: PartialEq + std::fmt::Debug>(found: T, wanted: T) -> Verdict {
    ensure(found == wanted, || format!("{found:?} was found where {wanted:?} was wanted"))
}
