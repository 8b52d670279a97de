//! Renewals of many leases, in few calls.

use std::sync::{Arc, OnceLock};

use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::lease::{LeaseError, LeaseStore, Renewal, Renewed};

/// The most that one call renews.
const MOST: usize = 50;

/// Gathers what is to be renewed at a moment. Nothing waits for a call that is on its way.
#[derive(Default)]
pub(super) struct Renewals(OnceLock<(mpsc::UnboundedSender<Wish>, AbortOnDropHandle<()>)>);

type Answer = Result<Renewed, LeaseError>;
type Wish = (Renewal, oneshot::Sender<Answer>);

impl Renewals {
    /// Renews one, with others. Needs the runtime that keeps leases.
    pub(super) async fn renew(&self, store: &Arc<dyn LeaseStore>, renewal: Renewal) -> Answer {
        let (wishes, _) = self.0.get_or_init(|| {
            let (wishes, coming) = mpsc::unbounded_channel();
            (wishes, AbortOnDropHandle::new(tokio::spawn(gather(Arc::clone(store), coming))))
        });
        let (tell, told) = oneshot::channel();
        let ended = || unanswered("the runtime that keeps leases has ended");
        wishes.send((renewal, tell)).map_err(|_| ended())?;
        told.await.map_err(|_| ended())?
    }
}

async fn gather(store: Arc<dyn LeaseStore>, mut coming: mpsc::UnboundedReceiver<Wish>) {
    while let Some(first) = coming.recv().await {
        // What is due at the same moment comes now.
        tokio::task::yield_now().await;
        let mut some = vec![first];
        while some.len() < MOST
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
    let mut answers = answers.map(IntoIterator::into_iter);
    for tell in tells {
        let answer = match &mut answers {
            Ok(answers) => answers
                .next()
                .unwrap_or_else(|| Err(unanswered("the store answered for fewer than were asked"))),
            Err(error) => Err(same(error)),
        };
        // Whoever asked may have given up.
        let _ = tell.send(answer);
    }
}

fn unanswered(why: &str) -> LeaseError {
    LeaseError::Unanswered(why.into())
}

/// What went wrong for all went wrong for each.
fn same(error: &LeaseError) -> LeaseError {
    match error {
        LeaseError::Refused { source, retryable } => {
            LeaseError::Refused { source: source.to_string().into(), retryable: *retryable }
        }
        LeaseError::Unanswered(source) => LeaseError::Unanswered(source.to_string().into()),
    }
}
