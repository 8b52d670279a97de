//! Settings of leases in Redis.

use std::{sync::Arc, time::Duration};

use super::{
    Inner, RedisLeases,
    replicas::{Replicas, Wanted},
    scripts::Scripts,
};
use crate::backend::redis::link::{Link, LinkSettings, RedisOpenError};

/// Settings of [`RedisLeases`].
///
/// See [`RedisLeases`] for an example.
#[derive(Clone, Debug)]
pub struct RedisLeasesBuilder {
    link: LinkSettings,
    namespace: String,
    replicas: Option<Wanted>,
}

impl RedisLeasesBuilder {
    pub(in crate::backend::redis) fn of(link: LinkSettings, namespace: String) -> Self {
        Self { link, namespace, replicas: None }
    }

    /// The beginning of the name of every key. Processes with one namespace share their leases. Default
    /// `distributed-task`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Grants a name only when so many replicas have the grant as well. They are waited for no longer than this, and
    /// whoever asks meanwhile waits as long once more: take less than a lease. Where too few have it that is an error
    /// that [may have been done](crate::lease::LeaseError::is_outcome_unknown), and whoever asked gives back what it
    /// may have, as locks and leases of [`Coordination`](crate::coordination::Coordination) do. It takes the time of a
    /// replica more, and one more connection. Default: none has to.
    ///
    /// A fail-over to one that has it keeps its holder. It may still be to one that has not, so that
    /// [`safety`](crate::lease::LeaseStore::safety) is what it was; and a renewal that is lost so may cost the lease,
    /// and no more. One server of a [quorum](crate::backend::quorum::QuorumLeases) does not wait for any.
    #[must_use]
    pub fn wait_for_replicas(mut self, replicas: u32, limit: Duration) -> Self {
        // Longer than anything lasts here.
        let limit = limit.min(Duration::from_secs(24 * 3600));
        self.replicas = Some(Wanted { replicas, limit });
        self
    }

    /// Connects.
    ///
    /// # Errors
    /// [`RedisOpenError`] when the server cannot be reached or used.
    pub async fn open(self) -> Result<RedisLeases, RedisOpenError> {
        let Self { link: settings, namespace, replicas } = self;
        let replicas = match replicas {
            Some(wanted) => Some(Replicas::open(wanted, settings.clone(), &namespace).await?),
            None => None,
        };
        let (link, scripts) = (Link::open(settings).await?, Scripts::standard());
        Ok(RedisLeases(Arc::new(Inner { link, namespace, scripts, replicas })))
    }
}
