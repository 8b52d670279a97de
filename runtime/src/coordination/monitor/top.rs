//! Which few names of a class are waited for longest, in as little memory as that takes: *Space-Saving* (Metwally,
//! Agrawal and El Abbadi, *Efficient computation of frequent and top-k elements in data streams*, 2005), by time.

use std::{cmp::Reverse, sync::Arc, time::Duration};

/// So many are kept apart. One that is waited for longer than all of them together for so long is one of them.
const KEPT: usize = 32;
/// So many are told.
const TOLD: usize = 8;

/// A name that is waited for.
///
/// See [`Contention`](super::Contention) for an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContendedName {
    /// The name, as the store knows it.
    pub name: Arc<str>,
    /// How long was waited for it, all together, at most.
    pub waited: Duration,
}

#[derive(Default)]
pub(super) struct Top(Vec<ContendedName>);

impl Top {
    pub(super) fn waited(&mut self, name: &Arc<str>, waited: Duration) {
        if waited.is_zero() {
            return;
        }
        let known = self.0.iter().position(|it| it.name == *name);
        let at = known.unwrap_or_else(|| self.begin(name));
        let waited_for = &mut self.0[at].waited;
        *waited_for = waited_for.saturating_add(waited);
    }

    /// Puts a name where there is room, or where the one was that was waited for least: it may have been waited for as
    /// long.
    fn begin(&mut self, name: &Arc<str>) -> usize {
        if self.0.len() < KEPT {
            self.0.push(ContendedName { name: Arc::clone(name), waited: Duration::ZERO });
            return self.0.len() - 1;
        }
        let least = (0..KEPT).min_by_key(|at| self.0[*at].waited).expect("there are some");
        self.0[least].name = Arc::clone(name);
        least
    }

    /// Those first that were waited for longest.
    pub(super) fn names(&self) -> Vec<ContendedName> {
        let mut names = self.0.clone();
        names.sort_by_key(|it| Reverse(it.waited));
        names.truncate(TOLD);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_waited_for_longest_is_told_among_many() {
        let mut top = Top::default();
        let millis = Duration::from_millis;
        for round in 0..1_000_u64 {
            top.waited(&format!("seldom-{round}").into(), millis(1));
            top.waited(&"often".into(), millis(2));
            if round % 2 == 0 {
                top.waited(&"sometimes".into(), millis(2));
            }
        }
        let names = top.names();
        let told = |at: usize| (&*names[at].name, names[at].waited);
        assert_eq!((told(0), told(1)), (("often", millis(2_000)), ("sometimes", millis(1_000))));
        assert_eq!((names.len(), top.0.len()), (TOLD, KEPT));
        // Of the others no more is told than they can have been.
        assert!(names[2..].iter().all(|it| it.waited <= millis(1_000) / (KEPT as u32 - 2) * 2));
    }
}
