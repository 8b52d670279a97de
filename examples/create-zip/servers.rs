//! The servers that `submit` and `worker` share, as the command line or the environment names them.

use std::env;

use clap::Args;
use distributed_task::{
    BuildError,
    backend::{
        files::{ObjectFiles, S3Error, S3Settings},
        redis::{RedisJournal, RedisOpenError},
    },
    builder::Distributed,
};

use crate::say::sentence;

/// Where the secret is. A command line can be read by everybody on the machine, so it has no place
/// there; a password of Redis can be in `REDIS_URL` as well.
const SECRET: &str = "S3_SECRET_KEY";

#[derive(Args)]
#[command(next_help_heading = "Servers")]
pub(crate) struct Servers {
    /// Redis, such as redis://127.0.0.1:6379/. Others can read command lines: one with a password
    /// belongs into the variable
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,

    /// The S3 server, such as http://127.0.0.1:9000. Its secret key is in S3_SECRET_KEY
    #[arg(long, value_name = "ENDPOINT", env = "S3_ENDPOINT")]
    s3: Option<String>,

    /// Its access key
    #[arg(long, value_name = "KEY", env = "S3_ACCESS_KEY")]
    access_key: Option<String>,

    /// Its region, if it insists on one: Garage has `garage`
    #[arg(long, value_name = "NAME", env = "S3_REGION")]
    region: Option<String>,

    /// What the names of the buckets begin with, where others have buckets too
    #[arg(
        long,
        value_name = "TEXT",
        env = "S3_BUCKET_PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    bucket_prefix: String,

    /// What the keys in Redis begin with: who names the same works together
    #[arg(long, value_name = "NAME", env = "CREATE_ZIP_NAMESPACE", default_value = "create-zip")]
    namespace: String,
}

/// The same, complete.
pub(crate) struct Shared {
    pub(crate) files: S3Settings,
    pub(crate) distributed: Distributed,
}

impl Servers {
    /// What they are, or what is missing, in one line.
    pub(crate) fn shared(self) -> Result<Shared, String> {
        let redis = given(self.redis).ok_or(
            "name Redis with --redis URL, such as redis://127.0.0.1:6379/, or in REDIS_URL",
        )?;
        let endpoint = given(self.s3).ok_or(
            "name the S3 server with --s3 ENDPOINT, such as http://127.0.0.1:9000, or in S3_ENDPOINT",
        )?;
        let access_key = given(self.access_key).ok_or(
            "name the access key of the S3 server with --access-key KEY or in S3_ACCESS_KEY",
        )?;
        let secret_key = given(env::var(SECRET).ok()).ok_or_else(|| {
            format!("set {SECRET} in the environment to the secret key of `{access_key}`")
        })?;
        let mut files = ObjectFiles::s3(endpoint, access_key, secret_key);
        if let Some(region) = given(self.region) {
            files = files.region(region);
        }
        if !self.bucket_prefix.is_empty() {
            files = files.bucket_prefix(self.bucket_prefix);
        }
        let journal = RedisJournal::builder(redis).namespace(self.namespace);
        let distributed = Distributed::default().redis_with(journal).s3_with(files.clone());
        Ok(Shared { files, distributed })
    }
}

/// A variable that is empty names nothing.
fn given(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// Why the servers cannot be used, in their own words: each says what is wrong, where, and what to
/// do about it.
#[derive(Debug, thiserror::Error)]
#[error("{line}")]
pub(crate) struct Unusable {
    line: String,
    /// Whether another command line would help.
    pub(crate) is_mistake: bool,
}

impl From<BuildError> for Unusable {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Redis { source, .. } => {
                let is_mistake = matches!(
                    *source,
                    RedisOpenError::Address { .. } | RedisOpenError::Setting { .. }
                );
                Self { line: source.to_string(), is_mistake }
            }
            BuildError::S3 { source, .. } => source.into(),
            BuildError::Bucket { source, .. } => {
                Self { line: sentence(&source), is_mistake: false }
            }
            other => Self { line: other.to_string(), is_mistake: false },
        }
    }
}

impl From<S3Error> for Unusable {
    fn from(error: S3Error) -> Self {
        let is_mistake = matches!(error, S3Error::Setting { .. });
        Self { line: error.to_string(), is_mistake }
    }
}
