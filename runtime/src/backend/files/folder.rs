//! Objects in a folder. `object_store` lists them; the rest is done by hand, as it would leave
//! empty folders after an upload that failed, remove a dropped one only some time later, read in
//! pieces of 8 KiB, and not tell a folder from an object that cannot be deleted.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use futures_util::StreamExt;
use object_store::{local::LocalFileSystem, path};
use tempfile::{NamedTempFile, TempPath};

use super::Broken;
use crate::files::{ByteStream, blocking, new_file, read_chunks, write_chunk};

/// How often an upload makes the folders for its object again, when others that delete the last
/// object in them are faster.
const ATTEMPTS: usize = 100;

/// Makes the folder, sees that it can be written to, and answers its absolute path.
pub(super) fn open(path: &Path) -> io::Result<(LocalFileSystem, PathBuf)> {
    fs::create_dir_all(path)?;
    let root = path.canonicalize()?;
    drop(stage(&root)?);
    let store = LocalFileSystem::new_with_prefix(&root).map_err(super::plain)?;
    Ok((store, root))
}

pub(super) async fn upload(
    root: &Path,
    at: &path::Path,
    mut content: ByteStream<'_>,
) -> Result<u64, Broken> {
    let staging = root.to_owned();
    let staged = blocking(move || stage(&staging)).await.map_err(Broken::Store)?;
    // From here on, whichever way this future ends, dropping `staged` removes the file.
    let (mut file, staged) = staged.into_parts();
    let mut size = 0;
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(Broken::Content)?;
        size += piece.len() as u64;
        file = write_chunk(file, piece).await.map_err(Broken::Store)?;
    }
    drop(file);
    // Not on the blocking pool, which could still do it after this future was dropped.
    publish(root, staged, &root.join(at.as_ref())).map_err(Broken::Store)?;
    Ok(size)
}

pub(super) async fn download(root: &Path, at: &path::Path) -> Result<ByteStream<'static>, Broken> {
    let path = root.join(at.as_ref());
    let opened = blocking(move || {
        let file = fs::File::open(path)?;
        // Opening a folder works; it is not an object.
        if file.metadata()?.is_dir() { Err(io::ErrorKind::NotFound.into()) } else { Ok(file) }
    });
    match opened.await {
        Ok(file) => Ok(read_chunks(file)),
        Err(error) if is_missing(&error) => Err(Broken::Missing),
        Err(error) => Err(Broken::Store(error)),
    }
}

pub(super) async fn delete(root: &Path, at: &path::Path) -> Result<(), Broken> {
    let (root, object) = (root.to_owned(), root.join(at.as_ref()));
    let deleted = blocking(move || match fs::remove_file(&object) {
        Ok(()) => {
            remove_empty(&root, folder_of(&object));
            Ok(())
        }
        Err(error) if is_missing(&error) || object.is_dir() => Ok(()),
        Err(error) => Err(error),
    });
    deleted.await.map_err(Broken::Store)
}

/// An object in the way of the folders is as good as no object.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn stage(root: &Path) -> io::Result<NamedTempFile> {
    // No bucket begins with a dot, so no list looks here.
    new_file(".upload-", root, 0o600)
}

/// Renames the staged file to its object, which makes it visible, whole.
fn publish(root: &Path, mut staged: TempPath, object: &Path) -> io::Result<()> {
    let folder = folder_of(object);
    let mut published = fs::rename(&staged, object);
    for _ in 0..ATTEMPTS {
        match &published {
            // If the staged file is gone, so is the whole folder, and must not come back.
            Err(error) if error.kind() == io::ErrorKind::NotFound && staged.exists() => {}
            _ => break,
        }
        published = fs::create_dir_all(folder).and_then(|()| fs::rename(&staged, object));
    }
    match &published {
        Ok(()) => staged.disable_cleanup(true),
        Err(_) => remove_empty(root, folder),
    }
    published
}

fn folder_of(object: &Path) -> &Path {
    object.parent().expect("an object lies in its bucket")
}

/// Removes the folders of an object that is gone, or did not come, up to one that holds another.
fn remove_empty(root: &Path, folder: &Path) {
    for folder in folder.ancestors().take_while(|folder| *folder != root) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
