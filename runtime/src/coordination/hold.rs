//! One tenure, as the process that has it sees it.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::{Clock, SystemClock},
    kernel::{Fence, Timestamp},
    lease::{Grant, Owner},
};

/// What a holder and those who watch it share with the task that keeps the tenure.
///
/// All that changes is one number, so that nobody sees half of a change, and a look at it costs one
/// reading of the clock. It ends once: whoever ends it first has said why.
pub(super) struct Hold {
    pub(super) name: Arc<str>,
    pub(super) owner: Owner,
    pub(super) fence: Fence,
    /// Which attempt it is, of a run that is counted.
    pub(super) attempt: Option<u64>,
    /// When it was asked for, by the call that was granted: its time counts from then.
    pub(super) begun: Timestamp,
    /// When its holder said last that it goes on, in microseconds.
    moved: AtomicU64,
    /// In microseconds.
    lease: AtomicU64,
    clock: Arc<dyn Clock>,
    state: AtomicU64,
    over: CancellationToken,
    /// Its holder has stopped.
    let_go: CancellationToken,
    /// Whoever works under it is looked after by somebody else.
    is_left: AtomicBool,
    /// Until when it would have been held, when it ended.
    promised: OnceLock<Timestamp>,
    /// The same for all who ask.
    lost_at: OnceLock<Timestamp>,
}

/// The lowest bits say what it is, the others when: until when it is held, or when it ended.
const TAG_BITS: u32 = 3;

/// How a tenure stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Held { until: Timestamp },
    Ended { how: End, at: Timestamp },
}

/// How a tenure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its holder let it go.
    Released,
    /// Its holder leaves it to run out.
    Detached,
    /// Nobody wanted it to end.
    Lost(LossCause),
}

/// Why a tenure was lost. It answers whether the last write may have met that of another owner.
///
/// See [`LeaseView`](super::LeaseView) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LossCause {
    /// The store said that somebody else has the name, or nobody: it was freed, deleted, or lost by the
    /// server. Another owner may have had it for as long as between two renewals.
    NotOwner,
    /// Its time was over and no renewal was confirmed: this process was paused, or the store did not
    /// answer. Nobody else had it before this instant, as far as clocks agree.
    Expired,
    /// The store could not be asked for as long as the lease was told to bear. Nobody else has it yet,
    /// unless the store lost it.
    Unreachable,
    /// [An operator](super::LockMonitor) took it away. Another owner may have had it for as long as
    /// between two renewals.
    Forced,
}

impl fmt::Display for LossCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOwner => "the store gave it to nobody or to somebody else",
            Self::Expired => "its time was over before it was renewed",
            Self::Unreachable => "the store could not be asked to renew it",
            Self::Forced => "an operator took it away",
        })
    }
}

/// A lease is not this holder's any more.
///
/// See [`LeaseGuard`](super::LeaseGuard) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lease was lost: {cause}")]
#[non_exhaustive]
pub struct Lost {
    /// Why.
    pub cause: LossCause,
    /// When this process knew it at the latest, on the wall clock of this machine.
    pub at: Timestamp,
}

impl State {
    fn pack(self) -> u64 {
        let (tag, time) = match self {
            Self::Held { until } => (0, until),
            Self::Ended { how: End::Released, at } => (1, at),
            Self::Ended { how: End::Detached, at } => (2, at),
            Self::Ended { how: End::Lost(LossCause::NotOwner), at } => (3, at),
            Self::Ended { how: End::Lost(LossCause::Expired), at } => (4, at),
            Self::Ended { how: End::Lost(LossCause::Unreachable), at } => (5, at),
            Self::Ended { how: End::Lost(LossCause::Forced), at } => (6, at),
        };
        // For 73,000 years.
        time.0.min(u64::MAX >> TAG_BITS) << TAG_BITS | tag
    }

    fn unpack(packed: u64) -> Self {
        let time = Timestamp(packed >> TAG_BITS);
        let how = match packed & ((1 << TAG_BITS) - 1) {
            0 => return Self::Held { until: time },
            1 => End::Released,
            2 => End::Detached,
            3 => End::Lost(LossCause::NotOwner),
            4 => End::Lost(LossCause::Expired),
            5 => End::Lost(LossCause::Unreachable),
            _ => End::Lost(LossCause::Forced),
        };
        Self::Ended { how, at: time }
    }
}

impl Hold {
    pub(super) fn new(
        name: Arc<str>,
        owner: Owner,
        Grant { fence, attempt, .. }: Grant,
        lease: Duration,
        clock: Arc<dyn Clock>,
        begun: Timestamp,
        until: Timestamp,
    ) -> Self {
        let state = AtomicU64::new(State::Held { until }.pack());
        let lease = AtomicU64::new(Timestamp(0).plus(lease).0);
        let moved = AtomicU64::new(clock.now().0);
        let (over, let_go) = (CancellationToken::new(), CancellationToken::new());
        let (promised, lost_at) = (OnceLock::new(), OnceLock::new());
        let is_left = AtomicBool::new(false);
        Self {
            name,
            owner,
            fence,
            attempt,
            begun,
            moved,
            lease,
            clock,
            state,
            over,
            let_go,
            is_left,
            promised,
            lost_at,
        }
    }

