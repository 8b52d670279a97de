//! What happens to leases, one thing after the other.

use std::{sync::Arc, time::Duration};

use crate::{
    coordination::{ElectionEvent, LossCause},
    kernel::Fence,
    lease::Owner,
};

/// Something that happened in this process.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::pin::pin;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, CoordinationEvent, Happened},
/// };
/// use futures_util::StreamExt;
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let mut events = pin!(coordination.monitor().events());
/// let held = coordination.lock("nightly-report").acquire().await?;
/// match events.next().await.expect("it goes on") {
///     CoordinationEvent::Lease(event) => {
///         assert_eq!(&*event.name, "nightly-report");
///         assert!(matches!(event.what, Happened::Acquired { fence, .. } if fence == held.fence()));
///     }
///     CoordinationEvent::Election { election, event, .. } => println!("{election}: {event:?}"),
///     _ => {}
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CoordinationEvent {
    /// To a name. Those of elections have leases as well.
    Lease(LeaseEvent),
    /// To a [candidacy](crate::coordination::Candidacy).
    Election {
        /// What it is called.
        election: Arc<str>,
        /// Who [stands](crate::coordination::Election::candidate).
        candidate: Arc<str>,
        /// What it was, as [its own events](crate::coordination::Candidacy::events) tell it.
        event: ElectionEvent,
    },
}

/// Something that happened to a name.
///
/// See [`CoordinationEvent`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LeaseEvent {
    /// The name, as the store knows it: that of an election is `election`, a separator and its name.
    pub name: Arc<str>,
    /// Who asked for it, or had it. Printed by its first eight characters only.
    pub owner: Owner,
    /// What it was.
    pub what: Happened,
}

/// What may happen to a name. How long something took is told on the clock of this process.
///
/// See [`CoordinationEvent`] for an example.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happened {
    /// It was acquired.
    Acquired {
        /// Whether somebody else had it, or came first.
        contended: bool,
        /// The fence of the tenure.
        fence: Fence,
        /// How often the store was asked.
        attempts: u64,
        /// How long it took.
        waited: Duration,
        /// How long after it was told that it is its turn, if it was.
        handed_over: Option<Duration>,
    },
    /// Somebody else had it, for as long as was waited.
    NotAcquired {
        /// How often the store was asked.
        attempts: u64,
        /// How long was waited.
        waited: Duration,
        /// Who had it, if the store knows.
        holder: Option<Owner>,
    },
    /// Whoever waited for it waits no more.
    GaveUp {
        /// How long it had waited.
        waited: Duration,
    },
    /// The store did not do what it was asked.
    Failed {
        /// How long it took.
        waited: Duration,
        /// Why.
        error: Arc<str>,
    },
    /// It was renewed.
    Renewed {
        /// For how long.
        lease: Duration,
        /// How long the store took.
        took: Duration,
    },
    /// One try to renew it had no answer, or a refusal. It is held all the same until it is lost.
    NotRenewed {
        /// How long it took.
        took: Duration,
        /// Why.
        error: Arc<str>,
    },
    /// It was lost, and whoever had it has not stopped in time: its guard is still there when somebody else
    /// may have the name, after 50 milliseconds at least. What [`run_if_held`](super::super::LeaseGuard::run_if_held)
    /// runs stops by itself, unless it blocks its thread.
    StillUsed {
        /// The fence of the tenure.
        fence: Fence,
    },
    /// Its holder let it go.
    Released {
        /// The fence of the tenure.
        fence: Fence,
        /// How long it was held.
        held: Duration,
    },
    /// One try to give it back had no answer, or a refusal. It has ended here, and what the store has of it runs out
    /// if no other try succeeds.
    NotReleased {
        /// How long it took.
        took: Duration,
        /// Why.
        error: Arc<str>,
    },
    /// Its holder leaves it to run out.
    Detached {
        /// The fence of the tenure.
        fence: Fence,
        /// How long it was held.
        held: Duration,
    },
    /// It was lost.
    Lost {
        /// The fence of the tenure.
        fence: Fence,
        /// Why.
        cause: LossCause,
        /// How long it was held.
        held: Duration,
    },
    /// This process took it away from its holder, as an operator asked for.
    Forced {
        /// The fence of the tenure that ended.
        fence: Fence,
        /// Who asked for it, and why.
        why: Arc<str>,
    },
    /// This process took it away from one who shared it, as an operator asked for.
    ReaderForced {
        /// Who asked for it, and why.
        why: Arc<str>,
    },
    /// Those who want names of this [class](super::Contention) wait for longer than they should, on average.
    /// Told once, until it is better.
    ContentionHigh {
        /// Which class.
        class: Arc<str>,
        /// How long the last ones waited.
        average: Duration,
    },
    /// Leases on names of this [class](super::Contention) are shorter than twenty times what the store takes to renew
    /// one: few tries fit between a hiccup and a loss. Told once, until it is better.
    LeaseShort {
        /// Which class.
        class: Arc<str>,
        /// How long this one is.
        lease: Duration,
        /// Ninety-nine of a hundred renewals of this process took no longer, where the last thousands count most.
        p99: Duration,
    },
}
