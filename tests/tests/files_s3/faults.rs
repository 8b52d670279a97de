//! A server that is silent, breaks off, loses replies, or has too much to do: an error within the
//! limit or a success, never a hang, and never half an object.

use std::io;

use distributed_task::{
    backend::files::{ObjectFiles, S3Error},
    files::{FileError, FileStore, Object},
};
use distributed_task_tests::s3::{Fault, Request, S3Server};
use futures_util::TryStreamExt;

use crate::scene::{BUCKET, MIB, SHORT, cause, leave, settings, size, store, until, upload};

/// The first `times` requests of this kind suffer it.
fn first(
    times: usize,
    kind: fn(&Request) -> bool,
    fault: Fault,
) -> impl FnMut(&Request) -> Fault + Send {
    let mut left = times;
    move |request| {
        if left > 0 && kind(request) {
            left -= 1;
            return fault;
        }
        Fault::None
    }
}

fn is_get(request: &Request) -> bool {
    request.method == "GET"
}

#[tokio::test]
async fn a_silent_server_is_an_error_within_the_limit() {
    let server = S3Server::start();
    upload(&store(&server), "key", 1).await.expect("it is well");
    let store = settings(&server).silence(SHORT).retries(1).build().expect("it can be one");
    server.fault(|_| Fault::Hang);
    let errors = [
        upload(&store, "key", 1).await.expect_err("nothing is answered"),
        upload(&store, "key", 9).await.expect_err("nothing is answered"),
        size(&store, "key").await.expect_err("nothing is answered"),
        store.delete(BUCKET, "key").await.expect_err("nothing is answered"),
        store.check(BUCKET).await.expect_err("nothing is answered"),
    ];
    for error in errors {
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error:?}");
        assert!(matches!(cause(&error), S3Error::TimedOut { .. }), "{error:?}");
    }
    server.heal();
    let store = self::store(&server);
    assert_eq!(size(&store, "key").await.expect("it is as it was"), MIB);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let server = S3Server::start();
    let store = store(&server);
    let faults =
        [(2, Fault::Status(503)), (2, Fault::Drop), (2, Fault::LoseReply), (1, Fault::Hang)];
    for (times, fault) in faults {
        for kind in [Request::is_begin, Request::is_part, Request::is_complete, is_get] {
            server.fault(first(times, kind, fault));
            upload(&store, "key", 20).await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            let size =
                size(&store, "key").await.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
            assert_eq!(size, 20 * MIB, "{fault:?}");
        }
    }
    server.heal();
    assert_eq!(server.objects(), ["incoming-files/key"]);
    // Control: two beginnings were done whose replies were lost. Only the server knows their names.
    assert_eq!(server.unfinished(), ["incoming-files/key"; 2]);
}

#[tokio::test]
async fn a_lost_reply_to_the_last_request_of_an_upload_is_no_failure() {
    let server = S3Server::start();
    let store = store(&server);
    server.fault(first(1, Request::is_complete, Fault::LoseReply));
    assert_eq!(upload(&store, "key", 20).await.expect("it is done"), 20 * MIB as u64);

    // Control: if what is there is not what was sent, it is one.
    let other = store.clone();
    upload(&other, "key", 1).await.expect("it is replaced");
    server.fault({
        let mut gone = false;
        move |request| match request.is_complete() {
            true if !gone => {
                gone = true;
                Fault::Drop
            }
            // Somebody has aborted it meanwhile.
            true => Fault::Status(404),
            false => Fault::None,
        }
    });
    upload(&store, "key", 20).await.expect_err("the object is another");
    server.heal();
    assert_eq!(size(&store, "key").await.expect("it is as it was"), MIB);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let server = S3Server::start();
    let store = store(&server);
    upload(&store, "key", 20).await.expect("it is well");
    for fault in [Fault::Cut(3 * MIB + 5), Fault::Stall(3 * MIB + 5)] {
        server.fault(first(2, is_get, fault));
        assert_eq!(size(&store, "key").await.expect("it goes on"), 20 * MIB, "{fault:?}");
    }
}

