//! What a step sees of files: `cx.files()`.

use std::{
    env, fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tempfile::TempPath;

use super::{
    ByteStream, FileError, FileReader, FileStore, LocalFile, SourceFile, UploadedFile,
    UploadedFiles, chunks, key_segment, new_file, source::whole,
};
use crate::progress::ByteCount;

/// How many objects are deleted at a time.
const DELETES: usize = 8;

/// A store of files and a folder for temporary ones. Cloning shares both.
///
/// Whatever waits here waits for the store or the disk; every future may be dropped, which stops
/// the work and removes what is half done.
///
/// ```
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// # #[cfg(feature = "files")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use distributed_task::{backend::files::ObjectFiles, files::{Files, SourceFile}};
///
/// let files = Files::new(ObjectFiles::in_memory());
/// let sources = vec![SourceFile::bytes("a.txt", "one"), SourceFile::bytes("b.txt", "two")];
/// let uploaded = files.upload("incoming-files", "demo/1/upload/0", sources, |_| {}).await?;
/// assert_eq!(uploaded[1].key, "demo/1/upload/0/1-b.txt");
///
/// let folder = tempfile::tempdir()?;
/// files.download_to(&uploaded[1], folder.path().join("copy.txt")).await?;
/// assert_eq!(std::fs::read(folder.path().join("copy.txt"))?, b"two");
///
/// files.delete_prefix("incoming-files", "demo/1").await?;
/// assert!(files.download(&uploaded[1]).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Files {
    store: Arc<dyn FileStore>,
    temp: Option<Arc<Path>>,
}

impl Files {
    /// Files kept in `store`, with temporary ones in the system's folder for them.
    ///
    /// That folder is in memory on some systems; workers that make large files should name another
    /// with [`temp_folder`](Self::temp_folder).
    pub fn new(store: impl FileStore) -> Self {
        Self { store: Arc::new(store), temp: None }
    }

    /// Puts temporary files into this folder, which must exist.
    #[must_use]
    pub fn temp_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { temp: Some(folder.into().into()), ..self }
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn FileStore> {
        &self.store
    }

    /// Makes an empty temporary file, to be removed with its last handle.
    ///
    /// # Errors
    /// [`FileError::Local`] if the folder is missing, read-only or full.
    pub fn temp_file(&self, name: impl AsRef<str>) -> Result<LocalFile, FileError> {
        match &self.temp {
            Some(folder) => LocalFile::new(name.as_ref(), folder),
            None => LocalFile::new(name.as_ref(), &env::temp_dir()),
        }
    }

