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

use bytes::Bytes;
use futures_util::{StreamExt, stream::Fuse};
use object_store::{
    ObjectStoreExt, PutPayload, PutPayloadMut,
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
/// Smaller pieces are copied together: a handle of each would take more than its bytes.
const SMALL: usize = 8 << 10;
/// No server takes more.
const MAX_PARTS: usize = 10_000;

pub(super) async fn upload(
    s3: &S3,
    bucket: &str,
    key: &path::Path,
    content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let store = s3.bucket(bucket)?;
    let mut parts = Parts::of(content);
    let first = parts.next().await?;
    if first.content_length() < PART {
        let size = first.content_length() as u64;
        in_bucket(s3, bucket, || store.put(key, first.clone())).await?;
        return Ok(size);
    }
    let id = in_bucket(s3, bucket, || store.create_multipart(key)).await?;
    let mut upload = Upload { store, key: key.clone(), id, parts: Vec::new(), open: true };
    match upload.send(s3, bucket, first, parts).await {
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

/// The parts of content: all are as large as a part is, but for the last one. What follows is empty.
struct Parts<'a> {
    content: Fuse<ByteStream<'a>>,
    /// What the part before had no room for.
    rest: Bytes,
}

impl<'a> Parts<'a> {
    fn of(content: ByteStream<'a>) -> Self {
        Self { content: content.fuse(), rest: Bytes::new() }
    }

    async fn next(&mut self) -> Result<PutPayload, Broken> {
        let mut part = PutPayloadMut::new().with_block_size(SMALL);
        while part.content_length() < PART {
            if self.rest.is_empty() {
                let Some(piece) = self.content.next().await else { break };
                self.rest = piece.map_err(Broken::Content)?;
            }
            let room = PART - part.content_length();
            let piece = self.rest.split_to(room.min(self.rest.len()));
            if piece.len() < SMALL {
                part.extend_from_slice(&piece);
            } else {
                part.push(piece);
            }
        }
        Ok(part.freeze())
    }
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
        mut rest: Parts<'_>,
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
            part = rest.next().await?;
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
    use futures_util::{FutureExt, stream};

    use super::*;

    /// The size of each part of content in pieces of these sizes, and in how many blocks it lies.
    fn parts(pieces: impl IntoIterator<Item = usize, IntoIter: Send>) -> Vec<(usize, usize)> {
        let piece = |size| Some((Ok(Bytes::from(vec![7; size])), ()));
        let mut sizes = pieces.into_iter();
        // Who asks this stream again after its end panics.
        let content = stream::unfold((), |()| std::future::ready(sizes.next().and_then(piece)));
        let mut content = Parts::of(content.boxed());
        let mut next = || content.next().now_or_never().expect("nothing to wait for");
        let part = |part: PutPayload| (part.content_length(), part.iter().count());
        let parts = std::iter::from_fn(|| next().ok().map(part));
        parts.take_while(|(size, _)| *size > 0).collect()
    }

    #[test]
    fn a_part_is_as_large_as_a_part_is_whatever_the_pieces() {
        let large = parts([60 << 20]);
        assert_eq!(large.len(), 8);
        assert!(large[..7].iter().all(|part| *part == (PART, 1)), "{large:?}");
        assert_eq!(large[7], (4 << 20, 1));
        assert_eq!(parts([PART - 1, 3, PART]), [(PART, 2), (PART, 2), (2, 1)]);
        assert_eq!(parts([0, 0]), []);
    }

    #[test]
    fn tiny_pieces_are_joined() {
        let tiny = parts(std::iter::repeat_n(3, PART));
        assert_eq!(tiny, [(PART, PART / SMALL); 3]);
    }

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
