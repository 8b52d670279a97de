//! Codecs: how values become bytes, and when to choose which.
//!
//! A journal in memory keeps values as they are. One that keeps bytes, such as the journal in a file,
//! gets them from a codec: the request, what each step returns, the declared error and the response.
//! Each value stands in an envelope that names who wrote it: `json/1`, `msgpack/1`, `protobuf/1`.
//!
//! ```
//! # #[cfg(feature = "sqlite")] {
//! use distributed_task::{codec::MessagePack, prelude::*};
//!
//! #[distributed_task(request = f64, response = f64)]
//! struct Double;
//!
//! #[steps]
//! impl Double {
//!     #[step(read_only)]
//!     async fn double(&self, request: &f64) -> f64 {
//!         request * 2.0
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("double.db");
//! let builder = Double::builder().use_in_process_mode().journal_path(path);
//! let task = builder.override_codec(MessagePack).build().await?;
//! let outcome = task.submit(f64::INFINITY).await?.outcome().await?;
//! // JSON has no word for it.
//! assert!(matches!(outcome, SagaOutcome::Completed(f64::INFINITY)));
//! # Ok(())
//! # }
//! # main().expect("the example works");
//! # }
//! ```
//!
//! # Which one
//!
//! | | JSON, the default | MessagePack, feature `msgpack` | Protobuf, feature `protobuf` |
//! | --- | --- | --- | --- |
//! | chosen by | nothing | `.override_codec(MessagePack)` | `protobuf` on the task or the step |
//! | types | serde | serde | `prost::Message + Default` |
//! | read by people, and by SQL | yes | no | no |
//! | infinite and undefined floats | read back as an error | yes | yes |
//! | maps with keys of any type | text, numbers, `bool` and `char` only | yes | as `prost` has them |
//! | a field is added | `#[serde(default)]` | `#[serde(default)]` | always; it has its default |
//! | a field is missing without that | an error, which parks | an error, which parks | its default, **in silence** |
//! | another type's bytes | nearly always an error | nearly always an error | may be read as this one |
//!
//! - **JSON** unless something below holds. Whoever looks into a journal in a file can read it, and
//!   ask it in SQL. In Redis the values are JSON inside of records that are MessagePack.
//! - **MessagePack** when values hold what JSON has no word for: floats that may be infinite or
//!   undefined, and maps whose keys are tuples or structs. Or when they are many numbers, in a store
//!   that keeps bytes as bytes.
//! - **Protobuf** when the types are messages already, because other services speak them, or when
//!   measurements say that writing and reading values is what a worker does with its time.
//!
//! # Measured
//!
//! Medians of 201 rounds in which the codecs take turns, in one run of `cargo bench -p
//! distributed-task-tests --bench codecs`, on two cores of an AMD EPYC that others used as well. Only
//! the ratios to JSON, in brackets, mean something elsewhere; a second run had the same within 0.04.
//! Read and written is the envelope of a value, as the engine does it.
//!
//! | | bytes | in a record that is JSON | write, ns | read, ns |
//! | --- | --- | --- | --- | --- |
//! | **the message that wakes a worker** | | | | |
//! | JSON | 114 | | 104 | 224 |
//! | Protobuf | 63 (0.55) | | 54 (0.52) | 107 (0.48) |
//! | **an order of three lines** | | | | |
//! | JSON | 301 | 312 | 777 | 2,834 |
//! | MessagePack | 243 (0.81) | 350 (1.12) | 632 (0.81) | 2,632 (0.93) |
//! | Protobuf | 143 (0.48) | 219 (0.70) | 132 (0.17) | 277 (0.10) |
//! | **32 floats** | | | | |
//! | JSON | 496 | 507 | 1,090 | 2,338 |
//! | MessagePack | 291 (0.59) | 414 (0.82) | 819 (0.75) | 1,489 (0.64) |
//!
//! The journal in a file keeps records as JSON text, in which what is no text is base64: there
//! MessagePack makes values of names and words larger, not smaller. It is no way to save room there.
//! And a saga of three steps writes five values, a few microseconds with any of them.
//!
//! # A change that rolls
//!
//! `.override_codec(..)` says what this process *writes*. It reads by the name in the envelope, with
//! every codec that is compiled in. So a change needs no pause: first every process gets the feature,
//! then one after another gets `.override_codec(..)`. Sagas go on from one kind of worker to the other,
//! in both directions, and each of their values stays as it was written.
//!
//! A worker that lacks a codec parks the saga, with a sentence that names the codec and what to do:
//! enable the feature, or give a codec of your own. Nothing is undone, and nothing is lost: where the
//! codec is there, [`unpark`](crate::Operator::unpark) lets the saga go on.
//!
//! A codec of your own is a [`Codec`](crate::codec::Codec), and
//! [`conformance::codec::run`](../../../conformance/codec/fn.run.html) checks it (feature
//! `conformance`). `.also_read(..)` reads with one that is not written with any more, or not yet.
//!
//! # Messages of Protobuf
//!
//! ```
//! use distributed_task::prelude::*;
//!
//! #[derive(Clone, PartialEq, prost::Message)]
//! struct Parcel {
//!     #[prost(string, tag = "1")]
//!     to: String,
//!     #[prost(uint64, tag = "2")]
//!     grams: u64,
//! }
//!
//! /// Request and response are messages.
//! #[distributed_task(request = Parcel, response = Parcel, protobuf)]
//! struct Weigh;
//!
//! #[steps]
//! impl Weigh {
//!     /// This is what serde makes of it.
//!     #[step(read_only)]
//!     async fn grams(&self, request: &Parcel) -> u64 {
//!         7 * request.to.len() as u64
//!     }
//!
//!     /// And this is a message.
//!     #[step(read_only, protobuf)]
//!     async fn label(&self, request: &Parcel, grams: &u64) -> Parcel {
//!         Parcel { grams: *grams, ..request.clone() }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Weigh::builder().use_in_process_mode().build().await?;
//! let saga = task.submit(Parcel { to: "Oslo".into(), grams: 0 }).await?;
//! let SagaOutcome::Completed(parcel) = saga.outcome().await? else { panic!("it is weighed") };
//! assert_eq!(parcel.grams, 28);
//! # Ok(())
//! # }
//! ```
//!
//! `protobuf` is said of types, where `.override_codec(..)` is said of a process: such a value is
//! Protobuf whatever the codec is. `()`, `String`, `bool`, numbers of 32 and 64 bits and bytes are
//! messages as well. The declared error stays with serde. Saying `protobuf` of a step, or no longer
//! saying it, changes the type of its output: sagas in flight that have the old one are parked, so
//! give the step a new name instead, or let them end first. An operator says the output of such a step
//! with [`mark_done_with_message`](crate::Operator::mark_done_with_message).
//!
//! Starts with a key are compared by the bytes of the message, so maps in it are to be `BTreeMap`s.
//! Other requests are compared by their JSON, whatever the codec is: with a key, a request that JSON
//! cannot express is refused.
//!
//! # Tickets
//!
//! A [`Queue`](crate::queue::Queue) of yours that leaves the process writes the message for a worker
//! with a [`TicketFormat`](crate::queue::TicketFormat), JSON or Protobuf, and puts its content type
//! beside the bytes: the consumer reads by that, so this can roll as well.
