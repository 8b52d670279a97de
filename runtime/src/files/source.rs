//! What an upload step returns: content that is still to be read.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

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
    /// What it must be, if somebody said so.
    size: Option<u64>,
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
        Self::new(name, Content::Path(path))
    }

    /// Bytes in memory.
    pub fn bytes(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self::new(name, Content::Bytes(content.into()))
    }

    /// Content that somebody else sends, such as the body of a request. It can be read only once.
    pub fn stream(
        name: impl Into<String>,
        content: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self::new(name, Content::Stream(Mutex::new(content.boxed())))
    }

    /// The same content under another name, such as a relative path.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Says how many bytes the content must have: what was seen when a file was chosen, or what the
    /// sender of a stream announced. With fewer or more of them the upload fails, so that nobody
    /// takes half a file for a whole one.
    ///
    /// ```
    /// # #[cfg(not(feature = "files"))]
    /// # fn main() {}
    /// # #[cfg(feature = "files")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use distributed_task::{backend::files::ObjectFiles, files::{Files, SourceFile}};
    ///
    /// let cut = SourceFile::bytes("a.txt", "on").of_size(3);
    /// let files = Files::new(ObjectFiles::in_memory());
    /// assert!(files.upload("incoming-files", "demo", vec![cut], |_| {}).await.is_err());
    /// # }
    /// ```
    #[must_use]
    pub fn of_size(self, size: u64) -> Self {
        Self { size: Some(size), ..self }
    }

    /// The name that the [`UploadedFile`](super::UploadedFile) will have.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl SourceFile {
    fn new(name: impl Into<String>, content: Content) -> Self {
        Self { name: name.into(), content, size: None }
    }

    /// The size, where it is known before the content is read.
    pub(super) async fn size(&self) -> Result<Option<u64>, FileError> {
        let found = match &self.content {
            Content::Bytes(bytes) => Some(bytes.len() as u64),
            Content::Stream(_) => None,
            Content::Path(path) => size_of(path).await?,
            Content::Local(file) => size_of(file.path()).await?,
        };
        Ok(self.size.or(found))
    }

    /// Takes the source apart into its name and its content, opened.
    pub(super) async fn open(self) -> Result<(String, ByteStream<'static>), FileError> {
        let size = self.size;
        let content = match self.content {
            Content::Bytes(bytes) => {
                let piece = (!bytes.is_empty()).then_some(Ok(bytes));
                whole(size, stream::iter(piece).boxed())
            }
            Content::Stream(content) => {
                whole(size, content.into_inner().unwrap_or_else(PoisonError::into_inner))
            }
            Content::Path(path) => open_path(path, size).await?,
            Content::Local(file) => {
                let content = open_path(file.path().to_owned(), size).await?;
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

async fn open_path(path: PathBuf, size: Option<u64>) -> Result<ByteStream<'static>, FileError> {
    let at = path.clone();
    let file = chunks::blocking(move || std::fs::File::open(at))
        .await
        .map_err(|error| cannot_read(&path, error))?;
    // The error of a read names no file; who sees it later does not know which one it was.
    let content = whole(size, chunks::read_chunks(file))
        .map(move |piece| piece.map_err(|error| cannot_read(&path, error).into()));
    Ok(content.boxed())
}

/// Content that ends with an error unless it has `size` bytes. What is longer is not read to its
/// end, which may never come.
pub(super) fn whole(size: Option<u64>, content: ByteStream<'static>) -> ByteStream<'static> {
    let Some(size) = size else { return content };
    let counted = stream::try_unfold((content, 0), move |(mut content, before)| async move {
        let piece = content.try_next().await?;
        let read = before + piece.as_ref().map_or(0, |piece| piece.len() as u64);
        match piece {
            Some(_) if read > size => Err(not_whole(size, &"more")),
            None if read < size => Err(not_whole(size, &read)),
            piece => Ok(piece.map(|piece| (piece, (content, read)))),
        }
    });
    counted.boxed()
}

/// Without a guess: a file may have changed, or be one of the kernel, which tells no size; a stream
/// may have been cut.
fn not_whole(size: u64, came: &dyn fmt::Display) -> io::Error {
    let text = format!("{size} bytes were expected, {came} came");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn cannot_read(path: &Path, source: io::Error) -> FileError {
    FileError::Local { action: "read", path: path.to_owned(), source }
}

/// The file itself, not a copy.
impl From<LocalFile> for SourceFile {
    fn from(file: LocalFile) -> Self {
        Self::new(file.name().to_owned(), Content::Local(file))
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn read(size: u64, pieces: &[&'static str]) -> Result<usize, String> {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from(*piece))).collect();
        let content: Vec<Bytes> = whole(Some(size), stream::iter(pieces).boxed())
            .try_collect()
            .now_or_never()
            .expect("nothing to wait for")
            .map_err(|error| error.to_string())?;
        Ok(content.concat().len())
    }

    #[test]
    fn content_has_the_size_it_was_said_to_have_or_is_an_error() {
        assert_eq!(read(0, &[]), Ok(0));
        assert_eq!(read(5, &["on", "two"]), Ok(5));
        let not_whole = |text: &str| Err(text.to_owned());
        assert_eq!(read(6, &["on", "two"]), not_whole("6 bytes were expected, 5 came"));
        assert_eq!(read(1, &[]), not_whole("1 bytes were expected, 0 came"));
        assert_eq!(read(4, &["a", "two", "b"]), not_whole("4 bytes were expected, more came"));
    }
}
