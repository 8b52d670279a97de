//! Most servers agree on who has a name, not on how many: a quorum keeps leases, and carries no tickets.

use distributed_task::{backend::quorum::QuorumLeases, lease::LeaseStore, queue::Queue};

fn keeps(_: impl LeaseStore) {}

fn carries(_: impl Queue) {}

fn over(leases: QuorumLeases) {
    keeps(leases.clone());
    carries(leases);
}

fn main() {
    let _ = over;
}
