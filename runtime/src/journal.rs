//! The journal: records, inbox, tickets, owners and timers of every saga, behind one trait.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use smallvec::SmallVec;
use uuid::Uuid;

#[cfg(doc)]
use crate::kernel::Direction;
use crate::kernel::{
    Cause, Definition, DefinitionHash, EntryId, Fence, Fingerprint, Finish, Finished, Group, Mail,
    Place, SagaId, SagaStatus, Stamped, Timestamp,
};

/// The one truth about every saga (J1).
///
/// Each operation is atomic for each saga it touches and leaves it in exactly one *place*: in a
/// ready list, owned by a seat, waiting for a time, parked, carried by a queue, or ended. So no
/// crash can orphan a saga (J7).
///
/// # Records
/// Records of a saga are appended by the seat that owns it, in groups that are written whole or
/// not at all. A group of anybody else, under the fence of an earlier claim, or with another
/// sequence number is refused and changes nothing; it does not hold up the rest of its batch. A
/// record keeps its sequence number, its fence and its time for ever; the times of one saga never
/// fall. The id of a saga is taken once: a second `create` is [`Created::Exists`], and a batch that
/// would begin it again is refused.
///
/// # Keys
/// A second start under a key draws the id of the first (I2). [`find`](Journal::find) answers what
/// is known of a saga by its id, and so does a `create` that finds one: the fingerprint of its
/// start, and its [`Stage`]. A saga that began in the hands of an owner is `Starting` until that
/// owner hands it over: moves it on with an intent, parks it, turns it back for another cause than
/// `Abandoned`, or ends it. What that owner only gives back, and what others do with it after that
/// owner was reaped, leave it `Starting` until it is undone, and it is `Abandoned` then. A saga with a fingerprint leaves a tombstone: it is found, and its id is
/// taken, for at least one retention after its end, also when its records are gone. After two
/// retentions no tombstone is left, and the id is free. A saga without a fingerprint leaves none.
///
/// An abandoned start does not hold its key. The start that follows it has an id of its own and
/// names the first one, which stands for the key: [`NewSaga::key`]. From then on the first id means
/// the latest start: `find`, and a `create` under that id or key, answer what is known of that one,
/// with its id, for as long as anything is: while it is open, kept, or has a tombstone. A start
/// under a key whose latest start is not abandoned is `Exists`, or refused, and writes nothing: a
/// key has one open saga. All ids under a key have the same second half, so that a store can keep
/// them together.
///
/// # Inbox
/// [`tell`](Journal::tell) leaves an entry for whoever owns the saga, or will. It needs no
/// ownership, is durable when it is answered, and counts once however often it is told. An entry
/// stays until the commit that folds it. A *guarded* commit is refused while an entry waits that
/// it does not fold: it would decide without having read it. Any other commit is written, and says
/// that there is mail. What is told to a parked saga, or to one that waits for a time, gives it a
/// ticket. A cancel of a saga that goes back is [`Told::Already`]. One behind the pivot, also if
/// that came late or was marked as done, is [`Told::TooLate`]: [`Direction::of`] says where a saga
/// is. So is what is told to a saga that is over, with one exception.
///
/// # Late successes
/// A saga is over with the record `Finished`. While that says `late_until` it is not settled: it
/// waits for that time, and a success that comes late is told to it and gives it a ticket to the
/// front (C8). An outcome that is appended then opens it again; what is only received does not. A
/// second `Finished`, without `late_until`, settles it. A late success that finds its saga settled
/// is [`Told::TooLate`], also when only a tombstone is left; one that finds nothing is
/// [`Told::NoSuch`]. Both are logged as errors and listed by [`late`](Journal::late), once each and
/// the newest 1,000, unless the saga completed: then the effect is what was asked for.
///
/// # Tickets and claims
/// A ticket in the ready list of a definition says that a saga may need an owner. It is a hint: a
/// claim takes the tickets of the definitions it names, drops those of sagas that are owned or
/// over, and owns the rest under a new fence, higher than any before, with their records and their
/// inbox. What nobody asks for stays where it is, at no cost. New sagas queue at the back; those
/// that were given back, told something or woken by a timer go to the front. A ticket that a queue
/// carries is in no ready list; its saga is claimed by id and definition. One that the queue loses
/// comes back to its ready list after a minute.
///
/// # Seats
/// A process owns sagas through a seat. A seat lives until it leaves or is reaped; claims, commits
/// and pulses of a seat that does not live are [`JournalError::Fenced`] and change nothing, and a
/// reaped seat never lives again. A pulse renews the deadline, also one that has passed, and names
/// the seats whose deadline has passed. Reaping is refused while the seat's deadline has not
/// passed. It gives back what the seat owns, and nothing else, with the fence of the dead owner
/// noted; those are counted since the last record, and a claim says when the last of them was
/// reaped. A seat that owns something does not leave. To reap or leave a seat that is gone is
/// nothing.
///
/// # Admission
/// The capacity limits new sagas only: [`admit`](Journal::admit) waits while as many admitted sagas
/// of that definition wait for their first claim. Each definition has room of its own: what nobody
/// claims holds up no others (V3). An admission that is dropped, and a saga that is over, parked or
/// waiting for a time before its first claim, give their room back. Wake-ups are never refused
/// (A7).
///
/// # Signals
/// A signal is a hint that saves a wait: that a ready list is no longer empty (to one idle seat),
/// that mail came (to the owner), that a timer was set which is due before every other one (to the
/// seat that set it), that a saga is over or parked (to the listener in `reply_to`), that a
/// definition was made known that was not before (to every listener). The end of a saga is signalled once, and not again when it is settled; one that was opened again ends once
/// more. When a seat is gone, the tickets that are left and the next timer are signalled to
/// another, and its listener hears nothing more. Everything works without signals, later.
///
/// # Lost replies
/// A [`Wire::Remote`] journal answers the same number of the same seat with the same reply, and
/// refuses a number out of turn as [`JournalError::Diverged`]. A [`Wire::Local`] journal answers
/// each call exactly once, takes calls side by side, and ignores the numbers.
///
/// # Cancellation
/// Dropping the future of an operation leaves it done or not done, never half done. Dropping that
/// of `admit` takes no capacity.
///
/// # Example
/// A policy is a wrapper. What it has nothing to say about, it hands on.
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use distributed_task::journal::{Answer, Batch, Committed, Journal};
/// # use std::sync::Arc;
/// # use distributed_task::{journal::*, kernel::*};
///
/// /// Counts the commits of a journal.
/// struct Counted<J> {
///     journal: J,
///     commits: AtomicUsize,
/// }
///
/// impl<J: Journal> Journal for Counted<J> {
///     fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
///         self.commits.fetch_add(1, Ordering::Relaxed);
///         self.journal.commit(batch)
///     }
///
///     fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
///         self.journal.tell(saga, mail)
///     }
///
///     // And so on.
/// #     hand_on! {
/// #         durability() -> Durability;
/// #         wire() -> Wire;
/// #         now() -> Timestamp;
/// #         listen(signals: Arc<dyn Signals>) -> Answer<'_, ListenerId>;
/// #         unlisten(listener: ListenerId) -> Answer<'_, ()>;
/// #         define(definition: Arc<Definition>) -> Answer<'_, ()>;
/// #         definitions() -> Answer<'_, Vec<Arc<Definition>>>;
/// #         definition(hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>>;
/// #         admit(definition: DefinitionHash) -> Answer<'_, Admission>;
/// #         create(saga: NewSaga) -> Answer<'_, Created>;
/// #         find(saga: SagaId) -> Answer<'_, Option<Known>>;
/// #         enter(seat: SeatId, listener: ListenerId) -> Answer<'_, Lease>;
/// #         inbox(saga: SagaId) -> Answer<'_, Vec<Mail>>;
/// #         reap(dead: SeatId) -> Answer<'_, Reaped>;
/// #         leave(seat: SeatId) -> Answer<'_, Left>;
/// #         read(saga: SagaId, from: u64) -> Answer<'_, Option<History>>;
/// #         late() -> Answer<'_, Vec<(SagaId, Mail)>>;
/// #         audit(after: Option<SagaId>, limit: usize) -> Answer<'_, Audited>;
/// #     }
/// #     fn claim<'a>(&'a self, seat: SeatId, of: ClaimFrom<'a>, n: usize) -> Answer<'a, Claimed> {
/// #         self.journal.claim(seat, of, n)
/// #     }
/// #     fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
/// #         self.journal.pulse(seat, carry)
/// #     }
/// #     fn list(
/// #         &self,
/// #         of: ListFilter,
/// #         after: Option<SagaId>,
/// #         limit: usize,
/// #     ) -> Answer<'_, Vec<Listed>> {
/// #         self.journal.list(of, after, limit)
/// #     }
/// }
/// # macro_rules! hand_on {
/// #     ($($name:ident($($given:ident: $of:ty),*) -> $answer:ty;)*) => {$(
/// #         fn $name(&self, $($given: $of),*) -> $answer { self.journal.$name($($given),*) }
/// #     )*};
/// # }
/// # use hand_on;
/// # #[cfg(feature = "in-process")]
/// # mod double {
/// #     use distributed_task::prelude::*;
/// #     #[distributed_task(request = u32, response = u32)]
/// #     pub struct Double;
/// #     #[steps]
/// #     impl Double {
/// #         #[step(read_only)]
/// #         async fn double(&self, request: &u32) -> u32 { request * 2 }
/// #     }
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use distributed_task::backend::memory::MemoryJournal;
/// # use double::Double;
///
/// let journal = Counted { journal: MemoryJournal::new(), commits: AtomicUsize::new(0) };
/// let journal = Arc::new(journal);
/// let task = Double::builder().use_in_process_mode().override_journal(Arc::clone(&journal));
/// task.build().await?.submit(21).await?.outcome().await?;
/// assert_eq!(journal.commits.load(Ordering::Relaxed), 1);
/// # Ok(())
/// # }
/// ```
pub trait Journal: Send + Sync + 'static {
    /// How much a write survives (J6).
    fn durability(&self) -> Durability;

    /// Whether replies can be lost.
    fn wire(&self) -> Wire;

    /// The store's time, as well as it is known here. Never waits, never falls.
    fn now(&self) -> Timestamp;

    /// Registers somebody who wants signals.
    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId>;

    /// This listener wants no more signals: for one that has no seat, since that of a seat is
    /// forgotten with its seat. To stop an unknown one is nothing.
    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()>;

    /// Makes a definition known, so that sagas can name it by hash.
    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()>;

    /// Every definition that was made known, in order of their hashes.
    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>>;

    /// A definition by its hash.
    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>>;

    /// Waits for room for a saga of this definition, and reserves it.
    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission>;

    /// Starts a saga that nobody owns: its first records, and a ticket or its end.
    fn create(&self, saga: NewSaga) -> Answer<'_, Created>;

    /// What is known of a saga by its id; with a key, also for some time after its records are gone
    /// (I3). Of an abandoned start whose key was used again: what is known of the latest one.
    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>>;

    /// Takes a seat.
    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease>;

    /// Owns up to `limit` sagas from the ready lists of these definitions. When it finds nothing,
    /// the seat is idle and is signalled when a ticket comes. With a limit of 0 it takes nothing,
    /// and is not idle any more. When tickets are left, the next idle seat is signalled.
    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed>;

    /// Appends groups of records and moves their sagas.
    fn commit(&self, batch: Batch) -> Answer<'_, Committed>;

    /// Leaves an inbox entry.
    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told>;

    /// Takes the inbox of a saga as it is, without folding it.
    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>>;

    /// Renews the lease of the seat and turns due timers into tickets. With `carry`, takes up to
    /// that many tickets of the named definitions for a queue to carry. When it finds none, the seat
    /// is idle and is signalled when a ticket comes.
    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse>;

    /// Ends a seat whose deadline has passed and gives its sagas back.
    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped>;

    /// Gives the seat up. Refused while it owns anything.
    fn leave(&self, seat: SeatId) -> Answer<'_, Left>;

    /// The records of a saga from a sequence number on, and where it is.
    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>>;

    /// Sagas that fit the filter, in order of their ids, after `after`.
    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>>;

    /// Successes that came when their saga was settled, newest last: effects that nobody will undo.
    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>>;

    /// Looks at up to `limit` open sagas after `after` and mends those that are in no place: each
    /// gets a ticket. A saga that is on its way from one place to another is in one.
    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited>;
}

