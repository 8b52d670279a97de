//! On which terms a name is wanted.

use std::{ops::RangeInclusive, time::Duration};

use super::gather::moment;
use crate::kernel::Timestamp;

/// The leases that are possible: for less a pause of the scheduler ends them, for more a crash is not
/// noticed in a day.
pub(super) const LEASES: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(24 * 3600);

/// No lease is renewed more often.
const SHORTEST: Duration = Duration::from_millis(10);

/// How often who waits asks.
const OFTEN: Duration = Duration::from_millis(100);
/// The same where it is told of its turn.
const SELDOM: Duration = Duration::from_secs(1);

/// What a store that does not answer means for a lease.
///
/// However it is set, a lease whose time is over is lost, and one that the store says is not ours is lost
/// at once.
///
/// ```
/// use std::time::Duration;
/// use distributed_task::coordination::OnUnreachable;
///
/// assert_eq!(OnUnreachable::default(), OnUnreachable::LoseAtOnce);
/// let patient = OnUnreachable::LoseAfter(Duration::from_secs(5));
/// # drop(patient);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnreachable {
    /// It is lost after three tries within a sixth of the lease: half of the lease is left in the store
    /// then, and whoever works under it has that long to stop before somebody else may begin.
    #[default]
    LoseAtOnce,
    /// It is lost after so long, or when its time is over. For work that had better go on than be
    /// handed over for a short outage.
    LoseAfter(Duration),
}

/// What those who have a lease in a field let others say of it.
macro_rules! terms_of_its_lease {
    (lease) => {
        /// How long it is held if its holder dies. From 100 milliseconds to a day; default 30 seconds. It is
        /// extended while its holder lives, so a longer one only delays those who come after a crash.
        #[must_use]
        pub fn lease(mut self, lease: std::time::Duration) -> Self {
            self.lease = self.lease.ttl(lease);
            self
        }
    };
    (on_unreachable) => {
        /// What a store that does not answer means. Default
        /// [`OnUnreachable::LoseAtOnce`](crate::coordination::OnUnreachable::LoseAtOnce).
        #[must_use]
        pub fn on_unreachable(mut self, what: crate::coordination::OnUnreachable) -> Self {
            self.lease = self.lease.on_unreachable(what);
            self
        }
    };
    (max_idle) => {
        /// As [`Lease::max_idle`](crate::coordination::Lease::max_idle).
        #[must_use]
        pub fn max_idle(mut self, longest: std::time::Duration) -> Self {
            self.lease = self.lease.max_idle(longest);
            self
        }
    };
    (max_hold) => {
        /// As [`Lease::max_hold`](crate::coordination::Lease::max_hold).
        #[must_use]
        pub fn max_hold(mut self, longest: std::time::Duration) -> Self {
            self.lease = self.lease.max_hold(longest);
            self
        }
    };
    (extension) => {
        /// Extends it after so long, where that is less than a third of the lease.
        #[must_use]
        pub fn extend_every(mut self, interval: std::time::Duration) -> Self {
            self.lease = self.lease.renew_every(interval);
            self
        }

        /// Does not extend it: it is lost when its lease runs out.
        #[must_use]
        pub fn without_extension(mut self) -> Self {
            self.lease = self.lease.without_renewal();
            self
        }
    };
    (retry_delay) => {
        /// As [`Lease::retry_delay`](crate::coordination::Lease::retry_delay).
        #[must_use]
        pub fn retry_delay(mut self, delay: std::time::Duration) -> Self {
            self.lease = self.lease.retry_delay(delay);
            self
        }
    };
    (max_retries) => {
        /// As [`Lease::max_retries`](crate::coordination::Lease::max_retries).
        #[must_use]
        pub fn max_retries(mut self, retries: u32) -> Self {
            self.lease = self.lease.max_retries(retries);
            self
        }
    };
    ($($term:ident),*) => { $(crate::coordination::terms::terms_of_its_lease!($term);)* };
}
pub(super) use terms_of_its_lease;

#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) lease: Duration,
    pub(super) on_unreachable: OnUnreachable,
    pub(super) renewed: Renewing,
    /// Who lets go of it earlier keeps it from others until then.
    pub(super) min_hold: Duration,
    pub(super) max_hold: Option<Duration>,
    pub(super) max_idle: Option<Duration>,
    pub(super) retry_delay: Option<Duration>,
    pub(super) max_retries: Option<u32>,
    /// What was lost is left to run out: somebody else may hold it by now, as the same owner.
    pub(super) leaves_what_it_lost: bool,
}

