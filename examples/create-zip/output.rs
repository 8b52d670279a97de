//! Where the archive goes: checked before anything is started.

use std::{
    fs, io,
    path::{MAIN_SEPARATOR, Path, PathBuf},
};

/// The output, checked: a file to replace, or a new name in a folder that exists.
#[derive(Debug)]
pub(crate) struct Output {
    /// As the user named it.
    pub(crate) path: PathBuf,
    /// The same, or what it leads to if it is a symbolic link.
    pub(crate) file: PathBuf,
    /// The folder of the file, absolute and without symbolic links.
    pub(crate) folder: PathBuf,
    /// What is there now, under its one true name.
    pub(crate) replaces: Option<PathBuf>,
}

/// Why nothing can be written there. Each names the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error("cannot write `{}`: {why}", output.display())]
    Unusable { output: PathBuf, why: io::Error },
    #[error("cannot write `{}`: its folder `{}`: {why}", output.display(), folder.display())]
    Folder { output: PathBuf, folder: PathBuf, why: io::Error },
    #[error("cannot write `{}`: the symbolic link cannot be followed: {why}", output.display())]
    Link { output: PathBuf, why: io::Error },
    #[error("cannot write `{}`: it is not a regular file", .0.display())]
    NotRegular(PathBuf),
    #[error("cannot write `{}`: it names a folder", .0.display())]
    NamesFolder(PathBuf),
}

impl Output {
    pub(crate) fn new(path: PathBuf) -> Result<Self, OutputError> {
        let file = if path.is_symlink() { path.canonicalize() } else { Ok(path.clone()) };
        let file = file.map_err(|why| OutputError::Link { output: path.clone(), why })?;
        let replaces = what_is_at(&path)?;
        if replaces.is_none() && names_a_folder(&path) {
            return Err(OutputError::NamesFolder(path));
        }
        match folder_of(&file).canonicalize() {
            Ok(folder) => Ok(Self { path, file, folder, replaces }),
            Err(why) => {
                let folder = folder_of(&file).to_owned();
                Err(OutputError::Folder { output: path, folder, why })
            }
        }
    }

    /// Makes a folder to work in beside the output, so that what uses up a disk is the one that
    /// the user chose. At the most it holds the input, the archive, and its upload or, later, the
    /// new output beside it: three times the input, if that does not get smaller.
    ///
    /// Not with `tempdir_in`, whose errors tell its name and hide their code.
    pub(crate) fn working_folder(&self) -> Result<PathBuf, OutputError> {
        let mut named = tempfile::Builder::new();
        named.prefix(".create-zip-").disable_cleanup(true);
        match named.make_in(&self.folder, |path| fs::create_dir(path)) {
            Ok(made) => Ok(made.path().to_owned()),
            Err(why) => {
                let (output, folder) = (self.path.clone(), folder_of(&self.file).to_owned());
                Err(OutputError::Folder { output, folder, why })
            }
        }
    }
}

/// The true name of a regular file. Anything else is no place for an archive.
fn what_is_at(path: &Path) -> Result<Option<PathBuf>, OutputError> {
    let output = path.to_owned();
    match fs::metadata(path).and_then(|found| Ok((found, path.canonicalize()?))) {
        Ok((found, name)) if found.is_file() => Ok(Some(name)),
        Ok(_) => Err(OutputError::NotRegular(output)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(OutputError::Unusable { output, why }),
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether a path says by its end that it is a folder, were it there.
fn names_a_folder(path: &Path) -> bool {
    let text = path.to_string_lossy();
    path.file_name().is_none() || text.ends_with(['/', MAIN_SEPARATOR]) || text.ends_with("/.")
}
