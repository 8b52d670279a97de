//! Uploads: one request for what fits into a part, and an upload in parts for more.
//!
//! ```text
//! begin ──▶ part 1 ──▶ … ──▶ part n ──▶ complete: visible, whole
//!   │         │                │            │
//!   └─────────┴── failed, dropped ──────────┴──▶ abort, as far as somebody still can
//! ```
//!
//! A process that is killed leaves its parts on the server, which nobody sees as an object.
//! `FileStore::unfinished` finds them.

use std::{io, sync::Arc};

use futures_util::StreamExt;
use object_store::{
    ObjectStoreExt, PutPayload,
    aws::AmazonS3,
    multipart::{MultipartStore, PartId},
    path,
};
use tokio::runtime::Handle;

use super::{S3, refused_as};
use crate::{
    backend::files::{Broken, pieces::PIECE},
    files::ByteStream,
};

/// The size of a part.
const PART: usize = PIECE;
/// No server takes more.
const MAX_PARTS: usize = 10_000;

pub(super) async fn upload(
    s3: &S3,
    bucket: &str,
    key: &path::Path,
    mut content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let store = s3.bucket(bucket)?;
    let first = next_part(&mut content).await?;
    if first.content_length() < PART {
        let size = first.content_length() as u64;
        in_bucket(s3, bucket, || store.put(key, first.clone())).await?;
        return Ok(size);
    }
    let id = in_bucket(s3, bucket, || store.create_multipart(key)).await?;
    let mut upload = Upload { store, key: key.clone(), id, parts: Vec::new(), open: true };
    match upload.send(s3, bucket, first, content).await {
        Ok(size) => {
            upload.open = false;
            Ok(size)
        }
        Err(Broken::Content(error)) => {
            // The server is well, and the caller may end the process on this error.
            upload.abort().await;
            Err(Broken::Content(error))
        }
        // It may not answer: whoever waits for the error need not wait for this.
        Err(broken) => Err(broken),
    }
}

/// Gathers pieces until they make a part, without copying them. The last part is smaller; one after
/// it is empty.
async fn next_part(content: &mut ByteStream<'_>) -> Result<PutPayload, Broken> {
    let mut pieces = Vec::new();
    let mut size = 0;
    while size < PART
        && let Some(piece) = content.next().await
    {
        let piece = piece.map_err(Broken::Content)?;
        size += piece.len();
        pieces.push(piece);
    }
    Ok(pieces.into_iter().collect())
}

/// Does the first request of an upload, once more when the bucket had to be created for it.
async fn in_bucket<T, F>(s3: &S3, bucket: &str, request: impl Fn() -> F) -> Result<T, Broken>
where
    F: Future<Output = object_store::Result<T>>,
{
    let mut done = request().await;
    if done.as_ref().err().is_some_and(|error| refused_as(error, "NoSuchBucket")) {
        s3.create(bucket).await?;
        done = request().await;
    }
    done.map_err(|error| s3.place.explain(bucket, error).into())
}

/// An upload in parts. Dropping it before its end has it aborted in the background.
struct Upload {
    store: Arc<AmazonS3>,
    key: path::Path,
    id: String,
    parts: Vec<PartId>,
    open: bool,
}

impl Upload {
    async fn send(
        &mut self,
        s3: &S3,
        bucket: &str,
        first: PutPayload,
        mut content: ByteStream<'_>,
    ) -> Result<u64, Broken> {
        let explain = |error| Broken::from(s3.place.explain(bucket, error));
        let mut part = first;
        let mut size = 0;
        while part.content_length() > 0 {
            let index = self.parts.len();
            if index == MAX_PARTS {
                return Err(Broken::Store(too_large()));
            }
            size += part.content_length() as u64;
            let sent = self.store.put_part(&self.key, &self.id, index, part).await;
            self.parts.push(sent.map_err(explain)?);
            part = next_part(&mut content).await?;
        }
        let parts = self.parts.clone();
        match self.store.complete_multipart(&self.key, &self.id, parts).await {
            Ok(_) => Ok(size),
            Err(error) if self.is_complete(&error, size).await => Ok(size),
            Err(error) => Err(explain(error)),
        }
    }

    /// If the reply to `complete` is lost, the next one is answered that there is no such upload. It
    /// was ours if the object has the tag that comes of our parts.
    async fn is_complete(&self, error: &object_store::Error, size: u64) -> bool {
        refused_as(error, "NoSuchUpload")
            && match (self.store.head(&self.key).await, tag_of(&self.parts)) {
                (Ok(found), Some(tag)) => {
                    let found_tag = found.e_tag.as_deref().map(|tag| tag.trim_matches('"'));
                    found.size == size && found_tag == Some(&*tag)
                }
                _ => false,
            }
    }

    async fn abort(&mut self) {
        self.open = false;
        abort(&self.store, &self.key, &self.id).await;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.open
            && let Ok(runtime) = Handle::try_current()
        {
            let (store, key, id) = (Arc::clone(&self.store), self.key.clone(), self.id.clone());
            runtime.spawn(async move { abort(&store, &key, &id).await });
        }
    }
}

async fn abort(store: &AmazonS3, key: &path::Path, id: &String) {
    if let Err(error) = store.abort_multipart(key, id).await
        && !refused_as(&error, "NoSuchUpload")
    {
        tracing::warn!(%key, %error, "an upload is left unfinished: a sweep will find it");
    }
}

/// The tag of an object in parts, if the tags of these are what they are on most servers: MD5 sums.
fn tag_of(parts: &[PartId]) -> Option<String> {
    use md5::{Digest, Md5};
    let mut sum = Md5::new();
    for part in parts {
        let tag = part.content_id.trim_matches('"');
        if tag.len() != 32 || !tag.is_ascii() {
            return None;
        }
        for at in (0..32).step_by(2) {
            sum.update([u8::from_str_radix(&tag[at..at + 2], 16).ok()?]);
        }
    }
    let sum: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{sum}-{}", parts.len()))
}

fn too_large() -> io::Error {
    let text =
        format!("an object on S3 has at most {MAX_PARTS} parts, here of 8 MiB: 78 GiB together");
    io::Error::new(io::ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_an_object_is_the_sum_of_the_sums_of_its_parts() {
        let part = |content_id: &str| PartId { content_id: content_id.into() };
        // `printf 'a' | md5sum`, and of `b`; then of the 32 bytes of both.
        let parts =
            ["\"0cc175b9c0f1b6a831c399e269772661\"", "92eb5ffee6ae2fec3ad71c777531578f"].map(part);
        assert_eq!(tag_of(&parts).as_deref(), Some("96e024ba2074fe77e8e965ba43a704be-2"));
        assert_eq!(tag_of(&[part("not a sum")]), None);
    }
}
