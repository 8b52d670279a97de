//! The file store against an S3 server that others wrote: `tests/s3-gateway.sh` starts one, and
//! says where by the environment. Without it these tests fail.

use std::env;

use bytes::Bytes;
use distributed_task::{
    backend::files::{ObjectFiles, S3Settings},
    conformance,
    files::FileStore,
};
use futures_util::{StreamExt, TryStreamExt, future::pending, stream};
use tokio::sync::{Mutex, MutexGuard};

/// Every bucket that the suite uses.
const BUCKETS: [&str; 5] = [
    "incoming-files",
    "processed-files",
    "abc",
    "0-0",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
];

#[tokio::test]
async fn files_on_the_gateway_keep_the_contract() {
    let gateway = Gateway::alone().await;
    conformance::files::run(async || gateway.empty().await).await;
}

#[tokio::test]
async fn files_on_the_gateway_never_sit_in_memory() {
    let gateway = Gateway::alone().await;
    conformance::files::run_bounded(async || gateway.empty().await).await;
}

#[tokio::test]
async fn what_a_dead_process_left_on_the_gateway_is_found_and_aborted() {
    let gateway = Gateway::alone().await;
    let store = gateway.empty().await;
    let keys = ["task/1/step/0/0-a", "task/2/step/0/0-%20b", "other/1"];
    for key in keys {
        gateway.leave(key).await;
    }
    let all = store.unfinished(BUCKETS[0], "").await.expect("it can tell").expect("it can");
    assert_eq!(all.len(), 3, "{all:?}");
    let left = store.unfinished(BUCKETS[0], "task").await.expect("it can tell").expect("it can");
    let mut found: Vec<&str> = left.iter().map(|upload| &*upload.key).collect();
    found.sort();
    assert_eq!(found, keys[..2]);
    for upload in &left {
        store.abort(BUCKETS[0], upload).await.expect("it is there");
        store.abort(BUCKETS[0], upload).await.expect("twice is once");
    }
    let left = store.unfinished(BUCKETS[0], "").await.expect("it can tell").expect("it can");
    assert_eq!(left.iter().map(|upload| &*upload.key).collect::<Vec<_>>(), keys[2..]);
    let objects: Vec<_> = store.list(BUCKETS[0], "").try_collect().await.expect("it can be listed");
    assert_eq!(objects, []);
}

#[tokio::test]
async fn the_gateway_checks_keys_and_says_so() {
    let gateway = Gateway::alone().await;
    gateway
        .settings(&gateway.secret_key)
        .build()
        .expect("it can be one")
        .check("abc")
        .await
        .expect("it can be used");
    for (access_key, secret_key, word) in [
        (&*gateway.access_key, "another-secret", "the secret key is not that of this access key"),
        ("nobody", &*gateway.secret_key, "the server does not know this access key"),
    ] {
        let store = ObjectFiles::s3(&gateway.endpoint, access_key, secret_key);
        let store = store.build().expect("it can be one");
        let error = store.check("abc").await.expect_err("these are not its keys");
        let source = std::error::Error::source(&error).expect("it has one").to_string();
        assert!(source.contains(word), "{source}");
    }
}

/// The server, and the right to use it alone: its buckets are the same for all.
struct Gateway {
    endpoint: String,
    access_key: String,
    secret_key: String,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::const_new(());

impl Gateway {
    async fn alone() -> Self {
        let given = |name: &str| {
            env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/s3-gateway.sh"))
        };
        Self {
            endpoint: given("S3_GATEWAY_ENDPOINT"),
            access_key: given("S3_GATEWAY_ACCESS_KEY"),
            secret_key: given("S3_GATEWAY_SECRET_KEY"),
            _alone: ALONE.lock().await,
        }
    }

    fn settings(&self, secret_key: &str) -> S3Settings {
        ObjectFiles::s3(&self.endpoint, &self.access_key, secret_key)
    }

    /// A store without objects and uploads.
    async fn empty(&self) -> ObjectFiles {
        let store = self.settings(&self.secret_key).build().expect("it can be one");
        for bucket in BUCKETS {
            let objects: Vec<_> = store.list(bucket, "").try_collect().await.expect("a list");
            let deleted = stream::iter(objects.into_iter().map(Ok));
            let deleted = deleted.try_for_each_concurrent(8, |object| {
                let store = &store;
                async move { store.delete(bucket, &object.key).await }
            });
            deleted.await.expect("each can be deleted");
            let uploads = store.unfinished(bucket, "").await.expect("a list").expect("it has one");
            for upload in uploads {
                store.abort(bucket, &upload).await.expect("it can be aborted");
            }
        }
        store
    }

    /// Leaves an upload behind as a killed process does: its runtime ends with it half done.
    async fn leave(&self, key: &'static str) {
        let settings = self.settings(&self.secret_key);
        let upload = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("there is room for a runtime");
            runtime.block_on(async {
                let store = settings.build().expect("it can be one");
                let (reached, is_reached) = tokio::sync::oneshot::channel();
                let first = stream::iter([Ok(Bytes::from(vec![1; 9 << 20]))]);
                let content = first.chain(stream::once(async move {
                    reached.send(()).expect("somebody waits");
                    pending().await
                }));
                tokio::select! {
                    biased;
                    uploaded = store.upload(BUCKETS[0], key, content.boxed()) => {
                        panic!("its content never ends: {uploaded:?}")
                    }
                    reached = is_reached => reached.expect("it gets there"),
                }
            });
            // Whatever would go on in the background ends here.
            runtime.shutdown_background();
        };
        tokio::task::spawn_blocking(upload).await.expect("nothing panics in it");
    }
}
