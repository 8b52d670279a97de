//! The contract of [`ProgressTracker`], as checks.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::time::{sleep, timeout};

use super::rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules};
use crate::{
    kernel::SagaId,
    progress::{ByteCount, Progress, ProgressStream, ProgressTracker, SagaStatus},
};

/// Checks every rule of the contract, each on a tracker that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::{backend::memory::MemoryProgress, conformance};
///
/// conformance::progress::run(async || MemoryProgress::default()).await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<T: ProgressTracker>(mut make: impl AsyncFnMut() -> T) {
    check_all(RULES, async || Box::new(make().await) as Tracker).await;
}

type Tracker = Box<dyn ProgressTracker>;
const RULES: &[Rule<Tracker>] = rules! {
    "`initialise` makes a saga known, in its first state" => initialise_makes_known,
    "`update` replaces the state" => update_replaces,
    "`complete` replaces the state by a terminal one" => complete_replaces,
    "a state that is older than the one held is ignored" => older_is_ignored,
    "a state of the same `seq` replaces the one held" => same_seq_replaces,
    "after `complete` everything is ignored" => nothing_after_complete,
    "`update` and `complete` of an unknown saga make it known" => unknown_become_known,
    "`get` answers nothing for a saga that is unknown" => unknown_is_nothing,
    "`stream` watches from the call on, not from the first poll" => watches_from_the_call,
    "a late watcher gets the state held first" => late_watcher_gets_state,
    "a watcher that comes before `initialise` waits for it" => early_watcher_waits,
    "any number may watch, and each sees every `seq` in its order" => all_see_everything,
    "a slow watcher sees every `seq`, and the latest state of each" => slow_watcher_misses_no_seq,
    "the stream ends after the terminal state" => ends_after_terminal,
    "who watches a saga that has ended gets its last state and the end" => late_for_the_end,
    "the stream ends with the tracker" => ends_with_the_tracker,
    "a watcher sees one saga only" => one_saga_only,
    "`watched` is true from the call of `stream` to the drop of the last stream" => watched,
    "at least the latest 1,000 sagas that nobody watches are kept" => keeps_a_thousand,
    "a saga that is watched is not forgotten" => keeps_the_watched,
};

async fn initialise_makes_known(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(at(0)))
}

async fn update_replaces(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    tracker.update(at(2)).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(at(2)))
}

async fn complete_replaces(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    tracker.complete(end(5)).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(end(5)))
}

async fn older_is_ignored(tracker: Tracker) -> Verdict {
    tracker.initialise(at(3)).await?;
    let mut watcher = tracker.stream(saga(1));
    ensure_eq(next(&mut watcher).await?, at(3))?;
    tracker.update(at(2)).await?;
    tracker.initialise(at(0)).await?;
    tracker.update(at(4)).await?;
    ensure_eq(next(&mut watcher).await?, at(4))
}

async fn same_seq_replaces(tracker: Tracker) -> Verdict {
    tracker.initialise(at(1)).await?;
    tracker.update(bytes(1, 10)).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(bytes(1, 10)))
}

async fn nothing_after_complete(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    tracker.complete(end(5)).await?;
    tracker.update(at(6)).await?;
    tracker.complete(Progress { status: SagaStatus::Killed, ..end(7) }).await?;
    tracker.initialise(at(8)).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(end(5)))
}

async fn unknown_become_known(tracker: Tracker) -> Verdict {
    tracker.update(at(3)).await?;
    tracker.complete(Progress { saga: saga(2), ..end(5) }).await?;
    ensure_eq(tracker.get(saga(1)).await?, Some(at(3)))?;
    ensure_eq(tracker.get(saga(2)).await?, Some(Progress { saga: saga(2), ..end(5) }))
}

async fn unknown_is_nothing(tracker: Tracker) -> Verdict {
    ensure_eq(tracker.get(saga(1)).await?, None)
}

/// How long a watch may take to begin by itself, however busy the machine is: what a rule waits for
/// in vain, longer and longer.
const BEGINS_WITHIN: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(10),
];

async fn watches_from_the_call(tracker: Tracker) -> Verdict {
    let mut seen = Vec::new();
    for (id, begins) in (1..).zip(BEGINS_WITHIN) {
        let of = |progress| Progress { saga: saga(id), ..progress };
        let all = vec![of(at(0)), of(at(1)), of(end(2))];
        tracker.initialise(of(at(0))).await?;
        let watcher = tracker.stream(saga(id));
        // Nobody polls it; a tracker elsewhere may need some time to hear of it.
        sleep(begins).await;
        tracker.update(of(at(1))).await?;
        tracker.complete(of(end(2))).await?;
        seen = rest(watcher).await?;
        if seen == all {
            return Ok(());
        }
    }
    Err(format!("only {seen:?} was seen").into())
}

async fn late_watcher_gets_state(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    tracker.update(at(4)).await?;
    ensure_eq(next(&mut tracker.stream(saga(1))).await?, at(4))
}

async fn early_watcher_waits(tracker: Tracker) -> Verdict {
    let mut watcher = tracker.stream(saga(1));
    ensure(watcher.next().now_or_never().is_none(), || "it saw something".into())?;
    tracker.initialise(at(0)).await?;
    ensure_eq(next(&mut watcher).await?, at(0))
}

