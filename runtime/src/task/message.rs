//! The message that wakes a worker of one task.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Serialize};

use super::TaskSteps;
use crate::{kernel::SagaId, queue::Ticket};

/// What a queue brings to a worker of the task `T`: which saga needs an owner (V7).
///
/// It holds no state of the saga; the journal does. The macros alias it as `<Task>WorkerMessage`.
///
/// ```
/// use distributed_task::{WrongTask, prelude::*, queue::Ticket};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ticket = Ticket {
///     saga: "0192f0c1-0000-7000-8000-000000000000".parse()?,
///     task: "double".into(),
///     definition: "9b0f2d51c6a44f0b8f5a0c6a1d2e3f40".into(),
/// };
/// let message = DoubleWorkerMessage::try_from(ticket.clone())?;
/// assert_eq!(message.saga(), ticket.saga);
///
/// let other = Ticket { task: "book-trip".into(), ..ticket };
/// let wrong: Result<DoubleWorkerMessage, WrongTask> = other.try_into();
/// assert_eq!(wrong.expect_err("it is no `double`").found, "book-trip");
/// # Ok(())
/// # }
/// ```
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerMessage<T> {
    ticket: Ticket,
    #[serde(skip)]
    task: PhantomData<fn() -> T>,
}

/// A ticket that belongs to another task.
///
/// See [`WorkerMessage`] for an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is for the task `{found}`, not for `{expected}`")]
pub struct WrongTask {
    /// The task of the worker.
    pub expected: &'static str,
    /// The task that the message names.
    pub found: String,
}

impl<T: TaskSteps> WorkerMessage<T> {
    /// The saga that needs an owner.
    pub fn saga(&self) -> SagaId {
        self.ticket.saga
    }
}

impl<T: TaskSteps> TryFrom<Ticket> for WorkerMessage<T> {
    type Error = WrongTask;

    fn try_from(ticket: Ticket) -> Result<Self, WrongTask> {
        if ticket.task != T::TASK.name {
            return Err(WrongTask { expected: T::TASK.name, found: ticket.task });
        }
        Ok(Self { ticket, task: PhantomData })
    }
}

impl<T> From<WorkerMessage<T>> for Ticket {
    fn from(message: WorkerMessage<T>) -> Self {
        message.ticket
    }
}

impl<T> Clone for WorkerMessage<T> {
    fn clone(&self) -> Self {
        Self { ticket: self.ticket.clone(), task: PhantomData }
    }
}

impl<T> fmt::Debug for WorkerMessage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerMessage").field(&self.ticket).finish()
    }
}
