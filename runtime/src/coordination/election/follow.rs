//! Who leads, for those who do not stand.

use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::time::{sleep, timeout};

use super::{Election, InvalidElection, LeaderInfo, candidate::Candidate, run::Pauses};
use crate::{kernel::Fence, lease::LeaseError};

impl Election {
    /// Who leads, or that nobody does; then each new tenure, and each time that nobody leads any more. Takes no
    /// part in the election. Looks every [`retry_interval`](Self::retry_interval): a tenure that comes and goes
    /// between two looks is not seen, the last one always is. What a leader says of itself is what it said at the
    /// first look. Over a quorum one that has just begun may be seen twice, with the fence that was agreed on last.
    /// It never ends, and gives an error each time that the store does not say, or not within a lease.
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
    /// let mut leaders = pin!(election.follow()?);
    /// let now = leaders.next().await.expect("it never ends")?;
    /// assert!(now.expect("somebody leads").id.starts_with("web-1/"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "in-process"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`InvalidElection`]: the options are those of whoever stands.
    ///
    /// # Cancellation
    /// A look that is dropped changes nothing.
    pub fn follow(
        &self,
    ) -> Result<
        impl Stream<Item = Result<Option<LeaderInfo>, LeaseError>> + Send + use<>,
        InvalidElection,
    > {
        let candidate = self.on(self.terms()?);
        let (looks, pause, seen) = (candidate.pauses(), Duration::ZERO, None);
        Ok(stream::unfold(Follower { candidate, looks, pause, seen }, next))
    }
}

struct Follower {
    candidate: Candidate,
    looks: Pauses,
    /// Until the next look.
    pause: Duration,
    /// Under which fence somebody led, or nobody.
    seen: Option<Option<Fence>>,
}

impl Follower {
    /// Who leads, if that is news.
    async fn look(&mut self) -> Result<Option<Option<LeaderInfo>>, LeaseError> {
        let election = &self.candidate.election;
        let leader = election.leader().await?;
        let now = leader.as_ref().map(|leader| leader.fence);
        if self.seen == Some(now) {
            return Ok(None);
        }
        let leader = election.described(leader).await;
        self.seen = Some(now);
        Ok(Some(leader))
    }
}

async fn next(
    mut follower: Follower,
) -> Option<(Result<Option<LeaderInfo>, LeaseError>, Follower)> {
    loop {
        sleep(follower.pause).await;
        follower.looks.reset();
        follower.pause = follower.looks.next();
        let longest = follower.candidate.terms.lease();
        let news = match timeout(longest, follower.look()).await {
            Ok(Ok(None)) => continue,
            Ok(Ok(Some(leader))) => Ok(leader),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(LeaseError::Unanswered("the lease store does not answer".into())),
        };
        return Some((news, follower));
    }
}
