//! What can be wrong with an S3 server, and what to do about it.

use std::{error::Error, io};

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use thiserror::Error;

use super::client::Refusal;

/// An S3 server cannot be used as it was named. The text says what is wrong, where, and what to do;
/// the secret key is in none.
///
/// It is what [`S3Settings::build`](super::S3Settings::build) answers, and the source of the
/// [`io::Error`] in a [`FileError`](crate::files::FileError) of the store.
///
/// ```
/// use distributed_task::backend::files::{ObjectFiles, S3Error};
///
/// let error = ObjectFiles::s3("localhost:9000", "key", "secret").build().expect_err("no scheme");
/// assert!(matches!(error, S3Error::Setting { what: "endpoint", .. }));
/// assert_eq!(
///     error.to_string(),
///     "the endpoint `localhost:9000` cannot be used: write scheme, host and port, and nothing \
///      else, as in `http://127.0.0.1:9000`"
/// );
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum S3Error {
    /// A setting is none.
    #[error("the {what} `{value}` cannot be used: {rule}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// What it was; not that of a secret.
        value: String,
        /// What it has to look like.
        rule: &'static str,
    },
    /// The bucket is not there, and was not to be made, or could not be.
    #[error(
        "the bucket `{bucket}` does not exist at {endpoint}: create it, as with `aws --endpoint-url \
         {endpoint} s3 mb s3://{bucket}` or `mc mb ALIAS/{bucket}`"
    )]
    NoBucket {
        /// The server.
        endpoint: String,
        /// Its name there, with the prefix.
        bucket: String,
        /// Why it could not be made, if that was tried.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The server does not accept the keys, or does not let them do this.
    #[error("{endpoint} refuses access key `{access_key}` ({said}): {advice}")]
    Refused {
        /// The server.
        endpoint: String,
        /// The key.
        access_key: String,
        /// Its words.
        said: String,
        /// What to look at.
        advice: &'static str,
    },
    /// No connection to the server.
    #[error("cannot reach {endpoint} ({said}): {advice}")]
    Unreachable {
        /// The server.
        endpoint: String,
        /// The words of the network.
        said: String,
        /// What to look at.
        advice: &'static str,
        /// Where they come from.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server is there and says nothing, or stops in the middle.
    #[error(
        "{endpoint} did not answer in time: it is overloaded, or the network loses what is sent"
    )]
    TimedOut {
        /// The server.
        endpoint: String,
        /// What was tried, and how often.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Whatever else it answered.
    #[error("{endpoint} could not do it: {said}")]
    Failed {
        /// The server.
        endpoint: String,
        /// Its words, or those of the client.
        said: String,
        /// Where they come from.
        source: Box<dyn Error + Send + Sync>,
    },
}

const CHECK_ENDPOINT: &str = "is the server running, and are host and port right?";
const CHECK_SECRET: &str = "the secret key is not that of this access key";
const CHECK_KEY: &str = "the server does not know this access key";
const CHECK_CLOCK: &str = "the clocks of this machine and of the server differ: set them";
const CHECK_REGION: &str = "name the server's region with `.region(..)`: Garage's is `s3_region` in \
                            its configuration, AWS has one for each bucket";
const CHECK_RIGHTS: &str = "allow it to list, read, write and delete objects of this bucket, and to \
                            create the bucket if it is missing";
const SAY_HTTPS: &str = "this server wants TLS: write `https://`";
const SAY_HTTP: &str = "this server speaks no TLS: write `http://`";
const CHECK_TLS: &str = "its certificate is not trusted: have the system trust who signed it";

/// What every text names.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) endpoint: String,
    pub(super) access_key: String,
}

