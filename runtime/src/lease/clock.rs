//! What time it is where leases end.

use crate::kernel::Timestamp;

/// What time it is on a server.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::{backend::memory::MemoryLeases, lease::LeaseStore as _};
///
/// for clock in MemoryLeases::new().clocks().await {
///     println!("{}: {:?}", clock.address, clock.now);
/// }
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// Where the server is, for people: without user and password.
    pub address: String,
    /// What it said.
    pub now: Timestamp,
}