/// How much a write survives (J6).
///
/// A task with a pivot or an `at_most_once` step runs on `Volatile` without being asked, although not
/// on `Process`: what is volatile dies with the process as a whole, with every saga that could be
/// resumed, so nothing is done twice. A journal that lives on without its last records would go on
/// as if the step had not begun.
///
/// ```
/// use distributed_task::journal::Durability;
///
/// assert!(Durability::Volatile < Durability::Process && Durability::Process < Durability::Fsync);
/// assert_eq!(Durability::Fsync.to_string(), "fsync");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing: it lives in this process.
    Volatile,
    /// The end of a process, perhaps not of the machine.
    Process,
    /// Power loss.
    Fsync,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Volatile => "volatile",
            Self::Process => "process",
            Self::Fsync => "fsync",
        })
    }
}

/// Whether replies can be lost on the way.
///
/// ```
/// use distributed_task::journal::Wire;
///
/// /// How often a call that brought no reply is made again.
/// fn repeats(wire: Wire) -> u32 {
///     match wire {
///         Wire::Local => 0,
///         Wire::Remote => 5,
///     }
/// }
/// assert_eq!(repeats(Wire::Local), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A call is a function call.
    Local,
    /// A call may take effect although its reply never comes.
    Remote,
}

/// What can go wrong with a call.
///
/// ```
/// use distributed_task::journal::JournalError;
///
/// /// Whether the same call may be made again.
/// fn may_ask_again(error: &JournalError) -> bool {
///     match error {
///         // Another process may go on with the sagas of this seat: stop.
///         JournalError::Fenced(_) | JournalError::Diverged(_) => false,
///         _ => true,
///     }
/// }
/// let error = JournalError::Unavailable("connection refused".into());
/// assert!(may_ask_again(&error));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The seat does not live; nothing was written.
    #[error("the seat {0} is gone: another process may own its sagas")]
    Fenced(SeatId),
    /// The store and the seat disagree on what was written last: the store lost something.
    #[error("the journal and the seat {0} disagree on what was written last")]
    Diverged(SeatId),
    /// The store cannot be reached or failed.
    #[error("the journal is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The answer to a call: at once, or later.
