//! Counts of all classes together, as one process keeps them and tells them to others.

use std::collections::BTreeMap;

use super::{
    statistics::{LockStatistics, Losses},
    times::Histogram,
};

/// Numbers, and how long it took.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Without the times.
    pub(super) counts: LockStatistics,
    pub(super) waits: Histogram,
    pub(super) holds: Histogram,
}

impl Counts {
    pub(super) fn statistics(&self) -> LockStatistics {
        LockStatistics { waits: self.waits.times(), holds: self.holds.times(), ..self.counts }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let mut there = other.counts;
        for ((_, here), (_, there)) in
            numbers(&mut self.counts).into_iter().zip(numbers(&mut there))
        {
            *here = here.saturating_add(*there);
        }
        self.waits.merge(&other.waits);
        self.holds.merge(&other.holds);
    }

    /// All of it as text, by name.
    pub(super) fn said(&self) -> BTreeMap<String, String> {
        let mut counts = self.counts;
        let counts = numbers(&mut counts).map(|(name, number)| (name, number.to_string()));
        let times = [("waits", self.waits.said()), ("holds", self.holds.said())];
        counts.into_iter().chain(times).map(|(name, said)| (name.to_owned(), said)).collect()
    }

    /// What a process said, if it can be read. One of another release may not say all of it, or more.
    pub(super) fn heard(said: &BTreeMap<String, String>) -> Option<Self> {
        let mut heard = Self::default();
        for (name, number) in numbers(&mut heard.counts) {
            if let Some(said) = said.get(name) {
                *number = said.parse().ok()?;
            }
        }
        for (name, times) in [("waits", &mut heard.waits), ("holds", &mut heard.holds)] {
            if let Some(said) = said.get(name) {
                *times = Histogram::heard(said)?;
            }
        }
        Some(heard)
    }
}

/// Each number, and what it is called.
fn numbers(of: &mut LockStatistics) -> [(&'static str, &mut u64); 17] {
    let LockStatistics {
        acquired,
        contended,
        not_acquired,
        gave_up,
        failed,
        held,
        released,
        detached,
        lost: Losses { not_owner, expired, unreachable, forced: lost_forced },
        still_used,
        forced,
        renewed,
        not_renewed,
        not_released,
        waits: _,
        holds: _,
    } = of;
    [
        ("acquired", acquired),
        ("contended", contended),
        ("not_acquired", not_acquired),
        ("gave_up", gave_up),
        ("failed", failed),
        ("held", held),
        ("released", released),
        ("detached", detached),
        ("lost.not_owner", not_owner),
        ("lost.expired", expired),
        ("lost.unreachable", unreachable),
        ("lost.forced", lost_forced),
        ("still_used", still_used),
        ("forced", forced),
        ("renewed", renewed),
        ("not_renewed", not_renewed),
        ("not_released", not_released),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lease::{Beat, metadata_bytes};

    /// Each number another one.
    fn some() -> Counts {
        let mut some = Counts::default();
        for (at, (_, number)) in (1..).zip(numbers(&mut some.counts)) {
            *number = at;
        }
        some.waits.add(Duration::from_millis(3));
        some.holds.add(Duration::MAX);
        some
    }

    #[test]
    fn what_is_said_is_heard_and_added() {
        let (said, mut sum) = (some().said(), some());
        let heard = Counts::heard(&said).expect("it can be read");
        assert_eq!(heard.said(), said);
        sum.add(&heard);
        let (one, two) = (some().statistics(), sum.statistics());
        assert_eq!((two.acquired, two.lost.forced, two.not_renewed), (2, 24, 32));
        assert_eq!(two.lost.all(), one.lost.all() * 2);
        assert_eq!((two.waits.count, two.waits.total), (2, one.waits.total * 2));
        assert_eq!((two.waits.p99, two.waits.longest), (one.waits.p99, one.waits.longest));
        assert_eq!(two.holds.count, 2);
    }

    #[test]
    fn other_releases_say_less_or_more_and_others_nothing_that_can_be_read() {
        let mut said = some().said();
        said.remove("waits");
        said.insert("of_tomorrow".to_owned(), "many".to_owned());
        let heard = Counts::heard(&said).expect("it can be read").statistics();
        assert_eq!((heard.acquired, heard.waits.count, heard.holds.count), (1, 0, 1));
        let many = ["1"; 50].join(" ");
        for (name, wrong) in [("held", "-1"), ("held", ""), ("holds", "1"), ("waits", &many)] {
            let mut said = some().said();
            said.insert(name.to_owned(), wrong.to_owned());
            assert!(Counts::heard(&said).is_none(), "{name}: {wrong}");
        }
    }

    /// However much has happened, and a sum of it is a number.
    #[test]
    fn no_process_has_more_to_say_than_is_kept() {
        let mut most = Counts::default();
        numbers(&mut most.counts).into_iter().for_each(|(_, number)| *number = u64::MAX);
        let most_of_all = [u64::MAX.to_string().as_str(); 42].join(" ");
        most.waits = Histogram::heard(&most_of_all).expect("they are so many");
        most.holds = most.waits.clone();
        assert!(metadata_bytes(&most.said()) <= Beat::MAX_METADATA);
        most.add(&most.clone());
        let most = most.statistics();
        assert_eq!((most.acquired, most.waits.count), (u64::MAX, u64::MAX));
        assert_eq!(most.waits.p50, Duration::from_micros(1));
    }
}
