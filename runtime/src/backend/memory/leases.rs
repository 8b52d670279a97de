//! Leases in memory: one map, and the time of the runtime.

mod admin;
mod candidates;
mod node;
mod runs;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use self::{candidates::Candidates, runs::Counted};
use crate::{
    clock::{Clock, SystemClock, TokioClock},
    kernel::{Fence, Timestamp},
    lease::{
        Acquired, CandidateStore, Grant, LeaseAdmin, LeaseError, LeaseStore, LockStore, Owner,
        QuorumNode as _, Released, Renewed, RunStore, Safety, ServerClock, Share, Tenure, Turn,
        Waiting, Wake, Want,
    },
};

/// A [`LeaseStore`], [`LockStore`] and [`CandidateStore`] in the memory of this process. Cloning shares it.
/// What runs out is forgotten.
///
/// See [`LeaseStore`] for an example.
#[derive(Clone)]
pub struct MemoryLeases(Arc<Inner>);

struct Inner {
    /// What no other store is called.
    life: Uuid,
    clock: TokioClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    names: HashMap<String, Name>,
    /// One counter for all names: what rises for all of them rises for each.
    last: Fence,
    /// At so many names those are dropped that nobody has or wants.
    full: usize,
    candidates: Candidates,
    listeners: Vec<mpsc::UnboundedSender<Wake>>,
}

/// What is known of a name.
#[derive(Default)]
struct Name {
    held: Option<Held>,
    /// Who shares it, until when.
    shared: HashMap<Owner, Timestamp>,
    /// Those who go first, and then the others.
    line: VecDeque<Place>,
    /// From whom an operator took it last.
    forced: Option<Forced>,
    /// From whom an operator took a share, and until when that is remembered. The last one comes last.
    taken: VecDeque<(Owner, Timestamp)>,
    /// Which attempt its last run was, if that did not end.
    counted: Option<Counted>,
}

struct Held {
    owner: Owner,
    fence: Fence,
    since: Timestamp,
    until: Timestamp,
    /// The fence is one that several stores agreed on.
    is_agreed: bool,
    /// Which attempt it is, of a run that is counted.
    attempt: Option<u64>,
    /// What its owner says of it.
    metadata: BTreeMap<String, String>,
}

struct Forced {
    from: Owner,
    fence: Fence,
    until: Timestamp,
}

struct Place {
    owner: Owner,
    share: Share,
    goes_first: bool,
    until: Timestamp,
}

/// A store that goes when nobody else keeps it.
#[cfg(feature = "coordination")]
pub(crate) struct WeakMemoryLeases(std::sync::Weak<Inner>);

#[cfg(feature = "coordination")]
impl WeakMemoryLeases {
    pub(crate) fn upgrade(&self) -> Option<MemoryLeases> {
        self.0.upgrade().map(MemoryLeases)
    }
}

/// Names are not looked through for fewer.
const FEW: usize = 64;

impl MemoryLeases {
    /// A store where every name is free.
    #[allow(clippy::disallowed_methods, reason = "no two stores have one name")]
    pub fn new() -> Self {
        let clock = TokioClock::starting_at(SystemClock::default().now());
        Self(Arc::new(Inner { life: Uuid::new_v4(), clock, state: Mutex::default() }))
    }

    /// The same store, as long as somebody else keeps it.
    #[cfg(feature = "coordination")]
    pub(crate) fn downgrade(&self) -> WeakMemoryLeases {
        WeakMemoryLeases(Arc::downgrade(&self.0))
    }

    /// Answers at once, and tells who is next because of it.
    fn at_once<T: Send + 'static>(
        &self,
        name: &str,
        answer: impl FnOnce(&mut Name, &mut Fence, Timestamp) -> T,
    ) -> BoxFuture<'static, Result<T, LeaseError>> {
        let now = self.0.clock.now();
        let state = &mut *self.state();
        state.forget(now);
        let known = state.names.entry(name.to_owned()).or_default();
        let before = known.next().cloned();
        known.forget(now);
        let answer = answer(known, &mut state.last, now);
        if let Some(next) = known.next().filter(|next| Some(*next) != before.as_ref()) {
            let wake = Wake::Turn(next.clone());
            state.listeners.retain(|listener| listener.send(wake.clone()).is_ok());
        }
        if known.is_nothing() {
            state.names.remove(name);
        }
        async move { Ok(answer) }.boxed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no critical section panics")
    }
}

