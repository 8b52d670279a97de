//! Renewals of many leases, in few calls.

use std::{
    iter::zip,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::options::BatchingOptions;
use crate::lease::{LeaseError, LeaseStore, Renewal, Renewed, answers_to};

/// Gathers what is to be renewed at a moment. Nothing waits for a call that is on its way.
#[derive(Default)]
pub(super) struct Renewals {
    gathers: OnceLock<(mpsc::UnboundedSender<Wish>, AbortOnDropHandle<()>)>,
    options: Arc<Mutex<BatchingOptions>>,
}

type Answer = Result<Renewed, LeaseError>;
type Wish = (Renewal, oneshot::Sender<Answer>);

impl Renewals {
    pub(super) fn set(&self, options: &BatchingOptions) {
        options.clone_into(&mut *set(&self.options));
    }

    /// How much earlier than it has to be a lease may be renewed, to be renewed with others.
    pub(super) fn together(&self) -> Duration {
        let options = set(&self.options);
        if options.enable_batching { options.batch_timeout } else { Duration::ZERO }
    }

    /// Renews one, with others. Needs the runtime that keeps leases.
    pub(super) async fn renew(&self, store: &Arc<dyn LeaseStore>, renewal: Renewal) -> Answer {
        let (wishes, _) = self.gathers.get_or_init(|| {
            let (wishes, coming) = mpsc::unbounded_channel();
            let gathering = gather(Arc::clone(store), coming, Arc::clone(&self.options));
            (wishes, AbortOnDropHandle::new(tokio::spawn(gathering)))
        });
        let (tell, told) = oneshot::channel();
        let ended = || unanswered("the runtime that keeps leases has ended");
        wishes.send((renewal, tell)).map_err(|_| ended())?;
        told.await.map_err(|_| ended())?
    }
}

fn set(options: &Mutex<BatchingOptions>) -> MutexGuard<'_, BatchingOptions> {
    options.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn gather(
    store: Arc<dyn LeaseStore>,
    mut coming: mpsc::UnboundedReceiver<Wish>,
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

async fn call(store: Arc<dyn LeaseStore>, wishes: Vec<Wish>) {
    let (renewals, tells): (Vec<_>, Vec<_>) = wishes.into_iter().unzip();
    let longest = renewals.iter().map(|renewal: &Renewal| renewal.lease).max().unwrap_or_default();
    let answers = timeout(longest, store.renew_all(&renewals)).await;
    let answers = answers.unwrap_or_else(|_| Err(unanswered("no answer came while they lasted")));
    // Whoever asked may have given up.
    match answers.and_then(|answers| answers_to(answers, tells.len())) {
        Ok(answers) => zip(tells, answers).for_each(|(tell, answer)| drop(tell.send(answer))),
        Err(error) => tells.into_iter().for_each(|tell| drop(tell.send(Err(error.again())))),
    }
}

fn unanswered(why: &str) -> LeaseError {
    LeaseError::Unanswered(why.into())
}