///
/// A journal in memory answers without allocating; every other one boxes its future.
///
/// ```
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::journal::{Answer, Durability, JournalError};
///
/// let here = Answer::ready(Durability::Volatile);
/// let comes = Answer::Later(Box::pin(async { Ok(Durability::Fsync) }));
/// assert!(here.await? < comes.await?);
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub enum Answer<'a, T> {
    /// The answer is here. `None` once it was taken.
    Ready(Option<Result<T, JournalError>>),
    /// The answer comes.
    Later(BoxFuture<'a, Result<T, JournalError>>),
}

impl<T> Answer<'_, T> {
    /// An answer that is here.
    pub fn ready(answer: T) -> Self {
        Self::Ready(Some(Ok(answer)))
    }
}

impl<T> From<Result<T, JournalError>> for Answer<'_, T> {
    fn from(answer: Result<T, JournalError>) -> Self {
        Self::Ready(Some(answer))
    }
}

impl<T> Unpin for Answer<'_, T> {}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T, JournalError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Answer::Ready(answer) => Poll::Ready(answer.take().expect("polled after its end")),
            Answer::Later(future) => future.as_mut().poll(cx),
        }
    }
}

/// Identity of a seat: random, new for every process and every re-entry (B17).
///
/// ```
/// use distributed_task::journal::SeatId;
/// use uuid::Uuid;
///
/// let seat = SeatId(Uuid::new_v4());
/// assert_ne!(seat, SeatId(Uuid::new_v4()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub Uuid);

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Somebody who wants signals.
///
/// See [`Signals`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(pub u64);

