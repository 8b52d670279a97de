//! Modes and overrides: what runs where, and how to replace a part.
//!
//! This version has one mode, **in process**: API side, workers, journal, files and progress live in
//! one process, with nothing to install. `mode = "in_process"` is the default of a task, and
//! `.use_in_process_mode()` chooses it on the builder. `mode = "distributed"` is accepted on a task,
//! and then needs a journal that processes share, given by hand: this version brings none, and
//! `build` says so.
//!
//! The same task will run in both. Nothing that the macros print, and nothing in the engine, knows
//! which backend it runs on: each part is a trait, and the builder takes any of them.
//!
//! | on the builder | trait | in process |
//! | --- | --- | --- |
//! | `.override_journal(..)` | [`Journal`](crate::journal::Journal) | [`MemoryJournal`](crate::backend::memory::MemoryJournal), `Volatile` |
//! | `.journal_path(..)` | the same | [`SqliteJournal`](crate::backend::sqlite::SqliteJournal), `Fsync`, with the feature `sqlite` |
//! | `.override_queue(..)` | [`Queue`](crate::queue::Queue) | none: the journal's own lists serve |
//! | `.override_files(..)` | [`FileStore`](crate::files::FileStore) | `ObjectFiles` in memory, with the feature `files` |
//! | `.override_progress(..)` | [`ProgressTracker`](crate::progress::ProgressTracker) | [`MemoryProgress`](crate::backend::memory::MemoryProgress) |
//! | `.override_codec(..)` | [`Codec`](crate::codec::Codec) | [`Json`](crate::codec::Json), where the journal keeps bytes |
//! | `.override_clock(..)` | [`Clock`](crate::clock::Clock) | time of the tokio runtime |
//! | `.concurrency(n)` | | 256 sagas at a time; one that only waits does not count |
//! | `.grace(..)` | | 10 s for a step that is told to stop |
//!
//! ```
//! use distributed_task::{
//!     backend::memory::{MemoryJournal, MemoryQueue},
//!     prelude::*,
//! };
//!
//! #[distributed_task(request = u32, response = u32, queue = "arithmetic")]
//! struct Double;
//!
//! #[steps]
//! impl Double {
//!     #[step(read_only)]
//!     async fn double(&self, request: &u32) -> u32 {
//!         request * 2
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let task = Double::builder()
//!     .use_in_process_mode()
//!     .override_journal(MemoryJournal::builder().capacity(1_000).build())
//!     .override_queue(MemoryQueue::with_capacity(16))
//!     .concurrency(8)
//!     .build()
//!     .await?;
//! assert!(matches!(task.submit(21).await?.outcome().await?, SagaOutcome::Completed(42)));
//! assert_eq!(Double::WORKER_QUEUE, "arithmetic");
//! # Ok(())
//! # }
//! ```
//!
//! # Durability
//!
//! A journal says how much it [survives](crate::journal::Durability): `Volatile < Process < Fsync`.
//! `durability = "process"` on the task demands a class, and `build` refuses a journal of less (J6).
//! Without it every journal will do, but for one case: a task with a `pivot` or an `at_most_once` step
//! is refused on a `Process` journal, which may forget its last records in a crash, and would run such
//! a step again. On a `Volatile` one it is allowed: that dies with the process together with
//! everything that could be resumed. Nothing runs twice there; what was begun is simply not finished.
//!
//! # Surviving a restart
//!
//! With the feature `sqlite`, `.journal_path("orders.db")` keeps the sagas of a task in a file. When the
//! process comes back, by its own will or after `kill -9`, what was running goes on with the step that
//! was running, under the same idempotency key; what waited for a time waits on, and is due at once if
//! that has passed; what was parked stays parked; a key still means the saga that it meant. An answer,
//! that of `submit` too, is given when what it says is on the disk.
//!
//! A saga that has to go back waits for a step that was running when its process died, as it would for
//! one on another host: until the `timeout` of that step has passed since (C3). Give steps one that fits
//! them; without it that is the task's, or ten minutes.
//!
//! One process has the file at a time; tasks of one process share it through
//! [`override_journal`](crate::builder::TaskBuilder::override_journal). What uploads keep has to survive
//! as well: give a folder to `.override_files(..)`. The file is an SQLite database, and `sqlite3
//! orders.db 'SELECT hex(id), place FROM saga'` shows what is in it when it was closed; what a process
//! that was killed did last is still in the table `log`, until the next one opens it. Sagas that are over
//! are deleted after 24 hours, or what
//! [`retain`](crate::backend::sqlite::SqliteJournalBuilder::retain) says, as new ones come.
//!
//! Why SQLite: of three embedded stores, measured with the writes of a saga of three steps, 512 in
//! flight, it took as much CPU as redb 4.4 (10 µs a saga) and less than twice that of fjall 3.1 (5 µs,
//! and 47 crates). What decided is what happens on a bad day: a full disk leaves the file as it was, and
//! the file can be looked into with a tool that everybody has.
//!
//! # Back-pressure
//!
//! The capacity of a journal, 100 by default in memory, limits how many *new* sagas of a task may wait
//! for a worker; each task, and each version of one, has room of its own. `submit` waits for room. A
//! saga that is under way needs none: retries, timers and cancels are never refused.
//!
//! # Tests
//!
//! The memory journal follows the time of the tokio runtime, so under
//! `#[tokio::test(start_paused = true)]`, with tokio's `test-util`, retries and deadlines of hours
//! take no time at all, and come in the same order each time.
//!
//! # Cargo features
//!
//! | feature | brings |
//! | --- | --- |
//! | `in-process`, on by default | everything above but files |
//! | `files` | file stores: in memory, or a folder |
//! | `sqlite` | a journal in a file; builds SQLite, in C |
//! | `engine` | macros, builder and engine, without any backend |
//! | `conformance` | the suites that every backend must pass, for those who write one |
//!
//! Without any of them there are the [kernel](crate::kernel) and the traits, and no tokio in the
//! dependencies.
