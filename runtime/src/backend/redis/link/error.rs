//! What can be wrong with Redis, in words for people.

use std::{sync::Arc, time::Duration};

use redis::{Arg, Cmd, RedisError};
use thiserror::Error;

use super::address::{Place, Way};

/// Why a Redis cannot be used. Nothing was changed there.
///
/// ```
/// use distributed_task::backend::redis::RedisOpenError;
///
/// fn advice(error: &RedisOpenError) -> &'static str {
///     match error {
///         RedisOpenError::Address { .. } => "look at the configuration",
///         RedisOpenError::Unreachable { .. } => "is it running?",
///         _ => "look at the server",
///     }
/// }
/// # let _ = advice;
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RedisOpenError {
    /// The URL cannot be understood.
    #[error(
        "{what}: write redis://[user:password@]host[:port][/database], or unix:///path/of/the/socket"
    )]
    Address {
        /// What is wrong with it.
        what: String,
    },
    /// Nobody answers there, or not to us.
    #[error("{address} cannot be reached: {source}")]
    Unreachable {
        /// Where, without user and password.
        address: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It takes too long.
    #[error("{address} does not answer within {limit:?}")]
    Silent {
        /// Where, without user and password.
        address: String,
        /// How long it was waited for.
        limit: Duration,
    },
}

impl RedisOpenError {
    pub(super) fn not_a_url() -> Self {
        Self::Address { what: "the address of Redis cannot be understood".to_owned() }
    }

    pub(super) fn unreachable(way: &Way, source: RedisError) -> Self {
        Self::Unreachable { address: way.to_string(), source: source.into() }
    }

    pub(super) fn silent(way: &Way, limit: Duration) -> Self {
        Self::Silent { address: way.to_string(), limit }
    }
}

/// Why a call has no result.
#[derive(Clone, Debug, Error)]
pub(crate) enum LinkError {
    /// The server answered with an error, or nothing was sent: nothing was done.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No answer: it may have been done.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

impl LinkError {
    /// Whether the same call may succeed soon without anybody doing anything.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_worth_repeating(),
            Self::Unanswered(_) => true,
        }
    }

    /// The first word of the server's error, `OOM` say.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Unanswered(_) => None,
        }
    }

    pub(super) fn of_script(mut self, name: &'static str) -> Self {
        match &mut self {
            Self::Refused(refused) => name.clone_into(&mut refused.what),
            Self::Unanswered(unanswered) => name.clone_into(&mut unanswered.what),
        }
        self
    }
}

/// Nothing was done.
#[derive(Clone, Debug, Error)]
#[error("{address} refused `{what}`")]
pub(crate) struct Refused {
    what: String,
    address: String,
    source: Option<Arc<RedisError>>,
}

impl Refused {
    pub(super) fn server(command: &Cmd, place: &Place, source: RedisError) -> Self {
        let source = Some(Arc::new(source));
        Self { what: name_of(command), address: place.to_string(), source }
    }

    pub(super) fn away(way: &Way, source: Option<Arc<RedisError>>, _limit: Duration) -> Self {
        Self { what: String::new(), address: way.to_string(), source }
    }

    fn code(&self) -> Option<&str> {
        self.source.as_ref()?.code()
    }

    fn is_worth_repeating(&self) -> bool {
        match self.code() {
            None => true,
            Some(code) => matches!(code, "LOADING" | "READONLY" | "BUSY" | "MASTERDOWN"),
        }
    }
}

/// It may have been done.
#[derive(Clone, Debug, Error)]
#[error("{address} did not answer `{what}`")]
pub(crate) struct Unanswered {
    what: String,
    address: String,
    source: Option<Arc<RedisError>>,
}

impl Unanswered {
    pub(super) fn new(command: &Cmd, place: &Place, source: Option<RedisError>) -> Self {
        let source = source.map(Arc::new);
        Self { what: name_of(command), address: place.to_string(), source }
    }
}

/// The command, without what it is about.
fn name_of(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}
