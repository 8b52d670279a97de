//! What this process knows of the names that its owners want or have.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{
    kernel::Timestamp,
    lease::{Agreed, Owner},
};

/// One owner's claim to one name.
pub(super) struct Claim {
    pub(super) name: String,
    pub(super) owner: Owner,
    /// When each server has been asked what it was to be asked last. Its calls for this claim are made one
    /// after the other: so what is freed in the background is free before the owner wants it again.
    last: Mutex<Vec<oneshot::Receiver<()>>>,
    held: Mutex<Option<Held>>,
    /// It is that of a run, which servers count.
    is_run: AtomicBool,
}

/// A tenure that enough servers granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) agreed: Agreed,
    /// Until when the owner may rely on it.
    pub(super) until: Timestamp,
}

impl Claim {
    fn new(name: &str, owner: &Owner, nodes: usize) -> Self {
        // Of what was never asked nobody tells the end.
        let last = (0..nodes).map(|_| oneshot::channel().1).collect();
        let (name, owner) = (name.to_owned(), owner.clone());
        let is_run = AtomicBool::new(false);
        Self { name, owner, last: Mutex::new(last), held: Mutex::default(), is_run }
    }

    /// Whose turn it is with this server when all who came before are done. Who comes first is decided
    /// here, and not when the turn is waited for.
    pub(super) fn line_up(&self, node: usize) -> Turn {
        let (done, last) = oneshot::channel();
        let mut lasts = self.last.lock().expect("no critical section panics");
        Turn { before: std::mem::replace(&mut lasts[node], last), _done: done }
    }

    pub(super) fn is_run(&self) -> bool {
        self.is_run.load(Ordering::Relaxed)
    }

    /// Servers count it from now on, or do not.
    pub(super) fn count(&self, is_run: bool) {
        self.is_run.store(is_run, Ordering::Relaxed);
    }

    /// The tenure that this process was granted and has not given back, whether or not it is over.
    pub(super) fn held(&self) -> Option<Held> {
        *self.lock()
    }

    pub(super) fn hold(&self, held: Held) {
        *self.lock() = Some(held);
    }

    /// Holds it for no less than until then, if it is held.
    pub(super) fn extend(&self, until: Timestamp) -> Option<Held> {
        let mut held = self.lock();
        if let Some(held) = &mut *held {
            held.until = held.until.max(until);
        }
        *held
    }

    pub(super) fn forget(&self) -> Option<Held> {
        self.lock().take()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.held().is_none_or(|held| held.until <= now)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().expect("no critical section panics")
    }
}

/// A place in the line. The next one has its turn when this is dropped.
pub(super) struct Turn {
    before: oneshot::Receiver<()>,
    _done: oneshot::Sender<()>,
}

impl Turn {
    /// Whether it has come; who was told so must not wait for it any more.
    pub(super) fn has_come(&mut self) -> bool {
        self.before.try_recv() != Err(TryRecvError::Empty)
    }

    /// Waits for it. Who gives up the wait lets the next one pass too early.
    pub(super) async fn comes(&mut self) {
        // It ends by being dropped.
        let _ = (&mut self.before).await;
    }
}

/// All of them. Those that nobody needs any more are dropped now and then.
#[derive(Default)]
pub(super) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    of: HashMap<(String, Owner), Arc<Claim>>,
    /// At so many they are looked through.
    full: usize,
}

/// Fewer are not looked through.
const FEW: usize = 64;

impl Claims {
    pub(super) fn of(&self, name: &str, owner: &Owner, nodes: usize, now: Timestamp) -> Arc<Claim> {
        let mut state = self.0.lock().expect("no critical section panics");
        let State { of, full } = &mut *state;
        let key = (name.to_owned(), owner.clone());
        if !of.contains_key(&key) && of.len() >= (*full).max(FEW) {
            of.retain(|_, claim| Arc::strong_count(claim) > 1 || !claim.is_over(now));
            *full = 2 * of.len();
        }
        Arc::clone(of.entry(key).or_insert_with(|| Arc::new(Claim::new(name, owner, nodes))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::kernel::Fence;

    #[test]
    fn turns_come_in_the_order_in_which_they_were_lined_up() {
        let claim = Claim::new("name", &Owner::draw(), 1);
        let [mut first, mut second] = [claim.line_up(0), claim.line_up(0)];
        assert_eq!(second.comes().now_or_never(), None, "who waits first has to wait");
        assert_eq!(first.comes().now_or_never(), Some(()));
        assert_eq!(second.comes().now_or_never(), None);
        drop(first);
        assert_eq!(second.comes().now_or_never(), Some(()));
    }

    #[test]
    fn only_what_is_held_or_under_way_is_remembered() {
        let claims = Claims::default();
        let (held, busy) = (Owner::draw(), Owner::draw());
        let until = Timestamp(10);
        claims
            .of("held", &held, 3, Timestamp(0))
            .hold(Held { agreed: Agreed { fence: Fence(7), attempt: None }, until });
        let busy = claims.of("busy", &busy, 3, Timestamp(0));
        for _ in 0..10_000 {
            claims.of("other", &Owner::draw(), 3, Timestamp(1));
        }
        assert!(claims.0.lock().expect("nobody panicked").of.len() <= 2 * FEW);
        assert!(claims.of("held", &held, 3, Timestamp(1)).held().is_some());
        assert!(Arc::ptr_eq(&busy, &claims.of("busy", &busy.owner, 3, Timestamp(1))));
    }
}
