//! Who stands for a name, in memory.

use std::collections::{BTreeMap, HashMap};

use futures_util::{FutureExt, future::BoxFuture};

use super::{FEW, MemoryLeases, State};
use crate::{
    clock::Clock as _,
    kernel::Timestamp,
    lease::{Beat, CandidateStore, LeaseError, Live, LiveCandidate, Owner},
};

/// Who stands, by name.
#[derive(Default)]
pub(super) struct Candidates {
    of: HashMap<String, BTreeMap<String, Standing>>,
    /// At so many names those are dropped that nobody stands for any more.
    full: usize,
}

/// What a candidate said last, and how long that counts.
struct Standing {
    owner: Option<Owner>,
    is_healthy: bool,
    health_score: f64,
    metadata: BTreeMap<String, String>,
    last_seen: Timestamp,
    until: Timestamp,
}

impl Candidates {
    fn beat(&mut self, beat: &Beat<'_>, now: Timestamp) -> Live {
        self.forget(now);
        let of = self.of.entry(beat.name.to_owned()).or_default();
        of.retain(|_, standing| now < standing.until);
        let standing = Standing {
            owner: beat.owner.cloned(),
            is_healthy: beat.is_healthy,
            health_score: beat.health_score,
            metadata: beat.metadata.clone(),
            last_seen: now,
            until: now.plus(beat.lasts()),
        };
        let lasts = standing.until;
        of.insert(beat.candidate.to_owned(), standing);
        let first = of.values().map(|standing| standing.until).min().unwrap_or(lasts);
        let candidates = u64::try_from(of.len()).unwrap_or(u64::MAX);
        Live { candidates, next_gone: first.since(now) }
    }

    fn leave(&mut self, name: &str, candidate: &str) {
        if let Some(of) = self.of.get_mut(name) {
            of.remove(candidate);
            if of.is_empty() {
                self.of.remove(name);
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        if self.of.len() >= self.full.max(FEW) {
            self.of.retain(|_, of| {
                of.retain(|_, standing| now < standing.until);
                !of.is_empty()
            });
            self.full = 2 * self.of.len();
        }
    }
}

impl State {
    /// Those who stand for a name, and whether each has it.
    fn list(&self, name: &str, now: Timestamp) -> Vec<LiveCandidate> {
        let held = self.names.get(name).and_then(|name| name.held.as_ref());
        let holder = held.filter(|held| now < held.until).map(|held| &held.owner);
        let all = self.candidates.of.get(name).into_iter().flatten();
        all.filter(|(_, standing)| now < standing.until)
            .map(|(candidate, standing)| LiveCandidate {
                candidate: candidate.clone(),
                is_leader: holder.is_some() && holder == standing.owner.as_ref(),
                is_healthy: standing.is_healthy,
                health_score: standing.health_score,
                last_seen: standing.last_seen,
                metadata: standing.metadata.clone(),
            })
            .collect()
    }
}

impl CandidateStore for MemoryLeases {
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        let now = self.0.clock.now();
        let live = beat.check().map(|()| self.state().candidates.beat(&beat, now));
        async move { live }.boxed()
    }

    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        let all = self.state().list(name, self.0.clock.now());
        async move { Ok(all) }.boxed()
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.state().candidates.leave(name, candidate);
        async { Ok(()) }.boxed()
    }
}
