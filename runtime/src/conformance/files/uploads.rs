//! Rules of uploads.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use tokio::sync::oneshot;

use super::{BUCKET, Store, Verdict, ensure, ensure_eq, is_missing, keys, put, read};
use crate::files::{ByteStream, FileError, UnfinishedUpload};

const MIB: usize = 1 << 20;

pub(super) async fn stores_content(store: Store) -> Verdict {
    let content = ["one ", "two ", "", "three"].map(|piece| Ok(Bytes::from(piece)));
    let size = store.upload(BUCKET, "a/b", stream::iter(content).boxed()).await?;
    ensure_eq(size, 13)?;
    ensure_eq(&*read(&store, "a/b").await?, "one two three")
}

pub(super) async fn stores_nothing(store: Store) -> Verdict {
    ensure_eq(store.upload(BUCKET, "empty", stream::empty().boxed()).await?, 0)?;
    ensure_eq(&*read(&store, "empty").await?, "")?;
    ensure_eq(keys(&store, "").await?, vec!["empty".to_owned()])
}

pub(super) async fn stores_much(store: Store) -> Verdict {
    // Pieces of odd sizes, more than two parts of any store, and a rest.
    let sizes = [3 * MIB + 1, 7, 5 * MIB - 3, 12 * MIB, 1];
    let whole: u64 = sizes.iter().map(|size| *size as u64).sum();
    let mut from = 0;
    let pieces = sizes.map(|size| {
        from += size;
        Ok(pattern(from - size, size))
    });
    ensure_eq(store.upload(BUCKET, "large", stream::iter(pieces).boxed()).await?, whole)?;

    let mut content = store.download(BUCKET, "large").await?;
    let mut read = 0;
    while let Some(piece) = content.next().await {
        let piece = piece?;
        ensure(piece == pattern(read, piece.len()), || format!("it differs after {read} bytes"))?;
        read += piece.len();
    }
    ensure_eq(read as u64, whole)
}

/// Bytes that tell where they are: each block of 256 begins with its number.
fn pattern(from: usize, size: usize) -> Bytes {
    (from..from + size).map(|at| if at % 256 == 0 { (at / 256) as u8 } else { at as u8 }).collect()
}

pub(super) async fn replaces(store: Store) -> Verdict {
    put(&store, "a", "a long first version").await?;
    put(&store, "a", "second").await?;
    ensure_eq(&*read(&store, "a").await?, "second")?;
    ensure_eq(keys(&store, "").await?, vec!["a".to_owned()])
}

pub(super) async fn hidden_until_done(store: Store) -> Verdict {
    let (go_on, wait) = oneshot::channel();
    let (content, reached) = halting(async { wait.await.map_err(io::Error::other) });
    let upload = store.upload(BUCKET, "late", content);
    let look = async {
        reached.await?;
        is_missing(&store, "late").await?;
        go_on.send(()).map_err(|()| "the upload is gone")?;
        Verdict::Ok(())
    };
    let (uploaded, looked) = futures_util::join!(upload, look);
    looked?;
    ensure_eq(uploaded?, 2 * 9 * MIB as u64)?;
    ensure_eq(keys(&store, "").await?, vec!["late".to_owned()])
}

pub(super) async fn one_wins(store: Store) -> Verdict {
    let upload = |name: &'static str| {
        let pieces = stream::iter((0..64).map(move |_| Ok(Bytes::from(name))));
        store.upload(BUCKET, "contended", pieces.boxed())
    };
    let (one, two) = futures_util::join!(upload("one"), upload("two"));
    one?;
    two?;
    let found = read(&store, "contended").await?;
    ensure(["one", "two"].iter().any(|name| found == name.repeat(64)), || {
        format!("they were mixed: {found}")
    })
}

pub(super) async fn failing_content(store: Store) -> Verdict {
    put(&store, "old", "as before").await?;
    for key in ["old", "new", "deep/in/folders"] {
        for size in [0, MIB, 9 * MIB] {
            let broken = Err(io::Error::new(io::ErrorKind::ConnectionReset, "cable cut"));
            let content = stream::iter([Ok(Bytes::from(vec![0; size])), broken]);
            match store.upload(BUCKET, key, content.boxed()).await {
                Err(FileError::Content { source, .. }) => {
                    ensure_eq(source.kind(), io::ErrorKind::ConnectionReset)?;
                }
                other => return Err(format!("the upload answered {other:?}").into()),
            }
        }
    }
    ensure_eq(keys(&store, "").await?, vec!["old".to_owned()])?;
    ensure_eq(&*read(&store, "old").await?, "as before")
}

