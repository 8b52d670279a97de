//! A download for code that blocks.

use std::{
    fmt,
    io::{self, BufRead, Read},
};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::runtime::Handle;

use super::{ByteStream, FileError, chunks::may_block};

/// The content of an uploaded file as [`std::io::Read`], made by
/// [`Files::reader`](super::Files::reader).
///
/// Each read may wait for the store. Only for threads of the blocking pool, where plain `fn` steps
/// run.
///
/// ```
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// # #[cfg(feature = "files")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Read as _;
///
/// use distributed_task::{backend::files::ObjectFiles, files::{Files, SourceFile}};
///
/// let files = Files::new(ObjectFiles::in_memory());
/// let sources = vec![SourceFile::bytes("a.txt", "one")];
/// let uploaded = files.upload("incoming-files", "demo/1/upload/0", sources, |_| {}).await?;
///
/// let text = tokio::task::spawn_blocking(move || {
///     let mut text = String::new();
///     let mut reader = files.reader(&uploaded[0]).map_err(std::io::Error::from)?;
///     reader.read_to_string(&mut text).map(|_| text)
/// });
/// assert_eq!(text.await??, "one");
/// # Ok(())
/// # }
/// ```
pub struct FileReader {
    runtime: Handle,
    content: ByteStream<'static>,
    piece: Bytes,
}

impl FileReader {
    pub(super) fn open(
        download: impl Future<Output = Result<ByteStream<'static>, FileError>>,
    ) -> Result<Self, FileError> {
        let runtime = Handle::current();
        let content = may_block(|| runtime.block_on(download))?;
        Ok(Self { runtime, content, piece: Bytes::new() })
    }
}

impl BufRead for FileReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match may_block(|| self.runtime.block_on(self.content.next())) {
                Some(piece) => self.piece = piece?,
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount);
    }
}

impl Read for FileReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl fmt::Debug for FileReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReader").finish_non_exhaustive()
    }
}
