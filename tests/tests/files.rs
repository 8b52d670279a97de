//! What steps may rely on when they use files.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Mutex,
};

use bytes::Bytes;
use distributed_task::{
    backend::files::ObjectFiles,
    files::{FileError, Files, SourceFile, UploadedFile, UploadedFiles},
    progress::ByteCount,
};
use futures_util::{TryStreamExt, stream};

const BUCKET: &str = "incoming-files";

#[tokio::test]
async fn an_upload_keeps_the_order_the_names_and_the_content() {
    let scene = Scene::new();
    fs::write(scene.path("on disk.txt"), "three").expect("there is room");
    let sources = vec![
        SourceFile::bytes("../größe #1.txt", "one"),
        SourceFile::stream("a/b.txt", stream::iter([Ok(Bytes::from("t")), Ok(Bytes::from("wo"))])),
        SourceFile::path(scene.path("on disk.txt")),
        SourceFile::path(scene.path("on disk.txt")).named("again"),
    ];
    let uploaded = scene.upload(sources).await.expect("the folder can be written to");
    let names: Vec<_> = uploaded.iter().map(|file| (&*file.name, file.size)).collect();
    assert_eq!(names, [("../größe #1.txt", 3), ("a/b.txt", 3), ("on disk.txt", 5), ("again", 5)]);
    assert_eq!(uploaded[0].key, "task/0/0-%2E.%2Fgr%C3%B6%C3%9Fe%20%231.txt");
    for (file, content) in uploaded.iter().zip(["one", "two", "three", "three"]) {
        assert_eq!(scene.read(file).await, content);
    }
}

#[tokio::test]
async fn a_missing_source_is_told_before_anything_is_uploaded() {
    let scene = Scene::new();
    let missing = scene.path("missing.txt");
    let sources = vec![SourceFile::bytes("a.txt", "one"), SourceFile::path(&missing)];
    let error = scene.upload(sources).await.expect_err("it is not there");
    assert_eq!(error.to_string(), format!("cannot read `{}`", missing.display()));
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(!scene.path("store/incoming-files").exists());
}

#[tokio::test]
async fn a_folder_is_no_source() {
    let scene = Scene::new();
    let error = scene.upload(vec![SourceFile::path(scene.path(""))]).await.expect_err("a folder");
    assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
}

#[tokio::test]
async fn the_bytes_of_all_sources_are_counted_together() {
    let scene = Scene::new();
    let counts = |sources| async {
        let counts = Mutex::new(Vec::new());
        let count = |bytes| counts.lock().expect("nothing panics under it").push(bytes);
        scene.files.upload(BUCKET, "task/0", sources, count).await.expect("there is room");
        counts.into_inner().expect("nothing panicked under it")
    };
    let known = vec![SourceFile::bytes("a", "one"), SourceFile::bytes("b", "three")];
    assert_eq!(counts(known).await, [ByteCount::of(3, 8), ByteCount::of(8, 8)]);

    let one = stream::iter([Ok(Bytes::from("one"))]);
    let unknown = vec![SourceFile::stream("a", one), SourceFile::bytes("b", "three")];
    assert_eq!(counts(unknown).await, [3, 8].map(|done| ByteCount { done, total: None }));
}

#[tokio::test]
async fn a_local_file_lives_as_long_as_somebody_needs_it() {
    let scene = Scene::new();
    let local = scene.files.temp_file("archive.zip").expect("there is room");
    local.create().expect("it is ours").write_all(b"packed").expect("there is room");
    let (path, source) = (local.path().to_owned(), SourceFile::from(&local));
    drop(local);
    assert!(path.exists(), "the source needs it");

    let uploaded = scene.upload(vec![source]).await.expect("there is room").into_single();
    assert_eq!((&*uploaded.name, &*scene.read(&uploaded).await), ("archive.zip", "packed"));
    assert!(!path.exists(), "nobody needs it");
}

