//! Room for new sagas.

use std::sync::Arc;

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
