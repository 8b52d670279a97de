//! The trait that a store of files implements, and its contract.

use std::{future::ready, io, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, stream::BoxStream};

use super::{FileError, check_bucket};

/// The content of a file, piece by piece. It ends after its first error.
pub type ByteStream<'a> = BoxStream<'a, io::Result<Bytes>>;

/// One object of a store, as [`FileStore::list`] sees it.
///
/// ```
/// # #[cfg(feature = "files")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::files::ObjectFiles;
/// use distributed_task::files::{FileError, FileStore, Object};
/// use futures_util::TryStreamExt;
///
/// /// So many bytes lie below a prefix.
/// async fn size(store: &dyn FileStore, bucket: &str, prefix: &str) -> Result<u64, FileError> {
///     let objects: Vec<Object> = store.list(bucket, prefix).try_collect().await?;
///     Ok(objects.iter().map(|object| object.size).sum())
/// }
/// assert_eq!(size(&ObjectFiles::in_memory(), "incoming-files", "").await?, 0);
/// # Ok::<_, FileError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Its key within the bucket.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// An upload that began and did not end, as [`FileStore::unfinished`] sees it.
///
/// ```
/// # #[cfg(feature = "files")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// # use distributed_task::backend::files::ObjectFiles;
/// use distributed_task::files::{FileError, FileStore};
///
/// /// Removes what killed programs left; nothing may be uploading below the prefix.
/// async fn clean(store: &dyn FileStore, bucket: &str, prefix: &str) -> Result<usize, FileError> {
///     // `None`: the store cannot tell, and removes it in its own way.
///     let left = store.unfinished(bucket, prefix).await?.unwrap_or_default();
///     for upload in &left {
///         store.abort(bucket, upload).await?;
///     }
///     Ok(left.len())
/// }
/// assert_eq!(clean(&ObjectFiles::in_memory(), "incoming-files", "").await?, 0);
/// # Ok::<_, FileError>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnfinishedUpload {
    /// The key of the object that it would have become.
    pub key: String,
    /// What the store calls it: several uploads may be on their way to one key.
    pub id: String,
}

