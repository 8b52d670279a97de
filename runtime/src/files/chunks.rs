//! Files of this machine as streams. There is no asynchronous file system: each piece is one visit
//! to the blocking pool, and pieces are large so that the visits do not count.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    panic::resume_unwind,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::task::spawn_blocking;

use super::ByteStream;

/// The size of a piece. Larger gains nothing; 64 uploads at once hold 64 of them.
const PIECE: u64 = 1 << 20;

thread_local! {
    static MAY_BLOCK: Cell<bool> = const { Cell::new(false) };
}

/// Runs `wait`, which waits for a future on this thread, with leave to block.
///
/// A thread of the blocking pool that waits for another one of the pool is slow and, once all of
/// them do, waits for ever. So what it waits for does its blocking work right here.
pub(super) fn may_block<T>(wait: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            MAY_BLOCK.set(self.0);
        }
    }
    let _restore = Restore(MAY_BLOCK.replace(true));
    wait()
}

/// Does `work` on the blocking pool. It is not stopped when the future is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    if MAY_BLOCK.get() {
        return work();
    }
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Err(io::Error::other("the runtime is shutting down")),
        },
    }
}

/// The rest of `file`, piece by piece.
pub(crate) fn read_chunks(file: File) -> ByteStream<'static> {
    let pieces = stream::try_unfold(file, |mut file| {
        blocking(move || {
            // A small file gets a small buffer: the store may keep it.
            let size = file.metadata()?.len().min(PIECE);
            let mut piece = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            Read::by_ref(&mut file).take(PIECE).read_to_end(&mut piece)?;
            Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
        })
    });
    pieces.boxed()
}

/// Appends `piece` to `file` and hands the file back.
pub(crate) async fn write_chunk(mut file: File, piece: Bytes) -> io::Result<File> {
    blocking(move || file.write_all(&piece).map(|()| file)).await
}
