//! The contract of [`FileStore`], as checks.

mod objects;
mod uploads;

use std::error::Error;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::rule::{Rule, Verdict, check_all, ensure, ensure_eq, rules};
use crate::files::{ByteStream, FileError, FileStore, Object};

/// Checks every rule of the contract, each on a store that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "files")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use distributed_task::{backend::files::ObjectFiles, conformance};
///
/// conformance::files::run(async || ObjectFiles::in_memory()).await;
/// # }
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// ```
pub async fn run<S: FileStore>(mut make: impl AsyncFnMut() -> S) {
    check_all(RULES, async || Box::new(make().await) as Store).await;
}

/// Checks the rules on memory, which no store in memory can keep.
///
/// # Panics
/// With the sentence of the first rule that is broken.
pub async fn run_bounded<S: FileStore>(mut make: impl AsyncFnMut() -> S) {
    check_all(BOUNDED, async || Box::new(make().await) as Store).await;
}

type Store = Box<dyn FileStore>;
const RULES: &[Rule<Store>] = rules! {
    "an invalid name is refused before anything is touched" => objects::invalid_names,
    "every valid name is taken" => objects::valid_names,
    "equal keys in two buckets are two objects" => objects::buckets_are_apart,
    "`upload` stores the content and answers how many bytes it stored" => uploads::stores_content,
    "content without a byte makes an empty object" => uploads::stores_nothing,
    "a large object comes back byte for byte" => uploads::stores_much,
    "an object that was there is replaced" => uploads::replaces,
    "an upload on its way is neither downloaded nor listed" => uploads::hidden_until_done,
    "of two uploads to one key one wins whole" => uploads::one_wins,
    "if the content ends with an error, so does the upload, and the store is as it was before"
        => uploads::failing_content,
    "an upload that is dropped before its content is read leaves the store as it was before"
        => uploads::dropped,
    "`unfinished` answers uploads below the prefix that did not end, or that it cannot tell"
        => uploads::unfinished,
    "`abort` removes an upload, which fails then, and no object" => uploads::aborted,
    "aborting what is not there succeeds" => uploads::aborts_nothing,
    "`check` succeeds for a bucket that can be used" => objects::checks,
    "a download comes in pieces of at most 8 MiB" => objects::pieces_are_small,
    "without the object a download is `NotFound`, at once" => objects::missing,
    "a download that has begun gives one version of the object to its end" => objects::one_version,
    "any number of downloads may run, and each may be dropped half way" => objects::many_downloads,
    "`delete` removes the object, and no other" => objects::deletes,
    "deleting what is not there succeeds" => objects::deletes_twice,
    "`list` answers every object below the prefix, with its size" => objects::lists,
    "a prefix covers whole segments" => objects::whole_segments,
    "a bucket or prefix without objects is an empty list" => objects::empty_lists,
    "every error names bucket and key" => objects::errors_name_the_object,
};

const BOUNDED: &[Rule<Store>] = rules! {
    "an upload takes at most 16 MiB of content that it has not stored yet" => uploads::bounded,
};

type Failure = Box<dyn Error + Send + Sync>;

const BUCKET: &str = "incoming-files";

async fn put(store: &Store, key: &str, content: &str) -> Verdict {
    let content = Bytes::copy_from_slice(content.as_bytes());
    store.upload(BUCKET, key, stream::iter([Ok(content)]).boxed()).await?;
    Ok(())
}

async fn read(store: &Store, key: &str) -> Result<String, Failure> {
    read_all(store.download(BUCKET, key).await?).await
}

async fn read_all(content: ByteStream<'_>) -> Result<String, Failure> {
    let pieces: Vec<Bytes> = content.try_collect().await?;
    Ok(String::from_utf8(pieces.concat())?)
}

async fn list(store: &Store, bucket: &str, prefix: &str) -> Result<Vec<Object>, Failure> {
    let mut objects: Vec<_> = store.list(bucket, prefix).try_collect().await?;
    objects.sort();
    Ok(objects)
}

async fn keys(store: &Store, prefix: &str) -> Result<Vec<String>, Failure> {
    Ok(list(store, BUCKET, prefix).await?.into_iter().map(|object| object.key).collect())
}

/// Fails unless the object is not there.
async fn is_missing(store: &Store, key: &str) -> Verdict {
    match store.download(BUCKET, key).await.map(drop) {
        Err(FileError::NotFound { .. }) => {
            ensure_eq(keys(store, "").await?.contains(&key.into()), false)
        }
        other => Err(format!("the download of `{key}` answered {other:?}").into()),
    }
}