/// Receives signals. Called from wherever they arise: must be quick and must not call the journal.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::{
/// #     journal::{ClaimFrom, NewSaga, SeatId},
/// #     kernel::{DefinitionHash, Place, Record, Started, Value},
/// # };
/// use std::sync::{Arc, mpsc};
/// use distributed_task::{
///     backend::memory::MemoryJournal,
///     journal::{Journal, ListenerId, Signal, Signals},
/// };
///
/// /// Hands every signal to a thread that has the time to act on it.
/// struct Bell(mpsc::Sender<Signal>);
///
/// impl Signals for Bell {
///     fn signal(&self, signal: Signal) {
///         // Nobody listens any more: then nobody misses it.
///         let _ = self.0.send(signal);
///     }
/// }
///
/// let journal = MemoryJournal::new();
/// let (bell, heard) = mpsc::channel();
/// let listener: ListenerId = journal.listen(Arc::new(Bell(bell))).await?;
/// # let seat = SeatId(uuid::Uuid::new_v4());
/// # let definition = DefinitionHash([7; 16]);
/// # journal.enter(seat, listener).await?;
/// # journal.claim(seat, ClaimFrom::Definitions(&[definition]), 1).await?;
/// # let started = Started {
/// #     definition,
/// #     request: Value::journaled("Oslo".to_owned()),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # };
/// # journal.create(NewSaga {
/// #     id: "0192f0c1-0000-7000-8000-000000000000".parse()?,
/// #     at: journal.now(),
/// #     definition,
/// #     records: vec![Record::Started(Arc::new(started))].into(),
/// #     place: Place::Ready,
/// #     key: None,
/// #     admission: journal.admit(definition).await?,
/// # }).await?;
/// // Its seat found nothing to claim, and now somebody submits a saga:
/// assert!(matches!(heard.try_recv()?, Signal::Ready));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub trait Signals: Send + Sync {
    /// Something happened.
    fn signal(&self, signal: Signal);
}

