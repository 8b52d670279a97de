//! The self-fence: a host that has not renewed its lease in time holds still, before others may declare
//! it dead (F3). If its seat is still there when the store is heard again, it goes on where it was (B17).

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    clock::{Clock, WakefulClock},
    kernel::Timestamp,
};

/// Until when this host may act, on a clock of its own, which nobody sets, and which counts sleep where it can.
pub(super) struct SelfFence {
    clock: Arc<dyn Clock>,
    until: AtomicU64,
    /// It was renewed.
    revived: Notify,
}

/// A renewal on its way, and when it was sent.
pub(super) struct Renewal(Timestamp);

const NEVER: u64 = u64::MAX;

impl SelfFence {
    /// Of a host that has no lease yet.
    pub(super) fn new() -> Self {
        Self::by(Arc::new(WakefulClock::starting_at(Timestamp(0))))
    }

    fn by(clock: Arc<dyn Clock>) -> Self {
        Self { clock, until: NEVER.into(), revived: Notify::new() }
    }

    /// Counted from before the call: the store may have renewed the lease then, and not later.
    pub(super) fn renewing(&self) -> Renewal {
        Renewal(self.clock.now())
    }

    /// The lease lasts this long from its renewal; `None`: for ever. A tenth of it is left for what
    /// is on its way.
    pub(super) fn renewed(&self, Renewal(sent): Renewal, lease: Option<Duration>) {
        let until = lease.map_or(NEVER, |lease| sent.plus(lease * 9 / 10).0);
        self.until.store(until, Ordering::Relaxed);
        self.revived.notify_waiters();
    }

    /// Whether nothing may be started any more.
    pub(super) fn has_fallen(&self) -> bool {
        let until = self.until.load(Ordering::Relaxed);
        until != NEVER && until <= self.clock.now().0
    }

    /// Waits until it stands.
    pub(super) async fn stands(&self) {
        loop {
            let mut revived = pin!(self.revived.notified());
            revived.as_mut().enable();
            if !self.has_fallen() {
                return;
            }
            revived.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// How long the machine has been up.
    #[derive(Clone, Default)]
    struct Up(Arc<AtomicU64>);

    impl Clock for Up {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    const LEASE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn f3_a_host_whose_machine_slept_past_its_lease_holds_still_until_it_is_heard() {
        let up = Up::default();
        let fence = SelfFence::by(Arc::new(WakefulClock::beside(up.clone(), Timestamp(0))));
        assert!(!fence.has_fallen(), "it has no lease");
        fence.renewed(fence.renewing(), Some(LEASE));
        advance(Duration::from_secs(20)).await;
        assert!(!fence.has_fallen());
        up.0.store(3_600_000_000, Ordering::Relaxed);
        assert!(fence.has_fallen());
        fence.renewed(fence.renewing(), Some(LEASE));
        fence.stands().await;
        advance(Duration::from_secs(28)).await;
        assert!(fence.has_fallen());
    }
}
