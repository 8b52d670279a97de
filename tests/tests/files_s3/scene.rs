//! A server, and a store that does not wait long for it.

use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use distributed_task::{
    backend::files::{ObjectFiles, S3Error, S3Settings},
    files::{ByteStream, FileError, FileStore},
};
use distributed_task_tests::s3::{ACCESS_KEY, Fault, S3Server, SECRET_KEY};
use futures_util::{StreamExt, TryStreamExt, future::pending, stream};
use tokio::sync::oneshot;

pub(crate) const BUCKET: &str = "incoming-files";
pub(crate) const MIB: usize = 1 << 20;

/// How long a server may say nothing here. One that answers is much faster; should it not be, the
/// request is sent again.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// The same where everything is to fail.
pub(crate) const SHORT: Duration = Duration::from_millis(200);
/// No operation takes longer when the server says nothing: 4 tries, and the waits between them. The
/// rest is for a machine that is busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn settings(server: &S3Server) -> S3Settings {
    ObjectFiles::s3(server.endpoint(), ACCESS_KEY, SECRET_KEY).silence(SILENCE)
}

pub(crate) fn store(server: &S3Server) -> ObjectFiles {
    settings(server).build().expect("it can be one")
}

/// Content of so many pieces of a MiB.
pub(crate) fn content(pieces: usize) -> ByteStream<'static> {
    stream::iter((0..pieces).map(|n| Ok(Bytes::from(vec![n as u8; MIB])))).boxed()
}

/// Content that never ends, and says when it is asked for what follows its first 9 MiB.
pub(crate) fn endless() -> (ByteStream<'static>, oneshot::Receiver<()>) {
    let (tell, reached) = oneshot::channel();
    let rest = stream::once(async move {
        // Not every test asks.
        let _ = tell.send(());
        pending().await
    });
    (content(9).chain(rest).boxed(), reached)
}

pub(crate) async fn upload(
    store: &ObjectFiles,
    key: &str,
    pieces: usize,
) -> Result<u64, FileError> {
    let uploaded = store.upload(BUCKET, key, content(pieces));
    tokio::time::timeout(LIMIT, uploaded).await.expect("nothing waits for ever")
}

pub(crate) async fn size(store: &ObjectFiles, key: &str) -> Result<usize, FileError> {
    let sized = async {
        let content = store.download(BUCKET, key).await?;
        let lengths = content.map_ok(|piece| piece.len());
        let sum = lengths.try_fold(0, |sum, length| async move { Ok(sum + length) });
        sum.await.map_err(|source| FileError::Bucket {
            action: "read from",
            bucket: BUCKET.into(),
            source,
        })
    };
    tokio::time::timeout(LIMIT, sized).await.expect("nothing waits for ever")
}

/// Leaves the parts of an upload behind, as a process does that dies in the middle.
pub(crate) async fn leave(server: &S3Server, key: &str) {
    let store = settings(server).retries(0).build().expect("it can be one");
    let before = server.unfinished().len();
    let aborts = Arc::new(AtomicUsize::new(0));
    server.fault({
        let aborts = Arc::clone(&aborts);
        move |request| {
            aborts.fetch_add(usize::from(request.is_abort()), Ordering::Relaxed);
            let ends = request.is_complete() || request.is_abort();
            if ends { Fault::Drop } else { Fault::None }
        }
    });
    upload(&store, key, 9).await.expect_err("it cannot be ended");
    until("it tries to clean up", || aborts.load(Ordering::Relaxed) > 0).await;
    server.heal();
    assert_eq!(server.unfinished().len(), before + 1, "control: it is there");
}

/// Waits for something that happens in the background.
pub(crate) async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .unwrap_or_else(|_| panic!("it never happened: {what}"));
}

/// What the store said, below what it was asked to do.
pub(crate) fn cause(error: &FileError) -> &S3Error {
    let source: &io::Error = error.source().and_then(|source| source.downcast_ref()).expect("one");
    source.get_ref().and_then(|inner| inner.downcast_ref()).expect("the store said it")
}
