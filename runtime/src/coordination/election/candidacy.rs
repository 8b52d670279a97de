//! To stand in an election for as long as a process runs.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    CandidateHealth, Election, ElectionEvents, ElectionHealth, ElectionSnapshot, ElectionSnapshots,
    InvalidElection, LeadershipEnd, LeadershipLost, ObservedLeader,
    candidates::Roll,
    event::WAITING,
    pulse::{self, Pulse},
    stand::{Order, Stand},
    state::Standing,
};
use crate::{
    coordination::{LossCause, ReleaseOutcome},
    lease::LeaseError,
};

/// That a process stands in an election: it leads whenever it can, until it is stopped. Dropping it does as
/// [`stop_now`](Self::stop_now).
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, ElectionEvent, NotLeading, ReleaseOutcome, Role, Stopped},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let candidacy = coordination
///     .election("job-scheduler")
///     .on_acquired(|leader| async move {
///         println!("{} schedules jobs under {:?}", leader.candidate(), leader.fence());
///         Ok::<(), std::io::Error>(())
///     })
///     .on_lost(|leader, why| async move { println!("{} does no more: {why}", leader.candidate()) })
///     .start()?;
///
/// let mut events = candidacy.events();
/// let mut states = candidacy.watch();
/// while let Some(state) = states.next().await {
///     if state.role == Role::Leader {
///         break;
///     }
/// }
/// match candidacy.run_if_leader(async { "scheduled" }).await {
///     Ok(jobs) => println!("{jobs}"),
///     Err(NotLeading::Stands) => println!("somebody else does it"),
///     Err(NotLeading::Lost(lost)) => println!("somebody else does it again: {lost}"),
/// }
/// assert!(candidacy.is_leader());
/// assert_eq!(candidacy.stop().await, Stopped::Released(ReleaseOutcome::Released));
///
/// while let Some(event) = events.next().await {
///     if let ElectionEvent::LostLeadership { cause, .. } = event {
///         println!("{cause}");
///     }
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[must_use = "dropping it stops it"]
pub struct Candidacy {
    pub(super) standing: Arc<Standing>,
    roll: Roll,
    orders: watch::Sender<Order>,
    /// Is cancelled when the last callback has ended.
    told: CancellationToken,
    stop_timeout: Duration,
}

/// The elections in which a process stands.
#[derive(Clone, Default)]
pub(in crate::coordination) struct Seats(Arc<Mutex<BTreeMap<Arc<str>, Weak<Standing>>>>);

/// One of them.
pub(super) struct Seat {
    seats: Seats,
    name: Arc<str>,
}

impl Seats {
    fn take(&self, name: &Arc<str>, standing: &Arc<Standing>) -> Result<Seat, StartError> {
        match self.all().entry(Arc::clone(name)) {
            Entry::Vacant(free) => free.insert(Arc::downgrade(standing)),
            Entry::Occupied(_) => return Err(StartError::Stands(Arc::clone(name))),
        };
        Ok(Seat { seats: self.clone(), name: Arc::clone(name) })
    }

    /// How each of them is.
    pub(in crate::coordination) fn health(&self) -> BTreeMap<Arc<str>, ElectionHealth> {
        let of = |(name, standing): (&Arc<str>, &Weak<Standing>)| {
            Some((Arc::clone(name), ElectionHealth::of(&*standing.upgrade()?)))
        };
        self.all().iter().filter_map(of).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Weak<Standing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.all().remove(&self.name);
    }
}

/// Why a process does not stand in an election.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, StartError},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let candidacy = coordination.election("job-scheduler").start()?;
/// let twice = coordination.election("job-scheduler").start();
/// assert!(matches!(twice, Err(StartError::Stands(_))));
/// candidacy.stop().await;
/// coordination.election("job-scheduler").start()?.stop().await;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its options cannot be followed.
    #[error(transparent)]
    Invalid(#[from] InvalidElection),
    /// It stands already.
    #[error("this process stands in `{0}` already: share its candidacy, or stop it first")]
    Stands(Arc<str>),
}

/// Why work did not run to its end.
///
/// See [`Candidacy`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLeading {
    /// It did not begin: this process does not lead, or is about to stop.
    #[error("this process does not lead")]
    Stands,
    /// Leadership was lost while it ran. It was dropped where it waited, or ended too late.
    #[error(transparent)]
    Lost(#[from] LeadershipLost),
}

/// How a candidacy came to its end.
///
/// See [`Candidacy`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// It did not lead.
    NotLeading,
    /// All work had ended, and the lease was given back.
    Released(ReleaseOutcome),
    /// The lease was left to run out, so that nobody leads too soon: so much work had not ended.
    StillRunning(usize),
    /// The lease was lost before work had ended.
    Lost(LossCause),
}

impl Election {
    /// Stands from now on. The election goes on where leases are kept; callbacks run on the runtime of the
    /// caller.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Panics
    /// Outside of a runtime, where there are callbacks.
    pub fn start(&self) -> Result<Candidacy, StartError> {
        self.start_and_beat(pulse::is_wanted(&self.options))
    }

