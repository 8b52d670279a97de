//! What a journal tells without being asked.

use std::sync::Arc;

use crate::kernel::{DefinitionHash, Finished, SagaId, Timestamp};

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