#[tokio::test]
async fn a_download_that_always_stalls_is_an_error_within_the_limit() {
    let server = S3Server::start();
    upload(&store(&server), "key", 20).await.expect("it is well");
    let store = settings(&server).silence(SHORT).retries(1).build().expect("it can be one");
    for fault in [Fault::Cut(MIB), Fault::Stall(MIB)] {
        server.fault(first(usize::MAX, is_get, fault));
        size(&store, "key").await.expect_err("it never comes to its end");
    }
}

/// A proxy knows no bucket of the server behind it.
#[tokio::test]
async fn a_404_of_somebody_else_says_nothing_about_an_object() {
    let server = S3Server::start();
    let store = store(&server);
    upload(&store, "key", 1).await.expect("it is well");
    leave(&server, "half").await;
    let left = store.unfinished(BUCKET, "").await.expect("it is well").expect("it can tell");
    server.fault(|_| Fault::Status(404));
    let errors = [
        size(&store, "key").await.expect_err("nobody knows"),
        store.delete(BUCKET, "key").await.expect_err("nobody knows"),
        store.abort(BUCKET, &left[0]).await.expect_err("nobody knows"),
        list(&store).await.expect_err("nobody knows"),
    ];
    for error in errors {
        assert_ne!(error.kind(), io::ErrorKind::NotFound, "{error:?}");
        let text = cause(&error).to_string();
        assert!(text.contains("could not do it: 404 Not Found"), "{text}");
    }
    server.heal();
    assert_eq!(list(&store).await.expect("it is well").len(), 1);
}

#[tokio::test]
async fn a_missing_bucket_is_told_by_a_download_and_holds_nothing() {
    let server = S3Server::start();
    let store = store(&server);
    let error = size(&store, "key").await.expect_err("there is no bucket");
    assert!(matches!(cause(&error), S3Error::NoBucket { .. }), "{error:?}");
    store.delete(BUCKET, "key").await.expect("there is nothing to delete");
    assert_eq!(list(&store).await.expect("there is nothing"), []);
    assert_eq!(server.buckets(), [""; 0]);
}

async fn list(store: &ObjectFiles) -> Result<Vec<Object>, FileError> {
    store.list(BUCKET, "").try_collect().await
}

#[tokio::test]
async fn an_upload_that_fails_half_way_leaves_no_object_and_no_parts() {
    let server = S3Server::start();
    let failing = settings(&server).retries(0).build().expect("it can be one");
    let store = store(&server);
    upload(&store, "old", 1).await.expect("it is well");
    for fault in [Fault::Hang, Fault::Drop, Fault::Status(503), Fault::LoseReply] {
        for key in ["old", "new"] {
            let mut parts = 0;
            server.fault(move |request| {
                parts += usize::from(request.is_part());
                if parts == 2 && request.is_part() { fault } else { Fault::None }
            });
            upload(&failing, key, 20).await.expect_err("its second part fails");
        }
        server.heal();
        until("the parts are gone", || server.unfinished().is_empty()).await;
        assert_eq!(size(&store, "old").await.expect("it is as it was"), MIB, "{fault:?}");
        assert_eq!(server.objects(), ["incoming-files/old"]);
    }
}

#[tokio::test]
async fn a_server_that_only_fails_is_asked_a_bounded_number_of_times() {
    let server = S3Server::start();
    let store = settings(&server).retries(2).build().expect("it can be one");
    let (count, counted) = std::sync::mpsc::channel();
    server.fault(move |_| {
        count.send(()).expect("the test counts");
        Fault::Status(503)
    });
    let error = upload(&store, "key", 1).await.expect_err("it only fails");
    assert_eq!(counted.try_iter().count(), 3);
    let text = cause(&error).to_string();
    assert!(text.contains("503"), "{text}");
    store.check(BUCKET).await.expect_err("it only fails");
    assert_eq!(counted.try_iter().count(), 3);
}
