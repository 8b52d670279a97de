//! Who has what in Redis, looked through some at a time, so that nobody waits for it; and taking it away.

#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use redis::{Value, cmd};

use super::{
    LINE, REMEMBERED, RedisLeases, answer_of, lease_error, left, milliseconds, name_of,
    names::{Kind, held, keys_of, name_of_tag, tag_in},
    number,
};
use crate::{
    kernel::{Fence, Timestamp},
    lease::{Beat, HeldName, LeaseAdmin, LeaseError, Owner, Reader, Tenure},
};

/// How many keys the server looks at for one answer: some tenths of a millisecond of its time, where holders say
/// little.
const PAGE: u32 = 500;

/// What an owner says, as it is kept.
pub(super) type Said = Option<Vec<u8>>;

/// Owner, fence, whether that was agreed on, since when, what is left and what its owner says; how many share it, and
/// how many wait.
type Seen =
    (Option<String>, Option<String>, Option<bool>, Option<String>, Option<i64>, Said, u64, u64);

impl RedisLeases {
    /// Who has which names of the next page, and where the one after it begins.
    async fn page(&self, cursor: u64) -> Result<(u64, Vec<HeldName>), LeaseError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(held(&self.0.namespace)).arg("COUNT").arg(PAGE);
        let answer = self.0.link.call(scan).await.map_err(lease_error)?;
        let (next, keys): (u64, Vec<Vec<u8>>) = answer_of(answer)?;
        // A key that is no text is none of ours.
        let texts = keys.into_iter().filter_map(|key| String::from_utf8(key).ok());
        let namespace = &self.0.namespace;
        let tags: BTreeSet<_> =
            texts.filter_map(|key| tag_in(namespace, &key).map(str::to_owned)).collect();
        if tags.is_empty() {
            return Ok((next, Vec::new()));
        }
        let kinds = [Kind::Lease, Kind::Queue, Kind::Readers];
        let keys: Vec<String> =
            tags.iter().flat_map(|tag| keys_of(namespace, tag, kinds)).collect();
        let seen: Vec<Value> = self.ask(&self.0.scripts.list, &keys, &[]).await?;
        let held = tags.iter().zip(seen).map(|(tag, seen)| held_name(name_of_tag(tag), seen));
        let held = held.filter(|held| {
            held.as_ref().map_or(true, |held| held.holder.is_some() || held.readers > 0)
        });
        Ok((next, held.collect::<Result<_, _>>()?))
    }
}

/// How many who share a name are told at once, and of how many it is remembered that they do no more.
fn most() -> Bytes {
    Reader::MAX_TOLD.to_string().into()
}

/// What somebody else has written may be none.
fn number_in(text: Option<String>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// What an owner says. The same holds for that.
pub(super) fn metadata_in(said: Said) -> BTreeMap<String, String> {
    said.and_then(|said| serde_json::from_slice(&said).ok()).unwrap_or_default()
}

fn held_name(name: String, seen: Value) -> Result<HeldName, LeaseError> {
    let (owner, fence, is_agreed, since, milliseconds, said, readers, waiting): Seen =
        answer_of(seen)?;
    let holder = owner.map(|owner| Tenure {
        owner: Owner::from(owner),
        fence: Fence(number_in(fence)),
        is_agreed: is_agreed.unwrap_or_default(),
        since: Timestamp(number_in(since)),
        expires_in: milliseconds.and_then(left),
        metadata: metadata_in(said),
    });
    Ok(HeldName { name, holder, readers, waiting })
}

impl LeaseAdmin for RedisLeases {
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>> {
        let pages = stream::try_unfold(Some(0), move |cursor| async move {
            let Some(cursor) = cursor else { return Ok::<_, LeaseError>(None) };
            let (next, page) = self.page(cursor).await?;
            let page = page.into_iter().map(Ok::<_, LeaseError>);
            Ok(Some((stream::iter(page), (next != 0).then_some(next))))
        });
        pages.try_flatten().boxed()
    }

    fn describe<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        metadata: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async move {
            Beat::check_metadata(metadata)?;
            let said = serde_json::to_vec(metadata).expect("texts are JSON, whatever they say");
            let keys = self.keys(name, [Kind::Lease]);
            self.ask(&self.0.scripts.describe, &keys, &[name_of(owner), said.into()]).await
        }
        .boxed()
    }

    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>> {
        async move {
            let [lease, queue, deadlines, readers] = self.keys(name, LINE);
            let [forced] = self.keys(name, [Kind::Forced]);
            let why = Bytes::copy_from_slice(why.as_bytes());
            let args = [number(fence.0), why, number(milliseconds(REMEMBERED)), self.channels()];
            let keys = [lease, queue, deadlines, readers, forced];
            let owner: Option<String> = self.ask(&self.0.scripts.force, &keys, &args).await?;
            Ok(owner.map(Owner::from))
        }
        .boxed()
    }

    fn readers<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Reader>, LeaseError>> {
        async move {
            let keys = self.keys(name, [Kind::Readers]);
            let told: Vec<(String, i64)> =
                self.ask(&self.0.scripts.readers, &keys, &[most()]).await?;
            let readers = told.into_iter().map(|(owner, milliseconds)| Reader {
                owner: Owner::from(owner),
                expires_in: left(milliseconds).unwrap_or(Duration::MAX),
            });
            Ok(Reader::in_order(readers.collect()))
        }
        .boxed()
    }

    fn force_release_reader<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        why: &'a str,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async move {
            let [lease, queue, deadlines, readers] = self.keys(name, LINE);
            let [forced] = self.keys(name, [Kind::Forced]);
            let why = Bytes::copy_from_slice(why.as_bytes());
            let remembered = number(milliseconds(REMEMBERED));
            let args = [name_of(owner), why, remembered, most(), self.channels()];
            let keys = [lease, queue, deadlines, readers, forced];
            self.ask(&self.0.scripts.force_reader, &keys, &args).await
        }
        .boxed()
    }
}
