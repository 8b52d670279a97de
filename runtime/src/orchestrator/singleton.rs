//! Tasks of which one saga at a time runs (O6): a lock that a host holds for a saga while it runs
//! something of it.
//!
//! Its owner is the saga, not the host: whoever goes on with the saga goes on with its tenure. That a saga
//! is over is known from the journal, so a lock that such a one left behind is given back by whoever finds
//! it. One that has to keep others from starting for a while is asked for that long once its saga is written.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{sleep, timeout};

use super::{host::Host, submit::SubmitError};
use crate::{
    journal::{Answer, JournalError, Known, Stage},
    kernel::SagaId,
    lease::{LeaseError, Owner},
    lock::{DistributedLock, HeldByOwner, Tried},
};

/// How long a saga keeps others from running that nobody runs.
const TTL: Duration = Duration::from_secs(30);
/// How often a saga that another one keeps from running looks whether it still does.
const AGAIN: Duration = Duration::from_secs(1);
/// How long one question to the lock service is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many locks in a row may be found that sagas left behind which are over.
const LEFT_BEHIND: u32 = 8;

/// What a task says with `singleton = ".."`, and its builder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneAtATime {
    pub(crate) name: &'static str,
    /// How long nobody else starts, from the beginning of a saga, however soon that is over.
    pub(crate) hold_at_least: Duration,
    /// How long a start waits for another saga to be over.
    pub(crate) wait: Duration,
}

/// The lock of such a task.
pub(super) struct Singleton {
    says: OneAtATime,
    resource: Arc<str>,
    lock: Arc<dyn DistributedLock>,
}

/// A saga has the lock, and this host holds it.
pub(super) struct Tenure {
    held: Option<Arc<Box<dyn HeldByOwner>>>,
    lost: BoxFuture<'static, ()>,
    at_drop: AtDrop,
}

/// What becomes of a lock whose holder goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtDrop {
    /// It is given back: there is no such saga.
    Freed,
    /// It is left to whoever goes on with the saga.
    Left,
}

/// Another saga has the lock, if it is one.
pub(super) struct Busy(Option<SagaId>);

impl Singleton {
    pub(super) fn new(says: OneAtATime, lock: &Arc<dyn DistributedLock>) -> Self {
        let resource = format!("singleton:{}", says.name).into();
        Self { says, resource, lock: Arc::clone(lock) }
    }

    /// Asks once. Whoever does not wait for the answer does not cut it off: a lock that was granted and
    /// is given back might be that of another host, which goes on with the same saga.
    async fn ask(&self, saga: SagaId, at_drop: AtDrop) -> Result<Result<Tenure, Busy>, LeaseError> {
        self.ask_for(saga, at_drop, TTL).await
    }

    async fn ask_for(
        &self,
        saga: SagaId,
        at_drop: AtDrop,
        ttl: Duration,
    ) -> Result<Result<Tenure, Busy>, LeaseError> {
        let (lock, resource) = (Arc::clone(&self.lock), Arc::clone(&self.resource));
        let asking = async move {
            let lock = lock.by_owner().ok_or_else(|| LeaseError::Refused {
                source: "this lock service knows no owners".into(),
                retryable: false,
            })?;
            Ok(match lock.try_acquire_as(&resource, &owner(saga), ttl).await? {
                Tried::Held(held) => Ok(Tenure::new(held, at_drop)),
                Tried::Busy { holder } => Err(Busy(holder.as_ref().and_then(saga_of))),
            })
        };
        let asked = tokio::spawn(asking).await;
        asked.unwrap_or_else(|error| Err(LeaseError::Unanswered(error.into())))
    }

    /// Gives back what a saga has that is over, or was never written.
    async fn free(&self, saga: SagaId) -> Result<(), LeaseError> {
        if let Ok(tenure) = self.ask(saga, AtDrop::Left).await? {
            tenure.release().await;
        }
        Ok(())
    }
}

impl Host {
    /// Takes the lock for a saga, also from one that is over, and was for as long as `hold` from its beginning.
    async fn take_turn(
        &self,
        singleton: &Singleton,
        saga: SagaId,
        at_drop: AtDrop,
        hold: Duration,
    ) -> Result<Result<Tenure, Busy>, LeaseError> {
        for _ in 0..LEFT_BEHIND {
            match singleton.ask(saga, at_drop).await? {
                Err(Busy(Some(other)))
                    if self.rest_of(other, hold).await == Some(Duration::ZERO) =>
                {
                    singleton.free(other).await?;
                }
                answer => return Ok(answer),
            }
        }
        singleton.ask(saga, at_drop).await
    }

