//! For peers without a reply to the submitter: the last step tells it, in this process.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use tokio::sync::oneshot;

use crate::common::sagas::{Order, Receipt};

/// Who waits for the end of which saga.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ids: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    sagas: HashMap<u64, oneshot::Sender<()>>,
    /// Is told of the first one.
    waker: Option<Waker>,
}

impl Ends {
    /// A request that knows its saga, and that saga's end.
    pub(crate) fn begin(&self) -> (Order, oneshot::Receiver<()>) {
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        let (sender, over) = oneshot::channel();
        let mut waiting = self.0.waiting.lock().expect("nobody panics");
        waiting.sagas.insert(id, sender);
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
        (Order(format!("{id:o<300}")), over)
    }

    /// How many have begun so far.
    pub(crate) fn begun(&self) -> u64 {
        self.0.ids.load(Ordering::Relaxed)
    }

    /// What the last step calls.
    pub(crate) fn over(&self, text: &str) {
        let mut waiting = self.0.waiting.lock().expect("nobody panics");
        let saga = waiting.sagas.remove(&id(text)).expect("it runs once");
        saga.send(()).expect("the submitter waits");
    }

    /// Whether anybody waits; if nobody does, `waker` is called when somebody begins to.
    pub(crate) fn are_awaited(&self, waker: &Waker) -> bool {
        let mut waiting = self.0.waiting.lock().expect("nobody panics");
        if waiting.sagas.is_empty() {
            waiting.waker = Some(waker.clone());
        }
        !waiting.sagas.is_empty()
    }
}

fn id(text: &str) -> u64 {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    digits.parse().expect("it begins with the saga's number")
}

/// What every step does: 100 bytes that know their saga.
pub(crate) fn work(text: &str) -> Receipt {
    Receipt(format!("{:r<100}", id(text)))
}
