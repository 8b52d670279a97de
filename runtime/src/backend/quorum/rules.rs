//! The numbers of a quorum.

use std::time::Duration;

/// Settings, and what follows from them.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) nodes: usize,
    pub(super) max_lease: Duration,
    pub(super) node_timeout: Option<Duration>,
    /// In percent of a lease.
    pub(super) min_validity: u32,
    pub(super) min_store_nodes: Option<usize>,
}

impl Rules {
    /// How many are most of them.
    pub(super) fn majority(&self) -> usize {
        self.nodes / 2 + 1
    }

    /// How many must agree that an owner becomes one, or stays one.
    pub(super) fn needed(&self) -> usize {
        self.min_store_nodes.unwrap_or_else(|| self.majority())
    }

    /// How long a server may take for an answer that counts.
    pub(super) fn limit(&self, lease: Duration) -> Duration {
        self.node_timeout.unwrap_or_else(|| moment(lease))
    }

    /// What a lease must have left when it is granted.
    pub(super) fn least(&self, lease: Duration) -> Duration {
        lease * self.min_validity / 100
    }
}

/// What is short beside a lease, and long enough for an answer.
pub(super) fn moment(lease: Duration) -> Duration {
    (lease / 20).clamp(Duration::from_millis(10), Duration::from_millis(50))
}

/// For how long an owner may rely on what a server says is left: clocks run apart by a hundredth at most,
/// and a server counts in milliseconds.
pub(super) fn reliable(left: Duration) -> Duration {
    left.saturating_sub(left / 100 + Duration::from_millis(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(nodes: usize) -> Rules {
        let max_lease = Duration::from_secs(60);
        Rules { nodes, max_lease, node_timeout: None, min_validity: 10, min_store_nodes: None }
    }

    #[test]
    fn most_of_an_odd_number_are_half_of_it_and_one() {
        assert_eq!([1, 3, 5, 7].map(|nodes| rules(nodes).majority()), [1, 2, 3, 4]);
    }

    #[test]
    fn most_of_them_are_needed_where_nothing_is_said() {
        assert_eq!(rules(5).needed(), 3);
        assert_eq!(Rules { min_store_nodes: Some(4), ..rules(5) }.needed(), 4);
    }

    #[test]
    fn a_server_may_take_a_twentieth_of_the_lease_within_bounds() {
        let limit = |millis| rules(3).limit(Duration::from_millis(millis)).as_millis();
        assert_eq!([100, 400, 1_000, 10_000].map(limit), [10, 20, 50, 50]);
    }

    #[test]
    fn what_may_be_relied_on_is_shorter_than_what_is_left() {
        assert_eq!(reliable(Duration::from_secs(10)), Duration::from_millis(9_898));
        assert_eq!(reliable(Duration::from_millis(1)), Duration::ZERO);
    }
}
