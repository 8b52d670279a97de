//! Parts of uploads that never become an object.

use bytes::Bytes;
use distributed_task::files::{FileError, FileStore};
use distributed_task_tests::s3::{Fault, S3Server};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};

use crate::scene::{BUCKET, content, endless, leave, store, until, upload};

#[tokio::test]
async fn the_parts_of_a_dropped_upload_are_removed_in_the_background() {
    let server = S3Server::start();
    let store = store(&server);
    let (content, reached) = endless();
    match select(store.upload(BUCKET, "key", content), reached).await {
        Either::Left((uploaded, _)) => panic!("its content never ends: {uploaded:?}"),
        Either::Right((reached, upload)) => {
            reached.expect("it gets there");
            assert_eq!(server.unfinished(), ["incoming-files/key"], "control: it is on its way");
            drop(upload);
        }
    }
    until("the parts are gone", || server.unfinished().is_empty()).await;
    assert_eq!(server.objects(), [""; 0]);
}

#[tokio::test]
async fn the_parts_of_content_that_breaks_off_are_removed_before_that_is_told() {
    let server = S3Server::start();
    let store = store(&server);
    let broken = stream::iter([Err(std::io::Error::other("cable cut"))]);
    let uploaded = store.upload(BUCKET, "key", content(9).chain(broken).boxed()).await;
    assert!(matches!(uploaded, Err(FileError::Content { .. })), "{uploaded:?}");
    assert_eq!(server.unfinished(), [""; 0]);
}

#[tokio::test]
async fn what_could_not_be_removed_is_found_and_aborted_later() {
    let server = S3Server::start();
    let store = store(&server);
    for key in ["task/1/a", "task/2/b", "tasks/3"] {
        leave(&server, key).await;
    }
    assert_eq!(server.objects(), [""; 0]);

    let left = store.unfinished(BUCKET, "task").await.expect("it answers").expect("it can tell");
    let keys: Vec<&str> = left.iter().map(|upload| &*upload.key).collect();
    assert_eq!(keys, ["task/1/a", "task/2/b"], "by whole segments");
    for upload in &left {
        store.abort(BUCKET, upload).await.expect("it is there");
        store.abort(BUCKET, upload).await.expect("twice is once");
    }
    assert_eq!(server.unfinished(), ["incoming-files/tasks/3"]);
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_to_its_end() {
    let server = S3Server::start();
    let store = store(&server);
    store.check(BUCKET).await.expect("it can be made");
    // Each beginning whose reply is lost, and each try of it, leaves one.
    server.fault(|request| if request.is_begin() { Fault::LoseReply } else { Fault::None });
    let beginnings = stream::iter(0..300).for_each_concurrent(32, |n| {
        let store = &store;
        async move {
            let key = format!("task/{n}");
            upload(store, &key, 8).await.expect_err("it never learns its name");
        }
    });
    beginnings.await;
    server.heal();
    let there = server.unfinished().len();
    assert!(there > 1000, "more than a page: {there}");
    let left = store.unfinished(BUCKET, "task").await.expect("it answers").expect("it can tell");
    assert_eq!(left.len(), there);
}

#[tokio::test]
async fn a_server_that_cannot_list_uploads_is_no_error() {
    let server = S3Server::start();
    let store = store(&server);
    assert_eq!(store.unfinished(BUCKET, "").await.expect("no bucket, no uploads"), Some(vec![]));
    upload(&store, "key", 1).await.expect("it is well");
    server.list_no_uploads();
    assert_eq!(store.unfinished(BUCKET, "").await.expect("it is an answer"), None);
}

#[tokio::test]
async fn an_upload_that_was_aborted_meanwhile_fails_and_leaves_no_object() {
    let server = S3Server::start();
    let store = store(&server);
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let (tell, reached) = tokio::sync::oneshot::channel();
    let rest = stream::once(async move {
        tell.send(()).expect("the test waits");
        wait.await.expect("the test goes on");
        Ok(Bytes::from("the end"))
    });
    let uploading = store.upload(BUCKET, "key", content(9).chain(rest).boxed());
    let aborting = async {
        reached.await.expect("it gets there");
        let left = store.unfinished(BUCKET, "").await.expect("it answers").expect("it can tell");
        assert_eq!(left.len(), 1);
        store.abort(BUCKET, &left[0]).await.expect("it is there");
        go_on.send(()).expect("the upload waits");
    };
    let (uploaded, ()) = futures_util::join!(uploading, aborting);
    uploaded.expect_err("its parts are gone");
    assert_eq!(server.objects(), [""; 0]);
    assert_eq!(server.unfinished(), [""; 0]);
}
