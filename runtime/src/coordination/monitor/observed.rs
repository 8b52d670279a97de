//! Where all that happens comes by: it is counted, logged, and told to those who listen.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::broadcast;

use super::{
    event::{CoordinationEvent, Happened, LeaseEvent},
    statistics::Totals,
};
use crate::coordination::{DebuggingOptions, ElectionEvent};

/// How many events who listens may be behind.
const BEHIND: usize = 1024;

pub(in crate::coordination) struct Observed {
    totals: Mutex<Totals>,
    events: broadcast::Sender<CoordinationEvent>,
    debugging: Mutex<DebuggingOptions>,
}

impl Default for Observed {
    fn default() -> Self {
        let (events, _) = broadcast::channel(BEHIND);
        Self { totals: Mutex::default(), events, debugging: Mutex::default() }
    }
}

impl Observed {
    pub(in crate::coordination) fn set(&self, debugging: DebuggingOptions) {
        *self.debugging.lock().unwrap_or_else(PoisonError::into_inner) = debugging;
    }

    pub(in crate::coordination) fn debugging(&self) -> DebuggingOptions {
        *self.debugging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody will want this name: what there is to tell of its class is told from now on.
    pub(in crate::coordination) fn expect(&self, name: &str) -> Arc<str> {
        let (class, is_first) = self.totals().class(name);
        #[cfg(feature = "metrics")]
        if is_first {
            super::figures::begin(&class);
        }
        #[cfg(not(feature = "metrics"))]
        let _ = is_first;
        class
    }

    /// Somebody wants this name until what this returns is dropped.
    pub(in crate::coordination) fn wanted(&self, name: &str) -> Wanted<'_> {
        let class = self.expect(name);
        if let Some(wanted) = self.totals().wanted(&class) {
            *wanted += 1;
        }
        #[cfg(feature = "metrics")]
        super::figures::wanted(&class, 1.0);
        Wanted { class, observed: self }
    }

    pub(in crate::coordination) fn note(&self, event: LeaseEvent) {
        let debugging = self.debugging();
        let class = self.expect(&event.name);
        let news = self.totals().count(&class, &event, debugging.contention_threshold);
        let more = news.map(|what| LeaseEvent { what, ..event.clone() });
        for event in [Some(event), more].into_iter().flatten() {
            #[cfg(feature = "metrics")]
            super::figures::note(&class, &event.what);
            log(&event, debugging);
            self.tell(CoordinationEvent::Lease(event));
        }
    }

    pub(in crate::coordination) fn note_election(
        &self,
        election: &Arc<str>,
        candidate: &Arc<str>,
        event: ElectionEvent,
    ) {
        let wanted = self.debugging();
        match wanted.enable_leader_election_logging || wanted.log_coordination_events {
            true => tracing::info!(%election, %candidate, ?event, "election"),
            false => tracing::debug!(%election, %candidate, ?event, "election"),
        }
        let (election, candidate) = (Arc::clone(election), Arc::clone(candidate));
        self.tell(CoordinationEvent::Election { election, candidate, event });
    }

    fn tell(&self, event: CoordinationEvent) {
        // Mostly nobody listens.
        let _ = self.events.send(event);
    }

    /// How long the store took for one call.
    pub(in crate::coordination) fn latency(&self, op: &'static str, took: Duration) {
        #[cfg(feature = "metrics")]
        super::figures::latency(op, took);
        tracing::trace!(op, ?took, "the store answered");
    }

    pub(super) fn events(&self) -> broadcast::Receiver<CoordinationEvent> {
        self.events.subscribe()
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody wants a name of this class, and does not have it yet.
pub(in crate::coordination) struct Wanted<'a> {
    class: Arc<str>,
    observed: &'a Observed,
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        if let Some(wanted) = self.observed.totals().wanted(&self.class) {
            *wanted -= 1;
        }
        #[cfg(feature = "metrics")]
        super::figures::wanted(&self.class, -1.0);
    }
}

/// Trouble is always told. What goes well is, for those who look at details or have asked for it.
fn log(LeaseEvent { name, owner, what }: &LeaseEvent, wanted: DebuggingOptions) {
    macro_rules! told {
        ($($of:tt)*) => {
            match wanted.log_coordination_events || wanted.enable_lock_tracing {
                true => tracing::info!(key = %name, ?owner, $($of)*),
                false => tracing::debug!(key = %name, ?owner, $($of)*),
            }
        };
    }
    match what {
        Happened::Acquired { fence, attempts, waited, .. } => {
            told!(fence = fence.0, attempts, ?waited, "acquired");
        }
        Happened::NotAcquired { attempts, waited, holder } => {
            told!(attempts, ?waited, ?holder, "not acquired: somebody else has it");
        }
        Happened::GaveUp { waited } => told!(?waited, "not waited for any more"),
        Happened::Failed { waited, error } => {
            tracing::warn!(key = %name, ?owner, ?waited, %error, "not acquired");
        }
        Happened::Renewed { took, .. } => match wanted.log_coordination_events {
            true => tracing::info!(key = %name, ?owner, ?took, "renewed"),
            false => tracing::trace!(key = %name, ?owner, ?took, "renewed"),
        },
        Happened::NotRenewed { took, error } => {
            tracing::warn!(key = %name, ?owner, ?took, %error, "not renewed");
        }
        Happened::Released { fence, held } => told!(fence = fence.0, ?held, "released"),
        Happened::NotReleased { took, error } => {
            tracing::warn!(key = %name, ?owner, ?took, %error, "not released");
        }
        Happened::Detached { fence, held } => told!(fence = fence.0, ?held, "left to run out"),
        Happened::Lost { fence, cause, held } => {
            tracing::warn!(key = %name, ?owner, fence = fence.0, %cause, ?held, "lost");
        }
        Happened::StillUsed { fence } => {
            tracing::warn!(key = %name, ?owner, fence = fence.0, "lost, and its holder goes on");
        }
        Happened::Forced { fence, why } => {
            tracing::warn!(key = %name, ?owner, fence = fence.0, %why, "taken away by an operator");
        }
        Happened::ReaderForced { why } => {
            tracing::warn!(key = %name, ?owner, %why, "a share was taken away by an operator");
        }
        Happened::ContentionHigh { class, average } => {
            tracing::warn!(%class, ?average, "those who want it wait for long");
        }
        Happened::LeaseShort { class, lease, p99 } => {
            tracing::warn!(%class, ?lease, ?p99, "short leases on a slow store: take longer ones");
        }
    }
}
