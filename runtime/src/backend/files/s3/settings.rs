//! How an S3 server is reached.

use std::{fmt, time::Duration};

use http::Uri;

use super::{S3, S3Error, error::Place};
use crate::backend::files::{Kept, ObjectFiles};

/// An S3 server, and how it is used: [`ObjectFiles::s3`] begins one, [`build`](Self::build) ends it.
///
/// | server | endpoint | settings |
/// | --- | --- | --- |
/// | MinIO | `http://127.0.0.1:9000` | none |
/// | Garage | `http://127.0.0.1:3900` | `.region("garage")`, whatever `s3_region` is; a key may create buckets after `garage key allow --create-bucket KEY` |
/// | Ceph Object Gateway | `http://127.0.0.1:7480` | none |
/// | AWS | `https://s3.eu-central-1.amazonaws.com` | none: the region is in the name |
///
/// ```
/// use std::time::Duration;
/// use distributed_task::backend::files::ObjectFiles;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ObjectFiles::s3("http://127.0.0.1:3900", "GK31c2", "not-so-secret")
///     .region("garage")
///     .bucket_prefix("orders-")
///     .silence(Duration::from_secs(10))
///     .build()?;
/// assert!(!format!("{store:?}").contains("not-so-secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "`build` makes the store"]
pub struct S3Settings {
    pub(super) endpoint: String,
    pub(super) access_key: String,
    pub(super) secret_key: String,
    pub(super) region: Option<String>,
    pub(super) prefix: String,
    pub(super) addressing: Addressing,
    pub(super) missing: Missing,
    pub(super) connecting: Duration,
    pub(super) silence: Duration,
    pub(super) retries: usize,
}

/// Where a request names its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Addressing {
    Path,
    Host,
}

/// What happens about a bucket that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Refuse,
}

const ENDPOINT_RULE: &str =
    "write scheme, host and port, and nothing else, as in `http://127.0.0.1:9000`";
const KEY_RULE: &str = "write the letters, digits and signs that the server shows";
const PREFIX_RULE: &str = "use lower-case letters, digits and hyphens, a letter or digit first, and \
                           so few that the bucket's name fits behind it: 63 together";

impl S3Settings {
    pub(crate) fn new(endpoint: String, access_key: String, secret_key: String) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self {
            endpoint,
            access_key,
            secret_key,
            region: None,
            prefix: String::new(),
            addressing: Addressing::Path,
            missing: Missing::Create,
            connecting: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            retries: 3,
        }
    }

    /// The region that requests are signed for. Default: the one in the name of an endpoint of AWS,
    /// else `us-east-1`, which MinIO and Ceph take.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Puts this before the name of every bucket, where names are shared with others: with `orders-`
    /// the bucket `incoming-files` of a task is `orders-incoming-files` on the server.
    pub fn bucket_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Names the bucket in the host, `https://bucket.s3.example.com`, instead of in the path.
    pub fn virtual_hosted(mut self) -> Self {
        self.addressing = Addressing::Host;
        self
    }

    /// Creates no bucket. Otherwise one comes into being with its first object, if the server lets
    /// the access key do that.
    pub fn existing_buckets_only(mut self) -> Self {
        self.missing = Missing::Refuse;
        self
    }

    /// How long a connection may take to come about. Default: 5 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connecting = limit;
        self
    }

    /// How long the server may say nothing: until its answer to a request begins, with at most 8 MiB
    /// of a file sent meanwhile, and between two pieces of it. Default: 30 s.
    pub fn silence(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// How often a request is sent again when the connection breaks, the server is silent, or it has
    /// too much to do. The waits between begin at 0.1 s and end at 2 s. Default: 3 times.
    ///
    /// Nothing waits longer than (1 + retries) × (silence + 2 s) for one request; a step's own `retry`
    /// begins after that.
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// The store. Nothing is sent yet: [`FileStore::check`](crate::files::FileStore::check) asks
    /// the server.
    ///
    /// # Errors
    /// [`S3Error::Setting`] for what cannot be.
    pub fn build(self) -> Result<ObjectFiles, S3Error> {
        self.check()?;
        Ok(ObjectFiles { kept: Kept::S3(S3::new(self)?.into()) })
    }

    fn check(&self) -> Result<(), S3Error> {
        if !is_endpoint(&self.endpoint) {
            // Somebody may have written the keys into it.
            let has_keys = self.endpoint.contains('@');
            let value = if has_keys { "…@…" } else { &*self.endpoint };
            return Err(setting("endpoint", value, ENDPOINT_RULE));
        }
        let shown =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !shown(&self.access_key) {
            return Err(setting("access key", &self.access_key, KEY_RULE));
        }
        if !shown(&self.secret_key) {
            return Err(setting("secret key", "…", KEY_RULE));
        }
        if !shown(self.signing_region()) {
            return Err(setting("region", self.signing_region(), KEY_RULE));
        }
        // The shortest bucket has three letters.
        if crate::files::check_bucket(&format!("{}abc", self.prefix)).is_err() {
            return Err(setting("bucket prefix", &self.prefix, PREFIX_RULE));
        }
        Ok(())
    }

    pub(super) fn signing_region(&self) -> &str {
        let named = self.region.as_deref().or_else(|| {
            let host = self.endpoint.strip_prefix("https://")?.strip_suffix(".amazonaws.com")?;
            host.strip_prefix("s3.").filter(|region| !region.contains('.'))
        });
        named.unwrap_or("us-east-1")
    }

    pub(super) fn place(&self) -> Place {
        Place { endpoint: self.endpoint.clone(), access_key: self.access_key.clone() }
    }

    /// Where a bucket is.
    pub(super) fn url_of(&self, bucket: &str) -> String {
        let endpoint = &self.endpoint;
        match self.addressing {
            Addressing::Path => format!("{endpoint}/{bucket}"),
            Addressing::Host => endpoint.replacen("://", &format!("://{bucket}."), 1),
        }
    }
}

