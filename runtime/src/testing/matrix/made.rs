//! How the task of a matrix is made: of defaults, or by a builder.

use std::sync::Arc;

use crate::{
    builder::TaskBuilder,
    task::TaskSteps,
    testing::{host::Make, ledger::EffectLedger},
};

/// By `T::default()`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ByDefault;

/// By the builder that this answers.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ByBuilder<F>(pub(super) F);

/// Makes a `T`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "nobody says how the task `{T}` is put together",
    label = "call `.task(|ledger| ..)` before this",
    note = "`.task(|ledger| {T}::builder()..)` puts it together with its fakes; a task that is `Default` needs none"
)]
pub trait Makes<T: TaskSteps> {
    /// How.
    fn make(self) -> Make<T>;
}

#[diagnostic::do_not_recommend]
impl<T: TaskSteps + Default> Makes<T> for ByDefault {
    fn make(self) -> Make<T> {
        Arc::new(|_| TaskBuilder::new(T::default()).use_in_process_mode())
    }
}

impl<T: TaskSteps, F> Makes<T> for ByBuilder<F>
where
    F: Fn(EffectLedger) -> TaskBuilder<T> + Send + Sync + 'static,
{
    fn make(self) -> Make<T> {
        Arc::new(self.0)
    }
}
