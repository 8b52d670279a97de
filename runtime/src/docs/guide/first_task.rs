//! The first task: a struct, its steps, a builder, a saga.
//!
//! A *task* is a struct with two attributes. `#[distributed_task]` on the struct says who it is:
//! what a run starts with, what it answers, its limits. `#[steps]` on an `impl` block says what it
//! does: each method with `#[step]` is a step, and they run in source order. One run of a task is a
//! *saga*.
//!
//! ```
//! use distributed_task::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order {
//!     article: String,
//!     pieces: u32,
//! }
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Invoice {
//!     text: String,
//! }
//!
//! /// Prices an order and writes its invoice.
//! #[distributed_task(request = Order, response = Invoice)]
//! struct WriteInvoice {
//!     cents_each: u32, // a dependency: set on the builder
//! }
//!
//! #[steps]
//! impl WriteInvoice {
//!     #[step(read_only)]
//!     async fn price(&self, request: &Order) -> u32 {
//!         request.pieces * self.cents_each
//!     }
//!
//!     #[step(read_only)]
//!     async fn write(&self, request: &Order, price: &u32) -> Invoice {
//!         let Order { article, pieces } = request;
//!         Invoice { text: format!("{pieces} {article}: {price} cents") }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let invoices = WriteInvoice::builder().cents_each(25).use_in_process_mode().build().await?;
//!
//! let saga = invoices.submit(Order { article: "stamps".into(), pieces: 4 }).await?;
//! let SagaOutcome::Completed(invoice) = saga.outcome().await? else { panic!("nothing refuses") };
//! assert_eq!(invoice.text, "4 stamps: 100 cents");
//! # Ok(())
//! # }
//! ```
//!
//! # Values flow by name
//!
//! A parameter named like an earlier step is that step's output, lent: `price: &u32` above.
//! `request` is the request, `cx` the [context](crate::StepContext). A name that no earlier step has
//! is a compile error that names the closest one; a type that does not fit is one on that very type.
//! A leading underscore is ignored when names are matched, `&[T]` and `&str` may stand for `&Vec<T>`
//! and `&String`, and the output of a step that [may be skipped](super::flow) is an `Option<&T>`.
//!
//! # What values must be able to do
//!
//! Outputs go into the journal, so they are `Serialize + DeserializeOwned + Send + Sync + 'static`;
//! add `serde` with its `derive` feature to your dependencies. In one process they are handed over
//! without being serialised. A debug build makes one round trip through JSON all the same, so that a
//! type that would break on a journal outside of the process breaks on the laptop. A response is
//! `Clone` besides.
//!
//! A `read_only` step may be `ephemeral`: its output lives with the worker, needs no serde and is
//! not journaled. An open file or a connection is such a thing. Whoever resumes the saga runs the
//! step again.
//!
//! # Async or not
//!
//! An `async fn` runs on the runtime. A plain `fn` runs on the pool for blocking work, so it may
//! compute or read files for as long as it needs.
//!
//! # The response
//!
//! A method with `#[response]` makes it of what it names. It cannot fail, and it must be a pure
//! function: what it sees is all it may use. Where the last step stands alone, always runs and returns
//! the response, its output is the response and the method may be left out.
//!
//! # The builder
//!
//! Each field of the struct is a dependency with a setter of its name, in any order; a missing one is
//! a compile error. `.use_in_process_mode()` leaves it for the generic
//! [`TaskBuilder`](crate::builder::TaskBuilder), which has [everything else](super::modes). The macros
//! also make `WriteInvoiceBuilder`, `WriteInvoiceHandle`, `WriteInvoiceOutcome`,
//! `WriteInvoiceOrchestrator` and `WriteInvoiceWorkerMessage`, so that no signature of yours needs a
//! generic argument.
