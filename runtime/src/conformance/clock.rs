//! The contract of [`Clock`], as checks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;

use super::rule::{Rule, Verdict, check_all, ensure, rules};
use crate::{clock::Clock, kernel::Timestamp};

/// A fresh clock, and a way to let time pass.
///
/// See [`run`] for an example.
pub struct Subject {
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Lets that much time pass. A suite never asks for more than 100 ms.
    pub advance: Advance,
}

/// Lets that much time pass for a clock.
pub type Advance = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Checks every rule of the contract, each on a clock that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::sync::Arc;
/// use distributed_task::{clock::SystemClock, conformance::{self, clock::Subject}};
///
/// conformance::clock::run(async || Subject {
///     clock: Arc::new(SystemClock::default()),
///     // Nothing moves this clock but time itself.
///     advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// ```
pub async fn run(make: impl AsyncFnMut() -> Subject) {
    check_all(RULES, make).await;
}

const RULES: &[Rule<Subject>] = rules! {
    "`now` never goes backwards" => never_falls,
    "`now` never goes backwards, whichever thread asks" => threads_agree,
    "as time passes, `now` moves" => moves,
};

const A_WHILE: Duration = Duration::from_millis(5);

async fn never_falls(Subject { clock, advance }: Subject) -> Verdict {
    let mut latest = clock.now();
    for _ in 0..5 {
        for _ in 0..1_000 {
            latest = not_before(latest, clock.now())?;
        }
        advance(A_WHILE).await;
    }
    not_before(latest, clock.now()).map(drop)
}

async fn threads_agree(Subject { clock, advance }: Subject) -> Verdict {
    advance(A_WHILE).await;
    // Whoever holds it asks, and has seen what everybody saw before.
    let latest = Arc::new(Mutex::new(clock.now()));
    let ask = |_| {
        let (clock, latest) = (Arc::clone(&clock), Arc::clone(&latest));
        tokio::task::spawn_blocking(move || {
            for _ in 0..1_000 {
                let mut latest = latest.lock().map_err(|_| "another thread panicked")?;
                *latest = not_before(*latest, clock.now())?;
            }
            Verdict::Ok(())
        })
    };
    for asked in (0..4).map(ask).collect::<Vec<_>>() {
        asked.await??;
    }
    Ok(())
}

async fn moves(Subject { clock, advance }: Subject) -> Verdict {
    for _ in 0..5 {
        let before = clock.now();
        advance(A_WHILE).await;
        let after = clock.now();
        ensure(after > before, || format!("after {A_WHILE:?} it is still {after:?}"))?;
    }
    Ok(())
}

/// `now`, unless it lies before what was seen already.
fn not_before(
    latest: Timestamp,
    now: Timestamp,
) -> Result<Timestamp, Box<dyn std::error::Error + Send + Sync>> {
    ensure(now >= latest, || format!("{now:?} came after {latest:?}"))?;
    Ok(now)
}