/// Who renews a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewing {
    /// At a third of it or after so long, whichever is earlier.
    Automatic(Option<Duration>),
    /// After so long, also where that is more than a third: whoever says so has looked at the rest.
    AsChecked(Duration),
    /// Its holder, if anybody.
    ByHand,
}

impl Terms {
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            lease,
            on_unreachable: OnUnreachable::default(),
            renewed: Renewing::Automatic(None),
            min_hold: Duration::ZERO,
            max_hold: None,
            max_idle: None,
            retry_delay: None,
            max_retries: None,
            leaves_what_it_lost: false,
        }
    }

    pub(super) fn check(&self) -> Result<(), InvalidLease> {
        match LEASES.contains(&self.lease) {
            true => Ok(()),
            false => Err(InvalidLease { lease: self.lease }),
        }
    }

    /// After how long a lease is renewed, at the latest.
    fn interval(&self) -> Option<Duration> {
        let third = self.lease / 3;
        let interval = match self.renewed {
            Renewing::Automatic(wanted) => wanted.map_or(third, |wanted| wanted.min(third)),
            Renewing::AsChecked(interval) => interval,
            Renewing::ByHand => return None,
        };
        Some(interval.max(SHORTEST))
    }

    /// When a lease is renewed that was renewed then. A little earlier than it has to be, and not all that were
    /// taken at one moment at one moment for ever; but at a moment that others have as well, since what is due
    /// at one moment is one call. `together` is how much earlier that may be.
    pub(super) fn next(&self, last: Timestamp, salt: u64, together: Duration) -> Option<Timestamp> {
        let interval = self.interval()?;
        let due = last.plus(interval.mul_f64(1.0 - salt as f64 / u64::MAX as f64 / 10.0));
        Some(moment(due, interval, together))
    }

    /// How long a try of a renewal waits, and the next one after it began.
    pub(super) fn slot(&self) -> Duration {
        self.lease / 18
    }

    /// After how long what failed is tried again.
    pub(super) fn again(&self) -> Duration {
        self.slot().min(SELDOM)
    }

    /// How often who waits asks: where it is told of its turn, only in case that this was lost.
    pub(super) fn retry_delay(&self, is_told: bool) -> Duration {
        let (usual, longest) = match is_told {
            true => (SELDOM, SELDOM),
            false => (OFTEN, Duration::MAX),
        };
        self.retry_delay.unwrap_or(usual).min(longest)
    }

    /// How long is tried to renew a lease that the store is silent about.
    pub(super) fn patience(&self) -> Duration {
        match self.on_unreachable {
            OnUnreachable::LoseAtOnce => self.lease / 6,
            // It is asked for once all the same.
            OnUnreachable::LoseAfter(patience) => patience.max(self.slot()),
        }
    }

    /// How much less than the store's clock the one here is trusted: one per cent, as Redlock does, and
    /// what a process needs to notice.
    pub(super) fn drift(lease: Duration) -> Duration {
        lease / 100 + Duration::from_millis(2)
    }
}

/// A lease that is none.
///
/// See [`AcquireError`](super::AcquireError) for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a lease of {lease:?} is not possible: take one from {:?} to {:?}",
    LEASES.start(),
    LEASES.end()
)]
pub struct InvalidLease {
    /// What was asked for.
    pub lease: Duration,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn leases_that_began_at_one_moment_are_renewed_at_many() {
        let (terms, last) = (Terms::new(Duration::from_secs(30)), Timestamp(1_795_000_000_123_456));
        let salts = (0..200_u64).map(|lease| lease.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let moments: BTreeSet<_> =
            salts.map(|salt| terms.next(last, salt, Duration::from_millis(100))).collect();
        assert!(moments.len() > 5, "{moments:?}");
    }

    #[test]
    fn a_lease_is_renewed_before_a_third_of_it_is_over() {
        let (lease, last) = (Duration::from_secs(9), Timestamp(1_795_000_000_123_456));
        let asked_for =
            |interval| Terms { renewed: Renewing::Automatic(Some(interval)), ..Terms::new(lease) };
        for (terms, interval) in [
            (Terms::new(lease), lease / 3),
            (asked_for(lease), lease / 3),
            (asked_for(lease / 9), lease / 9),
            (asked_for(Duration::from_millis(50)), Duration::from_millis(50)),
            (asked_for(Duration::ZERO), SHORTEST),
        ] {
            for salt in [0, u64::MAX / 2, u64::MAX] {
                let after = terms.next(last, salt, lease / 90).expect("it is renewed").since(last);
                assert!(
                    interval * 3 / 4 <= after && after <= interval,
                    "{after:?} of {interval:?}"
                );
            }
        }
    }
}
