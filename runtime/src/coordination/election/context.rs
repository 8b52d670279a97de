//! What work is told that runs because its process leads.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

use tokio_util::sync::CancellationToken;

use super::{LeadershipEnd, LeadershipLost, Metadata, candidate::Candidate, said::Said};
use crate::{
    clock::{Clock as _, SystemClock},
    coordination::{Held, LeaseView, Lost},
    kernel::{Fence, Timestamp},
};

/// One value of each type.
#[derive(Clone, Default)]
pub(super) struct Extensions(BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl Extensions {
    pub(super) fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = Arc::clone(self.0.get(&TypeId::of::<T>())?);
        value.downcast().ok()
    }
}

/// What work has that runs because its process leads. Cloning shares it; it does not hold the leadership.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     coordination::{Coordination, LeadershipContext},
/// };
///
/// struct Outbox(&'static str);
///
/// async fn dispatch(leader: LeadershipContext) -> usize {
///     let outbox = leader.extension::<Outbox>().expect("it was given below");
///     let mut sent = 0;
///     for message in outbox.0.split_whitespace() {
///         // What somebody else does by now is left to it.
///         let Ok(held) = leader.check() else { break };
///         println!("send {message} under {:?}", held.fence());
///         sent += 1;
///     }
///     sent
/// }
///
/// let coordination = Coordination::new(MemoryLeases::new());
/// let election = coordination.election("outbox").extension(Outbox("one two"));
/// assert_eq!(election.run_elected(dispatch).await?, 2);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct LeadershipContext(Arc<Inner>);

struct Inner {
    election: Arc<str>,
    candidate: Arc<str>,
    said: Arc<Said>,
    extensions: Extensions,
    view: LeaseView,
    stop: CancellationToken,
    /// Why, where it is not the lease that was lost.
    end: OnceLock<LeadershipEnd>,
    /// The same for all who ask.
    given_up_at: OnceLock<Timestamp>,
}

impl LeadershipContext {
    pub(super) fn new(candidate: &Candidate, view: LeaseView) -> Self {
        let election = &candidate.election;
        Self(Arc::new(Inner {
            election: Arc::clone(&election.name),
            candidate: Arc::clone(&election.candidate),
            said: Arc::clone(&candidate.said),
            extensions: election.extensions.clone(),
            stop: view.token(),
            view,
            end: OnceLock::new(),
            given_up_at: OnceLock::new(),
        }))
    }

    /// What is led.
    pub fn election(&self) -> &str {
        &self.0.election
    }

    /// Who [leads](super::Election::candidate).
    pub fn candidate(&self) -> &str {
        &self.0.candidate
    }

    /// The fence of this tenure, which every write carries.
    pub fn fence(&self) -> Fence {
        self.0.view.fence()
    }

    /// What the candidate says of itself, now.
    pub fn metadata(&self) -> Metadata {
        self.0.said.now()
    }

    /// What the election was [given](super::Election::extension) of this type.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.extensions.get()
    }

    /// Whether this tenure goes on, now. Asks the clock and nobody else.
    ///
    /// # Errors
    /// [`LeadershipLost`] when it does not, and from then on for ever.
    pub fn check(&self) -> Result<Held<'_>, LeadershipLost> {
        self.0.view.check().map_err(|lost| {
            let (cause, at) = match lost {
                Some(Lost { cause, at, .. }) => (LeadershipEnd::Lost(cause), at),
                None => self.given_up(),
            };
            LeadershipLost { election: Arc::clone(&self.0.election), cause, at }
        })
    }

    /// Whether work under this tenure should end: it is over, or is going to be.
    pub fn is_cancelled(&self) -> bool {
        self.0.stop.is_cancelled() || self.0.view.check().is_err()
    }

    /// Returns when work under this tenure should end: it is over, or is going to be.
    ///
    /// # Cancellation
    /// Asking again finds the same.
    pub async fn cancelled(&self) {
        self.0.stop.cancelled().await;
    }

    /// Work under this tenure should end.
    pub(super) fn cancel(&self) {
        self.0.stop.cancel();
    }

    /// Why it will have been given up, unless it was said or is lost before.
    pub(super) fn end_as(&self, why: LeadershipEnd) {
        // The first one has said it.
        let _ = self.0.end.set(why);
    }

    /// Returns when this tenure is over, and why.
    pub(super) async fn ended(&self) -> LeadershipLost {
        self.0.view.ended().await;
        self.check().expect_err("it has ended")
    }

    fn given_up(&self) -> (LeadershipEnd, Timestamp) {
        let why = self.0.end.get().copied().unwrap_or(LeadershipEnd::Resigned);
        (why, *self.0.given_up_at.get_or_init(|| SystemClock::default().now()))
    }
}

impl fmt::Debug for LeadershipContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeadershipContext")
            .field("election", &self.0.election)
            .field("candidate", &self.0.candidate)
            .field("lease", &self.0.view)
            .finish_non_exhaustive()
    }
}
