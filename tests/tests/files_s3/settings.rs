//! What is wrong is said, with where, and what to do.

use std::{io, net::TcpListener};

use distributed_task::{
    backend::files::{ObjectFiles, S3Error},
    files::{FileError, FileStore},
};
use distributed_task_tests::s3::{ACCESS_KEY, S3Server, SECRET_KEY};

use crate::scene::{BUCKET, cause, settings, size, store, upload};

#[tokio::test]
async fn a_bucket_that_can_be_used_is_found_so_and_made_if_it_is_missing() {
    let server = S3Server::start();
    let store = store(&server);
    store.check(BUCKET).await.expect("it can be made");
    assert_eq!(server.buckets(), [BUCKET]);
    store.check(BUCKET).await.expect("it is there");
    let error = store.check("No Bucket").await.expect_err("it has capitals and a space");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_prefix_stands_before_every_bucket() {
    let server = S3Server::start();
    let store = settings(&server).bucket_prefix("orders-").build().expect("it can be one");
    upload(&store, "key", 1).await.expect("it can be made");
    assert_eq!(server.objects(), ["orders-incoming-files/key"]);
    assert_eq!(size(&store, "key").await.expect("it is there"), 1 << 20);
    let long = "b".repeat(60);
    let error = store.check(&long).await.expect_err("67 signs are too many");
    assert!(matches!(error, FileError::InvalidName { .. }), "{error:?}");
}

#[tokio::test]
async fn a_missing_bucket_that_is_not_to_be_made_is_named_with_what_makes_it() {
    let server = S3Server::start();
    let store = settings(&server).existing_buckets_only().build().expect("it can be one");
    let endpoint = server.endpoint();
    let text = format!(
        "the bucket `incoming-files` does not exist at {endpoint}: create it, as with `aws \
         --endpoint-url {endpoint} s3 mb s3://incoming-files` or `mc mb ALIAS/incoming-files`"
    );
    for pieces in [1, 9] {
        let error = upload(&store, "key", pieces).await.expect_err("there is no bucket");
        assert_eq!(error.to_string(), "cannot upload object `key` of bucket `incoming-files`");
        assert_eq!(cause(&error).to_string(), text);
    }
    let error = store.check(BUCKET).await.expect_err("there is no bucket");
    assert_eq!(error.to_string(), "cannot use bucket `incoming-files`");
    assert_eq!(cause(&error).to_string(), text);
    assert_eq!(server.buckets(), [""; 0]);
}

#[tokio::test]
async fn a_bucket_that_may_not_be_made_is_named_with_why() {
    let server = S3Server::start();
    server.create_no_buckets();
    let error = upload(&store(&server), "key", 1).await.expect_err("it may not");
    let S3Error::NoBucket { source: Some(why), .. } = cause(&error) else { panic!("{error:?}") };
    assert!(why.to_string().contains("AccessDenied"), "{why}");
}

#[tokio::test]
async fn wrong_keys_are_told_apart_and_the_secret_is_in_no_text() {
    let server = S3Server::start();
    store(&server).check(BUCKET).await.expect("with the right keys it can be used");
    for (access_key, secret_key, word) in [
        (ACCESS_KEY, "wrong-secret", "the secret key is not that of this access key"),
        ("nobody", SECRET_KEY, "the server does not know this access key"),
    ] {
        let store = ObjectFiles::s3(server.endpoint(), access_key, secret_key);
        let store = store.build().expect("it can be one");
        let checked = store.check(BUCKET).await.expect_err("these are not its keys");
        let uploaded = upload(&store, "key", 1).await.expect_err("these are not its keys");
        let downloaded = size(&store, "key").await.expect_err("these are not its keys");
        for error in [checked, uploaded, downloaded] {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            let text = cause(&error).to_string();
            assert!(text.contains(word) && text.contains(access_key), "{text}");
            assert!(!format!("{error:?} {text}").contains(secret_key), "{error:?}");
        }
    }
    assert_eq!(server.objects(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let free = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let endpoint = format!("http://{}", free.local_addr().expect("it is bound"));
    drop(free);
    let store = ObjectFiles::s3(&endpoint, "key", "secret").build().expect("it can be one");
    let error = store.check(BUCKET).await.expect_err("nobody listens");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let text = cause(&error).to_string();
    assert!(text.starts_with(&format!("cannot reach {endpoint} (")), "{text}");
    assert!(text.ends_with("is the server running, and are host and port right?"), "{text}");
    let error = upload(&store, "key", 1).await.expect_err("nobody listens");
    assert!(matches!(cause(&error), S3Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn https_to_a_server_without_is_told() {
    let server = S3Server::start();
    let endpoint = server.endpoint().replace("http:", "https:");
    let store = ObjectFiles::s3(endpoint, ACCESS_KEY, SECRET_KEY).build().expect("it can be one");
    let error = store.check(BUCKET).await.expect_err("it speaks no TLS");
    let text = cause(&error).to_string();
    assert!(text.ends_with("this server speaks no TLS: write `http://`"), "{text}");
}
