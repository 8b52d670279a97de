//! Content, cut into pieces that are small enough.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::files::ByteStream;

/// The size of a piece of a download, and of a part of an upload to S3, which wants 5 MiB at least.
pub(super) const PIECE: usize = 8 << 20;

/// Content in pieces that are small enough.
pub(super) fn pieces(content: ByteStream<'static>) -> ByteStream<'static> {
    content.map_ok(|piece| stream::iter(slices(piece).map(Ok))).try_flatten().boxed()
}

/// Cuts a piece that is too large; the slices share its memory.
fn slices(mut piece: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let slice = piece.split_to(piece.len().min(PIECE));
        (!slice.is_empty()).then_some(slice)
    })
}