    /// Its holder goes on.
    pub(super) fn progress(&self) {
        self.moved.fetch_max(self.now().0, Ordering::Relaxed);
    }

    /// For how long its holder has said nothing.
    pub(super) fn idle(&self) -> Duration {
        self.now().since(Timestamp(self.moved.load(Ordering::Relaxed)))
    }

    /// How long it lasts after each renewal.
    pub(super) fn lease(&self) -> Duration {
        Duration::from_micros(self.lease.load(Ordering::Relaxed))
    }

    pub(super) fn lengthen(&self, lease: Duration) {
        self.lease.fetch_max(Timestamp(0).plus(lease).0, Ordering::Relaxed);
    }

    /// How it stands now. A tenure whose time is over has ended, whether or not anybody said so.
    pub(super) fn state(&self) -> State {
        self.state_at(self.clock.now())
    }

    fn state_at(&self, now: Timestamp) -> State {
        match State::unpack(self.state.load(Ordering::Acquire)) {
            State::Held { until } if until <= now => {
                self.end_at(End::Lost(LossCause::Expired), until);
                State::unpack(self.state.load(Ordering::Acquire))
            }
            state => state,
        }
    }

    /// For how long it may be used, if it may.
    pub(super) fn left(&self) -> Option<Duration> {
        let now = self.clock.now();
        match self.state_at(now) {
            State::Held { until } => Some(until.since(now)),
            State::Ended { .. } => None,
        }
    }

    /// What the holder is told who has it no more.
    pub(super) fn loss(&self) -> Option<Lost> {
        match self.state() {
            State::Ended { how: End::Lost(cause), at } => {
                let on_the_wall = || {
                    let ago = self.clock.now().0.saturating_sub(at.0);
                    Timestamp(SystemClock::default().now().0.saturating_sub(ago))
                };
                Some(Lost { cause, at: *self.lost_at.get_or_init(on_the_wall) })
            }
            _ => None,
        }
    }

    /// Until when at least. What is over stays over.
    pub(super) fn extend(&self, until: Timestamp) {
        if let State::Held { .. } = self.state() {
            let longer = |packed| match State::unpack(packed) {
                State::Held { until: before } => {
                    Some(State::Held { until: before.max(until) }.pack())
                }
                State::Ended { .. } => None,
            };
            // Somebody else may have ended it meanwhile.
            let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, longer);
        }
    }

    /// Ends it, unless it has ended.
    pub(super) fn end(&self, how: End) {
        self.end_at(how, self.clock.now());
    }

    fn end_at(&self, how: End, at: Timestamp) {
        let ended = |packed| match State::unpack(packed) {
            State::Held { until } => {
                // Who is told that the time is over may not be told that it never was.
                let how = match how {
                    End::Released if until <= at => End::Lost(LossCause::Expired),
                    how => how,
                };
                Some(State::Ended { how, at }.pack())
            }
            State::Ended { .. } => None,
        };
        if let Ok(before) = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, ended) {
            if let State::Held { until } = State::unpack(before) {
                self.promised.set(until).expect("it ends once");
            }
            self.over.cancel();
        }
    }

    /// Returns when nobody works under it, which has ended, or after so long. Answers whether its holder has
    /// let it go, or left it to somebody else.
    pub(super) async fn unused(&self, longest: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.let_go.cancelled() => true,
            () = sleep(longest) => self.is_left.load(Ordering::Acquire),
        }
    }

    /// How long its holder was promised it yet, when it ended.
    pub(super) fn promised(&self) -> Duration {
        self.promised.get().map_or(Duration::ZERO, |until| until.since(self.now()))
    }

    /// Returns when it has ended, and how.
    pub(super) async fn ended(&self) -> End {
        loop {
            match self.state() {
                State::Held { .. } => self.over.cancelled().await,
                State::Ended { how, .. } => return how,
            }
        }
    }

    /// Is cancelled when it has ended.
    pub(super) fn token(&self) -> CancellationToken {
        self.over.child_token()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, owner, fence, .. } = self;
        f.debug_struct("Hold")
            .field("key", name)
            .field("owner", owner)
            .field("fence", fence)
            .field("ttl", &self.lease())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The only hand on a hold: dropping it lets go.
pub(super) struct Hand {
    pub(super) hold: Arc<Hold>,
}

impl Hand {
    pub(super) fn new(hold: &Arc<Hold>) -> Self {
        Self { hold: Arc::clone(hold) }
    }

    /// Leaves it to run out. Whoever works under it has that long, also where it was lost before.
    pub(super) fn detach(self) {
        self.hold.is_left.store(true, Ordering::Release);
        self.hold.end(End::Detached);
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.hold.end(End::Released);
        if !self.hold.is_left.load(Ordering::Acquire) {
            self.hold.let_go.cancel();
        }
    }
}