#[tokio::test]
async fn a_download_replaces_a_file_whole_or_not_at_all() {
    let scene = Scene::new();
    let uploaded = scene.upload(vec![SourceFile::bytes("a", "new")]).await.expect("there is room");
    let target = scene.path("target/a.txt");
    fs::create_dir(scene.path("target")).expect("there is room");
    fs::write(&target, "old, and longer").expect("there is room");

    let missing = UploadedFile { key: "task/missing".into(), ..uploaded[0].clone() };
    let error = scene.files.download_to(&missing, &target).await.expect_err("it is not there");
    assert!(matches!(error, FileError::NotFound { .. }), "{error}");
    assert_eq!(fs::read(&target).expect("it is there"), b"old, and longer");

    let size = scene.files.download_to(&uploaded[0], &target).await.expect("there is room");
    assert_eq!((size, fs::read(&target).expect("it is there")), (3, b"new".to_vec()));

    let nowhere = scene.path("missing/a.txt");
    let error = scene.files.download_to(&uploaded[0], &nowhere).await.expect_err("no folder");
    assert_eq!(error.to_string(), format!("cannot write `{}`", nowhere.display()));
    let left: Vec<_> = fs::read_dir(scene.path("target")).expect("it is there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn half_a_file_is_no_download() {
    let scene = Scene::new();
    let uploaded =
        scene.upload(vec![SourceFile::bytes("a", "whole")]).await.expect("there is room");
    let (file, target) = (uploaded.into_single(), scene.path("a.txt"));
    for (there, came) in [("who", "3 came"), ("", "0 came"), ("the whole", "more came")] {
        fs::write(scene.path(format!("store/{BUCKET}/{}", file.key)), there).expect("it is ours");
        let error = scene.files.download_to(&file, &target).await.expect_err("another size");
        assert_eq!(
            with_source(&error),
            format!(
                "cannot download object `task/0/0-a` of bucket `{BUCKET}`: 5 bytes were expected, {came}"
            )
        );
        assert!(!target.exists());

        let pieces = scene.files.download(&file).await.expect("it is there");
        let read = pieces.try_collect::<Vec<_>>().await.expect_err("another size");
        assert_eq!((read.to_string(), read.kind()), (error.to_string(), error.kind()));

        let (files, file) = (scene.files.clone(), file.clone());
        let read = tokio::task::spawn_blocking(move || {
            io::read_to_string(files.reader(&file).expect("it is there"))
        });
        let read = read.await.expect("it does not panic").expect_err("another size");
        assert_eq!(read.to_string(), error.to_string());
    }
}

fn with_source(error: &FileError) -> String {
    let source = std::error::Error::source(error).expect("it has one");
    format!("{error}: {source}")
}

#[cfg(unix)]
#[tokio::test]
async fn a_download_keeps_the_permissions_of_the_file_that_it_replaces() {
    use std::os::unix::fs::PermissionsExt;
    let scene = Scene::new();
    let uploaded = scene.upload(vec![SourceFile::bytes("a", "new")]).await.expect("there is room");
    let target = scene.path("a.txt");
    for mode in [0o640, 0o666, 0o400] {
        fs::write(&target, "old").expect("there is room");
        fs::set_permissions(&target, PermissionsExt::from_mode(mode)).expect("it is ours");
        scene.files.download_to(&uploaded[0], &target).await.expect("there is room");
        let kept = fs::metadata(&target).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(kept, mode, "{kept:o}");
        fs::remove_file(&target).expect("it is ours");
    }
}

#[tokio::test]
async fn deleting_a_prefix_spares_its_neighbours_and_may_be_repeated() {
    let scene = Scene::new();
    for prefix in ["task/1", "task/12"] {
        let sources = (0..20).map(|n| SourceFile::bytes(n.to_string(), "x")).collect();
        scene.files.upload(BUCKET, prefix, sources, |_| {}).await.expect("there is room");
    }
    for _ in 0..2 {
        scene.files.delete_prefix(BUCKET, "task/1").await.expect("it can be deleted");
        assert!(!scene.path("store/incoming-files/task/1").exists());
        assert_eq!(
            fs::read_dir(scene.path("store/incoming-files/task/12")).into_iter().flatten().count(),
            20
        );
    }
}

/// A plain `fn` step holds a thread of the pool while it waits for its file; if reading needed
/// another one, as many such steps as there are threads would wait for ever.
#[test]
fn reading_in_a_plain_step_needs_no_second_thread_of_the_pool() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .expect("two threads can be had");
    let content = "text".repeat(1 << 20);
    let read = runtime.block_on(async {
        let scene = Scene::new();
        let sources = vec![SourceFile::bytes("a", content.clone())];
        let file = scene.upload(sources).await.expect("there is room").into_single();
        let step = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let mut reader = scene.files.reader(&file).expect("it is there");
            reader.read_to_string(&mut text).map(|_| text)
        });
        tokio::time::timeout(std::time::Duration::from_secs(10), step).await
    });
    // Dropping the runtime would wait for the thread.
    runtime.shutdown_background();
    let read = read.expect("it does not wait for ever").expect("it does not panic");
    assert!(read.expect("it can be read") == content);
}

/// Files in a folder, with room beside it.
struct Scene {
    folder: tempfile::TempDir,
    files: Files,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let store = ObjectFiles::folder(folder.path().join("store")).expect("it can be made");
        let files = Files::new(store).temp_folder(folder.path());
        Self { folder, files }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn upload(&self, sources: Vec<SourceFile>) -> Result<UploadedFiles, FileError> {
        self.files.upload(BUCKET, "task/0", sources, |_| {}).await
    }

    async fn read(&self, file: &UploadedFile) -> String {
        let copy = self.path("copy");
        self.files.download_to(file, &copy).await.expect("it is there");
        fs::read_to_string(copy).expect("it is UTF-8")
    }
}
