//! The macros of `distributed-task`. Use them through that crate, which re-exports them and has
//! the compiled examples; this page is their reference.
//!
//! | macro | stands on | says |
//! | --- | --- | --- |
//! | [`macro@distributed_task`] | a struct | who the task is; its fields are the dependencies |
//! | [`macro@steps`] | the `impl` of the struct | what the task does |
//! | [`macro@step`] | a method in that `impl` | one step, and how it is undone |
//! | [`macro@file_upload_step`] | a method in that `impl` | one step that uploads files |
//! | [`macro@response`] | a method in that `impl` | how the response is made |
//!
//! Durations are written `"500ms"`, `"30s"`, `"10m"` or `"2h"`.
//!
//! The way through the code is the same for both macros that print: parse → model → check →
//! expand. Mistakes are collected on the way and told all at once; `expand` cannot fail.

mod attr;
mod diag;
mod fallback;
mod lints;
mod names;
mod owned;
mod period;
#[cfg(test)]
mod snapshots;
mod steps;
mod task;

use proc_macro::TokenStream;

/// Makes a struct a task. Its methods become the steps under [`macro@steps`].
///
/// ```text
/// #[distributed_task(
///     request = ShipOrder, response = Shipped, error = ShipError,
///     queue = "orders", max_retries = 5, timeout = "1h", cancellable,
/// )]
/// pub struct ShipOrders {
///     bank: Bank,          // a dependency: `ShipOrders::builder().bank(..)`
///     carrier: Carrier,
/// }
/// ```
///
/// # Arguments
///
/// All are optional.
///
/// | argument | meaning | without it |
/// | --- | --- | --- |
/// | `name = "ship-orders"` | identity of the task, kebab-case; part of every key | the name of the struct in kebab-case |
/// | `request = Type` | what a saga starts with | `()` |
/// | `response = Type` | what a completed saga answers; `Clone` | `()` |
/// | `error = Type` | what steps refuse with; `Clone + Display` | `Refusal` |
/// | `mode = "in_process"` or `"distributed"` | where `.build()` starts it, unless the builder says otherwise | `"in_process"` |
/// | `queue = "orders"` | queue of its workers, kebab-case | the name |
/// | `max_retries = 5` | tries after the first, for steps that do not say their own | 3 |
/// | `timeout = "1h"` | deadline of a saga; limit of an attempt where the step names none | no deadline; 10 minutes an attempt |
/// | `cancellable` | sagas have `cancel()` | they cannot be cancelled |
/// | `durability = "volatile"`, `"process"` or `"fsync"` | what its journal survives at least, or `.build()` is an error | any journal; one that may lose its last records is refused where there is a `pivot` or an `at_most_once` step |
/// | `singleton = "nightly-report"` | no two sagas run at a time, in whichever processes: a second one is refused, or waits (O6); tasks that share a name count as one | any number of sagas run at a time |
/// | `hold_at_least = "10m"` | beside `singleton`: no other saga starts until that long after one was started, however soon it is over; up to `"24h"`; tasks that share the name say the same. How long one runs at most is what `timeout` says | the next one may start when it is over |
/// | `protobuf` | request and response are `prost` messages, and are written as Protobuf | they are what serde makes of them |
/// | `crate = path` | path of the runtime, where it is renamed or re-exported | `::distributed_task` |
///
/// Request, response and error are `Serialize + DeserializeOwned + Send + Sync + 'static`. With
/// `protobuf`, request and response are `prost::Message + Default`; so are `()`, `String`, `bool`,
/// numbers of 32 and 64 bits, and bytes.
///
/// # The struct
///
/// It has named fields or none, no generics, and is `Send + Sync + 'static`. A dependency can have
/// any name but `build`, `use_in_process_mode` and `use_distributed_mode`.
///
/// # What it prints
///
/// For a struct `ShipOrders`, with the visibility of the struct:
///
/// - `ShipOrders::builder()` and the `ShipOrdersBuilder`, with one setter for each field in any
///   order. `.build()`, `.use_in_process_mode()` and `.use_distributed_mode(..)` exist once all are
///   called.
/// - `ShipOrders::WORKER_QUEUE`.
/// - The aliases `ShipOrdersOrchestrator` (`Task<ShipOrders>`), `ShipOrdersHandle`
///   (`SagaHandle<ShipOrders>`), `ShipOrdersOutcome` (`SagaOutcome<ShipOrders>`) and
///   `ShipOrdersWorkerMessage` (`WorkerMessage<ShipOrders>`).
#[proc_macro_attribute]
pub fn distributed_task(args: TokenStream, item: TokenStream) -> TokenStream {
    task::distributed_task(args.into(), item.into()).into()
}

