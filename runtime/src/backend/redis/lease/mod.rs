//! Leases in Redis: a hash with an end for each, and a number that outlives it.

mod names;
mod scripts;
#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use redis::{FromRedisValue, Value, from_redis_value};

use self::{names::keys, scripts::Scripts};
use super::{
    link::{Link, LinkError, LinkSettings, RedisOpenError, Script},
    milliseconds,
};
use crate::{
    kernel::{Fence, Timestamp},
    lease::{
        Acquired, Busy, Grant, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure,
    },
};

/// A [`LeaseStore`] in Redis 7.0 or later, for many processes. Cloning shares it.
///
/// A lease is the hash `<namespace>:{<name>}:l`, which ends with it, and its last fence the number
/// `<namespace>:{<name>}:f`, which is remembered for a day after the last tenure, and at least twice as
/// long as that lasted. A fence is the time of the server in microseconds, or one more than the last one:
/// it also rises where the server lost that, unless its clock went back meanwhile.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::redis::RedisLeases,
///     lease::{LeaseStore as _, Owner},
/// };
///
/// let leases = RedisLeases::builder("redis://127.0.0.1/").namespace("shop").open().await?;
/// let ours = Owner::draw();
/// leases.try_acquire("nightly-report", &ours, Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisLeases(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    namespace: String,
    scripts: Arc<Scripts>,
}

/// Settings of [`RedisLeases`].
///
/// See [`RedisLeases`] for an example.
#[derive(Clone, Debug)]
pub struct RedisLeasesBuilder {
    link: LinkSettings,
    namespace: String,
}

/// How long a fence is remembered, at least.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

impl RedisLeasesBuilder {
    /// The beginning of the name of every key. Processes with one namespace share their leases. Default
    /// `distributed-task`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`RedisOpenError`] when the server cannot be reached or used.
    pub async fn open(self) -> Result<RedisLeases, RedisOpenError> {
        let link = Link::open(self.link).await?;
        Ok(RedisLeases::on(link, &self.namespace))
    }
}

impl RedisLeases {
    /// A store at this address, with settings of your own. Where a
    /// [`RedisJournal`](super::RedisJournal) is, its [`leases`](super::RedisJournal::leases) shares the
    /// connection.
    pub fn builder(url: impl Into<String>) -> RedisLeasesBuilder {
        let namespace = "distributed-task".to_owned();
        RedisLeasesBuilder { link: LinkSettings::new(url), namespace }
    }

    pub(super) fn on(link: Arc<Link>, namespace: &str) -> Self {
        let (namespace, scripts) = (namespace.to_owned(), Scripts::standard());
        Self(Arc::new(Inner { link, namespace, scripts }))
    }

    async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Bytes],
    ) -> Result<T, LeaseError> {
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        let answer = self.0.link.script(script, &keys, args).await.map_err(lease_error)?;
        answer_of(answer)
    }
}

/// It answered, and so it was done; but by something that is not ours.
fn answer_of<T: FromRedisValue>(answer: Value) -> Result<T, LeaseError> {
    from_redis_value(answer).map_err(|error| LeaseError::Unanswered(error.into()))
}

fn lease_error(error: LinkError) -> LeaseError {
    match error {
        LinkError::Unanswered(_) => LeaseError::Unanswered(error.into()),
        LinkError::Refused(_) => {
            LeaseError::Refused { retryable: error.is_worth_repeating(), source: error.into() }
        }
    }
}

/// In milliseconds, as the server counts; at least one.
fn lasting(lease: Duration) -> u64 {
    milliseconds(lease).max(1)
}

fn number(number: u64) -> Bytes {
    number.to_string().into()
}

fn name_of(owner: &Owner) -> Bytes {
    Bytes::copy_from_slice(owner.as_str().as_bytes())
}

/// What is left; nothing where there is no end.
fn left(milliseconds: i64) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

impl LeaseStore for RedisLeases {
    fn safety(&self) -> Safety {
        match self.0.link.server().is_replicated {
            true => Safety::Replicas,
            false => Safety::Server,
        }
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        async move {
            let remembered = milliseconds(REMEMBERED.max(lease.saturating_mul(2)));
            let args = [name_of(owner), number(lasting(lease)), number(remembered)];
            let keys = keys(&self.0.namespace, name);
            let (granted, text, milliseconds): (bool, String, i64) =
                self.ask(&self.0.scripts.acquire, &keys, &args).await?;
            Ok(match granted {
                true => {
                    let fence = text.parse().map_err(|error| no_fence(name, error))?;
                    let left = left(milliseconds).unwrap_or(lease);
                    Acquired::Granted(Grant { fence: Fence(fence), left })
                }
                false => Acquired::Busy(Busy {
                    holder: Some(Owner::from(text)),
                    retry_after: left(milliseconds),
                }),
            })
        }
        .boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            let args = [name_of(owner), number(lasting(lease))];
            let [key, _] = keys(&self.0.namespace, name);
            Ok(match self.ask(&self.0.scripts.renew, &[key], &args).await? {
                true => Renewed::Renewed,
                false => Renewed::NotOwner,
            })
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        async move {
            let [key, _] = keys(&self.0.namespace, name);
            Ok(match self.ask::<i8>(&self.0.scripts.release, &[key], &[name_of(owner)]).await? {
                1 => Released::Released,
                0 => Released::AlreadyExpired,
                _ => Released::NotOwner,
            })
        }
        .boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        async move {
            let [key, _] = keys(&self.0.namespace, name);
            let held: Option<(String, u64, u64, i64)> =
                self.ask(&self.0.scripts.inspect, &[key], &[]).await?;
            Ok(held.map(|(owner, fence, since, milliseconds)| Tenure {
                owner: Owner::from(owner),
                fence: Fence(fence),
                since: Timestamp(since),
                expires_in: left(milliseconds),
            }))
        }
        .boxed()
    }
}

fn no_fence(name: &str, error: std::num::ParseIntError) -> LeaseError {
    let source = format!("the fence of `{name}` cannot be read: {error}").into();
    LeaseError::Refused { source, retryable: false }
}

impl fmt::Debug for RedisLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLeases").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
