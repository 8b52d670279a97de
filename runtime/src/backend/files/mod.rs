//! File stores on the `object_store` crate: in memory, or in a folder of this machine.

mod folder;
mod parts;

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream,
};
use object_store::{ObjectStore, memory::InMemory, path};

use crate::files::{ByteStream, FileError, FileStore, Object, check_bucket, check_key};

/// Keeps files as objects, [in memory](Self::in_memory) or in a [folder](Self::folder). Cloning
/// shares the store.
///
/// # What a folder looks like
///
/// `<folder>/<bucket>/<key>`: one plain file for each object, and no folder without one. An upload
/// on its way is a hidden file, `.upload-…`, in the folder itself; putting it in its place is one
/// rename. A process that is killed leaves such a file behind, which nobody will ever see as an
/// object; with no upload on its way it may be removed. Nothing is flushed to disk on purpose: the
/// class of the folder is `Process`.
///
/// ```
/// use distributed_task::backend::files::ObjectFiles;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let store = ObjectFiles::folder(folder.path())?;
///
/// let error = ObjectFiles::folder("/proc/no-such-place").expect_err("nothing can be made there");
/// assert_eq!(error.to_string(), "cannot keep files in `/proc/no-such-place`");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ObjectFiles {
    store: Arc<dyn ObjectStore>,
    /// Of a folder: where it is.
    root: Option<Arc<Path>>,
}

impl ObjectFiles {
    /// Objects in memory, gone with the last handle.
    pub fn in_memory() -> Self {
        Self { store: Arc::new(InMemory::new()), root: None }
    }

    /// Objects in a folder, which is made if it is missing. Large files never sit in memory.
    ///
    /// # Errors
    /// [`FileError::Local`] if the folder cannot be made, or written to.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        match folder::open(&path) {
            Ok((store, root)) => Ok(Self { store: Arc::new(store), root: Some(root.into()) }),
            Err(source) => Err(FileError::Local { action: "keep files in", path, source }),
        }
    }
}

impl FileStore for ObjectFiles {
    fn upload<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        content: ByteStream<'a>,
    ) -> BoxFuture<'a, Result<u64, FileError>> {
        async move {
            let at = location(bucket, key)?;
            let stored = match &self.root {
                Some(root) => folder::upload(root, &at, content).await,
                None => parts::upload(&*self.store, &at, content).await,
            };
            stored.map_err(|broken| broken.of("upload", bucket, key))
        }
        .boxed()
    }

    fn download<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ByteStream<'static>, FileError>> {
        async move {
            let at = location(bucket, key)?;
            let content = match &self.root {
                Some(root) => folder::download(root, &at).await,
                None => parts::download(&*self.store, &at).await,
            };
            content.map_err(|broken| broken.of("download", bucket, key))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        async move {
            let at = location(bucket, key)?;
            let deleted = match &self.root {
                Some(root) => folder::delete(root, &at).await,
                None => parts::delete(&*self.store, &at).await,
            };
            deleted.map_err(|broken| broken.of("delete", bucket, key))
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxStream<'a, Result<Object, FileError>> {
        let within = match common(bucket, prefix) {
            Ok(within) => within,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        // A location begins with its bucket and a slash.
        let key_from = bucket.len() + 1;
        self.store
            .list(Some(&within))
            .map_ok(move |object| Object {
                key: object.location.as_ref()[key_from..].to_owned(),
                size: object.size,
            })
            .map_err(move |error| Broken::from(error).of("list", bucket, prefix))
            .boxed()
    }
}

impl fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.root {
            Some(root) => f.debug_tuple("ObjectFiles").field(root).finish(),
            None => f.write_str("ObjectFiles(in memory)"),
        }
    }
}

/// Where an object lies in the store below.
fn location(bucket: &str, key: &str) -> Result<path::Path, FileError> {
    check_bucket(bucket)?;
    check_key(key)?;
    Ok(path::Path::parse(format!("{bucket}/{key}")).expect("our names are stricter than its own"))
}

/// What all objects below a prefix have in common.
fn common(bucket: &str, prefix: &str) -> Result<path::Path, FileError> {
    if prefix.is_empty() {
        return check_bucket(bucket).map(|()| path::Path::from(bucket));
    }
    location(bucket, prefix)
}

/// What went wrong, before it is said with which object.
enum Broken {
    Missing,
    Content(io::Error),
    Store(io::Error),
}

impl Broken {
    fn of(self, action: &'static str, bucket: &str, key: &str) -> FileError {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        match self {
            Self::Missing => FileError::NotFound { bucket, key },
            Self::Content(source) => FileError::Content { bucket, key, source },
            Self::Store(source) => FileError::Store { action, bucket, key, source },
        }
    }
}

impl From<object_store::Error> for Broken {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Store(plain(other)),
        }
    }
}

/// The words of the machine, if they are the cause, without those that were wrapped around them.
fn plain(error: object_store::Error) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(code) = inner.downcast_ref().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(code);
        }
        cause = inner.source();
    }
    io::Error::other(error)
}
