//! Temporary files of a worker.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::Arc,
};

use tempfile::{NamedTempFile, TempPath};

use super::FileError;

/// A temporary file of this machine: the usual output of an `ephemeral` step.
///
/// It is empty when [`Files::temp_file`](super::Files::temp_file) makes it, and is removed when its
/// last handle is dropped; cloning makes another handle. Only its owner may read it.
///
/// ```
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// # #[cfg(feature = "files")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Write as _;
///
/// use distributed_task::{backend::files::ObjectFiles, files::Files};
///
/// let files = Files::new(ObjectFiles::in_memory());
/// let report = files.temp_file("report.txt")?;
/// report.create()?.write_all(b"all is well")?;
/// assert_eq!((report.name(), report.size()?), ("report.txt", 11));
///
/// let path = report.path().to_owned();
/// drop(report);
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LocalFile {
    name: Arc<str>,
    path: Arc<TempPath>,
}

impl LocalFile {
    pub(super) fn new(name: &str, folder: &Path) -> Result<Self, FileError> {
        let file = new_file(".dt-", folder, 0o600).map_err(|source| {
            let path = folder.to_owned();
            FileError::Local { action: "make a temporary file in", path, source }
        })?;
        Ok(Self { name: name.into(), path: Arc::new(file.into_temp_path()) })
    }

    /// The name it was made with; it has no say in where the file lies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for writing and reading, and empties it.
    ///
    /// # Errors
    /// What the machine says.
    pub fn create(&self) -> io::Result<File> {
        File::options().read(true).write(true).truncate(true).open(self.path())
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// What the machine says.
    pub fn open(&self) -> io::Result<File> {
        File::open(self.path())
    }

    /// Its size in bytes, now.
    ///
    /// # Errors
    /// What the machine says.
    pub fn size(&self) -> io::Result<u64> {
        fs::metadata(self.path()).map(|metadata| metadata.len())
    }
}

/// Makes a file with a name of its own in `folder`; Unix permissions are `mode`. Not with
/// `tempfile_in`, whose errors tell that name, which says nothing to anybody, and hide their code.
pub(crate) fn new_file(prefix: &str, folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    tempfile::Builder::new().prefix(prefix).make_in(folder, |path| options.open(path))
}
