//! What a generated builder is made of: its type says which dependencies are set, and once all
//! are, it hands the task over to the generic [`TaskBuilder`].

use std::{future::Future, pin::Pin};

use super::{BuildError, Distributed, TaskBuilder};
use crate::{Task, task::TaskSteps};

/// A dependency that is set.
pub struct Set<V>(pub V);

/// The state of one dependency; only [`Set`] has a value to give.
#[diagnostic::on_unimplemented(
    message = "the dependency `{Self}` is not set",
    label = "call its setter before this"
)]
pub trait Dependency<V> {
    /// The value.
    fn take(self) -> V;
}

impl<V> Dependency<V> for Set<V> {
    fn take(self) -> V {
        self.0
    }
}

/// A generated builder whose dependencies are all set.
pub trait IntoTask {
    /// The struct that it builds. That it has steps is asked here, once.
    type Task: HasSteps;

    /// The struct, with its dependencies.
    fn into_task(self) -> Self::Task;
}

/// A task with steps. It asks for [`TaskSteps`] at second hand: the compiler would list the other
/// tasks that implement it.
#[diagnostic::on_unimplemented(
    message = "the task `{Self}` has no steps",
    label = "no steps",
    note = "put `#[steps]` on the `impl {Self}` block that has the step methods"
)]
pub trait HasSteps: Sized {
    /// `.use_in_process_mode()` of the generated builder.
    fn use_in_process_mode(self) -> TaskBuilder<Self>;
    /// `.use_distributed_mode(..)` of the generated builder.
    fn use_distributed_mode(
        self,
        with: impl FnOnce(Distributed) -> Distributed,
    ) -> TaskBuilder<Self>;
    /// `.build()` of the generated builder.
    fn build(self) -> Building<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: TaskSteps> HasSteps for T {
    fn use_in_process_mode(self) -> TaskBuilder<Self> {
        TaskBuilder::new(self).use_in_process_mode()
    }

    fn use_distributed_mode(
        self,
        with: impl FnOnce(Distributed) -> Distributed,
    ) -> TaskBuilder<Self> {
        TaskBuilder::new(self).use_distributed_mode(with)
    }

    fn build(self) -> Building<Self> {
        Box::pin(TaskBuilder::new(self).build())
    }
}

/// `.use_in_process_mode()` of a generated builder.
pub fn use_in_process_mode<B: IntoTask>(builder: B) -> TaskBuilder<B::Task> {
    builder.into_task().use_in_process_mode()
}

/// `.use_distributed_mode(..)` of a generated builder.
pub fn use_distributed_mode<B: IntoTask>(
    builder: B,
    with: impl FnOnce(Distributed) -> Distributed,
) -> TaskBuilder<B::Task> {
    builder.into_task().use_distributed_mode(with)
}

/// A task on its way up. Boxed, so that a dependency that is not set is told once: the type of an
/// `async fn` would carry the bound to the caller, who would be told again.
pub type Building<T> = Pin<Box<dyn Future<Output = Result<Task<T>, BuildError>> + Send>>;

/// `.build()` of a generated builder.
pub fn build<B: IntoTask>(builder: B) -> Building<B::Task> {
    builder.into_task().build()
}
