//! What a generated builder is made of: its type says which dependencies are set, and once all
//! are, it hands the task over to the generic [`TaskBuilder`].

use std::future::Future;

use super::TaskSteps;
use crate::{BuildError, Task, builder::TaskBuilder};

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
    /// The struct that it builds.
    type Task;

    /// The struct, with its dependencies.
    fn into_task(self) -> Self::Task;
}

/// `.use_in_process_mode()` of a generated builder.
pub fn use_in_process_mode<B: IntoTask<Task: TaskSteps>>(builder: B) -> TaskBuilder<B::Task> {
    TaskBuilder::new(builder.into_task()).use_in_process_mode()
}

/// `.build()` of a generated builder.
pub fn build<B: IntoTask<Task: TaskSteps>>(
    builder: B,
) -> impl Future<Output = Result<Task<B::Task>, BuildError>> {
    TaskBuilder::new(builder.into_task()).build()
}
