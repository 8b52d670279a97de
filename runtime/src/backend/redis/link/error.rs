//! What can be wrong with a call, in words for people.

use std::{fmt, io, sync::Arc, time::Duration};

use redis::{Arg, Cmd, ErrorKind, RedisError};
use thiserror::Error;

use super::{
    address::Way,
    advice::{advice, is_elsewhere, will_pass},
    place::Place,
};

/// Why a call has no result.
#[derive(Clone, Debug, Error)]
pub(crate) enum LinkError {
    /// The server answered with an error, or nothing was sent: nothing was done. A script that
    /// fails midway is the exception: what it wrote before stays.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No answer: it may have been done.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

impl LinkError {
    /// Whether the same call may succeed later without a change of this program or its settings.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_worth_repeating(),
            Self::Unanswered(_) => true,
        }
    }

    /// How long to wait before that.
    pub(crate) fn pause(&self) -> Duration {
        match self {
            // A disk or a memory that is full is not mended at once, and a script that ran for
            // seconds runs on.
            Self::Refused(Refused { why: Why::Answer(_), .. }) => Duration::from_millis(500),
            // The call has waited already.
            Self::Refused(_) | Self::Unanswered(_) => Duration::ZERO,
        }
    }

    /// The first word of the server's error, `OOM` say.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => refused.code(),
            Self::Unanswered(_) => None,
        }
    }

    /// Whether the server is there, and is not the one that does this now.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.code().is_some_and(is_elsewhere)
    }

    /// Names the script in the place of the command that runs it.
    pub(super) fn of_script(mut self, name: &'static str) -> Self {
        match &mut self {
            Self::Refused(refused) => name.clone_into(&mut refused.what),
            Self::Unanswered(unanswered) => name.clone_into(&mut unanswered.what),
        }
        self
    }
}

/// Nothing was done.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    what: String,
    address: String,
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    /// It says so.
    Answer(Arc<RedisError>),
    /// There was no connection for so long.
    Away(Duration, Option<Arc<Outage>>),
}

impl Refused {
    pub(super) fn server(command: &Cmd, place: &Place, error: RedisError) -> Self {
        let why = Why::Answer(Arc::new(error));
        Self { what: name_of(command), address: format!("Redis at {place}"), why }
    }

    pub(super) fn away(
        command: &Cmd,
        way: &Way,
        limit: Duration,
        outage: Option<Arc<Outage>>,
    ) -> Self {
        Self { what: name_of(command), address: way.to_string(), why: Why::Away(limit, outage) }
    }

    fn code(&self) -> Option<&str> {
        match &self.why {
            Why::Answer(error) => error.code(),
            Why::Away(..) => None,
        }
    }

    fn is_worth_repeating(&self) -> bool {
        match &self.why {
            Why::Answer(error) => error.code().is_some_and(will_pass),
            Why::Away(_, outage) => outage.as_ref().is_none_or(|outage| !outage.is_for_good()),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, address, why } = self;
        match why {
            Why::Answer(error) => write!(f, "{address} refused `{what}`: {}", Said(error)),
            Why::Away(limit, None) => {
                write!(f, "{address} was away for {limit:?}, so `{what}` was not sent")
            }
            Why::Away(limit, Some(outage)) => {
                write!(f, "{address} was away for {limit:?}, so `{what}` was not sent: {outage}")
            }
        }
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Answer(error) => Some(error),
            Why::Away(_, outage) => outage.as_deref().map(|outage| outage as _),
        }
    }
}

/// It may have been done.
#[derive(Clone, Debug, Error)]
#[error("{address} did not answer `{what}`, which it may have done: {silence}")]
pub(crate) struct Unanswered {
    what: String,
    address: String,
    #[source]
    silence: Silence,
}

/// How an answer did not come.
#[derive(Clone, Debug, Error)]
pub(super) enum Silence {
    /// Not in time.
    #[error("nothing came within {0:?}")]
    Limit(Duration),
    /// The connection is gone.
    #[error("the connection broke{}", .0.as_ref().map(|error| format!(": {error}")).unwrap_or_default())]
    Broken(#[source] Option<Arc<RedisError>>),
    /// Another one was answered meanwhile, and took its place.
    #[error("the connection was silent, and another one was answered")]
    Replaced,
}

impl Unanswered {
    pub(super) fn new(command: &Cmd, place: &Place, silence: Silence) -> Self {
        Self { what: name_of(command), address: format!("Redis at {place}"), silence }
    }
}

/// The command, without what it is about.
fn name_of(command: &Cmd) -> String {
    match command.args_iter().next() {
        Some(Arg::Simple(name)) => String::from_utf8_lossy(name).into_owned(),
        _ => String::new(),
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum Outage {
    /// Nobody is there, or the name leads nowhere.
    #[error("{0}")]
    Unreachable(#[source] io::Error),
    /// The connection broke.
    #[error("{0}")]
    Broken(#[source] RedisError),
    /// It does not let us in.
    #[error("{}", Said(.0))]
    Refused(#[source] RedisError),
    /// Something else is there.
    #[error("what answers there is not Redis")]
    NotRedis,
    /// It has started and is not ready.
    #[error("it is still reading its data after a start")]
    Loading,
    /// Somebody else takes the writes.
    #[error("it is a replica, and takes no writes")]
    Replica,
    /// It takes too long.
    #[error("nothing came within {0:?}")]
    Silent(Duration),
    /// Nobody says where it is.
    #[error("{0}")]
    NoPrimary(String),
}

impl Outage {
    /// Whether somebody has to change something.
    pub(super) fn is_for_good(&self) -> bool {
        matches!(self, Self::Refused(error) if !error.code().is_some_and(will_pass))
    }

    /// Whether a program that starts should wait for it. Nobody waits for a server that is not
    /// there, unless sentinels are about to name another one.
    pub(super) fn is_worth_waiting(&self, is_sentinel: bool) -> bool {
        match self {
            Self::Loading | Self::Silent(_) => true,
            Self::Refused(_) => false,
            Self::Unreachable(_)
            | Self::Broken(_)
            | Self::NotRedis
            | Self::Replica
            | Self::NoPrimary(_) => is_sentinel,
        }
    }
}

impl From<io::Error> for Outage {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

impl From<RedisError> for Outage {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some("LOADING") => Self::Loading,
            Some(_) => Self::Refused(error),
            None => match error.kind() {
                ErrorKind::AuthenticationFailed => Self::Refused(error),
                ErrorKind::Parse => Self::NotRedis,
                _ => Self::Broken(error),
            },
        }
    }
}

/// What a server said, and what to do about it.
pub(super) struct Said<'a>(pub(super) &'a RedisError);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match (error.code(), error.detail()) {
            (Some(code), Some(detail)) => write!(f, "{code} {detail}")?,
            _ => write!(f, "{error}")?,
        }
        let code = match error.kind() {
            ErrorKind::AuthenticationFailed => Some("WRONGPASS"),
            _ => error.code(),
        };
        match code.and_then(advice) {
            Some(advice) => write!(f, ": {advice}"),
            None => Ok(()),
        }
    }
}
