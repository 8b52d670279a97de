//! What a step returns that can do a part of its work.

use std::{error::Error, time::Duration};

use super::{Refusal, StepError};

/// What a step returns that can do a part of its work.
///
/// `T` is the output of the step, and also describes the part: the undo of the step gets it as
/// [`Outcome::Partial`](crate::kernel::Outcome::Partial). Only a step with `compensate` or
/// `no_undo` returns it: a pivot happens or not, and what comes after it is not undone.
///
/// See [`PartialError`] for an example.
pub type PartialResult<T, E = Refusal> = Result<T, PartialError<T, E>>;

/// Why an attempt of a step returned no output, or not all of it (E1).
///
/// It is a [`StepError`] with one more case, and the question mark operator does the same: any error
/// is [`Retry`](Self::Retry), and `.or_refuse()?` is [`Refused`](Self::Refused).
///
/// ```
/// use distributed_task::{PartialError, prelude::*};
/// # use std::sync::{Arc, Mutex};
///
/// # #[derive(Clone, Default)]
/// # struct Mailer(Arc<Mutex<Vec<String>>>);
/// # impl Mailer {
/// #     async fn invite(&self, guest: &str) -> Result<(), &'static str> {
/// #         if !guest.contains('@') { return Err("no address"); }
/// #         self.0.lock().expect("nobody panics").push(guest.to_owned());
/// #         Ok(())
/// #     }
/// #     async fn disinvite(&self, guest: &str) -> std::io::Result<()> {
/// #         self.0.lock().expect("nobody panics").retain(|invited| invited != guest);
/// #         Ok(())
/// #     }
/// # }
/// #[distributed_task(request = Vec<String>, response = Vec<String>)]
/// struct Party {
///     mailer: Mailer,
/// }
///
/// #[steps]
/// impl Party {
///     #[step(compensate = disinvite)]
///     async fn invite(&self, request: &[String]) -> PartialResult<Vec<String>> {
///         let mut invited = Vec::new();
///         for guest in request {
///             match self.mailer.invite(guest).await {
///                 Ok(()) => invited.push(guest.clone()),
///                 Err(why) => {
///                     let refusal = Refusal::new("no_address", format!("{guest}: {why}"));
///                     return Err(PartialError::partial(invited, refusal));
///                 }
///             }
///         }
///         Ok(invited)
///     }
///
///     async fn disinvite(
///         &self,
///         request: &[String],
///         invite: Outcome<&Vec<String>>,
///     ) -> StepResult<()> {
///         // Nobody knows who was invited: then it is all, or some.
///         for guest in invite.value().map_or(request, |invited| invited) {
///             self.mailer.disinvite(guest).await?;
///         }
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mailer = Mailer::default();
/// let party = Party::builder().mailer(mailer.clone()).use_in_process_mode().build().await?;
/// let outcome = party.submit(vec!["eve@here".into(), "mallory".into()]).await?.outcome().await?;
/// assert!(matches!(outcome, SagaOutcome::Compensated { .. }));
/// # assert!(mailer.0.lock().expect("nobody panics").is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum PartialError<T, E = Refusal> {
    /// The attempt failed and does not deny that it had an effect: try again.
    Retry {
        /// What went wrong.
        source: Box<dyn Error + Send + Sync>,
        /// The wait that the other side asked for; the back-off of the step otherwise.
        after: Option<Duration>,
    },
    /// A declared error; the step asserts that no effect of it remains.
    Refused(E),
    /// A declared error; the step asserts that this part of its work was done, and no more.
    Partial {
        /// The part.
        done: T,
        /// Why not all.
        error: E,
    },
}

impl<T, E> PartialError<T, E> {
    /// Asks for another try, as `?` does.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry { source: source.into(), after: None }
    }

    /// Declares the error `error` and asserts that no effect of the step remains.
    pub fn refuse(error: E) -> Self {
        Self::Refused(error)
    }

    /// Declares the error `error` and asserts that `done` was done, and no more.
    pub fn partial(done: T, error: E) -> Self {
        Self::Partial { done, error }
    }

    /// Asks to wait this long before the next try. A declared error stays as it is.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        match self {
            Self::Retry { source, .. } => Self::Retry { source, after: Some(wait) },
            declared => declared,
        }
    }
}

// This is what `?` uses, as it does for `StepError`.
impl<T, E, S: Into<Box<dyn Error + Send + Sync>>> From<S> for PartialError<T, E> {
    fn from(source: S) -> Self {
        Self::retry(source)
    }
}

impl<T, E> From<StepError<E>> for PartialError<T, E> {
    fn from(error: StepError<E>) -> Self {
        match error {
            StepError::Retry { source, after } => Self::Retry { source, after },
            StepError::Refused(error) => Self::Refused(error),
        }
    }
}

impl<T> From<Refusal> for PartialError<T> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OrRefuse, StepResult};

    fn step(text: &str) -> StepResult<u32> {
        Ok(text.parse()?)
    }

    fn half(text: &str) -> PartialResult<u32> {
        let number = match text {
            "declared" => Err("declared").or_refuse_with(|why| Refusal::new("no", why))?,
            "refused" => Err(Refusal::new("no", "refused"))?,
            "half" => Err(PartialError::partial(2, Refusal::new("half", "half")))?,
            "later" => Err(PartialError::retry("busy").after(Duration::from_secs(9)))?,
            "step" => step(text)?,
            number => number.parse()?,
        };
        Ok(number)
    }

    #[test]
    fn the_question_mark_tries_again_refuses_what_is_declared_and_keeps_the_part() {
        assert_eq!(half("7").expect("a number"), 7);
        for again in ["seven", "step"] {
            assert!(matches!(half(again), Err(PartialError::Retry { after: None, .. })), "{again}");
        }
        for refused in ["declared", "refused"] {
            assert!(matches!(half(refused), Err(PartialError::Refused(_))), "{refused}");
        }
        assert!(matches!(half("half"), Err(PartialError::Partial { done: 2, .. })));
        let later = half("later");
        assert!(
            matches!(later, Err(PartialError::Retry { after: Some(wait), .. }) if wait.as_secs() == 9)
        );
    }
}
