//! Settings of the journal in Redis.

use std::{sync::Arc, time::Duration};

use super::{
    Inner, RedisJournal, chunk::BoxError, clock::StoreClock, ears::Ears, partition::Partition,
    reply::List, scripts::Scripts, stuck::Watch,
};
use crate::{
    backend::redis::{
        NAMESPACE, RedisLeasesBuilder,
        link::{Link, LinkError, LinkSettings, RedisOpenError},
    },
    kernel::Timestamp,
};

/// Below this a busy machine is taken for a dead one.
const SHORTEST: Duration = Duration::from_millis(100);

/// Settings of a [`RedisJournal`].
///
/// ```
/// use std::time::Duration;
/// use distributed_task::backend::redis::RedisJournal;
///
/// let builder = RedisJournal::builder("redis://127.0.0.1/")
///     .namespace("shop")
///     .lease(Duration::from_secs(10))
///     .retain(Duration::from_secs(7 * 24 * 60 * 60));
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct RedisJournalBuilder {
    pub(super) link: LinkSettings,
    pub(super) settings: Settings,
    #[cfg(test)]
    pub(super) mistake: Option<super::tests::Mistake>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) namespace: String,
    pub(super) partitions: usize,
    pub(super) lease: Duration,
    pub(super) presence: bool,
    pub(super) retain: Duration,
    pub(super) result_only: bool,
    pub(super) capacity: usize,
    pub(super) carried: Duration,
}

impl RedisJournalBuilder {
    pub(super) fn new(url: String) -> Self {
        Self {
            link: LinkSettings::new(url),
            settings: Settings {
                namespace: NAMESPACE.to_owned(),
                partitions: 1,
                lease: Duration::from_secs(3),
                presence: false,
                retain: Duration::from_secs(24 * 60 * 60),
                result_only: false,
                capacity: 100_000,
                carried: Duration::from_secs(60),
            },
            #[cfg(test)]
            mistake: None,
        }
    }

    /// The beginning of the name of every key. Processes with one namespace share their sagas. Default
    /// `distributed-task`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// Over so many sets of keys sagas are spread. The same for every process, for ever. Each costs an
    /// idle process one command a second more. Their calls are on their way side by side. New sagas are begun
    /// in the order of their starts within each of them only, and [`capacity`](Self::capacity) is judged by
    /// one of them. Default 1.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> Self {
        self.settings.partitions = partitions;
        self
    }

    /// How long this process may be silent before others go on with its sagas. It is renewed at a third
    /// of it. Default 3 s.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Goes on with the sagas of a process that is not connected any more after about a second, without
    /// waiting for its lease: when its machine has closed its connections, as it does for a process that
    /// was killed. A process pulses nearly twice a second then. One whose machine or network is gone still
    /// has its lease, and so has every process for a lease after this one has lost a connection. Needs the
    /// command `PUBSUB`. Default: off.
    #[must_use]
    pub fn presence(mut self) -> Self {
        self.settings.presence = true;
        self
    }

    /// How long a saga is kept after its end, with its records and its key, at least. At most twice as
    /// long. The same for every process. A start whose answer was lost is found for so long, so leave it
    /// half a minute or more. Default 24 hours. After that a key is [not to be used
    /// again](crate::docs::guide::idempotent_start#a-key-that-is-used-again) for something new.
    #[must_use]
    pub fn retain(mut self, retention: Duration) -> Self {
        self.settings.retain = retention;
        self
    }

    /// Keeps of a saga that is over what it was asked for, what happened, and its result, but not what
    /// its steps returned: less memory. What is open keeps all. A saga with more than 4 KiB behind its
    /// start is read once more for that when it ends.
    #[must_use]
    pub fn result_only(mut self) -> Self {
        self.settings.result_only = true;
        self
    }

    /// So many new sagas of a definition may wait for their first claim, about, before `submit` waits.
    /// Default 100,000.
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.settings.capacity = capacity;
        self
    }

    /// After how long a ticket comes back that a queue was to carry and has lost. Default 1 minute.
    #[must_use]
    pub fn carry_timeout(mut self, patience: Duration) -> Self {
        self.settings.carried = patience;
        self
    }

    /// Leases in the same server and namespace, over a connection of their own. Over that of a journal that
    /// is open: [`RedisJournal::leases`].
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::backend::redis::RedisJournal;
    ///
    /// let settings = RedisJournal::builder("redis://127.0.0.1/").namespace("shop");
    /// let (leases, journal) = (settings.leases().open().await?, settings.open().await?);
    /// # let _ = (leases, journal);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn leases(&self) -> RedisLeasesBuilder {
        RedisLeasesBuilder::of(self.link.clone(), self.settings.namespace.clone())
    }

    /// Connects, and looks whether the server can keep a journal.
    ///
    /// # Errors
    /// [`RedisOpenError`] when it cannot be reached, is no Redis 7.0 or later, or may evict keys.
    pub async fn open(self) -> Result<RedisJournal, RedisOpenError> {
        let Self {
            link,
            settings,
            #[cfg(test)]
            mistake,
        } = self;
        settings.check()?;
        let link = Link::open_on_a_thread(link).await?;
        settings.agree(&link).await?;
        let durability = link.server().durability;
        #[cfg(not(test))]
        let scripts = Scripts::standard();
        #[cfg(test)]
        let scripts = mistake.map_or_else(Scripts::standard, Scripts::with);
        let clock = Arc::new(StoreClock::new());
        clock.heard(time(&link).await?);
        let partition = |number| {
            let name = (settings.namespace.as_str(), number);
            Arc::new(Partition::new((&link, &scripts), &clock, name, settings.retain))
        };
        let partitions = (0..settings.partitions.max(1)).map(partition).collect();
        let ears = Arc::new(Ears::new());
        let inner = Arc::new(Inner::new(settings, clock, ears, partitions, durability));
        let subscription = inner.listen_to(&link);
        let watch = Watch::start(&inner, &link);
        Ok(RedisJournal { inner, _subscription: subscription, _watch: watch })
    }
}

