//! Who stands for a name, in Redis: beside the lease, in its slot.

#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::{collections::BTreeMap, iter::zip, slice, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use redis::Value;
use serde::{Deserialize, Serialize};

use super::{RedisLeases, answer_of, milliseconds, names::Kind, wrong};
use crate::{
    kernel::Timestamp,
    lease::{Beat, CandidateStore, LeaseError, Live, LiveCandidate, Owner, beat_checked},
};

/// What a candidate says of itself, as it is kept.
#[derive(Serialize, Deserialize)]
struct Said {
    #[serde(rename = "healthy")]
    is_healthy: bool,
    score: f64,
    metadata: BTreeMap<String, String>,
}

impl Said {
    fn of(beat: &Beat<'_>) -> Vec<u8> {
        let Beat { is_healthy, health_score: score, metadata, .. } = *beat;
        let said = Self { is_healthy, score, metadata: metadata.clone() };
        serde_json::to_vec(&said).expect("texts and numbers are JSON, whatever they say")
    }
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

/// What was answered to one of several beats, or what is wrong with its keys.
fn live(answer: Value) -> Result<Live, LeaseError> {
    if !matches!(answer, Value::Array(_)) {
        return Err(wrong(answer));
    }
    let (candidates, gone): (u64, u64) = answer_of(answer)?;
    Ok(Live { candidates, next_gone: Duration::from_millis(gone) })
}

impl RedisLeases {
    async fn say(&self, beats: Vec<Beat<'_>>) -> Result<Vec<Result<Live, LeaseError>>, LeaseError> {
        let kinds = [Kind::Candidates, Kind::Seen];
        let keys: Vec<String> = beats.iter().flat_map(|it| self.keys(it.name, kinds)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        let said: Vec<Vec<u8>> = beats.iter().map(Said::of).collect();
        let (script, many) = (&self.0.scripts.beat, beats.len());
        let bytes: usize = said.iter().map(Vec::len).sum();
        let mut call = script.call(&keys, (4 * many, bytes + 128 * many));
        for (beat, said) in zip(beats, said) {
            let owner = beat.owner.map_or("", Owner::as_str);
            call.arg(beat.candidate).arg(owner).arg(said).arg(milliseconds(beat.lasts()));
        }
        Ok(self.ask_for_each(script, &call, many).await?.into_iter().map(live).collect())
    }

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
            let mut answers = self.beat_all(slice::from_ref(&beat)).await?;
            answers.pop().expect("it answers for each")
        }
        .boxed()
    }

    fn beat_all<'a>(
        &'a self,
        beats: &'a [Beat<'a>],
    ) -> BoxFuture<'a, Result<Vec<Result<Live, LeaseError>>, LeaseError>> {
        beat_checked(beats, |beats| self.say(beats)).map(Ok).boxed()
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