    /// The content of an uploaded file, as a stream. It ends with an error unless the content is as long
    /// as the file says.
    ///
    /// # Errors
    /// [`FileError::NotFound`] if it is gone, or what the store says.
    pub async fn download(&self, file: &UploadedFile) -> Result<ByteStream<'static>, FileError> {
        Ok(self.content(file).await?.map_err(io::Error::from).boxed())
    }

    /// The content of an uploaded file, for a plain `fn` step, which runs on the blocking pool. It ends as
    /// that of [`download`](Self::download) does.
    ///
    /// # Errors
    /// [`FileError::NotFound`] if it is gone, or what the store says.
    ///
    /// # Panics
    /// In an `async fn`, where waiting would block the runtime, and outside of a runtime.
    pub fn reader(&self, file: &UploadedFile) -> Result<FileReader, FileError> {
        FileReader::open(self.download(file))
    }

    /// Writes an uploaded file to `path` and answers its size. A file that is there is replaced by
    /// the whole new one or, on any error, stays as it is; no other file is left in its folder. On
    /// Unix the new file has the permissions of the old one. A symbolic link is replaced itself, not
    /// what it leads to.
    ///
    /// # Errors
    /// [`FileError::NotFound`] if the object is gone, what the store says, or
    /// [`FileError::Local`] if the folder of `path` is missing, read-only or full.
    pub async fn download_to(
        &self,
        file: &UploadedFile,
        path: impl AsRef<Path>,
    ) -> Result<u64, FileError> {
        let path = path.as_ref();
        let mut content = self.content(file).await?;
        let cannot_write = |source| FileError::Local { action: "write", path: path.into(), source };
        let (mut out, temp) = new_file_beside(path).map_err(cannot_write)?;
        let mut size = 0;
        while let Some(piece) = content.next().await {
            let piece = piece?;
            size += piece.len() as u64;
            out = chunks::write_chunk(out, piece).await.map_err(cannot_write)?;
        }
        // Else a power failure after the rename could leave a file of the right name and no content.
        chunks::blocking(move || out.sync_all()).await.map_err(cannot_write)?;
        temp.persist(path).map_err(|failed| cannot_write(failed.error))?;
        Ok(size)
    }

    async fn content(
        &self,
        file: &UploadedFile,
    ) -> Result<BoxStream<'static, Result<Bytes, FileError>>, FileError> {
        let content = self.store.download(&file.bucket, &file.key).await?;
        let UploadedFile { bucket, key, size, .. } = file.clone();
        let named = move |source| {
            let (bucket, key) = (bucket.clone(), key.clone());
            FileError::Store { action: "download", bucket, key, source }
        };
        Ok(whole(Some(size), content).map_err(named).boxed())
    }

    /// Uploads `sources` in their order, each as `<prefix>/<index>-<name>`, with names made safe.
    ///
    /// `on_bytes` hears of every piece that the store takes: the bytes of all sources so far and,
    /// unless one is a stream of unknown size, what they will be in the end. After an error the
    /// objects before it are there; the same call again replaces them,
    /// [`delete_prefix`](Self::delete_prefix) removes them.
    ///
    /// # Errors
    /// [`FileError::Local`] or [`FileError::Content`] if a source cannot be read, a missing one
    /// before anything is uploaded; [`FileError::Upload`] if the store cannot take it.
    pub async fn upload(
        &self,
        bucket: &str,
        prefix: &str,
        sources: Vec<SourceFile>,
        mut on_bytes: impl FnMut(ByteCount) + Send,
    ) -> Result<UploadedFiles, FileError> {
        let total = total_size(&sources).await?;
        let mut done = 0;
        let mut uploaded = Vec::with_capacity(sources.len());
        for (index, source) in sources.into_iter().enumerate() {
            let (name, content) = source.open().await?;
            let key = format!("{prefix}/{index}-{}", key_segment(&name));
            let counted = content.inspect_ok(|piece| {
                done += piece.len() as u64;
                on_bytes(ByteCount { done, total });
            });
            let uploading = self.store.upload(bucket, &key, counted.boxed());
            let size = uploading.await.map_err(|error| error.of_source(&name))?;
            uploaded.push(UploadedFile { bucket: bucket.to_owned(), key, name, size });
        }
        Ok(uploaded.into())
    }

    /// Deletes every object of `bucket` below `prefix`. Running it twice is running it once.
    ///
    /// # Errors
    /// The first error of the store; what comes after it may still be there.
    pub async fn delete_prefix(&self, bucket: &str, prefix: &str) -> Result<(), FileError> {
        // Listed to the end first: not every store lists well what is being deleted.
        let objects: Vec<_> = self.store.list(bucket, prefix).try_collect().await?;
        stream::iter(objects.into_iter().map(Ok))
            .try_for_each_concurrent(DELETES, |object| async move {
                self.store.delete(bucket, &object.key).await
            })
            .await
    }

    /// Aborts every upload to a key below `prefix` that has not ended, as far as the store can tell.
    pub(crate) async fn abort_prefix(&self, bucket: &str, prefix: &str) -> Result<(), FileError> {
        for upload in self.store.unfinished(bucket, prefix).await?.unwrap_or_default() {
            self.store.abort(bucket, &upload).await?;
        }
        Ok(())
    }
}

impl<S: FileStore> From<S> for Files {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("temp", &self.temp).finish_non_exhaustive()
    }
}

/// A new file in the folder of `path`, so that putting it in its place is one rename, with the
/// permissions of the file that is there or, without one, of any new file.
fn new_file_beside(path: &Path) -> io::Result<(File, TempPath)> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let old = fs::symlink_metadata(path).ok().filter(|old| cfg!(unix) && old.is_file());
    let mode = if old.is_some() { 0o600 } else { 0o666 };
    let (file, temp) = new_file(".dt-", folder, mode)?.into_parts();
    if let Some(old) = old.map(|old| old.permissions())
        // Some file systems have the same for all, and refuse to set them.
        && file.metadata()?.permissions() != old
    {
        file.set_permissions(old)?;
    }
    Ok((file, temp))
}

/// The bytes of all sources together, if each knows its own.
async fn total_size(sources: &[SourceFile]) -> Result<Option<u64>, FileError> {
    let mut total = Some(0);
    for source in sources {
        let size = source.size().await?;
        total = total.zip(size).map(|(total, size)| total + size);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles only if an upload may move between threads.
    #[expect(dead_code, reason = "its signature is the test")]
    fn an_upload_is_send(files: &Files, sources: Vec<SourceFile>) -> impl Future + Send {
        files.upload("incoming-files", "prefix", sources, |_| {})
    }
}
