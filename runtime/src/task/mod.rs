//! What a task is made of: the traits and tables that the macros implement and print, what its
//! methods take and return, and the seam behind which the engine sees all tasks alike.

mod answer;
pub(crate) mod call;
mod codecs;
mod context;
pub(crate) mod define;
mod handlers;
mod keeping;
pub(crate) mod limits;
mod message;
mod partial;
mod result;
mod returned;
pub(crate) mod row;
mod run;
mod sentence;
pub(crate) mod table;
mod typed;
#[cfg(feature = "testing")]
pub(crate) mod under_test;

pub use answer::Probe;
pub(crate) use codecs::Codecs;
pub use context::{ProbeContext, StepContext, UndoContext};
pub(crate) use context::{SagaContext, Services, Stop};
pub use handlers::{Handlers, Inputs, Slot, Work};
pub(crate) use keeping::Keeping;
pub use message::{WorkerMessage, WrongTask};
pub use partial::{PartialError, PartialResult};
pub(crate) use result::with_sources;
pub use result::{OrRefuse, Refusal, StepError, StepResult};
pub use table::{Cancellable, TaskDefinition, TaskSteps};
pub(crate) use typed::{ErrorValue, RequestValue, ResponseValue};
pub use typed::{Protobuf, Serde, Typed};
