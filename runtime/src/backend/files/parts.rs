//! Uploads and downloads of a store that takes objects in parts.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, path};

use super::{Broken, plain};
use crate::files::ByteStream;

/// The size of a part, and of a piece of a download. Some stores want 5 MiB at least.
pub(super) const PART: usize = 8 << 20;

/// Content that fits into one part is one request; more becomes an upload in parts.
pub(super) async fn upload(
    store: &dyn ObjectStore,
    at: &path::Path,
    mut content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let first = next_part(&mut content).await?;
    if first.content_length() < PART {
        let size = first.content_length() as u64;
        store.put(at, first).await?;
        return Ok(size);
    }
    let mut upload = store.put_multipart(at).await?;
    let stored = upload_parts(&mut *upload, first, content).await;
    if stored.is_err() {
        // What matters is why it failed; parts that cannot be removed now are the store's to sweep.
        let _ = upload.abort().await;
    }
    stored
}

async fn upload_parts(
    upload: &mut dyn MultipartUpload,
    first: PutPayload,
    mut content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let mut part = first;
    let mut size = 0;
    while part.content_length() > 0 {
        size += part.content_length() as u64;
        upload.put_part(part).await?;
        part = next_part(&mut content).await?;
    }
    upload.complete().await?;
    Ok(size)
}

/// Gathers pieces until they make a part, without copying them. The last part is smaller; one after
/// it is empty.
pub(super) async fn next_part(content: &mut ByteStream<'_>) -> Result<PutPayload, Broken> {
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

pub(super) async fn download(
    store: &dyn ObjectStore,
    at: &path::Path,
) -> Result<ByteStream<'static>, Broken> {
    Ok(pieces(store.get(at).await?.into_stream().map_err(plain).boxed()))
}

/// Content in pieces that are small enough.
pub(super) fn pieces(content: ByteStream<'static>) -> ByteStream<'static> {
    content.map_ok(|piece| stream::iter(slices(piece).map(Ok))).try_flatten().boxed()
}

/// Cuts a piece that is too large; the slices share its memory.
fn slices(mut piece: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let slice = piece.split_to(piece.len().min(PART));
        (!slice.is_empty()).then_some(slice)
    })
}

pub(super) async fn delete(store: &dyn ObjectStore, at: &path::Path) -> Result<(), Broken> {
    match store.delete(at).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
