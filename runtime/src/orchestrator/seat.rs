//! A seat of this host: what it owns sagas through, until it is left or lost.
//!
//! A host that loses its seat takes another one under a new id (B17). What was owned through the
//! lost one is somebody else's: nothing is written under it any more (A4).

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{fence::SelfFence, random, signals::Ears};
use crate::{
    journal::{Journal, JournalError, Lease, SeatId},
    kernel::Definition,
};

/// A seat of this host.
pub(super) struct Seat {
    pub(super) id: SeatId,
    pub(super) fence: SelfFence,
    /// Whatever owns sagas through it.
    pub(super) tasks: TaskTracker,
    /// Another host may own now what it owned: what runs under it ends.
    pub(super) lost: CancellationToken,
}

/// A seat that was just taken.
pub(super) struct Taken {
    pub(super) seat: Arc<Seat>,
    pub(super) lease: Lease,
    /// The definitions that the journal knows.
    pub(super) known: Vec<Arc<Definition>>,
}

impl Seat {
    /// Takes a seat in a journal that knows this definition then.
    pub(super) async fn take(
        journal: &dyn Journal,
        ears: &Arc<Ears>,
        definition: &Arc<Definition>,
    ) -> Result<Taken, JournalError> {
        // Forgotten with its seat, so each has its own.
        let listener = journal.listen(Arc::clone(ears) as _).await?;
        let entered = async {
            journal.define(Arc::clone(definition)).await?;
            let known = journal.definitions().await?;
            let (id, fence) = (random::seat(), SelfFence::new());
            let (renewing, sent) = (fence.renewing(), journal.now());
            let lease = journal.enter(id, listener).await?;
            fence.renewed(renewing, lease.deadline.map(|deadline| deadline.since(sent)));
            let (tasks, lost) = (TaskTracker::new(), CancellationToken::new());
            let seat = Arc::new(Self { id, fence, tasks, lost });
            Ok(Taken { seat, lease, known })
        };
        match entered.await {
            Ok(taken) => Ok(taken),
            Err(error) => {
                // Nobody will ever listen there; if this fails as well, the journal has lost more.
                let _ = journal.unlisten(listener).await;
                Err(error)
            }
        }
    }

    /// It is not this host's any more.
    pub(super) fn lose(&self) {
        self.lost.cancel();
    }
}
