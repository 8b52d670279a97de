//! What an upload step returns: content that is still to be read.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use super::{ByteStream, FileError, LocalFile, chunks};

/// A file to upload: a path, bytes in memory, a stream, or the [`LocalFile`] of an earlier step.
///
/// Nothing is read before the upload, and then only as fast as the store takes it.
///
/// ```
/// use bytes::Bytes;
/// use distributed_task::files::SourceFile;
/// use futures_util::stream;
///
/// let on_disk = SourceFile::path("/data/photos/tree.jpg").named("photos/tree.jpg");
/// assert_eq!(on_disk.name(), "photos/tree.jpg");
///
/// let in_memory = SourceFile::bytes("notes.txt", "buy milk");
/// let on_its_way = SourceFile::stream("log.txt", stream::iter([Ok(Bytes::from("line\n"))]));
/// ```
pub struct SourceFile {
    name: String,
    content: Content,
}

enum Content {
    Path(PathBuf),
    Bytes(Bytes),
    /// The lock is never taken; it makes the stream `Sync`, so that a future may hold the source.
    Stream(Mutex<ByteStream<'static>>),
    Local(LocalFile),
}

impl SourceFile {
    /// A file of this machine, named like the last part of its path.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { name, content: Content::Path(path) }
    }

    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self { name: name.into(), content: Content::Bytes(content.into()) }
    }

    /// Content that somebody else sends, such as the body of a request. It can be read only once.
    pub fn stream(
        name: impl Into<String>,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), content: Content::Stream(Mutex::new(content.boxed())) }
    }

    /// The same content under another name, such as a relative path.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The name that the [`UploadedFile`](super::UploadedFile) will have.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl SourceFile {
    /// The size, where it is known before the content is read.
    pub(super) async fn size(&self) -> Result<Option<u64>, FileError> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Some(bytes.len() as u64)),
            Content::Stream(_) => Ok(None),
            Content::Path(path) => size_of(path).await,
            Content::Local(file) => size_of(file.path()).await,
        }
    }

    /// Takes the source apart into its name and its content, opened.
    pub(super) async fn open(self) -> Result<(String, ByteStream<'static>), FileError> {
        let content = match self.content {
            Content::Bytes(bytes) => {
                futures_util::stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed()
            }
            Content::Stream(stream) => stream.into_inner().unwrap_or_else(PoisonError::into_inner),
            Content::Path(path) => open_path(path).await?,
            Content::Local(file) => {
                let content = open_path(file.path().to_owned()).await?;
                // The file must outlive its reader: dropping the last handle removes it.
                content.inspect(move |_| _ = &file).boxed()
            }
        };
        Ok((self.name, content))
    }
}

async fn size_of(path: &Path) -> Result<Option<u64>, FileError> {
    let at = path.to_owned();
    let metadata = chunks::blocking(move || std::fs::metadata(at))
        .await
        .map_err(|error| cannot_read(path, error))?;
    if metadata.is_dir() {
        return Err(cannot_read(path, io::ErrorKind::IsADirectory.into()));
    }
    // A pipe or a device says 0 and means "who knows".
    Ok(metadata.is_file().then_some(metadata.len()))
}

async fn open_path(path: PathBuf) -> Result<ByteStream<'static>, FileError> {
    let at = path.clone();
    let file = chunks::blocking(move || std::fs::File::open(at))
        .await
        .map_err(|error| cannot_read(&path, error))?;
    // The error of a read names no file; who sees it later does not know which one it was.
    let content = chunks::read_chunks(file)
        .map(move |piece| piece.map_err(|error| cannot_read(&path, error).into()));
    Ok(content.boxed())
}

fn cannot_read(path: &Path, source: io::Error) -> FileError {
    FileError::Local { action: "read", path: path.to_owned(), source }
}

/// The file itself, not a copy.
impl From<LocalFile> for SourceFile {
    fn from(file: LocalFile) -> Self {
        Self { name: file.name().to_owned(), content: Content::Local(file) }
    }
}

/// The file itself, not a copy; it lives until the last handle is gone.
impl From<&LocalFile> for SourceFile {
    fn from(file: &LocalFile) -> Self {
        file.clone().into()
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("SourceFile");
        out.field("name", &self.name);
        match &self.content {
            Content::Path(path) => out.field("path", path),
            Content::Bytes(bytes) => out.field("bytes", &bytes.len()),
            Content::Stream(_) => out.field("stream", &format_args!("..")),
            Content::Local(file) => out.field("path", &file.path()),
        };
        out.finish()
    }
}
