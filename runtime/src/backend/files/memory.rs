//! Objects in memory.

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload, memory::InMemory, path};

use super::{Broken, pieces::pieces, plain};
use crate::files::ByteStream;

/// Nothing is there before all of it is.
pub(super) async fn upload(
    store: &InMemory,
    at: &path::Path,
    content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let all: Vec<_> = content.try_collect().await.map_err(Broken::Content)?;
    let all: PutPayload = all.into_iter().collect();
    let size = all.content_length() as u64;
    store.put(at, all).await?;
    Ok(size)
}

pub(super) async fn download(
    store: &InMemory,
    at: &path::Path,
) -> Result<ByteStream<'static>, Broken> {
    Ok(pieces(store.get(at).await?.into_stream().map_err(plain).boxed()))
}

pub(super) async fn delete(store: &InMemory, at: &path::Path) -> Result<(), Broken> {
    match store.delete(at).await {
        Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