/// Makes the methods of an `impl` block the steps of a task, in source order.
///
/// ```text
/// #[steps]
/// impl ShipOrders {
///     #[step(compensate = release)]
///     async fn hold(&self, cx: &StepContext, request: &ShipOrder) -> StepResult<Hold> { .. }
///
///     async fn release(&self, cx: &UndoContext, hold: Outcome<&Hold>) -> StepResult<()> { .. }
///
///     #[step(pivot)]
///     async fn charge(&self, cx: &StepContext, hold: &Hold) -> StepResult<Receipt> { .. }
///
///     #[response]
///     fn respond(&self, charge: &Receipt) -> Shipped { .. }
/// }
/// ```
///
/// Methods without an attribute are left alone; they may be conditions, undos or helpers. The names
/// `builder` and `WORKER_QUEUE` are those of [`macro@distributed_task`]. The only argument is
/// `crate = path`, as there.
///
/// # Parameters are found by name
///
/// | parameter | is |
/// | --- | --- |
/// | `request: &Request` | the request |
/// | `cx: &StepContext` | the context: key, attempt, progress, files, cancellation |
/// | `hold: &Hold` | the output of the earlier step `hold` |
/// | `warn: Option<&Mail>` | the output of a step that may be skipped |
///
/// A leading `_` is ignored when names are matched, `r#type` is step `type`, and `mut x` is
/// allowed; there are no other patterns, no `impl Trait` and no generics. `&[T]` and `&str` may
/// stand for `&Vec<T>` and `&String`, in an `Option` and an `Outcome` as well. Steps of one group do
/// not see each other.
///
/// # What a method returns
///
/// `StepResult<T>`, or a `Result<T, _>` of the same error, is a step that can fail; its output is
/// `T`. So is `PartialResult<T>`, for a step with `compensate` or `no_undo` that can do a part of its
/// work. Any other type is the output itself. An `async fn` runs on the runtime, a plain `fn` on the
/// blocking pool. An output is `Serialize + DeserializeOwned + Send + Sync + 'static`; an ephemeral
/// one needs no serde.
///
/// # Conditions
///
/// `fn f(&self, ..) -> bool`, plain and pure. It takes what its step could take, but no `cx` and no
/// ephemeral output. It is evaluated once, and its verdict is journaled.
///
/// # Undos
///
/// `async fn f(&self, cx: &UndoContext, hold: Outcome<&Hold>, ..) -> StepResult<()>`, or a plain
/// `fn`. `cx` and the output of the step itself may be left out. The latter is an `Outcome`, as a
/// step that timed out may have happened or not. An undo may also take what its step could take,
/// except ephemeral outputs.
///
/// # Probes
///
/// `async fn f(&self, cx: &ProbeContext, ..) -> StepResult<Probe<T>>`, or a plain `fn`, where `T` is
/// the output of the step. It may take what its step could take, except ephemeral outputs. It is
/// asked whenever nobody knows whether an attempt of the step happened, before the step is tried
/// again or undone.
///
/// # Limits of time
///
/// Where the task has a `timeout`, this does not compile: a step up to the pivot whose own `timeout`
/// and waits, times its tries, take longer, and such steps in a row that do. What nobody said is
/// not counted: a step without a `timeout` counts its waits only, and one without `retry` and
/// `timeout` nothing, unless the task has `max_retries`.
#[proc_macro_attribute]
pub fn steps(args: TokenStream, item: TokenStream) -> TokenStream {
    steps::steps(args.into(), item.into()).into()
}

