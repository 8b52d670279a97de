//! What processes say of their statistics: each its own, again and again, as candidates say that they stand.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Observed, counts::Counts, statistics::LockStatistics};
use crate::{
    coordination::{keeper::Keeper, terms::LEASES},
    lease::{Beat, CandidateStore, LeaseError, LeaseStore, LiveCandidate, Owner},
};

/// Who tells is a candidate of this name, which is that of no election.
const NAME: &str = "statistics\u{1f}";
/// How long the store is waited for at most.
const ANSWER: Duration = Duration::from_secs(3);
/// How long it takes at most to say that nothing is told any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// What happened to the leases and locks of all processes that
/// [tell](super::super::Coordination::tell_statistics_every).
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new())
///     .tell_statistics_every(Duration::from_secs(10));
/// let held = coordination.lock("orders:17").acquire().await?;
/// let statistics = coordination.monitor().statistics_of_all().await;
/// assert_eq!((statistics.processes, statistics.all.held), (1, 1));
/// if let Some(why) = statistics.partial {
///     println!("these are not all: {why}");
/// }
/// # drop(held);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStatistics {
    /// The sums, of this process as it is now, and of each other one as it was when it told last. The times are put
    /// together as if all had happened in one process.
    pub all: LockStatistics,
    /// Of how many processes they are, this one included.
    pub processes: u64,
    /// Why they are not those of all that tell: the store did not answer, or does not know, or somebody wrote what
    /// cannot be read.
    pub partial: Option<String>,
}

/// What a process needs to tell.
pub(in crate::coordination) struct Shared {
    /// As whom it does.
    process: Owner,
    telling: Mutex<Option<(DropGuard, JoinHandle<()>)>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { process: Owner::draw(), telling: Mutex::default() }
    }
}

impl Shared {
    /// Tells so often from now on, on the runtime that keeps leases, until this is dropped.
    pub(in crate::coordination) fn tell(
        &self,
        keeper: &Keeper,
        (store, observed): (&Arc<dyn LeaseStore>, &Arc<Observed>),
        every: Duration,
    ) {
        let every = every.clamp(*LEASES.start(), *LEASES.end());
        let (process, store, observed) =
            (self.process.clone(), Arc::clone(store), Arc::clone(observed));
        let is_over = CancellationToken::new();
        let over = is_over.clone();
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let before = telling.take().map(|(_, before)| before);
        let told = keeper.spawn(async move {
            // What is told otherwise by now says first that it is not told any more.
            if let Some(before) = before {
                let _ = before.await;
            }
            let Some(store) = store.candidates() else { return };
            tell(store, &observed, (&process, every), &over).await;
            // If it is not heard it is gone all the same, later.
            let _ = timeout(FAREWELL, store.leave(NAME, process.as_str())).await;
        });
        *telling = Some((is_over.drop_guard(), told));
    }

    /// Tells no more.
    pub(in crate::coordination) fn end(&self) {
        drop(self.telling.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The processes that tell; nothing where this one does not.
    pub(super) async fn processes(
        &self,
        store: &dyn LeaseStore,
    ) -> Result<Option<BTreeSet<String>>, LeaseError> {
        let is_telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let Some(store) = store.candidates().filter(|_| is_telling) else { return Ok(None) };
        let all = store.list(NAME).await?;
        let process = |one: LiveCandidate| Owner::from(one.candidate).drawn_in().map(str::to_owned);
        // This one lives, whether or not it was heard yet.
        let ours = Owner::process().to_owned();
        Ok(Some(all.into_iter().filter_map(process).chain([ours]).collect()))
    }

    /// All that is told, and what this process knows of itself.
    pub(super) async fn statistics(
        &self,
        store: &dyn LeaseStore,
        observed: &Observed,
    ) -> SharedStatistics {
        let (told, mut partial) = match others(store).await {
            Ok(told) => (told, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let (mut all, mut processes, mut unread) = (observed.totals().all().clone(), 1, 0);
        for other in told.iter().filter(|other| other.candidate != self.process.as_str()) {
            match Counts::heard(&other.metadata) {
                Some(counts) => {
                    all.add(&counts);
                    processes += 1;
                }
                None => unread += 1,
            }
        }
        if unread > 0 {
            partial = Some(format!("{unread} processes say what cannot be read"));
        }
        SharedStatistics { all: all.statistics(), processes, partial }
    }
}

/// What is on its way when it is over comes to its end: else it might come after the farewell.
async fn tell(
    store: &dyn CandidateStore,
    observed: &Observed,
    (process, every): (&Owner, Duration),
    over: &CancellationToken,
) {
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while over.run_until_cancelled(turns.tick()).await.is_some() {
        let said = observed.totals().all().said();
        let beat = Beat {
            name: NAME,
            candidate: process.as_str(),
            owner: None,
            is_healthy: true,
            health_score: 1.0,
            metadata: &said,
            interval: every,
        };
        match timeout(every.min(ANSWER), store.beat(beat)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the statistics were not told"),
            Err(_) => tracing::warn!("whether the statistics were told was not answered"),
        }
    }
}

async fn others(store: &dyn LeaseStore) -> Result<Vec<LiveCandidate>, String> {
    let Some(store) = store.candidates() else {
        return Err("this lease store does not know what processes tell".to_owned());
    };
    match timeout(ANSWER, store.list(NAME)).await {
        Ok(told) => told.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the lease store did not answer within {ANSWER:?}")),
    }
}