    /// For how long a saga that is over keeps others from starting; `None` while it is not over, or nobody
    /// knows.
    async fn rest_of(&self, saga: SagaId, hold: Duration) -> Option<Duration> {
        let rest = async {
            let known = self.journal.find(saga).await?;
            match known.map(|Known { stage, .. }| stage) {
                Some(Stage::Ended(_)) => self.rest_of_hold(saga, hold).await,
                // Nobody was told that an abandoned one was accepted.
                Some(Stage::Abandoned) => Ok(Some(Duration::ZERO)),
                Some(Stage::Starting | Stage::Accepted) | None => Ok(None),
            }
        };
        match self.soon(Answer::Later(rest.boxed())).await? {
            Ok(rest) => rest,
            Err(error) => {
                tracing::debug!(%saga, %error, "nobody knows whether it is over");
                None
            }
        }
    }

    /// What is left of a hold, which counts from the first record; `None` where the records are gone: then the
    /// lock runs out by itself.
    async fn rest_of_hold(
        &self,
        saga: SagaId,
        hold: Duration,
    ) -> Result<Option<Duration>, JournalError> {
        if hold.is_zero() {
            return Ok(Some(hold));
        }
        let history = self.journal.read(saga, 0).await?;
        let first = history.as_ref().and_then(|history| history.records.first());
        Ok(first.map(|first| first.at.plus(hold).since(self.journal.now())))
    }

    fn hold_at_least(&self) -> Duration {
        self.singleton.as_ref().map_or(Duration::ZERO, |singleton| singleton.says.hold_at_least)
    }

    /// Keeps others from starting until the hold of a saga that is written is over, whatever becomes of this
    /// host. Whoever does not wait for it does not cut it off.
    pub(super) async fn hold_turn(self: &Arc<Self>, saga: SagaId) {
        let hold = self.hold_at_least();
        if hold <= TTL {
            return;
        }
        let host = Arc::clone(self);
        let holding = self.tasks.spawn(async move {
            let (Some(singleton), Some(Ok(Some(rest)))) = (
                &host.singleton,
                host.soon(Answer::Later(host.rest_of_hold(saga, hold).boxed())).await,
            ) else {
                return;
            };
            if rest <= TTL {
                return;
            }
            match timeout(PATIENCE, singleton.ask_for(saga, AtDrop::Left, rest)).await {
                // The renewals of its tenure make that no shorter.
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::warn!(%saga, %error, "held only while its host lives"),
                Err(_) => {
                    tracing::warn!(%saga, "held, or only while its host lives: nobody answers")
                }
            }
        });
        // It does not panic, and is not aborted.
        let _ = holding.await;
    }

    /// The lock for a saga that is about to be written, where one at a time runs. Under a key somebody
    /// else may be about to write the same saga: then it may exist. Waits for another saga as it was told to.
    pub(super) async fn turn_of_start(
        &self,
        saga: SagaId,
        may_exist: bool,
    ) -> Result<Option<Tenure>, SubmitError> {
        let Some(singleton) = &self.singleton else { return Ok(None) };
        let task = || self.definition.task.to_string();
        let at_drop = if may_exist { AtDrop::Left } else { AtDrop::Freed };
        let OneAtATime { name, hold_at_least, wait } = singleton.says;
        let (mut patience, mut is_over) = (pin!(sleep(wait)), wait.is_zero());
        loop {
            let asked = self.take_turn(singleton, saga, at_drop, hold_at_least);
            let asked = timeout(PATIENCE, asked).await.unwrap_or_else(|_| {
                Err(LeaseError::Unanswered("it did not answer in time".into()))
            });
            match asked {
                Ok(Ok(tenure)) => return Ok(Some(tenure)),
                Ok(Err(Busy(saga))) if is_over => {
                    let singleton = name.to_owned();
                    return Err(SubmitError::AlreadyRunning { task: task(), singleton, saga });
                }
                Err(source) if is_over || !source.is_retryable() => {
                    return Err(SubmitError::Lock { task: task(), source });
                }
                Ok(Err(Busy(running))) => {
                    tracing::debug!(%saga, ?running, "waits for another saga to be over");
                }
                Err(error) => tracing::warn!(%saga, %error, "nobody says whether it may start"),
            }
            tokio::select! {
                biased;
                () = self.leaving.cancelled() => return Err(self.shutting_down()),
                () = &mut patience => is_over = true,
                () = sleep(AGAIN) => {}
            }
        }
    }

