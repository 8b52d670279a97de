//! Whose vote counts: a server that may have forgotten a grant has none, and no server has two.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use super::error::NodeFailure;
use crate::{kernel::Timestamp, lease::Life};

/// What is known of the life of each server.
pub(super) struct Lives {
    known: Mutex<Vec<Known>>,
    /// How old a life has to be: by then all that was granted before it is over.
    needed: Duration,
}

struct Known {
    address: String,
    id: String,
    /// Since when this life is known, where another one was known before. Its own word is not enough:
    /// a replica that was promoted is old, and may lack a grant.
    since: Option<Timestamp>,
}

impl Lives {
    /// Servers in the lives that they are in now.
    pub(super) fn new(servers: Vec<(String, Life)>, needed: Duration) -> Self {
        let known = |(address, life): (String, Life)| Known { address, id: life.id, since: None };
        Self { known: Mutex::new(servers.into_iter().map(known).collect()), needed }
    }

    /// Whether a vote that a server gave in this life counts.
    pub(super) fn judge(
        &self,
        node: usize,
        life: &Life,
        now: Timestamp,
    ) -> Result<(), NodeFailure> {
        // That one keeps its vote.
        self.is_alone(node, life)?;
        let mut known = self.known();
        if known[node].id != life.id {
            known[node].id.clone_from(&life.id);
            known[node].since = Some(now);
        }
        let seen = known[node].since.map_or(Duration::MAX, |since| now.since(since));
        match life.age.min(seen) {
            age if age < self.needed => Err(NodeFailure::Young { age, needed: self.needed }),
            _ => Ok(()),
        }
    }

    /// Whether no other address leads to this server.
    pub(super) fn is_alone(&self, node: usize, life: &Life) -> Result<(), NodeFailure> {
        let is_same = |(at, other): &(usize, &Known)| *at != node && other.id == life.id;
        match self.known().iter().enumerate().find(is_same) {
            Some((_, other)) => Err(NodeFailure::Same(other.address.clone())),
            None => Ok(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.known.lock().expect("no critical section panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn life(id: &str, age: Duration) -> Life {
        Life { id: id.to_owned(), age }
    }

    fn lives() -> Lives {
        let servers = ["one", "two", "three"];
        let servers = servers.map(|id| (format!("server {id}"), life(id, Duration::MAX)));
        Lives::new(servers.into(), MINUTE)
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    #[test]
    fn a_server_that_just_started_does_not_count_for_anybody() {
        let judged = lives().judge(0, &life("one", Duration::from_secs(59)), at(0));
        assert!(matches!(judged, Err(NodeFailure::Young { .. })), "{judged:?}");
        assert!(lives().judge(0, &life("one", MINUTE), at(0)).is_ok());
    }

    #[test]
    fn a_life_that_takes_the_place_of_another_one_does_not_count_however_old_it_is() {
        let (lives, promoted) = (lives(), life("promoted", Duration::MAX));
        assert!(lives.judge(0, &promoted, at(100)).is_err());
        assert!(lives.judge(0, &promoted, at(159)).is_err());
        assert!(lives.judge(0, &promoted, at(160)).is_ok());
    }

    #[test]
    fn two_addresses_that_lead_to_one_server_have_no_two_votes() {
        let judged = lives().judge(0, &life("three", Duration::MAX), at(0));
        assert!(matches!(&judged, Err(NodeFailure::Same(other)) if other == "server three"));
    }
}
