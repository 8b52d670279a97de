//! Whether this process can coordinate: it tries.

use std::time::Duration;

use tokio::time::timeout;

use crate::{
    coordination::{HealthStatus, Inner},
    lease::{Acquired, LeaseError},
};

/// How long a health check takes at most.
const LIMIT: Duration = Duration::from_secs(2);
/// From which time on a store is slow.
const SLOW: Duration = Duration::from_millis(250);
/// How long the name of a check is kept whose process dies.
const LEASE: Duration = Duration::from_secs(5);

/// What a health check of a process says about its lease store.
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
    /// slow, or [`Unhealthy`](HealthStatus::Unhealthy) where it does not do what it is asked.
    pub status: HealthStatus,
    /// How long it took to take a name, look at it and give it back.
    pub latency: Duration,
    /// Why it is not healthy.
    pub reason: Option<String>,
}

impl CoordinationHealth {
    /// Takes a name that no other process wants, and gives it back.
    pub(in crate::coordination) async fn of(inner: &Inner) -> Self {
        let begun = inner.clock.now();
        let tried = timeout(LIMIT, try_it(inner)).await;
        let latency = inner.clock.now().since(begun);
        let (status, reason) = match tried {
            Ok(Ok(())) if latency <= SLOW => (HealthStatus::Healthy, None),
            Ok(Ok(())) => {
                (HealthStatus::Degraded, Some(format!("the lease store took {latency:?}")))
            }
            Ok(Err(why)) => (HealthStatus::Unhealthy, Some(why)),
            Err(_) => {
                let why = format!("the lease store did not answer within {LIMIT:?}");
                (HealthStatus::Unhealthy, Some(why))
            }
        };
        Self { status, latency, reason }
    }
}

async fn try_it(inner: &Inner) -> Result<(), String> {
    let told = |error: LeaseError| error.to_string();
    // One name, and one check at a time: a store remembers the last fence of each name.
    let owner = inner.health.lock().await;
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
