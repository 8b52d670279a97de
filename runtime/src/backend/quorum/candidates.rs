//! Who stands, as most servers know it.

use std::{cmp::Reverse, collections::BTreeMap, slice, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use super::{Inner, Node, QuorumLeases, error::NodeFailure};
use crate::lease::{
    Beat, CandidateStore, LeaseError, Live, LiveCandidate, answers_to, beat_checked,
};

/// A server is waited for no longer than this, unless most have answered.
const LIMIT: Duration = Duration::from_secs(2);

impl Node {
    async fn candidates(&self) -> Result<&dyn CandidateStore, LeaseError> {
        self.able(|store| store.candidates(), "who stands").await
    }
}

impl Inner {
    async fn most_candidates<'a, T, F>(
        &'a self,
        ask: impl Fn(&'a Node) -> F,
    ) -> Result<Vec<T>, LeaseError>
    where
        F: Future<Output = Result<T, LeaseError>>,
    {
        let rest = self.rules.limit(self.rules.max_lease);
        Ok(self.survey(LIMIT, rest, |_, node| ask(node)).await?.into_iter().flatten().collect())
    }

    /// Each is decided by itself.
    async fn beat_all<'a>(
        &'a self,
        beats: Vec<Beat<'_>>,
    ) -> Result<Vec<Result<Live, LeaseError>>, LeaseError> {
        let (beats, rest) = (&beats, self.rules.limit(self.rules.max_lease));
        let ask = |_, node: &'a Node| async move {
            answers_to(node.candidates().await?.beat_all(beats).await?, beats.len())
        };
        let said = self.said(LIMIT, rest, ask).await?;
        let mut said: Vec<_> = said.into_iter().map(|said| said.map(Vec::into_iter)).collect();
        let next = |said: &mut Result<std::vec::IntoIter<_>, NodeFailure>| match said {
            Ok(said) => {
                let next: Result<Live, LeaseError> = said.next().expect("it answered to each");
                next.map_err(NodeFailure::Failed)
            }
            Err(failure) => Err(failure.again()),
        };
        Ok(beats.iter().map(|_| self.live(said.iter_mut().map(next).collect())).collect())
    }

    /// What the servers say to one beat.
    fn live(&self, said: Vec<Result<Live, NodeFailure>>) -> Result<Live, LeaseError> {
        let mut known: Vec<_> = self.if_most(said)?.into_iter().flatten().collect();
        known.sort_unstable_by_key(|live| Reverse(live.candidates));
        let candidates = known[self.rules.majority() - 1].candidates;
        let next_gone = known.iter().map(|live| live.next_gone).min().unwrap_or_default();
        Ok(Live { candidates, next_gone })
    }

    /// What servers know of one candidate, if most of them do.
    fn together(&self, told: Vec<LiveCandidate>) -> Option<LiveCandidate> {
        let majority = self.rules.majority();
        let is_leader = told.iter().filter(|one| one.is_leader).count() >= majority;
        let is_known = told.len() >= majority;
        let last = told.into_iter().max_by_key(|one| one.last_seen).filter(|_| is_known)?;
        Some(LiveCandidate { is_leader, ..last })
    }
}

impl CandidateStore for QuorumLeases {
    /// So many are told as most servers know, at least.
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        async move {
            let mut answers = self.beat_all(slice::from_ref(&beat)).await?;
            answers.pop().expect("it answers for each")
        }
        .boxed()
    }

    fn beat_all<'a>(
        &'a self,
        beats: &'a [Beat<'a>],
    ) -> BoxFuture<'a, Result<Vec<Result<Live, LeaseError>>, LeaseError>> {
        beat_checked(beats, |beats| self.0.beat_all(beats)).map(Ok).boxed()
    }

    /// Those that most servers know; what each of them said last, as far as the clocks of servers agree.
    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        async move {
            let ask = |node: &'a Node| async move { node.candidates().await?.list(name).await };
            let mut known: BTreeMap<String, Vec<LiveCandidate>> = BTreeMap::new();
            for one in self.0.most_candidates(ask).await?.into_iter().flatten() {
                known.entry(one.candidate.clone()).or_default().push(one);
            }
            Ok(known.into_values().filter_map(|told| self.0.together(told)).collect())
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<Option<LiveCandidate>, LeaseError>> {
        async move {
            let ask = |node: &'a Node| async move {
                node.candidates().await?.find(name, candidate).await
            };
            let told = self.0.most_candidates(ask).await?;
            Ok(self.0.together(told.into_iter().flatten().collect()))
        }
        .boxed()
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        async move {
            let ask = |node: &'a Node| async move {
                node.candidates().await?.leave(name, candidate).await
            };
            self.0.most_candidates(ask).await.map(drop)
        }
        .boxed()
    }
}