/// A hint that saves a wait.
///
/// ```
/// use distributed_task::journal::Signal;
///
/// fn what_to_do(signal: &Signal) -> &'static str {
///     match signal {
///         Signal::Ready => "claim",
///         Signal::Timer(_) => "pulse no later than then",
///         Signal::Mail(_) => "read the inbox",
///         Signal::Parked(_) | Signal::Ended(..) => "tell whoever waits for the saga",
///         Signal::Defined(_) => "look whether it is covered here",
///         Signal::Closed => "tell everybody who waits",
///     }
/// }
/// assert_eq!(what_to_do(&Signal::Ready), "claim");
/// ```
#[derive(Clone, Debug)]
pub enum Signal {
    /// A ready list that an idle seat of this listener asked for has a ticket.
    Ready,
    /// A timer was set that is due before every other one.
    Timer(Timestamp),
    /// A saga that a seat of this listener owns has mail.
    Mail(SagaId),
    /// A saga that this listener started is parked or stuck.
    Parked(SagaId),
    /// A saga that this listener started is over.
    Ended(SagaId, Arc<Finished>),
    /// This definition was made known, and was not before: a host may cover it.
    Defined(DefinitionHash),
    /// The journal failed for good: no call is answered any more, and nobody hears of an end.
    Closed,
}

/// A reserved place for one new saga. Dropping it gives the place back.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
/// use distributed_task::journal::{Admission, Gate};
///
/// /// So many places are free.
/// struct Room(AtomicUsize);
///
/// impl Gate for Room {
///     fn release(&self) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// let room = Arc::new(Room(AtomicUsize::new(0)));
/// Admission::new(room.clone()).consume();
/// assert_eq!(room.0.load(Ordering::Relaxed), 0, "a saga has it");
/// drop(Admission::new(room.clone()));
/// assert_eq!(room.0.load(Ordering::Relaxed), 1, "nobody wanted it");
/// ```
pub struct Admission(Option<Arc<dyn Gate>>);

/// Where an [`Admission`] came from.
///
/// See [`Admission`] for an example.
pub trait Gate: Send + Sync {
    /// One place is free again.
    fn release(&self);
}

impl Admission {
    /// A place that `gate` gets back if the saga is not created.
    pub fn new(gate: Arc<dyn Gate>) -> Self {
        Self(Some(gate))
    }

    /// The place now belongs to a saga; its first claim frees it.
    pub fn consume(self) {
        self.into_gate();
    }

    /// The same, for a journal that keeps with the saga where its place goes back to.
    pub fn into_gate(mut self) -> Option<Arc<dyn Gate>> {
        self.0.take()
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.release();
        }
    }
}

/// A saga to create.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::{backend::memory::MemoryJournal, kernel::{DefinitionHash, Value}};
/// # use std::sync::Arc;
/// use distributed_task::journal::{Created, Journal, JournalError, NewSaga, Stage};
/// use distributed_task::kernel::{Place, Record, SagaId, Started};
///
/// async fn create(
///     journal: &dyn Journal,
///     id: SagaId,
///     started: Started,
/// ) -> Result<Created, JournalError> {
///     let (definition, at) = (started.definition, journal.now());
///     let admission = journal.admit(definition).await?;
///     let records = vec![Record::Started(Arc::new(started))].into();
///     let (place, key) = (Place::Ready, None);
///     journal.create(NewSaga { id, at, definition, records, place, key, admission }).await
/// }
/// # let journal = MemoryJournal::new();
/// # let id: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// # let started = Started {
/// #     definition: DefinitionHash([7; 16]),
/// #     request: Value::journaled("Oslo".to_owned()),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # };
///
/// assert_eq!(create(&journal, id, started.clone()).await?, Created::Created);
/// let Created::Exists(known) = create(&journal, id, started).await? else { panic!("again?") };
/// assert_eq!(known.stage, Stage::Accepted);
///
/// let history = journal.read(id, 0).await?.expect("it is there");
/// assert_eq!((history.records.len(), history.place), (1, Place::Ready));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub struct NewSaga {
    /// Its id.
    pub id: SagaId,
    /// [`now`](Journal::now) when it was submitted.
    pub at: Timestamp,
    /// Its graph.
    pub definition: DefinitionHash,
    /// `Started` and what follows at once.
    pub records: Group,
    /// `Ready`; `Ended` when no step had to run; `Parked` when a condition panicked.
    pub place: Place,
    /// The first id under its key, if this is not it: that start was abandoned (I2).
    pub key: Option<SagaId>,
    /// The reserved room.
    pub admission: Admission,
}

/// The answer to `create`.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Created,
    /// A saga with this id was there before, or one under this key; nothing was written.
    Exists(Known),
}

