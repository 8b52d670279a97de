//! Who has what in memory.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};

use super::{Forced, MemoryLeases, Name};
use crate::{
    clock::Clock,
    kernel::{Fence, Timestamp},
    lease::{Beat, HeldName, LeaseAdmin, LeaseError, Owner, Reader, Tenure},
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
            metadata: held.metadata.clone(),
        })
    }

    fn describe(&mut self, owner: &Owner, metadata: &BTreeMap<String, String>) -> bool {
        let held = self.held.as_mut().filter(|held| held.owner == *owner);
        held.map(|held| held.metadata.clone_from(metadata)).is_some()
    }

    fn readers(&self, now: Timestamp) -> Vec<Reader> {
        let mut readers: Vec<_> = self.shared.iter().collect();
        readers.sort_unstable_by_key(|(_, until)| **until);
        let readers = readers
            .into_iter()
            .take(Reader::MAX_TOLD)
            .map(|(owner, until)| Reader { owner: owner.clone(), expires_in: until.since(now) });
        Reader::in_order(readers.collect())
    }

    pub(super) fn was_taken_from(&self, owner: &Owner) -> bool {
        self.taken.iter().any(|(from, _)| from == owner)
    }

    fn take_from(&mut self, owner: &Owner, now: Timestamp) -> bool {
        if self.shared.remove(owner).is_some() {
            self.taken.retain(|(from, _)| from != owner);
            self.taken.push_back((owner.clone(), now.plus(REMEMBERED)));
            // As many as are told at once.
            while self.taken.len() > Reader::MAX_TOLD {
                self.taken.pop_front();
            }
        }
        self.was_taken_from(owner)
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

    fn describe<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        metadata: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async move {
            Beat::check_metadata(metadata)?;
            self.at_once(name, |known, _, _| known.describe(owner, metadata)).await
        }
        .boxed()
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

    fn readers<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Reader>, LeaseError>> {
        self.at_once(name, |known, _, now| known.readers(now))
    }

    fn force_release_reader<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        _why: &'a str,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        self.at_once(name, |known, _, now| known.take_from(owner, now))
    }
}