/// One step of a task: a method in an `impl` block marked [`macro@steps`].
///
/// ```text
/// #[step(compensate = refund, when = costs, timeout = "30s",
///        retry(max = 5, backoff = "exponential", delay = "500ms", max_delay = "1m"))]
/// async fn charge(&self, cx: &StepContext, request: &Order) -> StepResult<Receipt> { .. }
/// ```
///
/// # How it is undone
///
/// Exactly one of these:
///
/// | word | meaning |
/// | --- | --- |
/// | `compensate = method` | the method takes the effect back |
/// | `pivot` | the point of no return, at most one; nothing runs beside it |
/// | `retriable` | stands after the pivot, and must succeed in the end |
/// | `read_only` | changes nothing |
/// | `no_undo = "reason"` | the effect may remain, and is reported with the reason |
///
/// After the pivot, steps are `retriable` or `read_only`.
///
/// # Other arguments
///
/// | argument | meaning | without it |
/// | --- | --- | --- |
/// | `order = 2` | checked against the place in the block; a group counts once | not checked |
/// | `host = "api"` or `"worker"` | where it runs; `api` steps stand first | `"worker"` |
/// | `group = "checks"` | runs beside its neighbours of the same group, on one host | alone |
/// | `await_all` | on the first member: the others finish although one failed | the group fails fast |
/// | `when = method` | runs only if the method says so | always runs |
/// | `retry(..)` | `max = 3`, `backoff = "exponential"` or `"constant"`, `delay = "1s"`, `max_delay = "1m"`, `jitter = "full"` or `"none"` | the first value of each; `max` from the task |
/// | `timeout = "30s"` | limit of one attempt | that of the task, else 10 minutes |
/// | `at_most_once` | never tried again by itself once an attempt may have begun; no `retry` beside it, and a `pivot` or a `retriable` step needs a `probe`; not on a step that is `read_only` | it is, under the same idempotency key |
/// | `probe = method` | says whether an attempt happened of which nobody knows; not on a step that changes nothing | nobody is asked |
/// | `on_exhausted = "park"` or `"compensate"` | before the pivot: whether a saga whose step used up its tries waits for an operator | `"compensate"` |
/// | `was = "old_name"` or `was("older", "old")` | for sagas that began when the step had this name | they are left to older code |
/// | `protobuf` | the output is a `prost` message, and is journaled as Protobuf | it is what serde makes of it |
/// | `ephemeral` | with `read_only`: the output lives with the worker and is not journaled; who resumes the saga runs the step again | journaled |
///
/// An ephemeral output is read by steps on the same host only: not by a condition, an undo, a probe
/// or the response.
#[proc_macro_attribute]
pub fn step(_args: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("step", item.into()).into()
}

/// A step that uploads files: a method in an `impl` block marked [`macro@steps`].
///
/// ```text
/// #[file_upload_step(bucket = "labels")]
/// fn upload_label(&self, print: &LocalFile) -> SourceFile { print.into() }
/// ```
///
/// The method names what to upload and returns `SourceFile` or `Vec<SourceFile>`, or a
/// `StepResult` of one of them; it may be async. What other steps read is `&UploadedFile` or
/// `&UploadedFiles`. The undo is built in: it deletes the objects.
///
/// # Arguments
///
/// `bucket = "labels"` has to be there: 3 to 63 lower-case letters, digits and hyphens. Of the
/// words of [`macro@step`] it takes `order`, `host`, `group`, `await_all`, `when`, `retry`, `timeout`,
/// `on_exhausted` and `was`; instead of the built-in undo `retriable` after the pivot, or
/// `no_undo = "reason"`.
#[proc_macro_attribute]
pub fn file_upload_step(_args: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("file_upload_step", item.into()).into()
}

/// How the response is made: a method in an `impl` block marked [`macro@steps`].
///
/// ```text
/// #[response]
/// fn respond(&self, charge: &Receipt, warn: Option<&Mail>) -> Shipped { .. }
/// ```
///
/// It is plain, pure and cannot fail, and takes the request and every output but ephemeral ones.
/// It has no arguments. It may be left out when the last step stands alone, always runs, is not
/// ephemeral and returns the response.
#[proc_macro_attribute]
pub fn response(_args: TokenStream, item: TokenStream) -> TokenStream {
    fallback::outside("response", item.into()).into()
}
