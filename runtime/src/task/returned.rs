//! What the methods of a task have to return, as bounds that say what to write instead.

use super::{StepError, TaskDefinition};

/// What a method returns: a result with the declared error `E` of its task `T`.
#[diagnostic::on_unimplemented(
    message = "this method returns `{Self}`, and the declared error of its task is `{E}`",
    label = "write `StepResult<{O}, {E}>`",
    note = "`?` turns any error into another try, and `.or_refuse()?` turns one into a refusal",
    note = "`StepResult<T>` is `StepResult<T, Refusal>`; `error = ..` in `#[distributed_task(..)]` declares another error"
)]
pub trait Returned<T, O, E> {
    /// The result itself.
    fn result(self) -> Result<O, StepError<E>>;
}

#[diagnostic::do_not_recommend]
impl<T: TaskDefinition, O, E, R: StepResultOf<O, E>> Returned<T, O, E> for R {
    fn result(self) -> Result<O, StepError<E>> {
        self.itself()
    }
}

/// The one type that it names. [`Returned`] asks for it at second hand, as the compiler shows what
/// else implements a trait.
pub trait StepResultOf<O, E> {
    /// The result itself.
    fn itself(self) -> Result<O, StepError<E>>;
}

#[diagnostic::do_not_recommend]
impl<O, E> StepResultOf<O, E> for Result<O, StepError<E>> {
    fn itself(self) -> Self {
        self
    }
}

/// No task. As long as the compiler has not inferred the task, it could as well be one of these
/// two, so that it neither guesses an error nor complains about it too early.
pub enum Unknown<const N: u8> {}

macro_rules! unknown_task {
    ($($n:literal),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<R, O, E> Returned<Unknown<$n>, O, E> for R {
            fn result(self) -> Result<O, StepError<E>> {
                unreachable!("it is no task")
            }
        }
    )*};
}

unknown_task!(0, 1);

/// Every type is the response `R` that it is itself, and no other.
#[diagnostic::on_unimplemented(
    message = "this method returns `{Self}`, and the response of its task is `{R}`",
    label = "not the response",
    note = "write `response = {Self}` in `#[distributed_task(..)]`, or make a `{R}` of what the steps return, in a `#[response]` method"
)]
pub trait IsResponse<R> {
    /// It, as the response.
    fn response(&self) -> &R;
    /// The same.
    fn into_response(self) -> R;
}

#[diagnostic::do_not_recommend]
impl<R> IsResponse<R> for R {
    fn response(&self) -> &R {
        self
    }

    fn into_response(self) -> R {
        self
    }
}