pub(super) async fn dropped(store: Store) -> Verdict {
    put(&store, "old", "as before").await?;
    for key in ["old", "new", "deep/in/folders"] {
        let (content, reached) = halting(pending());
        match select(store.upload(BUCKET, key, content), reached).await {
            Either::Left((uploaded, _)) => {
                return Err(format!("the upload ended before its content: {uploaded:?}").into());
            }
            Either::Right((reached, upload)) => {
                reached?;
                drop(upload);
            }
        }
    }
    ensure_eq(keys(&store, "").await?, vec!["old".to_owned()])?;
    ensure_eq(&*read(&store, "old").await?, "as before")
}

pub(super) async fn unfinished(store: Store) -> Verdict {
    put(&store, "a/old", "x").await?;
    let (go_on, wait) = oneshot::channel();
    let (content, reached) = halting(async { wait.await.map_err(io::Error::other) });
    let upload = store.upload(BUCKET, "a/late", content);
    let look = async {
        reached.await?;
        for (prefix, covers) in [("", true), ("a", true), ("a/late", false), ("a/la", false)] {
            let found = store.unfinished(BUCKET, prefix).await?.unwrap_or_default();
            ensure(covers || found.is_empty(), || format!("`{prefix}` covers {found:?}"))?;
            let others = found.iter().find(|upload| upload.key != "a/late");
            ensure(others.is_none(), || format!("{others:?} is no upload"))?;
        }
        go_on.send(()).map_err(|()| "the upload is gone")?;
        Verdict::Ok(())
    };
    let (uploaded, looked) = futures_util::join!(upload, look);
    looked?;
    uploaded?;
    let left = store.unfinished(BUCKET, "").await?.unwrap_or_default();
    ensure(left.is_empty(), || format!("it has ended: {left:?}"))?;
    ensure_eq(store.unfinished("processed-files", "a").await?.unwrap_or_default(), vec![])
}

pub(super) async fn aborted(store: Store) -> Verdict {
    put(&store, "a/late", "as before").await?;
    let (go_on, wait) = oneshot::channel();
    let (content, reached) = halting(async { wait.await.map_err(io::Error::other) });
    let upload = store.upload(BUCKET, "a/late", content);
    let abort = async {
        reached.await?;
        let found = store.unfinished(BUCKET, "a").await?.unwrap_or_default();
        for upload in &found {
            store.abort(BUCKET, upload).await?;
            store.abort(BUCKET, upload).await?;
        }
        go_on.send(()).map_err(|()| "the upload is gone")?;
        Ok::<_, super::Failure>(found.len())
    };
    let (uploaded, found) = futures_util::join!(upload, abort);
    if found? == 0 {
        // A store that cannot tell, or whose parts are its own.
        return uploaded.map(drop).map_err(Into::into);
    }
    ensure(uploaded.is_err(), || "its parts are gone, and it succeeds".into())?;
    ensure_eq(store.unfinished(BUCKET, "").await?.unwrap_or_default(), vec![])?;
    ensure_eq(&*read(&store, "a/late").await?, "as before")
}

pub(super) async fn aborts_nothing(store: Store) -> Verdict {
    put(&store, "a", "x").await?;
    let id = "2~no-such-upload".to_owned();
    for key in ["a", "never/there"] {
        store.abort(BUCKET, &UnfinishedUpload { key: key.to_owned(), id: id.clone() }).await?;
    }
    ensure_eq(keys(&store, "").await?, vec!["a".to_owned()])
}

/// Content of 18 MiB that waits in its middle, and says when it is asked for what follows.
fn halting(
    wait: impl Future<Output = io::Result<()>> + Send + 'static,
) -> (ByteStream<'static>, oneshot::Receiver<()>) {
    let half = || Bytes::from(vec![1; 9 * MIB]);
    let (tell, reached) = oneshot::channel();
    let rest = async move {
        // Nobody may be listening any more.
        let _ = tell.send(());
        wait.await.map(|()| half())
    };
    (stream::iter([Ok(half())]).chain(stream::once(rest)).boxed(), reached)
}

pub(super) async fn bounded(store: Store) -> Verdict {
    let held = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let pieces = (0..64).map({
        let most = Arc::clone(&most);
        move |_| {
            let before = held.fetch_add(MIB, Ordering::Relaxed);
            most.fetch_max(before, Ordering::Relaxed);
            Ok(Bytes::from_owner(Counted { bytes: vec![0; MIB], held: Arc::clone(&held) }))
        }
    });
    store.upload(BUCKET, "large", stream::iter(pieces).boxed()).await?;
    let most = most.load(Ordering::Relaxed);
    ensure(most <= 16 * MIB, || format!("it took the next piece while it held {most} bytes"))
}

/// Bytes that tell when they are let go.
struct Counted {
    bytes: Vec<u8>,
    held: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}
