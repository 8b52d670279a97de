//! What the methods of a task have to return, as bounds that say what to write instead.

use super::{PartialError, Probe, StepError, TaskDefinition};

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

/// What a method returns that can do a part of its work.
#[diagnostic::on_unimplemented(
    message = "this method returns `{Self}`, and the declared error of its task is `{E}`",
    label = "write `PartialResult<{O}, {E}>`",
    note = "`?` turns any error into another try, `.or_refuse()?` turns one into a refusal, and `PartialError::partial` says what was done",
    note = "`PartialResult<T>` is `PartialResult<T, Refusal>`; `error = ..` in `#[distributed_task(..)]` declares another error"
)]
pub trait InPart<T, O, E> {
    /// The result itself.
    fn in_part(self) -> Result<O, PartialError<O, E>>;
}

#[diagnostic::do_not_recommend]
impl<T: TaskDefinition, O, E, R: PartialResultOf<O, E>> InPart<T, O, E> for R {
    fn in_part(self) -> Result<O, PartialError<O, E>> {
        self.itself()
    }
}

/// The one type that it names, as [`StepResultOf`] does.
pub trait PartialResultOf<O, E> {
    /// The result itself.
    fn itself(self) -> Result<O, PartialError<O, E>>;
}

#[diagnostic::do_not_recommend]
impl<O, E> PartialResultOf<O, E> for Result<O, PartialError<O, E>> {
    fn itself(self) -> Self {
        self
    }
}

/// What a probe returns: a result of what it found out about an `O`.
#[diagnostic::on_unimplemented(
    message = "this probe returns `{Self}`, and its step gives `{O}`, in a task whose declared error is `{E}`",
    label = "write `StepResult<Probe<{O}>, {E}>`",
    note = "`Probe::Happened` has what the step returned; `?` asks the probe again"
)]
pub trait Answered<T, O, E> {
    /// The result itself.
    fn answer(self) -> Result<Probe<O>, StepError<E>>;
}

#[diagnostic::do_not_recommend]
impl<T: TaskDefinition, O, E, R: StepResultOf<Probe<O>, E>> Answered<T, O, E> for R {
    fn answer(self) -> Result<Probe<O>, StepError<E>> {
        self.itself()
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

        #[diagnostic::do_not_recommend]
        impl<R, O, E> InPart<Unknown<$n>, O, E> for R {
            fn in_part(self) -> Result<O, PartialError<O, E>> {
                unreachable!("it is no task")
            }
        }

        #[diagnostic::do_not_recommend]
        impl<R, O, E> Answered<Unknown<$n>, O, E> for R {
            fn answer(self) -> Result<Probe<O>, StepError<E>> {
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
