//! What a task is made of: the traits and tables that the macros implement and print, what its
//! methods take and return, and the seam behind which the engine sees all tasks alike.

pub(crate) mod call;
mod context;
pub(crate) mod define;
mod handlers;
pub(crate) mod limits;
mod message;
mod result;
mod returned;
pub(crate) mod row;
mod run;
pub(crate) mod table;
mod typed;

pub(crate) use context::{SagaContext, Services, Stop};
pub use context::{StepContext, UndoContext};
pub use handlers::{Handlers, Inputs, Slot, Work};
pub use message::{WorkerMessage, WrongTask};
pub(crate) use result::with_sources;
pub use result::{OrRefuse, Refusal, StepError, StepResult};
pub use table::{Cancellable, TaskDefinition, TaskSteps};
pub(crate) use typed::{ErrorValue, ResponseValue, request_value};
