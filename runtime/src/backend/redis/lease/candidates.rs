//! Who stands for a name, in Redis: beside the lease, in its slot.

#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};

use super::{RedisLeases, milliseconds, name_of, names::Kind, number};
use crate::{
    kernel::Timestamp,
    lease::{Beat, CandidateStore, LeaseError, Live, LiveCandidate},
};

/// What a candidate says of itself, as it is kept.
#[derive(Serialize, Deserialize)]
struct Said {
    #[serde(rename = "healthy")]
    is_healthy: bool,
    score: f64,
    metadata: BTreeMap<String, String>,
}

/// A candidate, whether it has the lease, when it was seen, and what it says.
type Row = (String, bool, u64, String);

fn candidate((candidate, is_leader, seen, said): Row) -> Result<LiveCandidate, LeaseError> {
    // It answered, but with something that is not ours.
    let said: Said =
        serde_json::from_str(&said).map_err(|error| LeaseError::Unanswered(error.into()))?;
    Ok(LiveCandidate {
        candidate,
        is_leader,
        is_healthy: said.is_healthy,
        health_score: said.score,
        last_seen: Timestamp(seen),
        metadata: said.metadata,
    })
}

fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

impl RedisLeases {
    async fn live(&self, name: &str, only: &[Bytes]) -> Result<Vec<LiveCandidate>, LeaseError> {
        let keys = self.keys(name, [Kind::Lease, Kind::Candidates, Kind::Seen]);
        let rows: Vec<Row> = self.ask(&self.0.scripts.candidates, &keys, only).await?;
        let mut live = rows.into_iter().map(candidate).collect::<Result<Vec<_>, _>>()?;
        live.sort_by(|one, other| one.candidate.cmp(&other.candidate));
        Ok(live)
    }
}

impl CandidateStore for RedisLeases {
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        async move {
            beat.check()?;
            let Beat { name, owner, is_healthy, health_score: score, metadata, .. } = beat;
            let said = Said { is_healthy, score, metadata: metadata.clone() };
            let said = serde_json::to_vec(&said)
                .map_err(|error| LeaseError::Refused { source: error.into(), retryable: false })?;
            let owner = owner.map(name_of).unwrap_or_default();
            let lasts = number(milliseconds(beat.lasts()));
            let keys = self.keys(name, [Kind::Candidates, Kind::Seen]);
            let args = [text(beat.candidate), owner, said.into(), lasts];
            let (candidates, gone): (u64, u64) =
                self.ask(&self.0.scripts.beat, &keys, &args).await?;
            Ok(Live { candidates, next_gone: Duration::from_millis(gone) })
        }
        .boxed()
    }

    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        self.live(name, &[]).boxed()
    }

    fn find<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<Option<LiveCandidate>, LeaseError>> {
        async move { Ok(self.live(name, &[text(candidate)]).await?.pop()) }.boxed()
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        async move {
            let keys = self.keys(name, [Kind::Candidates, Kind::Seen]);
            let _stood: bool = self.ask(&self.0.scripts.leave, &keys, &[text(candidate)]).await?;
            Ok(())
        }
        .boxed()
    }
}
