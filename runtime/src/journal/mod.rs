//! The journal: records, inbox, tickets, owners and timers of every saga, behind one trait.

mod admission;
mod answer;
mod claim;
mod commit;
mod create;
mod durability;
mod look;
mod seat;
mod signal;

use std::sync::Arc;

pub use self::{
    admission::{Admission, Gate},
    answer::{Answer, JournalError},
    claim::{ClaimFrom, Claimed, ClaimedSaga},
    commit::{Batch, Committed, Item, NewOwned, Verdict},
    create::{Created, Known, NewSaga, Stage},
    durability::Durability,
    look::{Audited, History, ListFilter, Listed, PlaceKind, Told},
    seat::{Carry, Lease, Left, Pulse, Reaped, SeatId},
    signal::{ListenerId, Signal, Signals},
};
#[cfg(doc)]
use crate::kernel::Direction;
use crate::kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp};

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
/// start, and its [`Stage`]. A saga that began in the hands of an owner without an admission is
/// accepted at once. With one, it is `Starting` until that owner hands it over: moves it on with an
/// intent, parks it, turns it back for another cause than `Abandoned`, or ends it. What that owner
/// only gives back, and what others do with it after that owner was reaped, leave it `Starting`
/// until it is undone, and it is `Abandoned` then. A saga with a fingerprint leaves a tombstone: it
/// is found, and its id is taken, for at least one retention after its end, also when its records
/// are gone. After two retentions no tombstone is left, and the id is free. A saga without a
/// fingerprint leaves none.
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
/// comes back to its ready list after some time, which is a setting of the journal.
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
/// definition was made known that was not before (to every listener). The end of a saga is
/// signalled once, and not again when it is settled; one that was opened again ends once more. When
/// a seat is gone, the tickets that are left and the next timer are signalled to another, and its
/// listener hears nothing more. Everything works without signals, later.
///
/// # Lost replies
/// Calls may be made side by side; each takes effect at most once and is answered once. Where a
/// reply can be lost on its way, that is a matter between the journal and its store: the journal
/// numbers what a seat claims and commits and asks again under the same number, and the store
/// answers the same number with the same reply. A number out of turn shows that one of them has lost
/// something; a pulse shows it, too, for a seat that has nothing more to write. Then the seat is
/// lost: [`JournalError::Diverged`], or [`JournalError::Fenced`] when it was reaped, and whoever
/// held it owns nothing any more.
///
/// [`JournalError::Unavailable`] says of a claim that it took nothing: a journal that does not know
/// asks again, for as long as the seat may live. Of every other operation it says that it took
/// effect or never will, and nobody knows which. Whether a commit was written,
/// [`read`](Journal::read) tells. A `create` with the same id, and a `tell` of the same entry, are
/// made again and count once. The tickets of a pulse that was to carry some come back.
///
/// Signals can be lost as well. Where they can, the journal signals a seat again that there are
/// tickets, when a pulse without `carry` shows it: one that carries sees them.
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
/// #         is_shared() -> bool;
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

    /// Whether other processes may have it as well. Default: they may. Then what is only in the memory of this
    /// one, such as the [locks](crate::lock::DistributedLock) of a task in process, is not enough for its sagas.
    /// A journal around another one says what that says.
    fn is_shared(&self) -> bool {
        true
    }

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

    /// Looks at about `limit` open sagas after `after` and mends those that are in no place: each
    /// gets a ticket. A saga that is on its way from one place to another is in one.
    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited>;
}
