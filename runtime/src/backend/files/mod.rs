//! File stores on the `object_store` crate: in memory, in a folder of this machine, or on S3.

mod folder;
mod memory;
mod pieces;
#[cfg(feature = "s3")]
mod s3;

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream, stream::BoxStream,
};
use object_store::{ObjectStore, local::LocalFileSystem, memory::InMemory, path};

#[cfg(feature = "s3")]
use self::s3::S3;
#[cfg(feature = "s3")]
pub use self::s3::{S3Error, S3Settings};
use crate::files::{
    ByteStream, FileError, FileStore, Object, UnfinishedUpload, check_bucket, check_key,
};

/// Keeps files as objects, [in memory](Self::in_memory), in a [folder](Self::folder) or on S3
/// (`ObjectFiles::s3`, with the feature of that name). Cloning shares the store.
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
    kept: Kept,
}

#[derive(Clone)]
enum Kept {
    Memory(Arc<InMemory>),
    Folder(Arc<LocalFileSystem>, Arc<Path>),
    #[cfg(feature = "s3")]
    S3(Arc<S3>),
}

impl ObjectFiles {
    /// Objects in memory, gone with the last handle.
    pub fn in_memory() -> Self {
        Self { kept: Kept::Memory(Arc::new(InMemory::new())) }
    }

    /// Objects in a folder, which is made if it is missing. Large files never sit in memory.
    ///
    /// # Errors
    /// [`FileError::Local`] if the folder cannot be made, or written to.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        match folder::open(&path) {
            Ok((store, root)) => Ok(Self { kept: Kept::Folder(Arc::new(store), root.into()) }),
            Err(source) => Err(FileError::Local { action: "keep files in", path, source }),
        }
    }

    /// Objects on an S3 server: AWS, MinIO, Garage, Ceph and what else speaks like them. Files pass
    /// through as streams; clones share one HTTP client. Each bucket of a task is one of the server's,
    /// created with its first object.
    ///
    /// ```
    /// use distributed_task::backend::files::ObjectFiles;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = ObjectFiles::s3("http://127.0.0.1:9000", "minioadmin", "minioadmin").build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "s3")]
    pub fn s3(
        endpoint: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: impl Into<String>,
    ) -> S3Settings {
        S3Settings::new(endpoint.into(), access_key.into(), secret_key.into())
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
            let stored = match &self.kept {
                Kept::Memory(store) => memory::upload(store, &at, content).await,
                Kept::Folder(_, root) => folder::upload(root, &at, content).await,
                #[cfg(feature = "s3")]
                Kept::S3(s3) => s3.upload(bucket, &within(key), content).await,
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
            let content = match &self.kept {
                Kept::Memory(store) => memory::download(store, &at).await,
                Kept::Folder(_, root) => folder::download(root, &at).await,
                #[cfg(feature = "s3")]
                Kept::S3(s3) => s3.download(bucket, &within(key)).await,
            };
            content.map_err(|broken| broken.of("download", bucket, key))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        async move {
            let at = location(bucket, key)?;
            let deleted = match &self.kept {
                Kept::Memory(store) => memory::delete(store, &at).await,
                Kept::Folder(_, root) => folder::delete(root, &at).await,
                #[cfg(feature = "s3")]
                Kept::S3(s3) => s3.delete(bucket, &within(key)).await,
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
        let at = match common(bucket, prefix) {
            Ok(at) => at,
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let objects = match &self.kept {
            Kept::Memory(store) => list(&**store, bucket, &at),
            Kept::Folder(store, _) => list(&**store, bucket, &at),
            #[cfg(feature = "s3")]
            Kept::S3(s3) => s3.list(bucket, (!prefix.is_empty()).then(|| within(prefix)).as_ref()),
        };
        objects.map_err(move |broken| broken.of("list", bucket, prefix)).boxed()
    }

    #[cfg(feature = "s3")]
    fn check<'a>(&'a self, bucket: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        async move {
            check_bucket(bucket)?;
            let Kept::S3(s3) = &self.kept else { return Ok(()) };
            s3.check(bucket).await.map_err(|broken| broken.of_bucket("use", bucket))
        }
        .boxed()
    }

    fn unfinished<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<UnfinishedUpload>>, FileError>> {
        async move {
            common(bucket, prefix)?;
            match &self.kept {
                // Their parts are the process's own, and go with it.
                Kept::Memory(_) => Ok(Some(Vec::new())),
                // Its hidden files do not say what they were to become.
                Kept::Folder(..) => Ok(None),
                #[cfg(feature = "s3")]
                Kept::S3(s3) => {
                    let found = s3.unfinished(bucket).await;
                    let mut found = found.map_err(|broken| broken.of_bucket("ask", bucket))?;
                    if let Some(uploads) = &mut found {
                        uploads.retain(|upload| covers(prefix, &upload.key));
                    }
                    Ok(found)
                }
            }
        }
        .boxed()
    }

    fn abort<'a>(
        &'a self,
        bucket: &'a str,
        upload: &'a UnfinishedUpload,
    ) -> BoxFuture<'a, Result<(), FileError>> {
        async move {
            location(bucket, &upload.key)?;
            match &self.kept {
                Kept::Memory(_) | Kept::Folder(..) => Ok(()),
                #[cfg(feature = "s3")]
                Kept::S3(s3) => {
                    let aborted = s3.abort(bucket, &within(&upload.key), &upload.id).await;
                    aborted.map_err(|broken| broken.of("abort the upload of", bucket, &upload.key))
                }
            }
        }
        .boxed()
    }
}

