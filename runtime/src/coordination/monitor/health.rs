//! Whether this process can coordinate: it tries.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{join, time::timeout};

use crate::{
    coordination::{ElectionHealth, HealthStatus, Inner},
    kernel::Timestamp,
    lease::{Acquired, LeaseError, Owner, ServerClock},
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
    /// slow, cannot tell those who wait that it is their turn, so that they ask about once a second, has a
    /// server whose clock jumped since the last check, or one that [may lose leases](crate::lease::LeaseStore::doubts) as it is
    /// set now, or [`Unhealthy`](HealthStatus::Unhealthy) where it does not do what it is asked. No better than any of the
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
        let tried = async {
            let tried = timeout(LIMIT, try_it(inner)).await;
            (tried, inner.clock.now().since(begun))
        };
        let doubts = timeout(SLOW, inner.store.doubts());
        let ((tried, latency), jumps, doubts) = join!(tried, jumps(inner), doubts);
        let degraded = |why: String| (HealthStatus::Degraded, why);
        let mut found: Vec<_> =
            jumps.into_iter().chain(doubts.unwrap_or_default()).map(degraded).collect();
        match tried {
            Ok(Ok(())) if latency > SLOW => {
                found.push(degraded(format!("the lease store took {latency:?}")));
            }
            Ok(Ok(())) => {}
            Ok(Err(why)) => found.push((HealthStatus::Unhealthy, why)),
            Err(_) => {
                let why = format!("the lease store did not answer within {LIMIT:?}");
                found.push((HealthStatus::Unhealthy, why));
            }
        }
        if inner.bell.is_deaf() {
            let why = "the lease store cannot tell those who wait that it is their turn";
            found.push(degraded(why.to_owned()));
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

/// What health checks know.
pub(in crate::coordination) struct Checks {
    /// One name, and one check at a time, because a store remembers the last fence of each name.
    owner: tokio::sync::Mutex<Owner>,
    /// When a clock was read last, here and by that clock, of each server by its address.
    read: Mutex<BTreeMap<String, (Timestamp, Timestamp)>>,
}

impl Checks {
    pub(in crate::coordination) fn new() -> Self {
        Self { owner: tokio::sync::Mutex::new(Owner::draw()), read: Mutex::default() }
    }

    /// What is strange about the clock of a server.
    fn compare(&self, here: Timestamp, clock: ServerClock) -> Option<String> {
        let ServerClock { address, now: there } = clock;
        let mut read = self.read.lock().expect("no critical section panics");
        let (before_here, before_there) = read.insert(address.clone(), (here, there))?;
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
            "at {address} the clock of the lease store {jumped} while {passed:?} passed here: leases may have ended early or late"
        ))
    }
}

/// Says what is wrong, if it does not work.
async fn try_it(inner: &Inner) -> Result<(), String> {
    let told = |error: LeaseError| error.to_string();
    let owner = inner.health.owner.lock().await;
    let name = format!("health\u{1f}{}", owner.as_str());
    let acquired = inner.store.try_acquire(&name, &owner, LEASE).await.map_err(told)?;
    let Acquired::Granted(grant) = acquired else {
        return Err("the lease store says that somebody else has what nobody wants".to_owned());
    };
    let seen = inner.store.inspect(&name).await.map_err(told)?;
    inner.store.release(&name, &owner).await.map_err(told)?;
    match seen {
        Some(tenure) if tenure.fence == grant.fence => Ok(()),
        seen => Err(format!("the lease store granted {:?} and then told {seen:?}", grant.fence)),
    }
}

/// Which clocks jumped since the last check.
async fn jumps(inner: &Inner) -> Vec<String> {
    let asked = inner.clock.now();
    let told = timeout(SLOW, inner.store.clocks()).await.unwrap_or_default();
    let here = inner.clock.now();
    // Of what took long, or was heard late, nobody knows when it was so.
    if here.since(asked) > SLOW {
        return Vec::new();
    }
    told.into_iter().filter_map(|clock| inner.health.compare(here, clock)).collect()
}