/// The version of the keys and scripts.
const FORMAT: &str = "1";

impl Settings {
    fn check(&self) -> Result<(), RedisOpenError> {
        let wrong = |setting, what: String| Err(RedisOpenError::Setting { setting, what });
        if self.namespace.is_empty() || self.namespace.contains(['{', '}']) {
            let what = format!("`{}` is empty or has a brace: say a name", self.namespace);
            return wrong("the namespace", what);
        }
        if self.partitions == 0 {
            return wrong("the number of partitions", "0 could hold no saga: say 1".to_owned());
        }
        if self.lease < SHORTEST {
            let what = format!("{:?} is shorter than {SHORTEST:?}", self.lease);
            return wrong("the lease", what);
        }
        if self.retain < SHORTEST {
            let what = format!("{:?} is shorter than {SHORTEST:?}", self.retain);
            return wrong("the retention", what);
        }
        Ok(())
    }

    /// Says what all processes of a namespace must say, or finds what the first one said.
    async fn agree(&self, link: &Link) -> Result<(), RedisOpenError> {
        let key = format!("{{{}:0}}:meta", self.namespace);
        let settings = [
            ("format", FORMAT.to_owned()),
            ("partitions", self.partitions.to_string()),
            ("retention in ms", self.retain.as_millis().to_string()),
        ];
        let refused = |source| refused(link, source);
        for (setting, here) in settings {
            let mut say = redis::cmd("HSETNX");
            say.arg(&key).arg(setting).arg(&here);
            link.call(say).await.map_err(refused)?;
            let mut ask = redis::cmd("HGET");
            ask.arg(&key).arg(setting);
            let there = link.call(ask).await.map_err(refused)?;
            let there = match there {
                redis::Value::BulkString(there) => String::from_utf8_lossy(&there).into_owned(),
                other => format!("{other:?}"),
            };
            if there != here {
                let (address, namespace) = (link.address(), self.namespace.clone());
                return Err(RedisOpenError::Disagrees { address, namespace, setting, there, here });
            }
        }
        Ok(())
    }
}

/// What time it is there.
async fn time(link: &Link) -> Result<Timestamp, RedisOpenError> {
    let answer = link.call(redis::cmd("TIME")).await.map_err(|source| refused(link, source))?;
    let read = |answer| {
        let mut time = List::of(answer)?;
        Ok(Timestamp(time.number()? * 1_000_000 + time.number()?))
    };
    read(answer).map_err(|source: BoxError| {
        let (address, what) = (link.address(), source.to_string());
        RedisOpenError::Refused { address, what, source }
    })
}

fn refused(link: &Link, source: LinkError) -> RedisOpenError {
    let (address, what) = (link.address(), source.to_string());
    RedisOpenError::Refused { address, what, source: source.into() }
}
