//! What many are due for, in few calls.

use std::{
    iter::zip,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::options::BatchingOptions;
use crate::{
    kernel::Timestamp,
    lease::{LeaseError, LeaseStore, Renewal, Renewed, answers_to_each},
};

/// What is answered to each, unless all failed.
pub(super) type OfEach<T> = Result<Vec<Result<T, LeaseError>>, LeaseError>;

/// What is asked for together with others of its kind.
pub(super) trait Together: Send + Sync + Sized + 'static {
    type Answer: Send + 'static;

    /// After how long no answer is of use any more.
    fn lasts(&self) -> Duration;

    /// Asks for each, in one call.
    fn ask<'a>(store: &'a dyn LeaseStore, all: &'a [Self]) -> BoxFuture<'a, OfEach<Self::Answer>>;
}

impl Together for Renewal {
    type Answer = Renewed;

    fn lasts(&self) -> Duration {
        self.lease
    }

    fn ask<'a>(store: &'a dyn LeaseStore, all: &'a [Self]) -> BoxFuture<'a, OfEach<Renewed>> {
        store.renew_all(all)
    }
}

/// Gathers what is due at a moment. Nothing waits for a call that is on its way.
pub(super) struct Gatherer<T: Together> {
    gathers: OnceLock<(mpsc::UnboundedSender<Wish<T>>, AbortOnDropHandle<()>)>,
    options: Arc<Mutex<BatchingOptions>>,
}

type Answer<T> = Result<<T as Together>::Answer, LeaseError>;
type Wish<T> = (T, oneshot::Sender<Answer<T>>);

impl<T: Together> Default for Gatherer<T> {
    fn default() -> Self {
        Self { gathers: OnceLock::new(), options: Arc::default() }
    }
}

impl<T: Together> Gatherer<T> {
    pub(super) fn set(&self, options: &BatchingOptions) {
        options.clone_into(&mut *set(&self.options));
    }

    /// How much earlier than it has to be something may be asked for, to be so with others.
    pub(super) fn together(&self) -> Duration {
        let options = set(&self.options);
        if options.enable_batching { options.batch_timeout } else { Duration::ZERO }
    }

    /// Asks for one, with others. Needs the runtime that keeps leases.
    pub(super) async fn ask(&self, store: &Arc<dyn LeaseStore>, one: T) -> Answer<T> {
        let (wishes, _) = self.gathers.get_or_init(|| {
            let (wishes, coming) = mpsc::unbounded_channel();
            let gathering = gather(Arc::clone(store), coming, Arc::clone(&self.options));
            (wishes, AbortOnDropHandle::new(tokio::spawn(gathering)))
        });
        let (tell, told) = oneshot::channel();
        let ended = || unanswered("the runtime that keeps leases has ended");
        wishes.send((one, tell)).map_err(|_| ended())?;
        told.await.map_err(|_| ended())?
    }
}

/// The moment that others have as well, at which something is asked for that is due then: earlier by no more than
/// a tenth of the interval, and never later.
pub(super) fn moment(due: Timestamp, interval: Duration, together: Duration) -> Timestamp {
    let moments = together.min(interval / 10).as_micros();
    let moments = u64::try_from(moments).unwrap_or(u64::MAX).max(1);
    Timestamp(due.0 / moments * moments)
}

fn set(options: &Mutex<BatchingOptions>) -> MutexGuard<'_, BatchingOptions> {
    options.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn gather<T: Together>(
    store: Arc<dyn LeaseStore>,
    mut coming: mpsc::UnboundedReceiver<Wish<T>>,
    options: Arc<Mutex<BatchingOptions>>,
) {
    while let Some(first) = coming.recv().await {
        // What is due at the same moment comes now.
        tokio::task::yield_now().await;
        let (mut some, most) = (vec![first], set(&options).most());
        while some.len() < most
            && let Ok(next) = coming.try_recv()
        {
            some.push(next);
        }
        tokio::spawn(call(Arc::clone(&store), some));
    }
}

async fn call<T: Together>(store: Arc<dyn LeaseStore>, wishes: Vec<Wish<T>>) {
    let (all, tells): (Vec<_>, Vec<_>) = wishes.into_iter().unzip();
    let longest = all.iter().map(T::lasts).max().unwrap_or_default();
    let answers = timeout(longest, T::ask(&*store, &all)).await;
    let answers = answers.unwrap_or_else(|_| Err(unanswered("no answer came in time")));
    // Whoever asked may have given up.
    zip(tells, answers_to_each(answers, all.len()))
        .for_each(|(tell, answer)| drop(tell.send(answer)));
}

fn unanswered(why: &str) -> LeaseError {
    LeaseError::Unanswered(why.into())
}
