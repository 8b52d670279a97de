//! The file stores keep their contract, and a folder holds nothing but its objects.

use std::{
    fs,
    future::pending,
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use distributed_task::{
    backend::files::ObjectFiles,
    conformance,
    files::{FileError, FileStore},
};
use futures_util::{FutureExt, StreamExt, stream};

#[tokio::test]
async fn files_in_memory_keep_the_contract() {
    conformance::files::run(async || ObjectFiles::in_memory()).await;
}

#[tokio::test]
async fn files_in_a_folder_keep_the_contract() {
    let mut folders = Folders::default();
    conformance::files::run(async || folders.store()).await;
}

#[tokio::test]
async fn files_in_a_folder_never_sit_in_memory() {
    let mut folders = Folders::default();
    conformance::files::run_bounded(async || folders.store()).await;
}

#[tokio::test]
async fn a_folder_holds_nothing_but_objects() {
    let mut folders = Folders::default();
    let store = folders.store();
    let root = folders.last();

    upload(&store, "keep/this").await.expect("the folder can be written to");
    upload(&store, "remove/this").await.expect("the folder can be written to");
    store.delete("incoming-files", "remove/this").await.expect("it can be deleted");

    let broken = stream::iter([Ok(Bytes::from("half")), Err(io::Error::other("cable cut"))]);
    store.upload("incoming-files", "never/there", broken.boxed()).await.expect_err("it was cut");

    let endless = stream::iter([Ok(Bytes::from("half"))]).chain(stream::once(pending()));
    let mut upload = store.upload("incoming-files", "half/done", endless.boxed());
    while staged(root).is_empty() {
        assert!((&mut upload).now_or_never().is_none(), "its content never ends");
        tokio::task::yield_now().await;
    }
    drop(upload);

    assert_eq!(
        everything_in(root),
        ["incoming-files", "incoming-files/keep", "incoming-files/keep/this"]
    );
}

#[tokio::test]
async fn a_folder_that_nobody_made_is_made() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let store = ObjectFiles::folder(place.path().join("a/b")).expect("it can be made");
    upload(&store, "key").await.expect("it can be written to");
    assert!(place.path().join("a/b/incoming-files/key").is_file());
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let place = tempfile::tempdir().expect("there is room for a folder");
    let file = place.path().join("file");
    fs::write(&file, "").expect("there is room for a file");

    let error = ObjectFiles::folder(&file).expect_err("it is no folder");
    assert_eq!(error.to_string(), format!("cannot keep files in `{}`", file.display()));

    let store = ObjectFiles::folder(place.path()).expect("it is a folder");
    fs::write(place.path().join("incoming-files"), "").expect("there is room for a file");
    let error = upload(&store, "key").await.expect_err("the bucket cannot be made");
    assert_eq!(error.to_string(), "cannot upload object `key` of bucket `incoming-files`");
    assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
}

async fn upload(store: &ObjectFiles, key: &str) -> Result<u64, FileError> {
    let content = stream::iter([Ok(Bytes::from("content"))]);
    store.upload("incoming-files", key, content.boxed()).await
}

fn staged(root: &Path) -> Vec<String> {
    everything_in(root).into_iter().filter(|name| name.starts_with(".upload-")).collect()
}

/// Every file and folder below `root`, by its relative path.
fn everything_in(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            let name = path.strip_prefix(root).expect("it is below the root");
            found.push(name.to_str().expect("keys are ASCII").to_owned());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A fresh folder for each store, removed at the end.
#[derive(Default)]
struct Folders(Vec<tempfile::TempDir>);

impl Folders {
    fn store(&mut self) -> ObjectFiles {
        self.0.push(tempfile::tempdir().expect("there is room for a folder"));
        ObjectFiles::folder(self.last()).expect("it can be written to")
    }

    fn last(&self) -> &Path {
        self.0.last().expect("a store was made").path()
    }
}
