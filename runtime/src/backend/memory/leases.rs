//! Leases in memory: one map, and the time of the runtime.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};

use crate::{
    clock::{Clock, SystemClock, TokioClock},
    kernel::{Fence, Timestamp},
    lease::{
        Acquired, Busy, Grant, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure,
    },
};

/// A [`LeaseStore`] in the memory of this process. Cloning shares it. What runs out is forgotten.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone)]
pub struct MemoryLeases(Arc<Inner>);

struct Inner {
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: HashMap<String, Held>,
    /// One counter for all names: what rises for all of them rises for each.
    last: Fence,
    /// At so many names those are dropped whose time is over.
    full: usize,
}

struct Held {
    owner: Owner,
    fence: Fence,
    since: Timestamp,
    until: Timestamp,
}

/// Names are not looked through for fewer.
const FEW: usize = 64;

impl MemoryLeases {
    /// A store where every name is free.
    pub fn new() -> Self {
        let clock = TokioClock::starting_at(SystemClock::default().now());
        Self(Arc::new(Inner { clock, state: Mutex::default() }))
    }

    fn at_once<T: Send + 'static>(
        &self,
        answer: impl FnOnce(&mut State, Timestamp) -> T,
    ) -> BoxFuture<'static, Result<T, LeaseError>> {
        let now = self.0.clock.now();
        let answer = answer(&mut self.state(), now);
        async move { Ok(answer) }.boxed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no critical section panics")
    }
}

impl State {
    /// A name that somebody has.
    fn held(&mut self, name: &str, now: Timestamp) -> Option<&mut Held> {
        self.held.get_mut(name).filter(|held| now < held.until)
    }

    /// A name that this owner has, for no less time than this.
    fn keep(&mut self, name: &str, owner: &Owner, now: Timestamp, until: Timestamp) -> Renewed {
        match self.held(name, now) {
            Some(held) if held.owner == *owner => {
                held.until = held.until.max(until);
                Renewed::Renewed
            }
            _ => Renewed::NotOwner,
        }
    }

    fn begin(&mut self, name: &str, owner: &Owner, now: Timestamp, until: Timestamp) {
        if self.held.len() >= self.full.max(FEW) {
            self.held.retain(|_, held| now < held.until);
            self.full = 2 * self.held.len();
        }
        self.last = Fence(now.0.max(self.last.0 + 1));
        let held = Held { owner: owner.clone(), fence: self.last, since: now, until };
        self.held.insert(name.to_owned(), held);
    }
}

/// How long a lease is at least.
fn lasting(lease: Duration) -> Duration {
    lease.max(Duration::from_millis(1))
}

impl LeaseStore for MemoryLeases {
    fn safety(&self) -> Safety {
        Safety::Process
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        self.at_once(|state, now| {
            let until = now.plus(lasting(lease));
            if state.held(name, now).is_none() {
                state.begin(name, owner, now, until);
            }
            state.keep(name, owner, now, until);
            let held = &state.held[name];
            let left = held.until.since(now);
            match held.owner == *owner {
                true => Acquired::Granted(Grant { fence: held.fence, left }),
                false => {
                    let holder = Some(held.owner.clone());
                    Acquired::Busy(Busy { holder, retry_after: Some(left) })
                }
            }
        })
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.at_once(|state, now| state.keep(name, owner, now, now.plus(lasting(lease))))
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.at_once(|state, now| match state.held(name, now) {
            None => Released::AlreadyExpired,
            Some(held) if held.owner != *owner => Released::NotOwner,
            Some(_) => {
                state.held.remove(name);
                Released::Released
            }
        })
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.at_once(|state, now| {
            state.held(name, now).map(|held| Tenure {
                owner: held.owner.clone(),
                fence: held.fence,
                since: held.since,
                expires_in: Some(held.until.since(now)),
            })
        })
    }
}

impl Default for MemoryLeases {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLeases").finish_non_exhaustive()
    }
}