impl Place {
    /// Says what an error means, which `object_store` wraps.
    pub(super) fn explain(
        &self,
        bucket: &str,
        error: impl Error + Send + Sync + 'static,
    ) -> S3Error {
        let error: Box<dyn Error + Send + Sync> = Box::new(error);
        if let Some(refusal) = find::<Refusal>(&*error).cloned() {
            return self.refused(bucket, &refusal, error);
        }
        let endpoint = self.endpoint.clone();
        match find::<HttpError>(&*error).map(HttpError::kind) {
            Some(HttpErrorKind::Timeout) => S3Error::TimedOut { endpoint, source: error },
            Some(kind) => {
                let said = innermost(&*error);
                let advice = network_advice(&endpoint, &said);
                match advice {
                    Some(advice) => S3Error::Unreachable { endpoint, said, advice, source: error },
                    None if kind == HttpErrorKind::Connect => {
                        let advice = CHECK_ENDPOINT;
                        S3Error::Unreachable { endpoint, said, advice, source: error }
                    }
                    None => S3Error::Failed { endpoint, said, source: error },
                }
            }
            None => S3Error::Failed { endpoint, said: error.to_string(), source: error },
        }
    }

    fn refused(
        &self,
        bucket: &str,
        refusal: &Refusal,
        source: Box<dyn Error + Send + Sync>,
    ) -> S3Error {
        let Self { endpoint, access_key } = self.clone();
        let said = refusal.to_string();
        if refusal.code == "NoSuchBucket" {
            return S3Error::NoBucket { endpoint, bucket: bucket.to_owned(), source: None };
        }
        if let Some(advice) = advice(refusal) {
            return S3Error::Refused { endpoint, access_key, said, advice };
        }
        if refusal.message.contains("HTTPS") || refusal.message.contains("plain HTTP") {
            return S3Error::Unreachable { endpoint, said, advice: SAY_HTTPS, source };
        }
        S3Error::Failed { endpoint, said, source }
    }
}

fn advice(refusal: &Refusal) -> Option<&'static str> {
    match &*refusal.code {
        "SignatureDoesNotMatch" => Some(CHECK_SECRET),
        "InvalidAccessKeyId" | "NotSignedUp" => Some(CHECK_KEY),
        "RequestTimeTooSkewed" => Some(CHECK_CLOCK),
        "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "IllegalLocationConstraintException" => Some(CHECK_REGION),
        _ if refusal.status.is_redirection() => Some(CHECK_REGION),
        _ if matches!(refusal.status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) => {
            Some(CHECK_RIGHTS)
        }
        _ => None,
    }
}

/// The libraries below have no types for these.
fn network_advice(endpoint: &str, said: &str) -> Option<&'static str> {
    let tls = endpoint.starts_with("https:");
    if tls && (said.contains("InvalidContentType") || said.contains("corrupt message")) {
        Some(SAY_HTTP)
    } else if tls && said.contains("certificate") {
        Some(CHECK_TLS)
    } else if !tls && said.contains("invalid HTTP version") {
        Some(SAY_HTTPS)
    } else {
        None
    }
}

impl S3Error {
    /// What kind of failure it is, in the words of the standard library.
    ///
    /// ```
    /// use distributed_task::backend::files::ObjectFiles;
    ///
    /// let error = ObjectFiles::s3("ftp://a", "key", "secret").build().expect_err("not a web server");
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    /// ```
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Setting { .. } => io::ErrorKind::InvalidInput,
            Self::NoBucket { .. } => io::ErrorKind::NotFound,
            Self::Refused { .. } => io::ErrorKind::PermissionDenied,
            Self::TimedOut { .. } => io::ErrorKind::TimedOut,
            Self::Unreachable { source, .. } => {
                find::<io::Error>(&**source).map_or(io::ErrorKind::NotConnected, io::Error::kind)
            }
            Self::Failed { said, .. } if is_full(said) => io::ErrorKind::StorageFull,
            Self::Failed { source, .. } => {
                find::<io::Error>(&**source).map_or(io::ErrorKind::Other, io::Error::kind)
            }
        }
    }
}

/// The words of MinIO, Ceph and others for it.
fn is_full(said: &str) -> bool {
    ["StorageFull", "QuotaExceeded", "507 Insufficient Storage"]
        .iter()
        .any(|word| said.contains(word))
}

impl From<S3Error> for io::Error {
    fn from(error: S3Error) -> Self {
        Self::new(error.kind(), error)
    }
}

/// The first error of this type among the causes of another.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}

/// What the lowest of its causes says.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(inner) = last.source() {
        last = inner;
    }
    last.to_string()
}
