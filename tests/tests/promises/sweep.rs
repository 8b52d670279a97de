//! Objects that no saga answers for are found, and deleted when they were seen so long enough.

use std::{slice::from_ref, sync::Arc, time::Duration};

use distributed_task::{backend::files::ObjectFiles, files::Files, kernel::SagaId, prelude::*};
use tokio::time::sleep;

use crate::keep::{BUCKET, Keep, PATIENCE, SOON, ended, prefix};

struct Scene {
    task: Task<Keep>,
    files: Files,
}

impl Scene {
    async fn new() -> Self {
        let files = Files::new(Arc::new(ObjectFiles::in_memory()));
        Self { task: Keep::with(files.clone()).await, files }
    }

    /// What an attempt of the step would have left, had its undo missed it.
    async fn left_behind(&self, saga: SagaId) -> String {
        let source = vec![SourceFile::bytes("late.txt", "late")];
        let files =
            self.files.upload(BUCKET, &prefix(saga), source, |_| {}).await.expect("uploaded");
        files[0].key.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_saga_left_that_went_back_is_deleted_at_a_second_look() {
    let scene = Scene::new().await;
    let orphan = scene.left_behind(ended(&scene.task, false).await).await;
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");

    assert_eq!(sweep.look().await.expect("a look").suspects, from_ref(&orphan));
    sleep(SOON - Duration::from_secs(1)).await;
    assert_eq!(sweep.look().await.expect("a look").suspects, from_ref(&orphan), "not long enough");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(sweep.look().await.expect("a look").deleted, [orphan]);
    assert_eq!(sweep.look().await.expect("a look").objects, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_completed_saga_made_stays() {
    let scene = Scene::new().await;
    ended(&scene.task, true).await;
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");
    for _ in 0..3 {
        let swept = sweep.look().await.expect("a look");
        assert_eq!((swept.objects, swept.suspects.len(), swept.deleted.len()), (1, 0, 0));
        sleep(PATIENCE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_no_known_saga_is_told_and_deleted_only_when_asked_for() {
    let scene = Scene::new().await;
    let stray = scene.left_behind("01920000-0000-7000-8000-000000000001".parse().expect("an id"));
    let stray = stray.await;
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store");
    for _ in 0..3 {
        assert_eq!(sweep.look().await.expect("a look").unknown, from_ref(&stray));
        sleep(PATIENCE).await;
    }
    let mut sweep = sweep.delete_unknown();
    assert_eq!(sweep.look().await.expect("a look").suspects, from_ref(&stray));
    sleep(SOON).await;
    assert_eq!(sweep.look().await.expect("a look").suspects, from_ref(&stray), "not long enough");
    sleep(PATIENCE - SOON).await;
    assert_eq!(sweep.look().await.expect("a look").deleted, [stray]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_named_like_an_object_of_a_step_is_left_alone() {
    let scene = Scene::new().await;
    let source = vec![SourceFile::bytes("mine.txt", "mine")];
    scene.files.upload(BUCKET, "keep/by-hand", source, |_| {}).await.expect("uploaded");
    let mut sweep = scene.task.sweep_files(BUCKET).expect("there is a store").delete_unknown();
    for _ in 0..2 {
        let swept = sweep.look().await.expect("a look");
        assert_eq!((swept.objects, swept.suspects.len(), swept.deleted.len()), (1, 0, 0));
        sleep(PATIENCE).await;
    }
}
