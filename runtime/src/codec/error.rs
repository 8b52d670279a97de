//! Why a value cannot be written or read.

use thiserror::Error;

use super::BoxError;

/// A value cannot be written or read: machinery, so the saga is parked (E2).
///
/// ```
/// use distributed_task::{codec::{CodecError, Json, decode, encode}, kernel::Value};
///
/// let number = encode(&Json, &Value::journaled(7))?;
/// let error = decode::<String>(&Json, &number).expect_err("it is a number");
/// assert!(matches!(error, CodecError::Decode { codec: "json/1", .. }));
///
/// let handle = Value::ephemeral(std::thread::current());
/// assert!(matches!(encode(&Json, &handle), Err(CodecError::Ephemeral)));
/// # Ok::<_, CodecError>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// An ephemeral value is never written.
    #[error("an ephemeral value cannot be written")]
    Ephemeral,
    /// The codec cannot express the value.
    #[error("the codec {codec} cannot write the value")]
    Encode {
        /// Name of the codec.
        codec: &'static str,
        /// Its own words.
        source: BoxError,
    },
    /// Another codec wrote it.
    #[error("the value was written by the codec `{found}`, which is not {known}")]
    Unknown {
        /// Name in the envelope.
        found: String,
        /// Name of the codec that was asked.
        known: &'static str,
    },
    /// The codec that wrote it is not in this process.
    #[error(
        "the value was written by the codec `{codec}`, which this process does not have: {remedy}"
    )]
    Missing {
        /// Name in the envelope.
        codec: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The bytes are not what they should be.
    #[error("the codec {codec} cannot read a `{type_name}`")]
    Decode {
        /// Name of the codec.
        codec: &'static str,
        /// The Rust type that was wanted.
        type_name: &'static str,
        /// Its own words.
        source: BoxError,
    },
}

impl CodecError {
    /// Nobody here reads what this codec wrote.
    #[cfg(feature = "engine")]
    pub(crate) fn missing(codec: &str) -> Self {
        let newer = "a newer version of `distributed-task` wrote it: bring this process up to date";
        let remedy = match codec.split('/').next() {
            Some("json") => newer,
            Some("protobuf") => {
                "it is a `prost` message, and this code declares its type without `protobuf`"
            }
            Some("msgpack") if cfg!(feature = "msgpack") => newer,
            Some("msgpack") => "enable the feature `msgpack` of `distributed-task`",
            _ => "give it with `.also_read(..)` on the builder",
        };
        Self::Missing { codec: codec.to_owned(), remedy }
    }
}
