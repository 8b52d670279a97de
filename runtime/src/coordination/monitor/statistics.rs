//! Counts of what happened to leases in this process.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    counts::Counts,
    event::{Happened, LeaseEvent},
    times::{Histogram, Times},
    top::{ContendedName, Top},
};
use crate::coordination::{LossCause, NameKind};

/// What happened to the leases and locks of this process since it began.
///
/// All that were acquired are held, or have ended in one way:
/// `acquired == held + released + detached + lost.all()`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let ours = coordination.lock("orders:17").acquire().await?;
/// assert!(coordination.lock("orders:17").try_acquire().await?.is_none());
///
/// let statistics = coordination.monitor().statistics();
/// assert_eq!((statistics.acquired, statistics.held, statistics.not_acquired), (1, 1, 1));
/// println!("waits: {:?} on average", statistics.waits.average());
/// # drop(ours);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockStatistics {
    /// How many were acquired.
    pub acquired: u64,
    /// How many of these had to be waited for.
    pub contended: u64,
    /// How many were not, because somebody else had them for as long as was waited.
    pub not_acquired: u64,
    /// How many were not waited for to the end.
    pub gave_up: u64,
    /// How many were not, because the store did not answer or refused.
    pub failed: u64,
    /// How many are held.
    pub held: u64,
    /// How many were let go.
    pub released: u64,
    /// How many were left to run out.
    pub detached: u64,
    /// How many were lost.
    pub lost: Losses,
    /// How many of these had a holder that [did not stop](super::Happened::StillUsed).
    pub still_used: u64,
    /// How many were taken away from their holders here, or from one who shared them, as an operator asked for.
    pub forced: u64,
    /// How often one was renewed.
    pub renewed: u64,
    /// How often a try to renew one failed.
    pub not_renewed: u64,
    /// How often a try to give one back failed.
    pub not_released: u64,
    /// How long it took to acquire one, also where it was free.
    pub waits: Times,
    /// How long they were held, from the call that got them on.
    pub holds: Times,
}

/// How many were lost, by cause.
///
/// See [`LockStatistics`] for an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// By [`LossCause::NotOwner`].
    pub not_owner: u64,
    /// By [`LossCause::Expired`].
    pub expired: u64,
    /// By [`LossCause::Unreachable`].
    pub unreachable: u64,
    /// By [`LossCause::Forced`].
    pub forced: u64,
}

impl Losses {
    /// All of them.
    pub fn all(&self) -> u64 {
        let Self { not_owner, expired, unreachable, forced } = *self;
        [expired, unreachable, forced].into_iter().fold(not_owner, u64::saturating_add)
    }

    fn of(&mut self, cause: LossCause) -> &mut u64 {
        match cause {
            LossCause::NotOwner => &mut self.not_owner,
            LossCause::Expired => &mut self.expired,
            LossCause::Unreachable => &mut self.unreachable,
            LossCause::Forced => &mut self.forced,
        }
    }
}

/// How much those who want names of one class stand in each other's way, in this process.
///
/// The class of a name is what stands before its first `:` or `/`, so that `orders:17` and `orders:18` are one;
/// a name that has none of these is a class of its own. That of an election is `election:` and its name, and that
/// of a job is `singleton:` and the class of its name. A process tells the first 64 of them apart; the rest is
/// `other`.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// for order in [17, 18] {
///     coordination.lock(format!("orders:{order}")).acquire().await?.release().await;
/// }
/// let contention = coordination.monitor().contention();
/// assert_eq!((&*contention[0].class, contention[0].acquired), ("orders", 2));
/// for fought_for in &contention[0].names {
///     println!("{} was waited for for {:?}", fought_for.name, fought_for.waited);
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contention {
    /// What its names begin with.
    pub class: Arc<str>,
    /// How often the store was asked, by those who got it and those who were told that they do not.
    pub attempts: u64,
    /// How many were acquired.
    pub acquired: u64,
    /// How many of these had to be waited for.
    pub contended: u64,
    /// How many were not acquired in time.
    pub not_acquired: u64,
    /// How many are wanted now, and not acquired yet.
    pub wanted: u64,
    /// How long was waited, by those who got it and those who asked more than once and did not.
    pub waits: Times,
    /// The same on average, where the last ones count most.
    pub recently: Duration,
    /// How long it took from the message that it is somebody's turn until that had it: from the release by the
    /// one before, where that is of the same process.
    pub hand_overs: Times,
    /// The eight names that were waited for longest, those first, each with an upper bound of how long.
    pub names: Vec<ContendedName>,
}

/// Class names are kept apart for so many.
const CLASSES: usize = 64;
const OTHER: &str = "other";

/// Of fewer renewals nobody knows how long one takes.
const ENOUGH: u64 = 100;
/// After so many more those before count half.
const OLD: u64 = 1_000;
/// A lease is to be so many times as long as one takes.
const SLOW: u32 = 20;

#[derive(Default)]
pub(super) struct Totals {
    all: Counts,
    /// How long renewals took.
    renewals: Histogram,
    classes: BTreeMap<Arc<str>, Class>,
}

#[derive(Default)]
struct Class {
    attempts: u64,
    acquired: u64,
    contended: u64,
    not_acquired: u64,
    wanted: u64,
    waits: Histogram,
    recently: Duration,
    hand_overs: Histogram,
    names: Top,
    is_high: bool,
    /// The shortest lease that was told of.
    short: Option<Duration>,
}

impl Class {
    /// Whether it is higher than this, for the first time since it was not.
    fn waited(&mut self, attempts: u64, waited: Duration, bound: Duration) -> Option<Duration> {
        self.attempts += attempts;
        self.recently = match self.waits.is_empty() {
            true => waited,
            false => self.recently.mul_f64(7.0 / 8.0).saturating_add(waited.div_f64(8.0)),
        };
        self.waits.add(waited);
        let was_high = std::mem::replace(&mut self.is_high, self.recently > bound);
        (self.is_high && !was_high).then_some(self.recently)
    }
}