/// What is known of a saga by its id.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its id: that which was asked for, or that of the latest start under its key.
    pub id: SagaId,
    /// What it was started with, if it was started under a key.
    pub fingerprint: Option<Fingerprint>,
    /// How far it got.
    pub stage: Stage,
}

/// How far a saga got, as far as a second start under its key needs to know (I2).
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody was told that it is accepted: it is in the hands of the host that began it, or that
    /// host is gone and its start is being undone.
    Starting,
    /// Its start was accepted.
    Accepted,
    /// It is over, settled or not.
    Ended(SagaStatus),
    /// Its start was abandoned, and is undone.
    Abandoned,
}

impl Stage {
    /// The stage of a saga that is over, settled or not.
    pub fn of(finished: &Finished) -> Self {
        match finished.finish {
            Finish::Compensated(Cause::Abandoned) => Self::Abandoned,
            _ => Self::Ended(SagaStatus::of(finished)),
        }
    }
}

/// What a seat has to do to go on living.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When others may declare it dead; `None`: never.
    pub deadline: Option<Timestamp>,
}

/// Which sagas to claim.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug)]
pub enum ClaimFrom<'a> {
    /// From the ready lists of these definitions.
    Definitions(&'a [DefinitionHash]),
    /// These, because a queue brought their tickets, if they are of this definition.
    Sagas(DefinitionHash, &'a [SagaId]),
}

/// The answer to `claim`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use std::sync::Arc;
/// # use distributed_task::{backend::memory::MemoryJournal, journal::{Signal, Signals}};
/// use distributed_task::journal::{ClaimFrom, Journal, Left, SeatId};
/// use distributed_task::kernel::DefinitionHash;
/// use uuid::Uuid;
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::new();
/// # let listener = journal.listen(Arc::new(Deaf)).await?;
/// # let covered = [DefinitionHash([7; 16])];
///
/// let seat = SeatId(Uuid::new_v4());
/// let lease = journal.enter(seat, listener).await?;
/// assert_eq!(lease.deadline, None, "in memory a seat lives as long as its process");
///
/// let claimed = journal.claim(seat, ClaimFrom::Definitions(&covered), 16).await?;
/// for saga in &claimed.sagas {
///     println!("{} under {:?}: {} records", saga.id, saga.fence, saga.records.len());
/// }
/// assert!(claimed.sagas.is_empty(), "nothing was submitted");
/// assert_eq!(journal.leave(seat).await?, Left::Left);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Debug, Default)]
pub struct Claimed {
    /// What the seat owns now.
    pub sagas: Vec<ClaimedSaga>,
    /// The store's time at the claim.
    pub at: Timestamp,
}

/// One saga that was claimed.
///
/// See [`Claimed`] for an example.
#[derive(Debug)]
pub struct ClaimedSaga {
    /// Its id.
    pub id: SagaId,
    /// Its graph.
    pub definition: DefinitionHash,
    /// The fence of this claim.
    pub fence: Fence,
    /// Fences of dead owners at or above that of the last record.
    pub crashes: u32,
    /// When the last of their seats was reaped; `None` without crashes.
    pub crashed_at: Option<Timestamp>,
    /// All its records.
    pub records: Vec<Stamped>,
    /// Its inbox.
    pub mail: Vec<Mail>,
}

/// Groups of records to append at once.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use std::sync::Arc;
/// # use distributed_task::{
/// #     backend::memory::MemoryJournal,
/// #     journal::{SeatId, Signal, Signals},
/// #     kernel::{DefinitionHash, Fence, Record, SagaId, Started, Value},
/// # };
/// use distributed_task::journal::{Batch, Item, Journal, NewOwned, Verdict};
/// use distributed_task::kernel::Place;
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::new();
/// # let seat = SeatId(uuid::Uuid::new_v4());
/// # journal.enter(seat, journal.listen(Arc::new(Deaf)).await?).await?;
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
/// # let definition = DefinitionHash([7; 16]);
/// # let records = vec![Record::Started(Arc::new(Started {
/// #     definition,
/// #     request: Value::journaled("Oslo".to_owned()),
/// #     deadline: None,
/// #     fingerprint: None,
/// #     reply_to: None,
/// # }))];
///
/// // A saga that begins in the hands of its owner: later items leave `create` empty.
/// let item = Item {
///     saga,
///     fence: Fence(journal.now().0),
///     seq: 0,
///     at: journal.now(),
///     records: records.into(),
///     folded: Vec::new(),
///     place: Place::Owned,
///     guarded: false,
///     create: Some(NewOwned { definition, key: None, admission: journal.admit(definition).await? }),
/// };
/// let batch = Batch { seat, number: 1, items: vec![item].into() };
/// let committed = journal.commit(batch).await?;
/// assert_eq!(committed.verdicts[..], [Verdict::Written { mail: false }]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Debug)]
pub struct Batch {
    /// Who writes.
    pub seat: SeatId,
    /// Rises by one with each batch of a seat; the same again for a repetition.
    pub number: u64,
    /// One item a saga.
    pub items: SmallVec<[Item; 1]>,
}

/// What one saga has to write.
///
/// See [`Batch`] for an example.
#[derive(Debug)]
pub struct Item {
    /// The saga.
    pub saga: SagaId,
    /// The writer's fence.
    pub fence: Fence,
    /// The sequence number of the first record.
    pub seq: u64,
    /// [`now`](Journal::now) when the group was decided. A store with a clock of its own stamps
    /// with that one.
    pub at: Timestamp,
    /// The group.
    pub records: Group,
    /// Inbox entries it folds.
    pub folded: Vec<EntryId>,
    /// Where the saga goes.
    pub place: Place,
    /// Whether it must not be written while other mail waits.
    pub guarded: bool,
    /// Starts the saga, owned by the seat at once (A6).
    pub create: Option<NewOwned>,
}

/// A saga that begins in the hands of its owner.
///
/// See [`Batch`] for an example.
pub struct NewOwned {
    /// Its graph.
    pub definition: DefinitionHash,
    /// The first id under its key, if this is not it: that start was abandoned (I2).
    pub key: Option<SagaId>,
    /// The reserved room.
    pub admission: Admission,
}

impl fmt::Debug for NewOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewOwned({})", self.definition)
    }
}

