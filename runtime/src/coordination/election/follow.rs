//! Who leads, for those who do not stand.

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::time::sleep;

use super::{Election, LeaderInfo};
use crate::{kernel::Fence, lease::LeaseError};

impl Election {
    /// Who leads, or that nobody does; then each new tenure, and each time that nobody leads any more. Takes no
    /// part in the election. Looks every [`retry_interval`](Self::retry_interval): a tenure that comes and goes
    /// between two looks is not seen, the last one always is. What a leader says of itself is what it said at the
    /// first look. Over a quorum one that has just begun may be seen twice, with the fence that was agreed on last.
    /// It never ends, and goes on after an error.
    ///
    /// ```
    /// # #[cfg(feature = "in-process")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::pin::pin;
    /// use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
    /// use futures_util::StreamExt as _;
    ///
    /// let coordination = Coordination::new(MemoryLeases::new());
    /// let _leader = coordination.election("job-scheduler").candidate_id("web-1").campaign().await?;
    ///
    /// let election = coordination.election("job-scheduler");
    /// let mut leaders = pin!(election.follow());
    /// let now = leaders.next().await.expect("it never ends")?;
    /// assert!(now.expect("somebody leads").id.starts_with("web-1/"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`LeaseError`], each time that the store does not say.
    ///
    /// # Cancellation
    /// A look that is dropped changes nothing.
    pub fn follow(
        &self,
    ) -> impl Stream<Item = Result<Option<LeaderInfo>, LeaseError>> + Send + use<> {
        stream::unfold(Follower { election: self.clone(), looked: false, seen: None }, next)
    }
}

/// Between two looks, at least.
const SHORTEST: Duration = Duration::from_millis(1);

struct Follower {
    election: Election,
    looked: bool,
    /// Under which fence somebody led, or nobody.
    seen: Option<Option<Fence>>,
}

async fn next(
    mut follower: Follower,
) -> Option<(Result<Option<LeaderInfo>, LeaseError>, Follower)> {
    loop {
        if std::mem::replace(&mut follower.looked, true) {
            sleep(follower.election.options.retry_interval.max(SHORTEST)).await;
        }
        let leader = match follower.election.leader().await {
            Ok(leader) => leader,
            Err(error) => return Some((Err(error), follower)),
        };
        let now = leader.as_ref().map(|leader| leader.fence);
        if follower.seen.replace(now) != Some(now) {
            let leader = follower.election.described(leader).await;
            return Some((Ok(leader), follower));
        }
    }
}
