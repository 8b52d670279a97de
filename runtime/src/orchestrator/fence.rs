//! The self-fence: a host that has not renewed its lease in time holds still, before others may declare
//! it dead (F3). If its seat is still there when the store is heard again, it goes on where it was (B17).

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

/// Until when this host may act, on a clock of its own.
pub(super) struct SelfFence {
    base: Instant,
    /// Microseconds after `base`.
    until: AtomicU64,
    /// It was renewed.
    revived: Notify,
}

/// A renewal on its way, and when it was sent.
pub(super) struct Renewal(Instant);

const NEVER: u64 = u64::MAX;

impl SelfFence {
    /// Of a host that has no lease yet.
    pub(super) fn new() -> Self {
        Self { base: now(), until: NEVER.into(), revived: Notify::new() }
    }

    /// Counted from before the call: the store may have renewed the lease then, and not later.
    pub(super) fn renewing() -> Renewal {
        Renewal(now())
    }

    /// The lease lasts this long from its renewal; `None`: for ever. A tenth of it is left for what
    /// is on its way.
    pub(super) fn renewed(&self, Renewal(sent): Renewal, lease: Option<Duration>) {
        let until = lease.map(|lease| sent + lease * 9 / 10 - self.base);
        let until = until.map_or(NEVER, |until| u64::try_from(until.as_micros()).unwrap_or(NEVER));
        self.until.store(until, Ordering::Relaxed);
        self.revived.notify_waiters();
    }

    /// Whether nothing may be started any more.
    pub(super) fn has_fallen(&self) -> bool {
        self.until().is_some_and(|until| until <= now())
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

    fn until(&self) -> Option<Instant> {
        let until = self.until.load(Ordering::Relaxed);
        (until != NEVER).then(|| self.base + Duration::from_micros(until))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a holder measures its lease on a clock of its own, which never jumps (F3)"
)]
fn now() -> Instant {
    Instant::now()
}