/// The answer to `commit`, one verdict an item.
///
/// See [`Batch`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// In the order of the items.
    pub verdicts: SmallVec<[Verdict; 1]>,
}

/// What became of one item.
///
/// See [`Batch`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Written.
    Written {
        /// The saga has mail.
        mail: bool,
    },
    /// Not written: it was guarded, and the saga has mail.
    Mail,
    /// Not written: the seat does not own the saga, or the sequence does not fit.
    NotOwner,
}

/// The answer to `tell`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::{backend::memory::MemoryJournal, journal::JournalError, kernel::SagaId};
/// use distributed_task::journal::{Journal, Told};
/// use distributed_task::kernel::{EntryId, Letter, Mail};
/// use uuid::Uuid;
/// # let journal = MemoryJournal::new();
/// # let saga: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse()?;
///
/// let letter = Letter::Cancel { reason: "the trip is off".into() };
/// let told = journal.tell(saga, Mail { id: EntryId(Uuid::new_v4()), letter }).await?;
/// match told {
///     Told::Told | Told::Already => println!("it goes back, unless its pivot wins"),
///     Told::TooLate(status) => println!("it is {status}"),
///     Told::NoSuch => println!("it was never submitted, or is forgotten"),
/// }
/// # assert_eq!(told, Told::NoSuch);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It will be folded.
    Told,
    /// It was told before; or it is a cancel, and the saga goes back already.
    Already,
    /// The saga is over; or it is a cancel, and the pivot is done.
    TooLate(SagaStatus),
    /// There is no such saga.
    NoSuch,
}

/// What a relay wants to carry.
///
/// See [`Pulse`] for an example.
#[derive(Clone, Copy, Debug)]
pub struct Carry<'a> {
    /// Of these definitions.
    pub definitions: &'a [DefinitionHash],
    /// At most so many.
    pub limit: usize,
}

/// The answer to `pulse`.
///
/// ```
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::{sync::Arc, time::Duration};
/// # use distributed_task::{
/// #     backend::memory::MemoryJournal,
/// #     journal::{SeatId, Signal, Signals},
/// #     kernel::DefinitionHash,
/// # };
/// use distributed_task::journal::{Carry, Journal, Reaped};
/// # struct Deaf;
/// # impl Signals for Deaf { fn signal(&self, _: Signal) {} }
/// # let journal = MemoryJournal::builder().lease(Duration::from_secs(10)).build();
/// # let [seat, silent] = [1, 2].map(|n| SeatId(uuid::Uuid::from_u128(n)));
/// # for seat in [seat, silent] {
/// #     journal.enter(seat, journal.listen(Arc::new(Deaf)).await?).await?;
/// # }
/// # let covered = [DefinitionHash([7; 16])];
/// # tokio::time::advance(Duration::from_secs(11)).await;
///
/// let carry = Carry { definitions: &covered, limit: 16 };
/// let pulse = journal.pulse(seat, Some(carry)).await?;
/// assert!(pulse.carried.is_empty(), "no saga needs an owner");
/// for dead in pulse.dead {
///     match journal.reap(dead).await? {
///         Reaped::Reaped(sagas) => println!("{dead} is gone: {sagas} sagas go on elsewhere"),
///         Reaped::Alive => println!("{dead} was only slow"),
///     }
/// }
/// # assert_eq!(journal.reap(silent).await?, Reaped::Reaped(0));
/// # assert!(journal.pulse(silent, None).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Pulse {
    /// When others may declare the seat dead.
    pub deadline: Option<Timestamp>,
    /// When the next timer is due.
    pub next_due: Option<Timestamp>,
    /// So many definitions are known.
    pub definitions: usize,
    /// Seats whose deadline has passed.
    pub dead: Vec<SeatId>,
    /// Tickets for the queue to carry.
    pub carried: Vec<(SagaId, DefinitionHash)>,
}