    /// Stands, and says so again and again, if it beats.
    pub(super) fn start_and_beat(&self, beats: bool) -> Result<Candidacy, StartError> {
        let candidate = self.stand()?;
        let inner = &self.coordination.inner;
        let events = broadcast::Sender::new(WAITING);
        let (orders, ordered) = watch::channel(Order::Stand);
        let standing = Arc::new(Standing::new(&candidate, &events));
        let seat = inner.seats.take(&self.name, &standing)?;
        inner.observed.expect(&self.key());
        let told = CancellationToken::new();
        let stop_timeout = self.options.stop_timeout;
        let news = match self.callbacks.is_empty() {
            true => {
                told.cancel();
                None
            }
            false => {
                let (tell, news) = mpsc::unbounded_channel();
                let (callbacks, over) = (self.callbacks.clone(), told.clone().drop_guard());
                Handle::current().spawn(async move {
                    let _over = over;
                    callbacks.tell(news, stop_timeout).await;
                });
                Some(tell)
            }
        };
        let shared = Arc::clone(&standing);
        let pulse = beats.then(|| Pulse::of(&candidate)).flatten();
        let roll = Roll::of(self);
        let stand = Stand {
            candidate,
            standing: shared,
            events,
            orders: ordered,
            news,
            pulse,
            described: AtomicU64::default(),
            _seat: seat,
        };
        inner.keeper.spawn(stand.run());
        Ok(Candidacy { standing, roll, orders, told, stop_timeout })
    }
}

impl Candidacy {
    /// What this candidate is [called](Election::candidate).
    pub fn candidate(&self) -> &str {
        &self.standing.candidate
    }

    /// Whether it leads and may begin something, now. Asks the clock and nobody else.
    pub fn is_leader(&self) -> bool {
        self.standing.office().is_some()
    }

    /// Who was seen to lead, and how long ago; `None` before the first look.
    pub fn current_leader(&self) -> Option<ObservedLeader> {
        self.snapshot().observed
    }

    /// How it stands, all of it at one moment.
    pub fn snapshot(&self) -> ElectionSnapshot {
        self.standing.snapshot()
    }

    /// How it stands, now and after each change.
    pub fn watch(&self) -> ElectionSnapshots {
        self.standing.watch()
    }

    /// What happens to it from now on.
    pub fn events(&self) -> ElectionEvents {
        self.standing.events()
    }

    /// How well it is.
    pub fn health(&self) -> ElectionHealth {
        ElectionHealth::of(&self.standing)
    }

    /// Who stands, this one included: see [`Election::candidates`].
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancellation
    /// Nothing has changed.
    pub async fn candidates(&self) -> Result<Vec<CandidateHealth>, LeaseError> {
        self.roll.candidates().await
    }

    /// Runs work while it leads: work that has not ended when that is lost is dropped where it waits.
    /// [`stop`](Self::stop) waits for it.
    ///
    /// # Errors
    /// [`NotLeading`] when it did not lead until the work had ended.
    ///
    /// # Cancellation
    /// The work is dropped.
    pub async fn run_if_leader<T>(&self, work: impl Future<Output = T>) -> Result<T, NotLeading> {
        let office = self.standing.office().ok_or(NotLeading::Stands)?;
        let _working = office.working();
        // It may have begun to stop before it knew of this.
        if office.context.is_cancelled() {
            return Err(NotLeading::Stands);
        }
        tokio::select! {
            biased;
            lost = office.context.ended() => Err(lost.into()),
            done = work => match office.context.check() {
                Ok(_) => Ok(done),
                Err(lost) => Err(lost.into()),
            },
        }
    }

    /// Steps down, as soon as what runs has ended, and stands again after a pause. Does nothing where it
    /// does not lead.
    pub fn step_down(&self) {
        if let Some(office) = self.standing.office() {
            office.give_up(LeadershipEnd::Resigned);
        }
    }

    /// Stops: begins nothing new, waits for what runs, for no longer than
    /// [`stop_timeout`](Election::stop_timeout), leads no more, and gives the lease back. Where work has
    /// not ended by then it is dropped where it waits, and the lease is left to run out. Waits until the
    /// last callback has ended, so that a callback that waits for this has it wait for the limit.
    ///
    /// # Cancellation
    /// It stops all the same.
    pub async fn stop(&self) -> Stopped {
        self.end(Order::Stop).await
    }

    /// Stands until `told` resolves, whatever to, such as a signal of the system, and [stops](Self::stop) then.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use distributed_task::coordination::Coordination;
    /// # let told_to_stop = async {};
    ///
    /// let coordination = Coordination::builder().memory().open().await?;
    /// let candidacy = coordination.election("job-scheduler").start()?;
    /// candidacy.run_until(told_to_stop).await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Cancellation
    /// Dropping it does as [`stop_now`](Self::stop_now).
    pub async fn run_until<T>(self, told: impl Future<Output = T>) -> Stopped {
        told.await;
        self.stop().await
    }

    /// Stops: drops what runs where it waits, leads no more, and leaves the lease to run out, since it did
    /// not wait for anything.
    ///
    /// # Cancellation
    /// It stops all the same.
    pub async fn stop_now(&self) -> Stopped {
        self.end(Order::StopNow).await
    }

    async fn end(&self, how: Order) -> Stopped {
        self.orders.send_if_modified(|order| {
            let more = *order < how;
            *order = how.max(*order);
            more
        });
        self.standing.over.cancelled().await;
        // Callbacks have a limit each, and their runtime may have ended.
        let _ = timeout(self.stop_timeout.saturating_mul(2), self.told.cancelled()).await;
        let unknown = Stopped::Released(ReleaseOutcome::Unknown);
        self.standing.outcome.get().copied().unwrap_or(unknown)
    }
}

impl fmt::Debug for Candidacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidacy").field(&self.standing).finish()
    }
}
