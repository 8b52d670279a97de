//! Where the archive goes: checked before anything is started.

use std::{
    fs, io,
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

use tempfile::TempDir;

/// The output, checked: a name in a folder that exists.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) path: PathBuf,
    /// Its folder, absolute and without symbolic links.
    pub(crate) folder: PathBuf,
    /// What is there now, under its one true name.
    pub(crate) replaces: Option<PathBuf>,
}

/// Why nothing can be written there. Each names the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("cannot write `{}`: its folder `{}`: {why}", output.display(), folder.display())]
    Folder { output: PathBuf, folder: PathBuf, why: io::Error },
    #[error("cannot write `{}`: it is no file", .0.display())]
    NoFile(PathBuf),
}

impl Output {
    pub(crate) fn new(path: PathBuf) -> Result<Self, OutputError> {
        let replaces = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => path.canonicalize().ok(),
            Err(_) if !names_a_folder(&path) => None,
            Ok(_) | Err(_) => return Err(OutputError::NoFile(path)),
        };
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        match folder.canonicalize() {
            Ok(folder) => Ok(Self { path, folder, replaces }),
            Err(why) => {
                let folder = folder.to_owned();
                Err(OutputError::Folder { output: path, folder, why })
            }
        }
    }

    /// Makes the folder to work in, beside the output: on one disk with it, which is large enough
    /// if the archive fits there at all.
    pub(crate) fn working_folder(&self) -> Result<TempDir, OutputError> {
        let made = tempfile::Builder::new().prefix(".create-zip-").tempdir_in(&self.folder);
        made.map_err(|error| {
            let (output, folder) = (self.path.clone(), self.folder.clone());
            // Its text names a folder that nobody asked for.
            OutputError::Folder { output, folder, why: error.kind().into() }
        })
    }
}

/// Whether a path says by its end that it is a folder, were it there.
fn names_a_folder(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.file_name().is_none() || text.ends_with(['/', MAIN_SEPARATOR]) || text.ends_with("/.")
}
