//! What time it is. Nothing else may ask: time is an input, so that tests and simulations own it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::kernel::Timestamp;

/// Tells the time of a store: one clock for every deadline, retry and lease in it.
///
/// # Order
///
/// `now` never goes backwards, whatever happens to the clock of the machine and whichever thread
/// asks. Two calls may give the same instant, but as time passes, `now` moves: it stands still only
/// while the clock of the machine is set back.
///
/// # Speed
///
/// `now` neither blocks nor fails: it is called for every step.
///
/// # Example
/// A clock that only a test moves:
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use distributed_task::{clock::Clock, kernel::Timestamp};
///
/// #[derive(Default)]
/// struct Hand(AtomicU64);
///
/// impl Clock for Hand {
///     fn now(&self) -> Timestamp {
///         Timestamp(self.0.load(Ordering::Relaxed))
///     }
/// }
///
/// let clock = Hand::default();
/// clock.0.fetch_add(5_000_000, Ordering::Relaxed);
/// assert_eq!(clock.now(), Timestamp(5_000_000));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// This instant.
    fn now(&self) -> Timestamp;
}

/// The wall clock of this machine, held still while it is set back.
///
/// ```
/// use distributed_task::clock::{Clock as _, SystemClock};
///
/// let clock = SystemClock::default();
/// let before = clock.now();
/// assert!(before <= clock.now());
/// ```
#[derive(Debug, Default)]
pub struct SystemClock {
    latest: AtomicU64,
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        // A machine set to before 1970 starts the clock at 0.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.latest.fetch_max(wall, Ordering::Relaxed).max(wall))
    }
}

/// The time of the tokio runtime: with `tokio::time::pause` it moves only when a test, or an idle
/// runtime, moves it, in step with every timer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::{clock::{Clock as _, TokioClock}, kernel::Timestamp};
///
/// let clock = TokioClock::starting_at(Timestamp(1_000_000));
/// assert!(clock.now() >= Timestamp(1_000_000));
/// # }
/// ```
#[cfg(feature = "engine")]
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    base: Timestamp,
    origin: tokio::time::Instant,
}

#[cfg(feature = "engine")]
impl TokioClock {
    /// A clock that shows `base` now.
    #[allow(clippy::disallowed_methods, reason = "the runtime's time is what it shows")]
    pub fn starting_at(base: Timestamp) -> Self {
        Self { base, origin: tokio::time::Instant::now() }
    }
}

#[cfg(feature = "engine")]
impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.base.plus(self.origin.elapsed())
    }
}

/// How long this machine has been up, with the time that it slept: what a process counts its leases
/// with, since the world goes on while a laptop is closed and [`Instant`](std::time::Instant) on Linux
/// does not. Nothing sets it; between two machines it says nothing. On Windows it is `Instant`.
///
/// ```
/// use distributed_task::clock::{BootClock, Clock as _};
///
/// let clock = BootClock::default();
/// let before = clock.now();
/// assert!(before <= clock.now());
/// ```
#[cfg(feature = "engine")]
#[derive(Clone, Copy, Debug)]
pub struct BootClock {
    #[cfg(not(unix))]
    origin: std::time::Instant,
}

#[cfg(feature = "engine")]
impl Default for BootClock {
    #[allow(clippy::disallowed_methods, reason = "the machine's time is what it shows")]
    fn default() -> Self {
        Self {
            #[cfg(not(unix))]
            origin: std::time::Instant::now(),
        }
    }
}

#[cfg(feature = "engine")]
impl Clock for BootClock {
    fn now(&self) -> Timestamp {
        #[cfg(unix)]
        let up = {
            use rustix::time::{ClockId, clock_gettime};

            #[cfg(any(target_os = "linux", target_os = "android", target_os = "openbsd"))]
            const WHICH: ClockId = ClockId::Boottime;
            // Goes on in sleep elsewhere.
            #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "openbsd")))]
            const WHICH: ClockId = ClockId::Monotonic;

            std::time::Duration::try_from(clock_gettime(WHICH)).unwrap_or_default()
        };
        #[cfg(not(unix))]
        let up = self.origin.elapsed();
        Timestamp(0).plus(up)
    }
}

/// The time of the tokio runtime, with the time that the machine slept, in which its timers stand still: for
/// what counts elsewhere as well, as a lease does, and follows `tokio::time::pause` all the same.
///
/// ```
/// use distributed_task::{clock::{Clock as _, WakefulClock}, kernel::Timestamp};
///
/// let clock = WakefulClock::starting_at(Timestamp(1_000_000));
/// assert!(clock.now() >= Timestamp(1_000_000));
/// ```
#[cfg(feature = "engine")]
#[derive(Clone, Copy, Debug)]
pub struct WakefulClock<B = BootClock> {
    runtime: TokioClock,
    boot: B,
    /// What `boot` showed at the beginning, and when that was for what stands still in sleep.
    up: Timestamp,
    awake: std::time::Instant,
}

#[cfg(feature = "engine")]
impl WakefulClock {
    /// A clock that shows `base` now.
    pub fn starting_at(base: Timestamp) -> Self {
        Self::beside(BootClock::default(), base)
    }
}

#[cfg(feature = "engine")]
impl<B: Clock> WakefulClock<B> {
    #[allow(clippy::disallowed_methods, reason = "the machine's time is what it shows")]
    pub(crate) fn beside(boot: B, base: Timestamp) -> Self {
        // In this order, and in the other one in `now`: what is awake never seems to sleep.
        let awake = std::time::Instant::now();
        Self { awake, up: boot.now(), boot, runtime: TokioClock::starting_at(base) }
    }
}

#[cfg(feature = "engine")]
impl<B: Clock> Clock for WakefulClock<B> {
    fn now(&self) -> Timestamp {
        let up = self.boot.now().since(self.up);
        let slept = up.saturating_sub(self.awake.elapsed());
        self.runtime.now().plus(slept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stands_still() {
        let future = u64::MAX - 1;
        let clock = SystemClock { latest: AtomicU64::new(future) };
        assert_eq!(clock.now(), Timestamp(future));
    }

    #[cfg(feature = "engine")]
    #[tokio::test(start_paused = true)]
    async fn the_tokio_clock_moves_with_the_timers() {
        let clock = TokioClock::starting_at(Timestamp(5));
        tokio::time::advance(std::time::Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), Timestamp(3_600_000_005));
    }

    #[cfg(feature = "engine")]
    #[tokio::test(start_paused = true)]
    async fn the_wakeful_clock_moves_with_the_timers_alone_while_the_machine_is_awake() {
        let clock = WakefulClock::starting_at(Timestamp(5));
        assert_eq!(clock.now(), Timestamp(5));
        tokio::time::advance(std::time::Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), Timestamp(3_600_000_005));
    }
}
