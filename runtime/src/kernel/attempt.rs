//! How one attempt of a step, or of its undo, ends (E1).

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::Value;

/// The end of one attempt.
///
/// ```
/// use distributed_task::kernel::{AttemptEnd, Doubt, Refused, Value};
///
/// /// What the answer of another service means: a receipt, a status code, or nothing in time.
/// fn end(answer: Option<Result<String, u16>>) -> AttemptEnd {
///     match answer {
///         Some(Ok(receipt)) => AttemptEnd::Done(Value::journaled(receipt)),
///         Some(Err(code @ 400..500)) => {
///             let message = format!("refused with {code}");
///             AttemptEnd::Refused(Refused { error: Value::journaled(code), message })
///         }
///         Some(Err(code)) => {
///             AttemptEnd::Retry { error: format!("failed with {code}"), after: None }
///         }
///         None => AttemptEnd::Unknown(Doubt::TimedOut),
///     }
/// }
/// assert!(matches!(end(Some(Err(409))), AttemptEnd::Refused(_)));
/// assert!(matches!(end(None), AttemptEnd::Unknown(_)));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It returned its output. The value of an undo is `()`.
    Done(Value),
    /// It returned an error that does not deny the effect: try again.
    Retry {
        /// What went wrong, with its sources.
        error: String,
        /// The wait that the other side asked for.
        after: Option<Duration>,
    },
    /// It returned a declared error and asserts that no effect remains.
    Refused(Refused),
    /// It returned a declared error after a part of its work: an effect remains, which the value
    /// describes.
    Partial(Refused, Value),
    /// Nobody can say whether it happened.
    Unknown(Doubt),
    /// A probe says that no attempt had an effect.
    DidNot,
    /// A probe cannot say it either.
    CannotTell,
    /// Its output cannot be journaled, or its inputs cannot be read: machinery, so the saga is
    /// parked (E2).
    Undecodable(String),
}

/// A declared error: the typed value, and the sentence it prints.
///
/// See [`AttemptEnd`] for an example.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The `E` of the task.
    pub error: Value,
    /// Its `Display`.
    pub message: String,
}

/// Why nobody can say whether an attempt happened.
///
/// ```
/// use distributed_task::kernel::Doubt;
///
/// assert_eq!(Doubt::Panicked("out of range".into()).to_string(), "panicked: out of range");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// It ran longer than its `timeout`.
    TimedOut,
    /// It ran longer than its `timeout`, was told to stop, and still runs on its thread. It is taken
    /// to be over when its `timeout` has passed once more (C3); a success of it counts whenever it
    /// comes (J5).
    StillRuns,
    /// It panicked, with this message.
    Panicked(String),
    /// It was told to stop, and was ended when its grace was over.
    Interrupted,
    /// Its host is gone.
    HostLost,
    /// It returned this error, which does not deny the effect (E4).
    Failed(String),
    /// Its output cannot be written, or what it reads cannot be read, and the saga goes back anyway:
    /// what the codec says.
    Undecodable(String),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::StillRuns => f.write_str("timed out, and its thread does not stop"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::HostLost => f.write_str("its host is gone"),
            Self::Failed(error) | Self::Undecodable(error) => f.write_str(error),
        }
    }
}
