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
/// owner hands it over. If the owner is reaped first, it stays `Starting` until it is undone, and
/// is `Abandoned` then. A saga with a fingerprint leaves a tombstone: it is found, and its id is
/// taken, for at least one retention after its end, also when its records are gone. After two
/// retentions no tombstone is left, and the id is free. A saga without a fingerprint leaves none.
///
/// # Inbox
/// [`tell`](Journal::tell) leaves an entry for whoever owns the saga, or will. It needs no
/// ownership, is durable when it is answered, and counts once however often it is told. An entry
/// stays until the commit that folds it. A *guarded* commit is refused while an entry waits that
/// it does not fold: it would decide without having read it. Any other commit is written, and says
/// that there is mail. What is told to a parked saga, or to one that waits for a time, gives it a
/// ticket. A cancel of a saga that goes back is [`Told::Already`], one behind the pivot
/// [`Told::TooLate`], and so is what is told to a saga that is over, with one exception.
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
/// wait for their first claim. An admission that is dropped, and a saga that is over, parked or
/// waiting for a time before its first claim, give their room back. Wake-ups are never refused
/// (A7).
///
/// # Signals
/// A signal is a hint that saves a wait: that a ready list is no longer empty (to one idle seat),
/// that mail came (to the owner), that a timer was set which is due before every other one (to the
/// seat that set it), that a saga is over or parked (to the listener in `reply_to`). The end of a
/// saga is signalled once, and not again when it is settled; one that was opened again ends once
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

    /// Waits for room and reserves it.
    fn admit(&self) -> Answer<'_, Admission>;

    /// Starts a saga that nobody owns: its first records, and a ticket or its end.
    fn create(&self, saga: NewSaga) -> Answer<'_, Created>;

    /// What is known of a saga by its id; with a key, also for some time after its records are gone
    /// (I3).
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
    /// that many tickets of the named definitions for a queue to carry.
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
    /// gets a ticket.
    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited>;
}

/// How much a write survives (J6).
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A call is a function call.
    Local,
    /// A call may take effect although its reply never comes.
    Remote,
}

/// What can go wrong with a call.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatId(pub Uuid);

impl fmt::Display for SeatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Somebody who wants signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(pub u64);

/// Receives signals. Called from wherever they arise: must be quick and must not call the journal.
pub trait Signals: Send + Sync {
    /// Something happened.
    fn signal(&self, signal: Signal);
}

/// A hint that saves a wait.
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
}

/// A reserved place for one new saga. Dropping it gives the place back.
pub struct Admission(Option<Arc<dyn Gate>>);

/// Where an [`Admission`] came from.
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
    pub fn consume(mut self) {
        self.0 = None;
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
    /// The reserved room.
    pub admission: Admission,
}

/// The answer to `create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Created,
    /// A saga with this id was there before; nothing was written.
    Exists(Known),
}

/// What is known of a saga by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it was started with, if it was started under a key.
    pub fingerprint: Option<Fingerprint>,
    /// How far it got.
    pub stage: Stage,
}

/// How far a saga got, as far as a second start under its key needs to know (I2).
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When others may declare it dead; `None`: never.
    pub deadline: Option<Timestamp>,
}

/// Which sagas to claim.
#[derive(Clone, Copy, Debug)]
pub enum ClaimFrom<'a> {
    /// From the ready lists of these definitions.
    Definitions(&'a [DefinitionHash]),
    /// These, because a queue brought their tickets, if they are of this definition.
    Sagas(DefinitionHash, &'a [SagaId]),
}

/// The answer to `claim`.
#[derive(Debug, Default)]
pub struct Claimed {
    /// What the seat owns now.
    pub sagas: Vec<ClaimedSaga>,
    /// The store's time at the claim.
    pub at: Timestamp,
}

/// One saga that was claimed.
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
pub struct NewOwned {
    /// Its graph.
    pub definition: DefinitionHash,
    /// The reserved room.
    pub admission: Admission,
}

impl fmt::Debug for NewOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewOwned({})", self.definition)
    }
}

/// The answer to `commit`, one verdict an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// In the order of the items.
    pub verdicts: SmallVec<[Verdict; 1]>,
}

/// What became of one item.
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
#[derive(Clone, Copy, Debug)]
pub struct Carry<'a> {
    /// Of these definitions.
    pub definitions: &'a [DefinitionHash],
    /// At most so many.
    pub limit: usize,
}

/// The answer to `pulse`.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaped {
    /// The seat is gone; so many sagas were given back.
    Reaped(usize),
    /// It lives: its deadline has not passed.
    Alive,
}

/// The answer to `leave`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The seat is gone.
    Left,
    /// It still owns so many sagas.
    Owns(usize),
}

/// The answer to `read`.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those in this kind of place.
    pub place: Option<PlaceKind>,
    /// Only those of this definition.
    pub definition: Option<DefinitionHash>,
}

/// The kinds of [`Place`].
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

/// One row of `list`.
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Sagas looked at.
    pub seen: usize,
    /// Sagas that were in no place.
    pub mended: Vec<SagaId>,
    /// Where to go on; `None` at the end.
    pub next: Option<SagaId>,
}
