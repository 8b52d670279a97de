//! Joins what the journal knew when a watcher came with what a tracker says from then on.

use std::future::ready;

use futures_util::{Stream, StreamExt, stream};

use super::Progress;

/// Every state from `known` on: `known` itself, then those of `live` that are not older, up to the
/// terminal one or to one that [needs an operator](super::SagaStatus::needs_operator). So it
/// never waits for ever on a saga that does not move; following it again waits again.
///
/// Call [`stream`](super::ProgressTracker::stream) first and read `known` from the journal after
/// it. A state that is committed before that read is in `known`; one that is committed later is
/// published, as the saga is watched by then: none is lost.
///
/// ```
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::progress::{Progress, SagaStatus, follow};
/// use futures_util::{StreamExt, stream};
///
/// # let saga = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// let at = |seq, status| Progress { seq, status, ..Progress::new(saga, 3) };
/// let live = stream::iter([
///     at(2, SagaStatus::Running),
///     at(6, SagaStatus::Running),
///     at(8, SagaStatus::Completed),
/// ]);
/// let seen: Vec<u64> = follow(at(4, SagaStatus::Running), live).map(|p| p.seq).collect().await;
/// assert_eq!(seen, [4, 6, 8]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub fn follow(known: Progress, live: impl Stream<Item = Progress>) -> impl Stream<Item = Progress> {
    let mut latest: Option<Progress> = None;
    let states = stream::once(ready(known)).chain(live).filter(move |progress| {
        let news = latest.as_ref().is_none_or(|latest| {
            progress.seq > latest.seq || progress.seq == latest.seq && progress != latest
        });
        if news {
            latest = Some(progress.clone());
        }
        ready(news)
    });
    // Not `take_while`: it would wait for a state after the last to see that it was the last.
    stream::unfold(Some(Box::pin(states)), |states| async {
        let mut states = states?;
        let progress = states.next().await?;
        let last = progress.status.is_terminal() || progress.status.needs_operator();
        Some((progress, (!last).then_some(states)))
    })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        kernel::SagaId,
        progress::{ByteCount, SagaStatus},
    };

    fn at(seq: u64, status: SagaStatus) -> Progress {
        Progress { seq, status, ..Progress::new(SagaId(uuid::Uuid::nil()), 3) }
    }

    /// What a watcher sees before it has to wait.
    fn seen(known: Progress, live: Vec<Progress>) -> (Vec<Progress>, bool) {
        let live = stream::iter(live).chain(stream::pending());
        let mut states = Box::pin(follow(known, live));
        let mut seen = Vec::new();
        loop {
            match states.next().now_or_never() {
                Some(Some(progress)) => seen.push(progress),
                Some(None) => return (seen, true),
                None => return (seen, false),
            }
        }
    }

    #[test]
    fn it_ends_where_nothing_moves_without_waiting_for_more() {
        use SagaStatus::{Cancelled, Compensating, Completed, Killed, Parked, Running, Stuck};
        for last in [Completed, Cancelled, Killed, Parked, Stuck] {
            let states = vec![at(1, Running), at(2, last)];
            assert_eq!(seen(at(1, Running), states.clone()), (states, true), "{last}");
            assert_eq!(seen(at(2, last), vec![]), (vec![at(2, last)], true), "{last}");
        }
        let states = vec![at(1, Running), at(2, Compensating)];
        assert_eq!(seen(at(1, Running), states.clone()), (states, false));
    }

    #[test]
    fn what_is_known_is_neither_repeated_nor_taken_back() {
        let known = at(4, SagaStatus::Running);
        let packed = Progress { bytes: Some(ByteCount::of(1, 2)), ..known.clone() };
        let live = vec![at(3, SagaStatus::Running), known.clone(), packed.clone()];
        assert_eq!(seen(known.clone(), live), (vec![known, packed], false));
    }
}