impl State {
    fn forget(&mut self, now: Timestamp) {
        if self.names.len() >= self.full.max(FEW) {
            self.names.retain(|_, name| {
                name.forget(now);
                !name.is_nothing()
            });
            self.full = 2 * self.names.len();
        }
    }
}

impl Name {
    fn is_nothing(&self) -> bool {
        self.held.is_none()
            && self.shared.is_empty()
            && self.line.is_empty()
            && self.forced.is_none()
            && self.taken.is_empty()
            && self.counted.is_none()
    }

    /// Forgets what is over.
    fn forget(&mut self, now: Timestamp) {
        self.held.take_if(|held| held.until <= now);
        self.shared.retain(|_, until| now < *until);
        self.line.retain(|place| now < place.until);
        self.forced.take_if(|forced| forced.until <= now);
        self.taken.retain(|(_, until)| now < *until);
        self.counted.take_if(|counted| counted.until <= now);
    }

    fn is_free(&self, share: Share) -> bool {
        self.held.is_none() && (share == Share::Shared || self.shared.is_empty())
    }

    /// Who is first in line, and may have it.
    fn next(&self) -> Option<&Owner> {
        let first = self.line.front().filter(|first| self.is_free(first.share))?;
        Some(&first.owner)
    }

    /// Whether nobody waits whom this one may not pass.
    fn is_next(&self, want: Want<'_>) -> bool {
        self.line
            .front()
            .is_none_or(|first| first.owner == *want.owner || want.goes_first && !first.goes_first)
    }

    fn is_held_by(&self, owner: &Owner) -> bool {
        self.held.as_ref().is_some_and(|held| held.owner == *owner)
    }

    /// What an owner is told that has it no more.
    fn lost_by(&self, owner: &Owner) -> Renewed {
        match &self.forced {
            Some(forced) if forced.from == *owner => Renewed::Forced,
            _ if self.was_taken_from(owner) => Renewed::Forced,
            _ => Renewed::NotOwner,
        }
    }

    /// Until when what this owner has lasts, to be changed.
    fn lease_of(&mut self, owner: &Owner) -> Option<&mut Timestamp> {
        match &mut self.held {
            Some(held) if held.owner == *owner => Some(&mut held.until),
            _ => self.shared.get_mut(owner),
        }
    }

    fn acquire(&mut self, want: Want<'_>, last: &mut Fence, now: Timestamp) -> Turn {
        let Want { owner, share, lease, stay, .. } = want;
        let until = now.plus(lasting(lease));
        let has = match share {
            Share::Alone => self.is_held_by(owner),
            Share::Shared => self.shared.contains_key(owner),
        };
        if !has && self.is_free(share) && self.is_next(want) {
            self.line.retain(|place| place.owner != *owner);
            self.begin(owner, share, last, (now, until));
        } else if !has {
            return Turn::Waiting(self.wait(want, (now, now.plus(stay))));
        }
        let lease = self.lease_of(owner).expect("it has it by now");
        *lease = until.max(*lease);
        let left = lease.since(now);
        // A share has none of its own: it is below that of every owner who is alone later.
        let below = Fence(now.0.saturating_sub(1)).max(*last);
        let fence = self.held.as_ref().map_or(below, |held| held.fence);
        let attempt = self.held.as_ref().and_then(|held| held.attempt);
        Turn::Granted(Grant { fence, left, attempt })
    }

    fn hand_over(
        &mut self,
        (from, to): (&Owner, &Owner),
        lease: Duration,
        last: &mut Fence,
        now: Timestamp,
    ) -> Option<Grant> {
        let until = now.plus(lasting(lease));
        if self.is_held_by(from) && from != to {
            self.line.retain(|place| place.owner != *to);
            self.begin(to, Share::Alone, last, (now, until));
        }
        let held = self.held.as_mut().filter(|held| held.owner == *to)?;
        held.until = until.max(held.until);
        Some(Grant { fence: held.fence, left: held.until.since(now), attempt: held.attempt })
    }

