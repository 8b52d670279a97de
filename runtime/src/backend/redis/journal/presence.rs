//! Who is not connected any more.
//!
//! That the server has nobody who listens to the messages of a process is a suspicion: connections also
//! end when the server fails over, or an operator ends them (schedule B2). So a seat is given up before
//! its lease is over only if its process is missing at two looks, has not renewed the seat in between,
//! and if this process has had its own connection for longer than a lease.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;

use crate::{journal::SeatId, kernel::Timestamp};

/// How often a process renews its seats, that it can be missed soon: less than two commands a second.
pub(super) const BEAT: Duration = Duration::from_millis(560);
/// After how long it is looked for again. One that lives has a new connection by then, or has beaten, unless
/// its network is slow: then it loses a seat, as when its lease runs out. With a beat before it, it is less
/// than a second.
const SECOND_LOOK: Duration = Duration::from_millis(400);

/// Seats whose process was missing, since when, and their deadlines then.
#[derive(Default)]
pub(super) struct Absences(Mutex<HashMap<SeatId, (Timestamp, Bytes)>>);

/// What a look has brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// Seats whose process is gone, with their deadlines.
    pub(super) gone: Vec<(SeatId, Bytes)>,
    /// When to look again, as others may be.
    pub(super) again: Option<Timestamp>,
}

impl Absences {
    /// Notes whose process is missing now, on the clock here. Whoever has had no connection for long
    /// enough is not asked.
    pub(super) fn look(
        &self,
        missing: Vec<(SeatId, Bytes)>,
        now: Timestamp,
        is_settled: bool,
    ) -> Look {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut look = Look::default();
        if !is_settled {
            known.clear();
            return look;
        }
        let before = std::mem::take(&mut *known);
        for (seat, deadline) in missing {
            match before.get(&seat) {
                Some((since, then)) if *then == deadline => {
                    if now >= since.plus(SECOND_LOOK) {
                        look.gone.push((seat, deadline));
                    } else {
                        known.insert(seat, (*since, deadline));
                    }
                }
                _ => _ = known.insert(seat, (now, deadline)),
            }
        }
        look.again = known.values().map(|(since, _)| since.plus(SECOND_LOOK)).min();
        look
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SEAT: SeatId = SeatId(Uuid::from_u128(7));

    fn at(millis: u64) -> Timestamp {
        Timestamp(1_000 * millis)
    }

    fn missing(deadline: &'static str) -> Vec<(SeatId, Bytes)> {
        vec![(SEAT, Bytes::from_static(deadline.as_bytes()))]
    }

    #[test]
    fn schedule_b2_who_is_missing_twice_and_silent_is_gone() {
        let absences = Absences::default();
        let first = absences.look(missing("1"), at(0), true);
        assert_eq!(first, Look { gone: Vec::new(), again: Some(at(400)) });
        let between = absences.look(missing("1"), at(399), true);
        assert_eq!(between, Look { gone: Vec::new(), again: Some(at(400)) });
        assert_eq!(absences.look(missing("1"), at(400), true).gone, missing("1"));
    }

    #[test]
    fn schedule_b2_who_renews_comes_back_or_may_only_seem_missing_is_not() {
        let renewed = Absences::default();
        renewed.look(missing("1"), at(0), true);
        assert_eq!(renewed.look(missing("2"), at(600), true).gone, []);

        let came_back = Absences::default();
        came_back.look(missing("1"), at(0), true);
        came_back.look(Vec::new(), at(300), true);
        assert_eq!(came_back.look(missing("1"), at(600), true).gone, []);

        let unsettled = Absences::default();
        unsettled.look(missing("1"), at(0), true);
        assert_eq!(unsettled.look(missing("1"), at(600), false), Look::default());
        assert_eq!(unsettled.look(missing("1"), at(700), true).gone, []);
    }
}
