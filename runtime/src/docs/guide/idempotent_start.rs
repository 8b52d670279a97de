//! Idempotent start: a saga that is asked for twice runs once.
//!
//! A user clicks twice, a client does not get the answer and asks again, a queue brings a message a
//! second time. Name the start by a [`StartKey`](crate::StartKey), and all of these are one saga:
//!
//! ```
//! use distributed_task::{StartKey, SubmitError, prelude::*};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Order {
//!     item: String,
//!     count: u32,
//! }
//!
//! #[distributed_task(request = Order, response = String)]
//! struct Ship;
//!
//! #[steps]
//! impl Ship {
//!     #[step(read_only)]
//!     async fn label(&self, request: &Order) -> String {
//!         format!("{} x {}", request.count, request.item)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Ship::builder().use_in_process_mode().build().await?;
//! let tea = |count| Order { item: "tea".into(), count };
//!
//! let key = StartKey::new("order-17").tenant("acme");
//! let saga = task.submit_with_key(key.clone(), tea(2)).await?;
//! let again = task.submit_with_key(key.clone(), tea(2)).await?;
//! assert_eq!(saga.id(), again.id());
//! assert!(matches!(again.outcome().await?, SagaOutcome::Completed(label) if label == "2 x tea"));
//!
//! // The key is taken: this is a mistake of the caller, and starts nothing.
//! let other = task.submit_with_key(key, tea(3)).await;
//! assert!(matches!(other, Err(SubmitError::KeyReused { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! # What a key is
//!
//! 1 to 255 printable ASCII characters, in the name of a task and, if you say so, of a tenant. A plain
//! `&str` will do where there are no tenants. Take something that the *wish* has of its own, such as
//! the number of the order or the `Idempotency-Key` of the HTTP request, not something that is drawn
//! anew for each try.
//!
//! # What is the same request
//!
//! One with the same JSON, whatever the order of its maps and objects. Content that is streamed in
//! by an upload step is no part of it. A `HashSet` is written in another order in every process: use
//! a `BTreeSet`.
//!
//! # What a second start gets
//!
//! | the first start | same request | other request | over HTTP |
//! | --- | --- | --- | --- |
//! | is open | its handle | `KeyReused` | 200, 422 |
//! | is over | its handle, with the original outcome | `KeyReused` | 200, 422 |
//! | is over, and its records are gone: in memory only | its handle, which knows [how it ended](crate::OutcomeError::Forgotten) | `KeyReused` | 200, 422 |
//! | is in its `host = "api"` steps | `StillStarting` | `KeyReused` | 409, 422 |
//! | is parked there | its handle | `KeyReused` | 200, 422 |
//! | lost its host there, and is being undone | `StillStarting` | `KeyReused` | 409, 422 |
//! | lost its host there, and is undone | a new saga | a new saga | 202 |
//! | is over, and its key is forgotten | a new saga | a new saga | 202 |
//!
//! Without `host = "api"` steps a start is one write, and the four rows on them cannot occur.
//!
//! # How long it is remembered
//!
//! While the saga is open, whatever happens to it; and after its end for 24 hours, unless the journal is
//! told otherwise. After that the same key starts a new saga (I3), so take a time that is longer than
//! anybody asks again:
//!
//! | journal | set by | kept after the end | the records |
//! | --- | --- | --- | --- |
//! | in memory | [`retain_keys`](crate::backend::memory::MemoryJournalBuilder::retain_keys) | 24 to 48 hours, or as long as the records are there | may go earlier, when some 1,000 other sagas have ended; a tombstone stays, of ids, end state and hashes |
//! | in a file | `SqliteJournal::builder(..).retain(..)` | 24 hours | go with it |
//! | in Redis | `RedisJournal::builder(..).retain(..)` | 24 to 48 hours | go with it |
//!
//! # A key that is used again
//!
//! A key names one wish, for ever. The saga that starts under a key that was forgotten has the id of the
//! one before, so to everybody outside it is the same: its steps have the same
//! [keys](crate::StepContext::idempotency_key), and its uploads lie in the same places. A service that
//! remembers a key longer than the journal answers as it did then and does nothing, and a saga that goes
//! back undoes what the one before did under it. That is what you want for a wish that comes late once
//! more and is to have its effect once. For a new wish take a new key: put the date into it, or a number.
//!
//! The id of the first saga is a hash of task, tenant and key, so that nobody has to look up what a key
//! stands for. One that follows an abandoned start has an id of its own, and the key leads to it.
//! It can be guessed by whoever guesses the key: an id was never a protection.
