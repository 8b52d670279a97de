//! What can go wrong with a file.

use std::{io, path::PathBuf};

use thiserror::Error;

/// An operation on a file failed. A step that returns it with `?` is tried again.
///
/// The text is one line without its source; ask [`source`](std::error::Error::source) for the rest.
///
/// ```
/// # #[cfg(feature = "files")]
/// # futures_util::future::FutureExt::now_or_never(async {
/// use distributed_task::{backend::files::ObjectFiles, files::{FileError, FileStore}};
///
/// let store = ObjectFiles::in_memory();
/// match store.download("incoming-files", "nothing-here").await {
///     Err(FileError::NotFound { key, .. }) => assert_eq!(key, "nothing-here"),
///     Err(error) => println!("try again later: {error}"),
///     Ok(_) => unreachable!("nothing was uploaded"),
/// }
/// # }).expect("nothing to wait for");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such object.
    #[error("there is no object `{key}` in bucket `{bucket}`")]
    NotFound {
        /// The bucket that was asked.
        bucket: String,
        /// The key that it does not have.
        key: String,
    },
    /// No store may be asked for such a name.
    #[error("`{name}` cannot name {what}: {rule}")]
    InvalidName {
        /// The name.
        name: String,
        /// What it was to name.
        what: &'static str,
        /// What a name has to look like.
        rule: &'static str,
    },
    /// The store could not do it.
    #[error("cannot {action} object `{key}` of bucket `{bucket}`")]
    Store {
        /// What it was asked to do.
        action: &'static str,
        /// The bucket.
        bucket: String,
        /// The key, or the prefix of a list.
        key: String,
        /// What the store, or the machine below it, said.
        source: io::Error,
    },
    /// The store cannot use a bucket.
    #[error("cannot {action} bucket `{bucket}`")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// The bucket.
        bucket: String,
        /// What the store said.
        source: io::Error,
    },
    /// The content to upload ended with an error.
    #[error("the content of object `{key}` for bucket `{bucket}` cannot be read to its end")]
    Content {
        /// The bucket it was meant for.
        bucket: String,
        /// The key it was meant for.
        key: String,
        /// The error of the stream.
        source: io::Error,
    },
    /// The store could not take a source. Its key is nothing that whoever named it knows.
    #[error("cannot upload `{name}` to bucket `{bucket}`")]
    Upload {
        /// The name of the source.
        name: String,
        /// The bucket it was meant for.
        bucket: String,
        /// What the store, or the machine below it, said.
        source: io::Error,
    },
    /// The upload was told to stop.
    #[error("the upload to bucket `{bucket}` was told to stop")]
    Stopped {
        /// The bucket.
        bucket: String,
    },
    /// A file or folder of this machine cannot be used.
    #[error("cannot {action} `{}`", path.display())]
    Local {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the machine said.
        source: io::Error,
    },
}

impl FileError {
    /// The error of an upload in the words of whoever named the source.
    #[cfg(feature = "engine")]
    pub(super) fn of_source(self, name: &str) -> Self {
        match self {
            Self::Store { bucket, source, .. } => {
                Self::Upload { name: name.to_owned(), bucket, source }
            }
            // That it was read for an object is no news.
            Self::Content { bucket, key, source } => match source.downcast() {
                Ok(error) => error,
                Err(source) => Self::Content { bucket, key, source },
            },
            other => other,
        }
    }

    /// What kind of failure it is, in the words of the standard library.
    ///
    /// ```
    /// use distributed_task::files::{FileError, check_bucket};
    ///
    /// let error = check_bucket("Not A Bucket").expect_err("spaces are refused");
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::NotFound { .. } => io::ErrorKind::NotFound,
            Self::InvalidName { .. } => io::ErrorKind::InvalidInput,
            Self::Stopped { .. } => io::ErrorKind::Interrupted,
            Self::Store { source, .. }
            | Self::Bucket { source, .. }
            | Self::Content { source, .. }
            | Self::Upload { source, .. }
            | Self::Local { source, .. } => source.kind(),
        }
    }
}

/// So that a download, whose stream speaks [`io::Error`], can pass on what it knows.
impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::new(error.kind(), error)
    }
}