impl fmt::Debug for ObjectFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kept {
            Kept::Memory(_) => f.write_str("ObjectFiles(in memory)"),
            Kept::Folder(_, root) => f.debug_tuple("ObjectFiles").field(root).finish(),
            #[cfg(feature = "s3")]
            Kept::S3(s3) => f.debug_tuple("ObjectFiles").field(s3).finish(),
        }
    }
}

/// The objects below `at`, a bucket or something in it, of a store that knows no buckets.
fn list<'a>(
    store: &dyn ObjectStore,
    bucket: &str,
    at: &path::Path,
) -> BoxStream<'a, Result<Object, Broken>> {
    // A location begins with its bucket and a slash.
    let key_from = bucket.len() + 1;
    store
        .list(Some(at))
        .map_ok(move |object| Object {
            key: object.location.as_ref()[key_from..].to_owned(),
            size: object.size,
        })
        .map_err(Broken::from)
        .boxed()
}

/// Where an object lies in the store below.
fn location(bucket: &str, key: &str) -> Result<path::Path, FileError> {
    check_bucket(bucket)?;
    check_key(key)?;
    Ok(path::Path::parse(format!("{bucket}/{key}")).expect("our names are stricter than its own"))
}

/// Where an object, or a prefix, is within a bucket. Its name was checked.
#[cfg(feature = "s3")]
fn within(key: &str) -> path::Path {
    path::Path::parse(key).expect("our names are stricter than its own")
}

/// Whether a key is below a prefix, by whole segments.
#[cfg(feature = "s3")]
fn covers(prefix: &str, key: &str) -> bool {
    prefix.is_empty() || key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
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
    /// A name is none with what the store puts before it.
    #[cfg(feature = "s3")]
    Name(FileError),
}

impl Broken {
    #[cfg(feature = "s3")]
    fn of_bucket(self, action: &'static str, bucket: &str) -> FileError {
        let bucket = bucket.to_owned();
        match self {
            Self::Missing => {
                FileError::Bucket { action, bucket, source: io::ErrorKind::NotFound.into() }
            }
            Self::Content(source) | Self::Store(source) => {
                FileError::Bucket { action, bucket, source }
            }
            Self::Name(error) => error,
        }
    }

    fn of(self, action: &'static str, bucket: &str, key: &str) -> FileError {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        match self {
            Self::Missing => FileError::NotFound { bucket, key },
            Self::Content(source) => FileError::Content { bucket, key, source },
            Self::Store(source) => FileError::Store { action, bucket, key, source },
            #[cfg(feature = "s3")]
            Self::Name(error) => error,
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
