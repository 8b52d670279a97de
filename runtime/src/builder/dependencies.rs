//! What a generated builder is made of: its type says which dependencies are set, and once all
//! are, it hands the task over to the generic [`TaskBuilder`].

use std::{future::Future, pin::Pin};

use super::{BuildError, TaskBuilder};
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
    type Task: TaskSteps;

    /// The struct, with its dependencies.
    fn into_task(self) -> Self::Task;
}

/// `.use_in_process_mode()` of a generated builder.
pub fn use_in_process_mode<B: IntoTask>(builder: B) -> TaskBuilder<B::Task> {
    TaskBuilder::new(builder.into_task()).use_in_process_mode()
}

/// A task on its way up. Boxed, so that a dependency that is not set is told once: the type of an
/// `async fn` would carry the bound to the caller, who would be told again.
pub type Building<T> = Pin<Box<dyn Future<Output = Result<Task<T>, BuildError>> + Send>>;

/// `.build()` of a generated builder.
pub fn build<B: IntoTask>(builder: B) -> Building<B::Task> {
    let builder = TaskBuilder::new(builder.into_task());
    Box::pin(builder.build())
}
