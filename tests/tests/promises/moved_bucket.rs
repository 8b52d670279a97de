//! A release that uploads into another bucket than the one before it.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    Refusal,
    backend::{files::ObjectFiles, memory::MemoryJournal},
    files::{FileStore, Files, Object},
    prelude::*,
};
use futures_util::TryStreamExt;
use tokio::time::{sleep, timeout};

mod old {
    use super::*;

    #[distributed_task(name = "keep", request = u32, response = ())]
    pub struct Keep;

    #[steps]
    impl Keep {
        #[file_upload_step(bucket = "old-files")]
        async fn keep(&self) -> SourceFile {
            SourceFile::bytes("note.txt", "note")
        }

        #[step(read_only, retry(max = 9, delay = "1h", max_delay = "1h", jitter = "none"))]
        async fn check(&self) -> StepResult<()> {
            Err("not in this release")?
        }
    }
}

mod new {
    use super::*;

    #[distributed_task(name = "keep", request = u32, response = ())]
    pub struct Keep;

    #[steps]
    impl Keep {
        #[file_upload_step(bucket = "new-files")]
        async fn keep(&self) -> SourceFile {
            SourceFile::bytes("note.txt", "note")
        }

        #[step(read_only)]
        async fn check(&self) -> StepResult<()> {
            Err(Refusal::new("bad", "bad"))?
        }
    }
}

macro_rules! build {
    ($release:ident, $journal:expr, $files:expr) => {
        $release::Keep::builder()
            .use_in_process_mode()
            .override_journal(Arc::clone(&$journal))
            .override_files(Files::new($files.clone()))
            .build()
            .await
            .expect("it builds")
    };
}

async fn objects(files: &ObjectFiles) -> Vec<Object> {
    files.list("old-files", "").try_collect().await.expect("it is in memory")
}

#[tokio::test(start_paused = true)]
async fn what_an_older_release_uploaded_is_deleted_where_it_is() {
    let (journal, files) = (Arc::new(MemoryJournal::new()), ObjectFiles::in_memory());
    let old = build!(old, journal, files);
    let id = old.submit(1).await.expect("submitted").id();
    sleep(Duration::from_secs(60)).await;
    assert!(old.shutdown(Duration::from_secs(1)).await.in_time);
    assert_eq!(objects(&files).await.len(), 1);

    let new = build!(new, journal, files);
    let saga = new.handle(id).await.expect("the journal has it");
    let outcome = timeout(Duration::from_secs(7200), saga.outcome()).await.expect("it is claimed");
    assert!(matches!(outcome, Ok(SagaOutcome::Compensated { .. })), "{outcome:?}");
    assert_eq!(objects(&files).await, []);
}
