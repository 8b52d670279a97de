//! What the methods of a task return: an output, an error that asks for another try, or a refusal.

use std::{error::Error, fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// What a step that can fail returns.
///
/// `E` is the declared error of the task: `error = ..` of `#[distributed_task]`, [`Refusal`]
/// unless it says otherwise.
///
/// See [`StepError`] for an example.
pub type StepResult<T, E = Refusal> = Result<T, StepError<E>>;

/// Why an attempt of a step returned no output (E1).
///
/// The question mark operator turns every error into [`Retry`](Self::Retry); only a refusal,
/// which asserts that no effect remains, has to be asked for.
///
/// ```
/// use distributed_task::{OrRefuse, Refusal, StepResult};
///
/// fn reserve(stock: &str, wanted: u32) -> StepResult<u32> {
///     let stock: u32 = stock.parse()?; // another try may read a better answer
///     stock.checked_sub(wanted).ok_or("sold out").or_refuse_with(|e| Refusal::new("no_stock", e))
/// }
///
/// assert!(reserve("7", 3).is_ok());
/// assert!(reserve("7", 8).is_err());
/// ```
#[derive(Debug)]
pub enum StepError<E = Refusal> {
    /// The attempt failed and does not deny that it had an effect: try again.
    Retry {
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
        /// The wait that the other side asked for; the back-off of the step otherwise.
        after: Option<Duration>,
    },
    /// A declared error; the step asserts that no effect of it remains.
    Refused(E),
}

impl<E> StepError<E> {
    /// Asks for another try, as `?` does.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry { source: source.into(), after: None }
    }

    /// Declares the error `error` and asserts that no effect of the step remains.
    pub fn refuse(error: E) -> Self {
        Self::Refused(error)
    }

    /// Asks to wait this long before the next try. A refusal stays as it is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use distributed_task::{StepError, StepResult};
    ///
    /// fn poll() -> StepResult<()> {
    ///     Err(StepError::retry("the printer is warming up").after(Duration::from_secs(20)))
    /// }
    /// # assert!(poll().is_err());
    /// ```
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        match self {
            Self::Retry { source, .. } => Self::Retry { source, after: Some(wait) },
            refused @ Self::Refused(_) => refused,
        }
    }
}

// This is what `?` uses. `StepError` does not implement `Error` itself: it would be a source of
// itself, and the two ways to convert it would collide.
impl<E, S: Into<Box<dyn Error + Send + Sync>>> From<S> for StepError<E> {
    fn from(source: S) -> Self {
        Self::retry(source)
    }
}

impl From<Refusal> for StepError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The declared error of a task that names no `error` of its own.
///
/// It does not implement [`Error`], so that `?` can only mean what the name says: refuse.
///
/// ```
/// use distributed_task::{Refusal, StepResult};
///
/// fn check(age: u32) -> StepResult<()> {
///     if age < 18 {
///         Err(Refusal::new("too_young", format!("{age} is under 18")))?;
///     }
///     Ok(())
/// }
///
/// assert!(check(12).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs: a short word such as `no_stock`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// A refusal with a code for programs and a message for people.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// Turns the error of a `Result` into a refusal; without it, `?` means *try again*.
///
/// ```
/// use distributed_task::{OrRefuse, Refusal, StepError, StepResult};
///
/// fn amount(text: &str) -> StepResult<u32> {
///     // Another try would read the same.
///     text.parse::<u32>().or_refuse_with(|error| Refusal::new("bad_amount", error.to_string()))
/// }
///
/// assert!(matches!(amount("7"), Ok(7)));
/// assert!(matches!(amount("x"), Err(StepError::Refused(why)) if why.code == "bad_amount"));
/// ```
pub trait OrRefuse<T, X> {
    /// Refuses with the error itself, or with what the declared error of the task makes of it.
    ///
    /// # Errors
    /// [`StepError::Refused`] where `self` is an error.
    ///
    /// ```
    /// use distributed_task::{OrRefuse, StepResult};
    ///
    /// struct BadAmount(std::num::ParseIntError);
    ///
    /// impl From<std::num::ParseIntError> for BadAmount {
    ///     fn from(error: std::num::ParseIntError) -> Self {
    ///         Self(error)
    ///     }
    /// }
    ///
    /// fn amount(text: &str) -> StepResult<u32, BadAmount> {
    ///     Ok(text.parse::<u32>().or_refuse()?)
    /// }
    ///
    /// assert!(amount("none").is_err());
    /// ```
    fn or_refuse<E: From<X>>(self) -> StepResult<T, E>;

    /// Refuses with what `declare` makes of the error.
    ///
    /// # Errors
    /// [`StepError::Refused`] where `self` is an error.
    fn or_refuse_with<E>(self, declare: impl FnOnce(X) -> E) -> StepResult<T, E>;
}

impl<T, X> OrRefuse<T, X> for Result<T, X> {
    fn or_refuse<E: From<X>>(self) -> StepResult<T, E> {
        self.or_refuse_with(E::from)
    }

    fn or_refuse_with<E>(self, declare: impl FnOnce(X) -> E) -> StepResult<T, E> {
        self.map_err(|error| StepError::Refused(declare(error)))
    }
}

/// An error and its sources in one line. A source that its parent already quotes is not repeated.
pub(crate) fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn the_text_of_an_error_names_each_source_once() {
        let disk = Layer { text: "disk full", source: None };
        let write = Layer { text: "cannot write: disk full", source: Some(Box::new(disk)) };
        let pack = Layer { text: "cannot pack", source: Some(Box::new(write)) };
        assert_eq!(with_sources(&pack), "cannot pack: cannot write: disk full");
    }

    #[test]
    fn a_refusal_keeps_its_meaning_when_it_is_told_to_wait() {
        let refused: StepError = StepError::refuse(Refusal::new("no", "no")).after(Duration::ZERO);
        assert!(matches!(refused, StepError::Refused(_)));
    }
}