    fn begin(
        &mut self,
        owner: &Owner,
        share: Share,
        last: &mut Fence,
        (now, until): (Timestamp, Timestamp),
    ) {
        match share {
            Share::Alone => {
                *last = Fence(now.0.max(last.0 + 1));
                let (owner, fence) = (owner.clone(), *last);
                let (is_agreed, attempt, metadata) = (false, None, BTreeMap::new());
                let since = now;
                let held = Held { owner, fence, since, until, is_agreed, attempt, metadata };
                self.held = Some(held);
            }
            Share::Shared => drop(self.shared.insert(owner.clone(), until)),
        }
    }

    fn wait(&mut self, want: Want<'_>, (now, until): (Timestamp, Timestamp)) -> Waiting {
        let Want { owner, share, goes_first, .. } = want;
        let place = self.line.iter().position(|place| place.owner == *owner);
        let end = match goes_first {
            true => self.line.partition_point(|place| place.goes_first),
            false => self.line.len(),
        };
        let ahead = place.unwrap_or(end);
        // When something changes of which nobody is told.
        let changes = match (&self.held, self.line.front()) {
            (Some(held), _) => Some(held.until),
            (None, Some(first)) if !self.is_next(want) => Some(first.until),
            _ => self.shared.values().max().copied(),
        };
        match place {
            _ if until <= now => {}
            Some(place) => self.line[place].until = until,
            None => self.line.insert(end, Place { owner: owner.clone(), share, goes_first, until }),
        }
        Waiting {
            holder: self.held.as_ref().map(|held| held.owner.clone()),
            ahead: u64::try_from(ahead).unwrap_or(u64::MAX),
            retry_after: changes.map(|at| at.since(now)),
        }
    }

    fn release(&mut self, owner: &Owner) -> Released {
        self.line.retain(|place| place.owner != *owner);
        if self.held.take_if(|held| held.owner == *owner).is_some()
            || self.shared.remove(owner).is_some()
        {
            return Released::Released;
        }
        match self.held {
            Some(_) => Released::NotOwner,
            None => Released::AlreadyExpired,
        }
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
        let want = Want::alone(name, owner, lease);
        self.at_once(name, |known, last, now| known.acquire(want, last, now).into())
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.at_once(name, |known, _, now| match known.lease_of(owner) {
            Some(until) => {
                *until = now.plus(lasting(lease)).max(*until);
                Renewed::Renewed
            }
            None => known.lost_by(owner),
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.at_once(name, |known, _, _| known.release(owner))
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        self.at_once(name, |known, _, now| known.tenure(now))
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        let clock = ServerClock { address: self.address(), now: self.0.clock.now() };
        async { vec![clock] }.boxed()
    }

    fn locks(&self) -> Option<&dyn LockStore> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        Some(self)
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        Some(self)
    }

    fn runs(&self) -> Option<&dyn RunStore> {
        Some(self)
    }
}

impl LockStore for MemoryLeases {
    fn acquire_in_turn<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        self.at_once(want.name, |known, last, now| known.acquire(want, last, now))
    }

    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        from: &'a Owner,
        to: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Grant>, LeaseError>> {
        self.at_once(name, |known, last, now| known.hand_over((from, to), lease, last, now))
    }

    fn downgrade<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.at_once(name, |known, _, now| {
            if known.is_held_by(owner) {
                known.held = None;
                known.shared.insert(owner.clone(), now);
            }
            match known.shared.get_mut(owner) {
                Some(until) => {
                    *until = now.plus(lasting(lease)).max(*until);
                    Renewed::Renewed
                }
                None => Renewed::NotOwner,
            }
        })
    }

    fn wakes(&self) -> BoxStream<'static, Wake> {
        let (tell, told) = mpsc::unbounded_channel();
        self.state().listeners.push(tell);
        let next = |mut told: mpsc::UnboundedReceiver<Wake>| async {
            told.recv().await.map(|wake| (wake, told))
        };
        stream::unfold(told, next).boxed()
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
