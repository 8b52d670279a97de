//! The queue: an optional carrier of tickets from the journal to workers.

mod wire;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use self::wire::{TicketError, TicketFormat};
use crate::kernel::SagaId;

/// Brings tickets from the journal to workers, where a deployment wants a broker of its own.
/// Without one the journal's ready lists serve.
///
/// # What it carries
/// A [`Ticket`] is a hint that a saga needs an owner. The journal stays the truth: a ticket that
/// comes twice, late or not at all costs time, never work.
///
/// # Publishing
/// `publish` resolves when the queue has taken the ticket. A full queue makes it wait; it never
/// drops a ticket. Tickets on one queue name never reach consumers of another.
///
/// # Receiving
/// Each ticket goes to one consumer at a time. It stays with the queue until `ack`; `nack` brings
/// it back, to any consumer, after the delay. A delivery that is dropped without either comes back
/// at once.
///
/// # Cancellation
/// Dropping the future of `receive` loses nothing. Dropping that of `publish` leaves the ticket
/// published or not.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::{backend::memory::MemoryQueue, queue::{Queue, Ticket}};
///
/// let queue = MemoryQueue::new();
/// let ticket = Ticket {
///     saga: "0192f0c1-0000-7000-8000-000000000000".parse()?,
///     task: "book-trip".into(),
///     definition: "9b0f2d51c6a44f0b8f5a0c6a1d2e3f40".into(),
/// };
/// queue.publish("trips", ticket.clone()).await?;
///
/// let delivery = queue.receive("trips").await?;
/// assert_eq!(delivery.ticket(), &ticket);
/// // Once the saga has an owner:
/// delivery.ack().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
pub trait Queue: Send + Sync + 'static {
    /// Puts a ticket on the queue of this name.
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Takes the next ticket from the queue of this name; waits while there is none.
    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>>;
}

/// A ticket in the hands of a consumer.
///
/// See [`Queue`] for an example.
pub trait Delivery: Send {
    /// The ticket.
    fn ticket(&self) -> &Ticket;

    /// The ticket is settled: the saga has an owner, or needs none.
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>>;

    /// Brings the ticket back after a delay.
    fn nack(self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>>;
}

/// What a queue carries: which saga needs an owner, and whose handlers it needs (V7).
///
/// See [`Queue`] for an example. A carrier that keeps bytes writes it in a [`TicketFormat`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The saga.
    pub saga: SagaId,
    /// The name of its task.
    pub task: String,
    /// The fingerprint of its definition, in hexadecimal.
    pub definition: String,
}

/// What can go wrong with a queue.
///
/// ```
/// use distributed_task::queue::QueueError;
///
/// let error = QueueError::Unavailable { queue: "trips".into(), source: "no route".into() };
/// assert_eq!(error.to_string(), "the queue `trips` is unavailable");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The queue cannot be reached or failed.
    #[error("the queue `{queue}` is unavailable")]
    Unavailable {
        /// Its name.
        queue: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