async fn all_see_everything(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    let mut watchers: Vec<_> = (0..20).map(|_| tracker.stream(saga(1))).collect();
    for watcher in &mut watchers {
        ensure_eq(next(watcher).await?, at(0))?;
    }
    let publish = async {
        for seq in 1..50 {
            tracker.update(at(seq)).await?;
        }
        tracker.complete(end(50)).await?;
        Verdict::Ok(())
    };
    let watch = futures_util::future::try_join_all(watchers.into_iter().map(rest));
    let (published, seen) = futures_util::join!(publish, watch);
    published?;
    let all: Vec<_> = (1..50).map(at).chain([end(50)]).collect();
    seen?.into_iter().try_for_each(|seen| ensure_eq(&seen, &all))
}

async fn slow_watcher_misses_no_seq(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    let mut watcher = tracker.stream(saga(1));
    ensure_eq(next(&mut watcher).await?, at(0))?;
    for seq in 1..20 {
        for done in 0..100 {
            tracker.update(bytes(seq, done)).await?;
        }
    }
    tracker.complete(end(20)).await?;
    let mut seen = rest(watcher).await?;
    // Of each `seq` only the latest counts.
    seen.reverse();
    seen.dedup_by_key(|progress| progress.seq);
    seen.reverse();
    let latest = (1..20).map(|seq| bytes(seq, 99));
    ensure_eq(seen, latest.chain([end(20)]).collect())
}

async fn ends_after_terminal(tracker: Tracker) -> Verdict {
    use SagaStatus::{Cancelled, Compensated, Completed, Killed};
    for (id, status) in (1..).zip([Completed, Compensated, Cancelled, Killed]) {
        let last = Progress { saga: saga(id), status, ..at(1) };
        tracker.initialise(Progress { saga: saga(id), ..at(0) }).await?;
        let watcher = tracker.stream(saga(id));
        tracker.complete(last.clone()).await?;
        ensure_eq(rest(watcher).await?.last(), Some(&last))?;
    }
    Ok(())
}

async fn late_for_the_end(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    tracker.complete(end(5)).await?;
    ensure_eq(rest(tracker.stream(saga(1))).await?, vec![end(5)])
}

async fn ends_with_the_tracker(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    let mut watcher = tracker.stream(saga(1));
    ensure_eq(next(&mut watcher).await?, at(0))?;
    drop(tracker);
    ensure_eq(rest(watcher).await?, vec![])
}

async fn one_saga_only(tracker: Tracker) -> Verdict {
    let other = Progress { saga: saga(2), ..at(0) };
    tracker.initialise(at(0)).await?;
    tracker.initialise(other.clone()).await?;
    let mut watcher = tracker.stream(saga(1));
    ensure_eq(next(&mut watcher).await?, at(0))?;
    tracker.update(Progress { seq: 1, ..other.clone() }).await?;
    tracker.complete(Progress { saga: saga(2), ..end(2) }).await?;
    tracker.complete(end(1)).await?;
    ensure_eq(rest(watcher).await?, vec![end(1)])
}

async fn watched(tracker: Tracker) -> Verdict {
    ensure(!tracker.watched(saga(1)), || "it was true before".into())?;
    let first = tracker.stream(saga(1));
    ensure(tracker.watched(saga(1)), || "it was false for a stream".into())?;
    ensure(!tracker.watched(saga(2)), || "it was true for another saga".into())?;
    let second = tracker.stream(saga(1));
    drop(first);
    ensure(tracker.watched(saga(1)), || "it was false for a second stream".into())?;
    drop(second);
    ensure(!tracker.watched(saga(1)), || "it was true afterwards".into())
}

async fn keeps_a_thousand(tracker: Tracker) -> Verdict {
    for id in 0..1_000 {
        tracker.initialise(Progress { saga: saga(id), ..at(0) }).await?;
    }
    for id in 0..1_000 {
        let found = tracker.get(saga(id)).await?;
        ensure(found.is_some(), || format!("the {id}th of 1,000 is forgotten"))?;
    }
    Ok(())
}

async fn keeps_the_watched(tracker: Tracker) -> Verdict {
    tracker.initialise(at(0)).await?;
    let mut watcher = tracker.stream(saga(1));
    for id in 2..10_000 {
        tracker.initialise(Progress { saga: saga(id), ..at(0) }).await?;
    }
    ensure_eq(tracker.get(saga(1)).await?, Some(at(0)))?;
    ensure_eq(next(&mut watcher).await?, at(0))?;
    tracker.update(at(1)).await?;
    ensure_eq(next(&mut watcher).await?, at(1))
}

fn saga(id: u128) -> SagaId {
    SagaId(uuid::Uuid::from_u128(id))
}

fn at(seq: u64) -> Progress {
    Progress { seq, ..Progress::new(saga(1), 3) }
}

fn bytes(seq: u64, done: u64) -> Progress {
    Progress { bytes: Some(ByteCount::of(done, 100)), ..at(seq) }
}

fn end(seq: u64) -> Progress {
    Progress { status: SagaStatus::Completed, ..at(seq) }
}

/// What is published is seen within this, however busy the machine is.
const SEEN: Duration = Duration::from_secs(60);

async fn next(watcher: &mut ProgressStream) -> Result<Progress, Failure> {
    match timeout(SEEN, watcher.try_next()).await {
        Ok(next) => Ok(next?.ok_or("the stream ended")?),
        Err(_) => Err(format!("nothing was seen within {SEEN:?}").into()),
    }
}

async fn rest(watcher: ProgressStream) -> Result<Vec<Progress>, Failure> {
    match timeout(SEEN, watcher.try_collect()).await {
        Ok(rest) => Ok(rest?),
        Err(_) => Err(format!("the stream did not end within {SEEN:?}").into()),
    }
}