/// Keeps files as objects, each addressed by a bucket and a key.
///
/// Every sentence below is a rule of `conformance::files`, which each backend runs.
///
/// # Names
///
/// A bucket is named by 3 to 63 lower-case letters, digits and hyphens, and begins and ends with a
/// letter or digit. A key is 1 to 1024 bytes of segments separated by `/`; a segment is 1 to 240
/// ASCII letters, digits, `-`, `_`, `.` and `%`, and is neither `.` nor `..`. Any other name is
/// refused with [`FileError::InvalidName`] before anything is touched; [`check_bucket`] and
/// [`check_key`] do it. [`key_segment`] makes a segment out of any name. Buckets need not be
/// created: one comes into being with its first object. Equal keys in two buckets are two objects.
/// Nobody may use a key that is a folder of another (`a` beside `a/b`); a store may refuse it.
///
/// # Upload
///
/// `upload` stores the content under its key and answers how many bytes it stored. Content without
/// a byte makes an empty object. An object that was there is replaced. Readers see the object whole
/// or not at all: an upload on its way is neither downloaded nor listed, and of two uploads to one
/// key the later to end wins whole. If the content ends with an error the upload fails with
/// [`FileError::Content`], and the store is as it was before. The same holds for an upload that is
/// dropped before its content is read to the end; dropped later, it is done or not, but whole.
///
/// # Download
///
/// `download` answers the content as it was uploaded, in pieces of at most 8 MiB. Without the
/// object it is [`FileError::NotFound`], at once and not on the stream; where there is not even a
/// bucket, a store may say so with another error of that kind. A download that has begun gives one
/// version of the object to its end, or an error, also while the object is replaced or deleted. Any
/// number of downloads of one object may run, and each may be dropped half way.
///
/// # Delete
///
/// `delete` removes the object; nothing that was made to hold it stays behind. Deleting what is not
/// there succeeds, so that an undo may run twice and after an upload that never happened.
///
/// # List
///
/// `list` answers every object whose key begins with the segments of the prefix, with its size, in
/// no particular order: `a/b` covers `a/b/c`, but neither `a/bc` nor `a/b` itself. The empty prefix
/// covers the bucket; any other must look like a key. A bucket or prefix without objects is an
/// empty list, not an error.
///
/// # Unfinished uploads
///
/// An upload whose process is killed may leave its parts in the store, which nobody sees as an
/// object. `unfinished` answers the uploads to keys below the prefix whose parts the store keeps and
/// that did not end, or `None` if it cannot tell. `abort` removes one with all its parts; should
/// somebody still be at it, it fails. Aborting what is not there succeeds. Neither touches an object.
///
/// # Check
///
/// `check` succeeds for a bucket that can be used, to have it known at the start. It changes nothing
/// but that a store may make the bucket if it is missing.
///
/// # Memory
///
/// An upload takes at most 16 MiB of content that it has not stored yet, whatever the size of the
/// object; a download reads as it is polled. (A store that keeps its objects in memory keeps them
/// besides.)
///
/// # Errors
///
/// Every error names bucket and key, and keeps its source. The [`io::ErrorKind`] of what the
/// machine said survives, so a full disk is [`io::ErrorKind::StorageFull`]. Whatever is not
/// [`FileError::InvalidName`] or [`FileError::NotFound`] may be tried again.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "files")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// use bytes::Bytes;
/// use distributed_task::{backend::files::ObjectFiles, files::FileStore};
/// use futures_util::{StreamExt, TryStreamExt, stream};
///
/// let store = ObjectFiles::in_memory();
/// let content = stream::iter([Ok(Bytes::from("hello, ")), Ok(Bytes::from("world"))]);
/// let size = store.upload("incoming-files", "greetings/0-hello.txt", content.boxed()).await?;
/// assert_eq!(size, 12);
///
/// let pieces = store.download("incoming-files", "greetings/0-hello.txt").await?;
/// let content: Vec<Bytes> = pieces.try_collect().await?;
/// assert_eq!(content.concat(), b"hello, world");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).expect("nothing to wait for").expect("the example works");
/// ```
///
/// [`check_bucket`]: super::check_bucket
/// [`check_key`]: super::check_key
/// [`key_segment`]: super::key_segment
pub trait FileStore: Send + Sync + 'static {
    /// Stores `content` as the object `key` of `bucket`.
    fn upload<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        content: ByteStream<'a>,
    ) -> BoxFuture<'a, Result<u64, FileError>>;

    /// The content of an object.
    fn download<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ByteStream<'static>, FileError>>;

    /// Removes an object, if it is there.
    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), FileError>>;

    /// The objects of `bucket` below `prefix`.
    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxStream<'a, Result<Object, FileError>>;

    /// Whether `bucket` can be used. A store that cannot know takes it for granted.
    fn check<'a>(&'a self, bucket: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        ready(check_bucket(bucket)).boxed()
    }

    /// The uploads to keys below `prefix` that have begun and not ended; `None` if the store cannot
    /// tell, as by default.
    fn unfinished<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<UnfinishedUpload>>, FileError>> {
        let _ = prefix;
        ready(check_bucket(bucket).map(|()| None)).boxed()
    }

    /// Removes an upload that [`unfinished`](Self::unfinished) answered.
    fn abort<'a>(
        &'a self,
        bucket: &'a str,
        upload: &'a UnfinishedUpload,
    ) -> BoxFuture<'a, Result<(), FileError>> {
        let _ = upload;
        ready(check_bucket(bucket)).boxed()
    }
}

impl<S: FileStore + ?Sized> FileStore for Arc<S> {
    fn upload<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        content: ByteStream<'a>,
    ) -> BoxFuture<'a, Result<u64, FileError>> {
        (**self).upload(bucket, key, content)
    }

    fn download<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<ByteStream<'static>, FileError>> {
        (**self).download(bucket, key)
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        (**self).delete(bucket, key)
    }

    fn list<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxStream<'a, Result<Object, FileError>> {
        (**self).list(bucket, prefix)
    }

    fn check<'a>(&'a self, bucket: &'a str) -> BoxFuture<'a, Result<(), FileError>> {
        (**self).check(bucket)
    }

    fn unfinished<'a>(
        &'a self,
        bucket: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<UnfinishedUpload>>, FileError>> {
        (**self).unfinished(bucket, prefix)
    }

    fn abort<'a>(
        &'a self,
        bucket: &'a str,
        upload: &'a UnfinishedUpload,
    ) -> BoxFuture<'a, Result<(), FileError>> {
        (**self).abort(bucket, upload)
    }
}