    /// Gives back the lock of a saga that was not written.
    pub(super) async fn forgo_turn(&self, saga: SagaId) {
        let Some(singleton) = &self.singleton else { return };
        match timeout(PATIENCE, singleton.free(saga)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%saga, %error, "a lock is left to run out"),
            Err(_) => tracing::warn!(%saga, "a lock is left to run out: nobody answers"),
        }
    }

    /// Waits until a saga that is written has the lock. It was accepted: another one that is over keeps it from
    /// nothing.
    pub(super) async fn turn_of(self: Arc<Self>, saga: SagaId) -> Tenure {
        let Some(singleton) = &self.singleton else { return std::future::pending().await };
        loop {
            let asked = self.take_turn(singleton, saga, AtDrop::Left, Duration::ZERO);
            match timeout(PATIENCE, asked).await {
                Ok(Ok(Ok(tenure))) => {
                    self.hold_turn(saga).await;
                    return tenure;
                }
                Ok(Ok(Err(Busy(running)))) => {
                    tracing::debug!(%saga, ?running, "waits for another saga to be over");
                }
                Ok(Err(error)) => {
                    tracing::warn!(%saga, %error, "the lock of a saga is not to be had");
                }
                Err(_) => tracing::warn!(%saga, "nobody says whether a saga has its lock"),
            }
            sleep(AGAIN).await;
        }
    }

    /// A saga that has the lock is over: it is given back in the background, when its hold is over as well.
    pub(super) fn end_turn(self: &Arc<Self>, saga: SagaId, turn: Tenure) {
        // The next one that is submitted finds it free, or finds in the journal that it is.
        let hold = self.hold_at_least();
        if hold.is_zero() {
            return turn.free();
        }
        let host = Arc::clone(self);
        self.tasks.spawn(async move {
            let Some(rest) = host.rest_of(saga, hold).await else { return };
            tokio::select! {
                biased;
                () = sleep(rest) => turn.free(),
                () = host.leaving.cancelled() => {}
            }
        });
    }
}

impl Tenure {
    fn new(held: Box<dyn HeldByOwner>, at_drop: AtDrop) -> Self {
        let held = Arc::new(held);
        let watched = Arc::clone(&held);
        let lost = async move { drop(watched.lost().await) }.boxed();
        Self { held: Some(held), lost, at_drop }
    }

    /// Whether it is held, now.
    pub(super) fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.check().is_ok())
    }

    /// Ready when it is lost.
    pub(super) fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.lost.poll_unpin(cx)
    }

    /// There may be such a saga from now on: whoever goes on with it goes on with this.
    pub(super) fn leave_at_drop(mut self) -> Self {
        self.at_drop = AtDrop::Left;
        self
    }

    /// Nobody needs it any more. It is given back in the background.
    pub(super) fn free(mut self) {
        self.at_drop = AtDrop::Freed;
    }

    async fn release(mut self) {
        if let Some(held) = self.take()
            && let Err(lost) = held.release().await
        {
            tracing::debug!(%lost, "a lock that was left behind has gone");
        }
    }

    fn take(&mut self) -> Option<Box<dyn HeldByOwner>> {
        // What waits for its loss holds it, too.
        self.lost = std::future::pending().boxed();
        self.held.take().and_then(Arc::into_inner)
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        let Some(held) = self.take() else { return };
        match self.at_drop {
            AtDrop::Freed => drop(held),
            AtDrop::Left => held.leave(),
        }
    }
}

/// As whom a saga has its lock, on whatever host.
fn owner(saga: SagaId) -> Owner {
    Owner::from(format!("{OWNER}{saga}"))
}

fn saga_of(owner: &Owner) -> Option<SagaId> {
    owner.as_str().strip_prefix(OWNER)?.parse().ok()
}

const OWNER: &str = "saga:";
