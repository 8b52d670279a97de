//! Who has what in memory.

use std::time::Duration;

use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};

use super::{Forced, MemoryLeases, Name};
use crate::{
    clock::Clock,
    kernel::{Fence, Timestamp},
    lease::{HeldName, LeaseAdmin, LeaseError, Owner, Tenure},
};

/// For how long a holder can learn that an operator took a name away.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

impl Name {
    pub(super) fn tenure(&self, now: Timestamp) -> Option<Tenure> {
        self.held.as_ref().map(|held| Tenure {
            owner: held.owner.clone(),
            fence: held.fence,
            is_agreed: held.is_agreed,
            since: held.since,
            expires_in: Some(held.until.since(now)),
        })
    }
}

impl LeaseAdmin for MemoryLeases {
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>> {
        let now = self.0.clock.now();
        let mut names = Vec::new();
        for (name, known) in &mut self.state().names {
            known.forget(now);
            let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            let (holder, readers) = (known.tenure(now), count(known.shared.len()));
            if holder.is_some() || readers > 0 {
                let (name, waiting) = (name.clone(), count(known.line.len()));
                names.push(Ok(HeldName { name, holder, readers, waiting }));
            }
        }
        stream::iter(names).boxed()
    }

    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        _why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>> {
        self.at_once(name, |known, _, now| {
            if let Some(held) = known.held.take_if(|held| held.fence == fence) {
                let until = now.plus(REMEMBERED);
                known.forced = Some(Forced { from: held.owner, fence, until });
            }
            let forced = known.forced.as_ref().filter(|forced| forced.fence == fence);
            forced.map(|forced| forced.from.clone())
        })
    }
}