/// The answer to `reap`.
///
/// See [`Pulse`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// The seat is gone; so many sagas were given back.
    Reaped(usize),
    /// It lives: its deadline has not passed.
    Alive,
}

/// The answer to `leave`.
///
/// See [`Claimed`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The seat is gone.
    Left,
    /// It still owns so many sagas.
    Owns(usize),
}

/// The answer to `read`.
///
/// See [`NewSaga`] for an example.
#[derive(Clone, Debug)]
pub struct History {
    /// The graph of the saga.
    pub definition: DefinitionHash,
    /// Where it is.
    pub place: Place,
    /// Its records from the asked sequence number on.
    pub records: Vec<Stamped>,
}

/// Which sagas to list. The default lists all.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::memory::MemoryJournal;
/// use distributed_task::journal::{Journal, JournalError, ListFilter, Listed, PlaceKind};
///
/// /// All parked sagas, page by page.
/// async fn parked(journal: &dyn Journal) -> Result<Vec<Listed>, JournalError> {
///     let filter = ListFilter { place: Some(PlaceKind::Parked), ..ListFilter::default() };
///     let mut all = Vec::new();
///     loop {
///         let page = journal.list(filter, all.last().map(|last: &Listed| last.id), 100).await?;
///         if page.is_empty() {
///             return Ok(all);
///         }
///         all.extend(page);
///     }
/// }
/// assert!(parked(&MemoryJournal::new()).await?.is_empty());
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those in this kind of place.
    pub place: Option<PlaceKind>,
    /// Only those of this definition.
    pub definition: Option<DefinitionHash>,
}

impl ListFilter {
    /// Whether a saga is one of them.
    pub fn fits(&self, saga: &Listed) -> bool {
        self.place.is_none_or(|wanted| wanted == PlaceKind::of(saga.place))
            && self.definition.is_none_or(|wanted| wanted == saga.definition)
    }
}

/// The kinds of [`Place`].
///
/// See [`ListFilter`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// In a ready list, or carried.
    Ready,
    /// With an owner.
    Owned,
    /// Waiting for a time; over, perhaps, but not settled.
    Timed,
    /// Waiting for code or an operator.
    Parked,
    /// Over.
    Ended,
}

impl PlaceKind {
    /// The kind of a place.
    pub fn of(place: Place) -> Self {
        match place {
            Place::Ready => Self::Ready,
            Place::Owned => Self::Owned,
            Place::Timed(_) => Self::Timed,
            Place::Parked => Self::Parked,
            Place::Ended => Self::Ended,
        }
    }
}

/// One row of `list`.
///
/// See [`ListFilter`] for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The saga.
    pub id: SagaId,
    /// Its graph.
    pub definition: DefinitionHash,
    /// Where it is.
    pub place: Place,
}

/// The answer to `audit`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::memory::MemoryJournal;
/// use distributed_task::journal::{Journal, JournalError};
///
/// /// Looks at every open saga; answers how many had to be mended.
/// async fn audit(journal: &dyn Journal) -> Result<usize, JournalError> {
///     let (mut after, mut mended) = (None, 0);
///     loop {
///         let page = journal.audit(after, 100).await?;
///         mended += page.mended.len();
///         after = page.next;
///         if after.is_none() {
///             return Ok(mended);
///         }
///     }
/// }
/// assert_eq!(audit(&MemoryJournal::new()).await?, 0);
/// # Ok::<_, JournalError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Sagas looked at.
    pub seen: usize,
    /// Sagas that were in no place.
    pub mended: Vec<SagaId>,
    /// Where to go on; `None` at the end.
    pub next: Option<SagaId>,
}
