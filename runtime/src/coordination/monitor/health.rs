//! Whether this process can coordinate: it tries.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    coordination::{ElectionHealth, HealthStatus, Inner},
    kernel::Timestamp,
    lease::{Acquired, LeaseError, Owner, Safety},
};

/// How long a health check takes at most.
const LIMIT: Duration = Duration::from_secs(2);
/// From which time on a store is slow.
const SLOW: Duration = Duration::from_millis(250);
/// How long the name of a check is kept whose process dies.
const LEASE: Duration = Duration::from_secs(5);

/// What a health check of a process says about its lease store, and the elections in which it stands.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, HealthStatus},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let health = coordination.health().await;
/// assert_eq!((health.status, health.reason), (HealthStatus::Healthy, None));
/// println!("the store took {:?}", health.latency);
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoordinationHealth {
    /// [`Healthy`](HealthStatus::Healthy), or [`Degraded`](HealthStatus::Degraded) where the store is
    /// slow, cannot tell those who wait that it is their turn, so that they ask about once a second, or has a
    /// clock that jumped since the last check, or
    /// [`Unhealthy`](HealthStatus::Unhealthy) where it does not do what it is asked. No better than any of the
    /// elections.
    pub status: HealthStatus,
    /// How long it took to take a name, look at it and give it back.
    pub latency: Duration,
    /// Why it is not healthy, all that was found.
    pub reason: Option<String>,
    /// How the elections are in which this process [stands](crate::coordination::Election::start), by name.
    pub elections: BTreeMap<Arc<str>, ElectionHealth>,
}

impl CoordinationHealth {
    /// Takes a name that no other process wants, and gives it back.
    pub(in crate::coordination) async fn of(inner: &Inner) -> Self {
        let begun = inner.clock.now();
        let tried = timeout(LIMIT, try_it(inner)).await;
        let latency = inner.clock.now().since(begun);
        let mut found = Vec::new();
        match tried {
            Ok(Ok(strange)) => {
                let slow = (latency > SLOW).then(|| format!("the lease store took {latency:?}"));
                let all = slow.into_iter().chain(strange);
                found.extend(all.map(|why| (HealthStatus::Degraded, why)));
            }
            Ok(Err(why)) => found.push((HealthStatus::Unhealthy, why)),
            Err(_) => {
                let why = format!("the lease store did not answer within {LIMIT:?}");
                found.push((HealthStatus::Unhealthy, why));
            }
        }
        if inner.bell.is_deaf() {
            let why = "the lease store cannot tell those who wait that it is their turn";
            found.push((HealthStatus::Degraded, why.to_owned()));
        }
        let elections = inner.seats.health();
        for (name, health) in &elections {
            if let Some(reason) = &health.reason {
                found.push((health.status, format!("election `{name}`: {reason}")));
            }
        }
        let status = found.iter().map(|(status, _)| *status).max().unwrap_or(HealthStatus::Healthy);
        let reasons: Vec<String> = found.into_iter().map(|(_, why)| why).collect();
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        Self { status, latency, reason, elections }
    }
}

/// What health checks know: one name, and one check at a time, because a store remembers the last fence of
/// each name.
pub(in crate::coordination) struct Checks {
    owner: Owner,
    /// What one took that did not come to its end may be there yet.
    is_unfinished: bool,
    /// When the last one was, here and on the store's clock.
    last: Option<(Timestamp, Timestamp)>,
}

impl Checks {
    pub(in crate::coordination) fn new() -> Self {
        Self { owner: Owner::draw(), is_unfinished: false, last: None }
    }

    /// What is strange about the clock of the store.
    fn compare(&mut self, here: Timestamp, there: Timestamp) -> Option<String> {
        let (before_here, before_there) = self.last.replace((here, there))?;
        let (passed, told) = (here.since(before_here), there.since(before_there));
        let back = before_there.since(there);
        // The way there takes some of it, and clocks are set right all the time, a little.
        let tolerated = SLOW * 2 + passed / 1000;
        let jumped = match back > tolerated {
            true => format!("went back by {back:?}"),
            false if passed.abs_diff(told) > tolerated => format!("went on by {told:?}"),
            false => return None,
        };
        Some(format!(
            "the clock of the lease store {jumped} while {passed:?} passed here: leases may have ended early or late"
        ))
    }
}

/// Tells what is strange, where it works.
async fn try_it(inner: &Inner) -> Result<Option<String>, String> {
    let told = |error: LeaseError| error.to_string();
    let mut checks = inner.health.lock().await;
    let owner = checks.owner.clone();
    let name = format!("health\u{1f}{}", owner.as_str());
    let was_unfinished = std::mem::replace(&mut checks.is_unfinished, true);
    let asked_at = inner.clock.now();
    let acquired = inner.store.try_acquire(&name, &owner, LEASE).await.map_err(told)?;
    let granted_at = inner.clock.now();
    let Acquired::Granted(grant) = acquired else {
        return Err("the lease store says that somebody else has what nobody wants".to_owned());
    };
    let seen = inner.store.inspect(&name).await.map_err(told)?;
    inner.store.release(&name, &owner).await.map_err(told)?;
    checks.is_unfinished = false;
    // Of a tenure that is older, or a call that took long, nobody knows when it began. Several servers have
    // several clocks.
    let is_known = !was_unfinished
        && granted_at.since(asked_at) <= SLOW
        && inner.store.safety() != Safety::Quorum;
    match seen {
        Some(tenure) if tenure.fence == grant.fence => {
            Ok(is_known.then(|| checks.compare(granted_at, tenure.since)).flatten())
        }
        seen => Err(format!("the lease store granted {:?} and then told {seen:?}", grant.fence)),
    }
}
