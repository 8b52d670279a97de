//! What goes into the archive: found, named and checked before anything is started.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::output::Output;

/// One file or folder of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its name in the archive, with `/` between the parts and none at the end.
    pub(crate) name: String,
    /// What is in it; a folder has none.
    pub(crate) content: Option<Content>,
    /// Unix permissions.
    pub(crate) mode: u32,
    /// When it was last changed, in seconds since 1970.
    pub(crate) modified: u64,
}

/// What is in a file of the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// The path to read; not a `PathBuf`, which can be sent only if it is UTF-8.
    pub(crate) path: OsString,
    /// How many bytes were there.
    pub(crate) size: u64,
}

/// Why there is nothing to start. Each names the path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read `{}`: {why}", path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error("`{}` is neither a file nor a folder", .0.display())]
    Special(PathBuf),
    #[error("`{}` has no name that an archive can hold: it is not UTF-8", .0.display())]
    NotUnicode(PathBuf),
    #[error("`{}` has no name of its own; pack what is in it", .0.display())]
    Nameless(PathBuf),
    #[error("`{}` and `{}` would both be `{name}` in the archive", first.display(), second.display())]
    Collision { name: String, first: PathBuf, second: PathBuf },
    #[error("`{}` leads back to the folder that holds it", .0.display())]
    Loop(PathBuf),
    #[error("the output `{}` lies in the input `{}`", output.display(), input.display())]
    OutputInside { output: PathBuf, input: PathBuf },
    #[error("the output `{}` is one of the inputs", .0.display())]
    OutputIsInput(PathBuf),
}

/// Everything to pack: each input under its last name and, below a folder, all there is, sorted by
/// name. Symbolic links are followed.
pub(crate) fn collect(inputs: &[PathBuf], output: &Output) -> Result<Vec<Entry>, InputError> {
    let mut roots = BTreeMap::new();
    let mut walk = Walk { output, input: Path::new(""), open: Vec::new(), entries: Vec::new() };
    for input in inputs {
        let name = root_name(input)?;
        if let Some(first) = roots.insert(name.clone(), input.clone()) {
            return Err(InputError::Collision { name, first, second: input.clone() });
        }
        walk.input = input;
        walk.visit(input.clone(), name)?;
    }
    Ok(walk.entries)
}

/// The last name of an input; that of the folder itself for `.` and the like.
fn root_name(input: &Path) -> Result<String, InputError> {
    let absolute = || input.canonicalize().map_err(|error| unreadable(input, error));
    let name = match input.file_name() {
        Some(name) => name.to_owned(),
        None => match absolute()?.file_name() {
            Some(name) => name.to_owned(),
            None => return Err(InputError::Nameless(input.to_owned())),
        },
    };
    name.into_string().map_err(|_| InputError::NotUnicode(input.to_owned()))
}

struct Walk<'a> {
    output: &'a Output,
    /// The input that is being walked.
    input: &'a Path,
    /// The folders on the way from it to here, under their true names.
    open: Vec<PathBuf>,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    fn visit(&mut self, path: PathBuf, name: String) -> Result<(), InputError> {
        let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, error))?;
        let content = || Content { path: path.clone().into_os_string(), size: metadata.len() };
        let entry = Entry {
            name,
            content: metadata.is_file().then(content),
            mode: mode(&metadata),
            modified: modified(&metadata),
        };
        if metadata.is_dir() {
            self.folder(path, entry)
        } else if metadata.is_file() {
            self.file(path, entry)
        } else {
            Err(InputError::Special(path))
        }
    }

    fn file(&mut self, path: PathBuf, entry: Entry) -> Result<(), InputError> {
        File::open(&path).map_err(|error| unreadable(&path, error))?;
        if self.output.replaces.is_some() && path.canonicalize().ok() == self.output.replaces {
            return Err(InputError::OutputIsInput(self.output.path.clone()));
        }
        self.entries.push(entry);
        Ok(())
    }

    fn folder(&mut self, path: PathBuf, entry: Entry) -> Result<(), InputError> {
        let real = path.canonicalize().map_err(|error| unreadable(&path, error))?;
        if self.open.contains(&real) {
            return Err(InputError::Loop(path));
        }
        // Our own working folder will stand there.
        if real == self.output.folder {
            let (output, input) = (self.output.path.clone(), self.input.to_owned());
            return Err(InputError::OutputInside { output, input });
        }
        let name = entry.name.clone();
        self.entries.push(entry);
        self.open.push(real);
        for child in sorted_names(&path)? {
            let inner = path.join(&child);
            let Some(child) = child.to_str() else { return Err(InputError::NotUnicode(inner)) };
            self.visit(inner, format!("{name}/{child}"))?;
        }
        self.open.pop();
        Ok(())
    }
}

fn sorted_names(folder: &Path) -> Result<Vec<OsString>, InputError> {
    let names = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    let mut names: Vec<_> = names.map_err(|error| unreadable(folder, error))?;
    names.sort();
    Ok(names)
}

fn unreadable(path: &Path, why: io::Error) -> InputError {
    InputError::Unreadable { path: path.to_owned(), why }
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

#[cfg(not(unix))]
fn mode(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}

fn modified(metadata: &Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default().as_secs()
}
