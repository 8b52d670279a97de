//! Why a saga is parked, with the names of its steps.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::kernel::{Definition, ParkReason};

/// Why a saga is parked: it waits for code or an operator, and what helps depends on this.
///
/// ```
/// use distributed_task::WhyParked;
///
/// /// Whom to call.
/// fn who(why: &WhyParked) -> &'static str {
///     match why {
///         WhyParked::PivotUnknown { .. } | WhyParked::Exhausted { .. } => "the back office",
///         _ => "the developers",
///     }
/// }
/// let why = WhyParked::Exhausted { step: "charge".into(), error: "timed out".into() };
/// assert_eq!((who(&why), why.step()), ("the back office", Some("charge")));
/// assert_eq!(why.to_string(), "step `charge` used up its tries: timed out");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhyParked {
    /// A value cannot be written or read (E2).
    Undecodable {
        /// The step that reads or returns it; `None` when it is the response that does.
        step: Option<String>,
        /// Which value, and what the codec says.
        error: String,
    },
    /// Code that must not fail panicked (E2).
    Panicked {
        /// The step whose condition it was; `None` is the response.
        step: Option<String>,
        /// The panic message.
        message: String,
    },
    /// A step used up its tries and says `on_exhausted = "park"` (E4).
    Exhausted {
        /// The step.
        step: String,
        /// Its last failure.
        error: String,
    },
    /// Nobody can say whether the pivot happened (P2).
    PivotUnknown {
        /// The pivot.
        step: String,
        /// Its last failure.
        error: String,
    },
    /// Hosts died on it.
    CrashLoop {
        /// So many in a row.
        crashes: u32,
    },
}

impl WhyParked {
    pub(super) fn of(definition: &Definition, reason: &ParkReason) -> Self {
        let name = |step: usize| {
            definition.steps.get(step).map_or_else(|| format!("#{step}"), |at| at.name.to_string())
        };
        match reason {
            ParkReason::Undecodable { step, error } => {
                Self::Undecodable { step: step.map(name), error: error.clone() }
            }
            ParkReason::Panicked { step, message } => {
                Self::Panicked { step: step.map(name), message: message.clone() }
            }
            ParkReason::Exhausted { step, why } => {
                Self::Exhausted { step: name(*step), error: why.to_string() }
            }
            ParkReason::PivotUnknown { why } => Self::PivotUnknown {
                // Only a saga that has one parks for it.
                step: definition.pivot().map(name).unwrap_or_default(),
                error: why.to_string(),
            },
            ParkReason::CrashLoop(crashes) => Self::CrashLoop { crashes: *crashes },
        }
    }

    /// The step that it is about, if it is about one.
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::Undecodable { step, .. } | Self::Panicked { step, .. } => step.as_deref(),
            Self::Exhausted { step, .. } | Self::PivotUnknown { step, .. } => Some(step),
            Self::CrashLoop { .. } => None,
        }
    }
}

impl fmt::Display for WhyParked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecodable { step: Some(step), error } => write!(f, "step `{step}`: {error}"),
            Self::Undecodable { step: None, error } => write!(f, "response: {error}"),
            Self::Panicked { step: Some(step), message } => {
                write!(f, "when of `{step}` panicked: {message}")
            }
            Self::Panicked { step: None, message } => write!(f, "response panicked: {message}"),
            Self::Exhausted { step, error } => {
                write!(f, "step `{step}` used up its tries: {error}")
            }
            Self::PivotUnknown { step, error } => {
                write!(f, "nobody can say whether the pivot `{step}` happened: {error}")
            }
            Self::CrashLoop { crashes } => write!(f, "{crashes} hosts died on it in a row"),
        }
    }
}