/// What a name is counted as.
fn class_of(name: &str) -> Cow<'_, str> {
    let (kind, name) = NameKind::of(name);
    let begin = &name[..name.find([':', '/', '\u{1f}']).unwrap_or(name.len())];
    match kind {
        NameKind::Election => format!("{kind}:{name}").into(),
        NameKind::Singleton => format!("{kind}:{begin}").into(),
        NameKind::Lock => begin.into(),
    }
}

impl Totals {
    /// The class of a name, as it is counted, and whether it is new.
    pub(super) fn class(&mut self, name: &str) -> (Arc<str>, bool) {
        let class = class_of(name);
        if let Some((known, _)) = self.classes.get_key_value(&*class) {
            return (Arc::clone(known), false);
        }
        let class: Arc<str> = if self.classes.len() < CLASSES { &class } else { OTHER }.into();
        let is_first = !self.classes.contains_key(&class);
        self.classes.entry(Arc::clone(&class)).or_default();
        (class, is_first)
    }

    /// How many of a class are wanted.
    pub(super) fn wanted(&mut self, class: &str) -> Option<&mut u64> {
        self.classes.get_mut(class).map(|class| &mut class.wanted)
    }

    /// Tells what is not as it should be in that class, where that is news.
    pub(super) fn count(
        &mut self,
        class: &str,
        LeaseEvent { name, what, .. }: &LeaseEvent,
        bound: Duration,
    ) -> Option<Happened> {
        let name_of_class = class;
        let high = |average| Happened::ContentionHigh { class: name_of_class.into(), average };
        let class = self.classes.get_mut(class)?;
        let Counts { counts, waits, .. } = &mut self.all;
        match what {
            Happened::Acquired { contended, attempts, waited, handed_over, .. } => {
                counts.acquired += 1;
                counts.held += 1;
                counts.contended += u64::from(*contended);
                waits.add(*waited);
                class.acquired += 1;
                class.contended += u64::from(*contended);
                if *contended {
                    class.names.waited(name, *waited);
                }
                if let Some(took) = handed_over {
                    class.hand_overs.add(*took);
                }
                return class.waited(*attempts, *waited, bound).map(high);
            }
            Happened::NotAcquired { attempts, waited, .. } => {
                counts.not_acquired += 1;
                class.not_acquired += 1;
                // Who asks once does not wait.
                if !waited.is_zero() {
                    class.names.waited(name, *waited);
                    return class.waited(*attempts, *waited, bound).map(high);
                }
                class.attempts += 1;
            }
            Happened::GaveUp { waited } => {
                counts.gave_up += 1;
                class.not_acquired += 1;
                class.names.waited(name, *waited);
                return class.waited(0, *waited, bound).map(high);
            }
            Happened::Failed { .. } => counts.failed += 1,
            Happened::Renewed { lease, took } => {
                counts.renewed += 1;
                self.renewals.add(*took);
                if counts.renewed % OLD == 0 {
                    self.renewals.age();
                }
                let may_be_short = *lease < self.renewals.longest().saturating_mul(SLOW);
                // Mostly none is.
                if !may_be_short && class.short.is_none() {
                    return None;
                }
                let p99 = self.renewals.times().p99;
                let enough = p99.saturating_mul(SLOW);
                class.short.take_if(|told| enough <= *told);
                let is_short = counts.renewed >= ENOUGH && *lease < enough;
                if is_short && class.short.is_none_or(|told| *lease < told) {
                    class.short = Some(*lease);
                    let (class, lease) = (name_of_class.into(), *lease);
                    return Some(Happened::LeaseShort { class, lease, p99 });
                }
            }
            Happened::NotRenewed { .. } => counts.not_renewed += 1,
            Happened::Released { held, .. } => self.ended(*held, |counts| &mut counts.released),
            Happened::Detached { held, .. } => self.ended(*held, |counts| &mut counts.detached),
            Happened::Lost { cause, held, .. } => {
                self.ended(*held, |counts| counts.lost.of(*cause));
            }
            Happened::NotReleased { .. } => counts.not_released += 1,
            Happened::StillUsed { .. } => counts.still_used += 1,
            Happened::Forced { .. } | Happened::ReaderForced { .. } => counts.forced += 1,
            Happened::ContentionHigh { .. } | Happened::LeaseShort { .. } => {}
        }
        None
    }

    fn ended(&mut self, held: Duration, how: impl FnOnce(&mut LockStatistics) -> &mut u64) {
        let Counts { counts, holds, .. } = &mut self.all;
        counts.held = counts.held.saturating_sub(1);
        *how(counts) += 1;
        holds.add(held);
    }

    /// All classes together.
    pub(super) fn all(&self) -> &Counts {
        &self.all
    }

    /// Those first that wait for longest.
    pub(super) fn contention(&self) -> Vec<Contention> {
        let of = |(class, known): (&Arc<str>, &Class)| {
            let Class { attempts, acquired, contended, not_acquired, wanted, recently, .. } =
                *known;
            let (class, waits) = (Arc::clone(class), known.waits.times());
            let (hand_overs, names) = (known.hand_overs.times(), known.names.names());
            Contention {
                class,
                attempts,
                acquired,
                contended,
                not_acquired,
                wanted,
                waits,
                recently,
                hand_overs,
                names,
            }
        };
        let mut all: Vec<_> = self.classes.iter().map(of).collect();
        all.sort_by_key(|contention| std::cmp::Reverse(contention.waits.total));
        all
    }
}