fn setting(what: &'static str, value: &str, rule: &'static str) -> S3Error {
    S3Error::Setting { what, value: value.to_owned(), rule }
}

fn is_endpoint(endpoint: &str) -> bool {
    let Ok(uri) = endpoint.parse::<Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    web && host && uri.path() == "/" && uri.query().is_none() && !endpoint.contains('@')
}

/// Without the secret.
impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("endpoint", &self.endpoint)
            .field("access_key", &self.access_key)
            .field("region", &self.signing_region())
            .field("prefix", &self.prefix)
            .field("addressing", &self.addressing)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(endpoint: &str) -> S3Settings {
        S3Settings::new(endpoint.into(), "key".into(), "hidden".into())
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let what = |settings: S3Settings| match settings.build() {
            Err(S3Error::Setting { what, .. }) => what,
            other => panic!("it was answered with {other:?}"),
        };
        for endpoint in [
            "",
            "host:9000",
            "http://",
            "ftp://host",
            "http://host/bucket",
            "http://host?x",
            "http://k:hidden@host",
        ] {
            assert_eq!(what(to(endpoint)), "endpoint", "{endpoint}");
        }
        assert_eq!(
            what(S3Settings::new("http://host".into(), String::new(), "x".into())),
            "access key"
        );
        assert_eq!(
            what(S3Settings::new("http://host".into(), "x".into(), "a\nb".into())),
            "secret key"
        );
        assert_eq!(what(to("http://host").bucket_prefix("Team_")), "bucket prefix");
        assert_eq!(what(to("http://host").region("")), "region");
    }

    #[test]
    fn no_text_shows_a_secret() {
        let settings = to("http://k:hidden@host");
        assert!(!format!("{settings:?}").contains("secret_key"));
        let error = settings.build().expect_err("keys do not belong there");
        assert!(!format!("{error} {error:?}").contains("hidden"));
        let store = to("http://host").build().expect("it is one");
        assert!(!format!("{store:?} {:?}", to("http://host")).contains("hidden"));
    }

    #[test]
    fn the_region_of_aws_is_in_its_name() {
        for (endpoint, region) in [
            ("https://s3.eu-central-1.amazonaws.com", "eu-central-1"),
            ("https://s3.amazonaws.com", "us-east-1"),
            ("http://127.0.0.1:9000", "us-east-1"),
        ] {
            assert_eq!(to(endpoint).signing_region(), region);
        }
        assert_eq!(to("http://127.0.0.1:3900").region("garage").signing_region(), "garage");
    }

    #[test]
    fn a_bucket_is_named_in_the_path_or_in_the_host() {
        assert_eq!(to("http://host:9000/").url_of("b"), "http://host:9000/b");
        assert_eq!(to("https://s3.host").virtual_hosted().url_of("b"), "https://b.s3.host");
    }
}
