//! A task on S3: an upload that never ended is swept once its saga is over.

use std::{
    slice::from_ref,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::files::ObjectFiles,
    files::{Files, UploadedFile, key_prefix},
    kernel::SagaId,
    prelude::*,
};
use distributed_task_tests::s3::{Fault, S3Server};

use crate::{
    keep::{BUCKET, Keep, PATIENCE, SOON, ended, prefix},
    scene::{endless, leave, store, until, upload},
};

/// Uploads for ever.
#[distributed_task(request = (), response = UploadedFile, cancellable)]
struct KeepAtIt;

#[steps]
impl KeepAtIt {
    #[file_upload_step(bucket = "incoming-files")]
    async fn keep(&self) -> SourceFile {
        let (content, _) = endless();
        SourceFile::stream("large.bin", content)
    }
}

/// Dies in the middle of its upload, as far as the server can see.
#[distributed_task(request = (), response = UploadedFile)]
struct KeepHalf {
    server: Arc<S3Server>,
}

#[steps]
impl KeepHalf {
    #[file_upload_step(bucket = "incoming-files", retry(max = 0))]
    async fn keep(&self, cx: &StepContext) -> StepResult<SourceFile> {
        let prefix = key_prefix(["keep-half", &cx.saga().to_string(), "keep", "0"]);
        leave(&self.server, &format!("{prefix}/0-large.bin")).await;
        Err("the cable is cut")?
    }
}

struct Scene {
    server: S3Server,
    store: ObjectFiles,
    task: Task<Keep>,
}

impl Scene {
    async fn new() -> Self {
        let server = S3Server::start();
        let store = store(&server);
        let task = Keep::with(Files::new(store.clone())).await;
        Self { server, store, task }
    }

    /// What an attempt of the step leaves that dies in the middle.
    async fn left_behind(&self, saga: SagaId) -> String {
        let key = prefix(saga) + "/0-large.bin";
        leave(&self.server, &key).await;
        key
    }
}

/// Lets the time pass that a sweep waits for. Only then: a clock that skips ahead whenever nothing
/// runs would not wait for a server.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_upload_that_never_ended_is_aborted_at_a_second_look() {
    for request in [true, false] {
        let scene = Scene::new().await;
        let key = scene.left_behind(ended(&scene.task, request).await).await;
        let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");

        let swept = sweep.look().await.expect("a look");
        assert_eq!((swept.unfinished, &*swept.suspects), (Some(1), from_ref(&key)));
        pass(SOON / 2).await;
        assert_eq!(sweep.look().await.expect("a look").aborted, [""; 0], "not long enough");
        pass(SOON / 2).await;
        assert_eq!(sweep.look().await.expect("a look").aborted, [key]);
        assert_eq!(scene.server.unfinished(), [""; 0]);
        assert_eq!(sweep.look().await.expect("a look").unfinished, Some(0));
        assert_eq!(scene.server.objects().len(), usize::from(request), "objects stay as they are");
    }
}

#[tokio::test]
async fn a_sweep_looks_again_and_again_also_when_the_server_fails() {
    let scene = Scene::new().await;
    scene.left_behind(ended(&scene.task, true).await).await;
    let refused = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refused);
    scene.server.fault(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Fault::Status(403)
    });
    let sweep = scene.task.sweep_files(BUCKET).expect("there is a store");
    let sweep = tokio::spawn(sweep.every(SOON));
    until("it has asked", || refused.load(Ordering::Relaxed) > 0).await;
    scene.server.heal();
    for _ in 0..1_000 {
        pass(SOON).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        if scene.server.unfinished().is_empty() {
            break;
        }
    }
    assert_eq!(scene.server.unfinished(), [""; 0]);
    assert!(!sweep.is_finished());
    scene.task.shutdown(Duration::from_secs(10)).await;
    let ended = tokio::time::timeout(Duration::from_secs(60), sweep).await;
    ended.expect("it ends with its host").expect("it does not panic");
}

#[tokio::test]
async fn the_undo_of_a_step_in_doubt_aborts_what_it_began_and_nothing_else() {
    let server = Arc::new(S3Server::start());
    let files = Files::new(store(&server));
    let builder = KeepHalf::builder().server(Arc::clone(&server)).use_in_process_mode();
    let task = builder.override_files(files).build().await.expect("it builds");
    leave(&server, "keep-half/another/keep/0/0-large.bin").await;
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(server.unfinished(), ["incoming-files/keep-half/another/keep/0/0-large.bin"]);
}

/// The undo does what it is for also where it may not ask for uploads.
#[tokio::test]
async fn the_undo_of_a_step_in_doubt_needs_no_list_of_uploads() {
    let server = Arc::new(S3Server::start());
    server.list_no_uploads();
    let files = Files::new(store(&server));
    let builder = KeepHalf::builder().server(Arc::clone(&server)).use_in_process_mode();
    let task = builder.override_files(files).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(server.unfinished().len(), 1, "it is left to a sweep");
}

#[tokio::test]
async fn an_upload_of_an_open_saga_is_left_alone() {
    let server = S3Server::start();
    let builder = KeepAtIt::builder().use_in_process_mode();
    let task = builder.override_files(Files::new(store(&server))).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    until("the upload is on its way", || server.unfinished().len() == 1).await;
    let mut sweep = task.sweep_files(BUCKET).expect("there is a store");
    let swept = sweep.look().await.expect("a look");
    assert_eq!((swept.unfinished, swept.suspects, swept.unknown), (Some(1), vec![], vec![]));
    saga.cancel().await.expect("it can be cancelled");
    saga.outcome().await.expect("an outcome");
    until("its parts are gone", || server.unfinished().is_empty()).await;
    assert_eq!(server.objects(), [""; 0]);
}

#[tokio::test]
async fn an_upload_of_no_known_saga_is_told_and_aborted_only_when_asked_for() {
    let scene = Scene::new().await;
    let saga = "01920000-0000-7000-8000-000000000001".parse().expect("an id");
    let key = scene.left_behind(saga).await;
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");
    for _ in 0..2 {
        assert_eq!(sweep.look().await.expect("a look").unknown, from_ref(&key));
        pass(PATIENCE).await;
    }
    let mut sweep = sweep.delete_unknown();
    assert_eq!(sweep.look().await.expect("a look").suspects, from_ref(&key));
    pass(PATIENCE).await;
    assert_eq!(sweep.look().await.expect("a look").aborted, [key]);
}

#[tokio::test]
async fn where_the_server_cannot_list_uploads_objects_are_still_swept() {
    let scene = Scene::new().await;
    let saga = ended(&scene.task, false).await;
    scene.left_behind(saga).await;
    scene.server.list_no_uploads();
    let key = prefix(saga) + "/0-late.txt";
    upload(&scene.store, &key, 1).await.expect("it is well");
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");
    let swept = sweep.look().await.expect("a look");
    assert_eq!((swept.unfinished, &*swept.suspects), (None, from_ref(&key)));
    pass(PATIENCE).await;
    assert_eq!(sweep.look().await.expect("a look").deleted, [key]);
}
