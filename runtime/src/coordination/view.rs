//! A lease that somebody else holds.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use super::{
    guard::{Held, LeaseGuard},
    hold::{Hold, Lost, State},
};
use crate::kernel::Fence;

/// How a lease stands.
///
/// See [`LeaseView`] for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseState {
    /// It is held, for so long at least.
    Held {
        /// How long, if nothing renews it.
        remaining: Duration,
    },
    /// Its holder gave it back, or left it to run out.
    Released,
    /// It was lost.
    Lost(Lost),
}

/// Watches a lease that somebody holds. Cloning it watches the same one.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, LeaseState},
/// };
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let held = coordination.lease("report").acquire().await?;
/// let view = held.view();
/// assert!(matches!(view.state(), LeaseState::Held { .. }));
/// held.release().await;
/// assert_eq!(view.ended().await, LeaseState::Released);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct LeaseView(pub(super) Arc<Hold>);

impl LeaseView {
    /// How it stands now.
    pub fn state(&self) -> LeaseState {
        match self.0.state() {
            State::Held { until } => LeaseState::Held { remaining: until.since(self.0.now()) },
            State::Ended { .. } => self.0.loss().map_or(LeaseState::Released, LeaseState::Lost),
        }
    }

    /// How long it is held, at least, or why it is not. `None` if its holder gave it back.
    pub(super) fn check(&self) -> Result<Held<'_>, Option<Lost>> {
        let hold = &*self.0;
        hold.left().map(|remaining| Held { hold, remaining }).ok_or_else(|| hold.loss())
    }

    pub(super) fn is_held(&self) -> bool {
        self.0.left().is_some()
    }

    pub(super) fn is_of(&self, guard: &LeaseGuard) -> bool {
        Arc::ptr_eq(&self.0, &guard.hand.hold)
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// The fence of the tenure.
    pub(super) fn fence(&self) -> Fence {
        self.0.fence
    }

    /// Is cancelled when it is held no more.
    pub(super) fn token(&self) -> CancellationToken {
        self.0.token()
    }

    /// Returns when it is held no more, and how it ended.
    ///
    /// # Cancellation
    /// Asking again finds the same.
    pub async fn ended(&self) -> LeaseState {
        self.0.ended().await;
        self.state()
    }
}
