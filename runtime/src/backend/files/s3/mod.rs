//! Objects on an S3 server.
//!
//! `object_store` has a store for each bucket; here are all of them over one HTTP client, and the
//! requests that it does not have: create a bucket, list what uploads are unfinished.
//!
//! No rule of ours depends on a conditional request: some servers take the condition and ignore it.

mod client;
mod error;
mod request;
mod settings;
mod upload;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AwsCredential},
    client::HttpClient,
    multipart::MultipartStore,
    path,
};

use self::{
    client::{Refusal, Shared},
    error::{Place, find},
    settings::Missing,
};
pub use self::{error::S3Error, settings::S3Settings};
use super::{Broken, pieces::pieces};
use crate::files::{ByteStream, Object, UnfinishedUpload, check_bucket};

/// The waits between the tries of a request.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(2),
    base: 2.0,
};

/// A download whose connection breaks goes on where it was within this time from its beginning. For
/// other requests the number of their tries is the limit.
const RESUMED: Duration = Duration::from_secs(3600);

pub(super) struct S3 {
    settings: S3Settings,
    place: Place,
    credential: AwsCredential,
    http: HttpClient,
    buckets: Mutex<BTreeMap<String, Arc<AmazonS3>>>,
}

impl S3 {
    fn new(settings: S3Settings) -> Result<Self, S3Error> {
        let place = settings.place();
        let http = client::connect(settings.connecting, settings.silence)
            .map_err(|error| place.explain("", error))?;
        let credential = AwsCredential {
            key_id: settings.access_key.clone(),
            secret_key: settings.secret_key.clone(),
            token: None,
        };
        Ok(Self { settings, place, credential, http, buckets: Mutex::default() })
    }

    pub(super) async fn upload(
        &self,
        bucket: &str,
        key: &path::Path,
        content: ByteStream<'_>,
    ) -> Result<u64, Broken> {
        upload::upload(self, &self.name(bucket)?, key, content).await
    }

    pub(super) async fn download(
        &self,
        bucket: &str,
        key: &path::Path,
    ) -> Result<ByteStream<'static>, Broken> {
        let name = self.name(bucket)?;
        let content = match self.bucket(&name)?.get(key).await {
            Ok(got) => got.into_stream(),
            Err(error) if refused_as(&error, "NoSuchKey") => return Err(Broken::Missing),
            Err(error) => return Err(self.broken(&name, error)),
        };
        let place = self.place.clone();
        let content = content.map_err(move |error| place.explain(&name, error).into());
        Ok(pieces(content.boxed()))
    }

    pub(super) async fn delete(&self, bucket: &str, key: &path::Path) -> Result<(), Broken> {
        let name = self.name(bucket)?;
        match self.bucket(&name)?.delete(key).await {
            Err(error) if !is_gone(&error) => Err(self.broken(&name, error)),
            _ => Ok(()),
        }
    }

    pub(super) fn list(
        &self,
        bucket: &str,
        prefix: Option<&path::Path>,
    ) -> BoxStream<'_, Result<Object, Broken>> {
        let opened = self.name(bucket).and_then(|name| Ok((self.bucket(&name)?, name)));
        let (store, name) = match opened {
            Ok(opened) => opened,
            Err(broken) => return futures_util::stream::iter([Err(broken)]).boxed(),
        };
        store
            .list(prefix)
            // No bucket holds no objects.
            .filter(|listed| {
                let gone = listed.as_ref().is_err_and(is_gone);
                std::future::ready(!gone)
            })
            .map_ok(|object| Object { key: object.location.to_string(), size: object.size })
            .map_err(move |error| self.broken(&name, error))
            .boxed()
    }

    /// Sees that a bucket can be listed, and creates it if it is missing and that is allowed.
    pub(super) async fn check(&self, bucket: &str) -> Result<(), Broken> {
        let name = self.name(bucket)?;
        match self.look_at(&name).await {
            Err(S3Error::NoBucket { .. }) => self.create(&name).await.map_err(Broken::from),
            other => other.map_err(Broken::from),
        }
    }

    /// `None` from a server that does not have the request.
    pub(super) async fn unfinished(
        &self,
        bucket: &str,
    ) -> Result<Option<Vec<UnfinishedUpload>>, Broken> {
        match self.uploads_in(&self.name(bucket)?).await {
            Ok(uploads) => Ok(uploads),
            Err(S3Error::NoBucket { .. }) => Ok(Some(Vec::new())),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn abort(
        &self,
        bucket: &str,
        key: &path::Path,
        id: &str,
    ) -> Result<(), Broken> {
        let name = self.name(bucket)?;
        match self.bucket(&name)?.abort_multipart(key, &id.to_owned()).await {
            Err(error) if !is_gone(&error) => Err(self.broken(&name, error)),
            _ => Ok(()),
        }
    }

    /// What the server calls a bucket.
    fn name(&self, bucket: &str) -> Result<String, Broken> {
        let name = format!("{}{bucket}", self.settings.prefix);
        match check_bucket(&name) {
            Ok(()) => Ok(name),
            Err(error) => Err(Broken::Name(error)),
        }
    }

    fn bucket(&self, name: &str) -> Result<Arc<AmazonS3>, Broken> {
        // A map that is whole at each step.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(name) {
            return Ok(Arc::clone(bucket));
        }
        let bucket = self.open(name).map_err(|error| self.broken(name, error))?;
        let bucket = Arc::new(bucket);
        buckets.insert(name.to_owned(), Arc::clone(&bucket));
        Ok(bucket)
    }

    fn open(&self, name: &str) -> object_store::Result<AmazonS3> {
        let settings = &self.settings;
        AmazonS3Builder::new()
            .with_bucket_name(name)
            // What it takes for the name of such a host is taken as it is.
            .with_virtual_hosted_style_request(true)
            .with_endpoint(settings.url_of(name))
            .with_allow_http(true)
            .with_region(settings.signing_region())
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .with_http_connector(Shared(self.http.clone()))
            .with_retry(RetryConfig {
                backoff: BACKOFF.clone(),
                max_retries: settings.retries,
                retry_timeout: RESUMED,
            })
            // One object at a time is deleted, which every server can.
            .with_disable_bulk_delete(true)
            .build()
    }

    fn broken(&self, name: &str, error: object_store::Error) -> Broken {
        self.place.explain(name, error).into()
    }
}

/// Whether the server itself says so. Any other server on the way, or in its place, answers 404 as well.
fn refused_as(error: &object_store::Error, code: &str) -> bool {
    find::<Refusal>(error).is_some_and(|refusal| refusal.code == code)
}

/// What is not there, be it for want of a bucket, need not be removed, nor is it listed.
fn is_gone(error: &object_store::Error) -> bool {
    ["NoSuchKey", "NoSuchUpload", "NoSuchBucket"].iter().any(|code| refused_as(error, code))
}

impl From<S3Error> for Broken {
    fn from(error: S3Error) -> Self {
        Self::Store(error.into())
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}
