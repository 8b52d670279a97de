//! Modes and overrides: what runs where, and how to replace a part.
//!
//! | mode | on the builder | on the task |
//! | --- | --- | --- |
//! | **in process**, the default: API side, workers, journal, files and progress in one process, with nothing to install | `.use_in_process_mode()` | `mode = "in_process"` |
//! | **distributed**: as many processes as you like, which share a Redis and an S3 server | `.use_distributed_mode(..)` | `mode = "distributed"` |
//!
//! The same task runs in both. Nothing that the macros print, and nothing in the engine, knows which
//! backend it runs on: each part is a trait, and the builder takes any of them.
//!
//! | on the builder | trait | in process |
//! | --- | --- | --- |
//! | `.override_journal(..)` | [`Journal`](crate::journal::Journal) | [`MemoryJournal`](crate::backend::memory::MemoryJournal), `Volatile` |
//! | `.journal_path(..)` | the same | [`SqliteJournal`](crate::backend::sqlite::SqliteJournal), `Fsync`, with the feature `sqlite` |
//! | `.override_queue(..)` | [`Queue`](crate::queue::Queue) | none: the journal's own lists serve |
//! | `.override_files(..)` | [`FileStore`](crate::files::FileStore) | `ObjectFiles` in memory, with the feature `files` |
//! | `.override_progress(..)` | [`ProgressTracker`](crate::progress::ProgressTracker) | [`MemoryProgress`](crate::backend::memory::MemoryProgress) |
//! | `.override_lock(..)` | [`DistributedLock`](crate::lock::DistributedLock) | in memory, shared by the tasks of a runtime, with the feature `coordination`; none over a journal that [other processes may have](crate::journal::Journal::is_shared) |
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
//! # Distributed
//!
//! Needs the feature `redis`, and `s3` for a task that uploads files:
//!
//! ```no_run
//! # #[cfg(all(feature = "redis", feature = "s3"))]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use distributed_task::{builder::Distributed, prelude::*};
//! # #[distributed_task(request = u32, response = u32)]
//! # struct Double;
//! # #[steps]
//! # impl Double {
//! #     #[step(read_only)]
//! #     async fn double(&self, request: &u32) -> u32 { request * 2 }
//! # }
//! # let told_to_stop = async {};
//!
//! fn shared(with: Distributed) -> Distributed {
//!     with.redis("redis://127.0.0.1:6380/").s3("http://127.0.0.1:9000", "key", "secret")
//! }
//!
//! // Where requests arrive:
//! let api = Double::builder().use_distributed_mode(shared).build_api().await?;
//! let outcome = api.submit(21).await?.outcome().await?;
//!
//! // In another process, or in many:
//! let worker = Double::builder().use_distributed_mode(shared).build_worker().await?;
//! worker.run_until(told_to_stop, Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`build_api`](crate::builder::TaskBuilder::build_api) starts sagas, does their `host = "api"` steps
//!   and waits for their ends; [`build_worker`](crate::builder::TaskBuilder::build_worker) does all other
//!   steps, and undoes; [`build`](crate::builder::TaskBuilder::build) is both in one. Without a worker
//!   sagas wait, and so does the undo of one that is cancelled. Half a task on a journal that nobody else
//!   sees is refused.
//! - Several tasks of a process share connections, and pulses, if they are given clones of one
//!   [`Distributed`](crate::builder::Distributed).
//! - `.redis_with(RedisJournal::builder(url)..)` has the settings of the journal. Namespace, partitions and
//!   retention are the same for all processes, and one that says something else is refused. The first
//!   process writes them into Redis, and there is no way to change them but a new namespace: start new
//!   sagas there, and keep workers on the old one until nothing in it is open. The
//!   `namespace` begins every key: those who say the same share their sagas. `partitions`, 1 by
//!   default and never to be changed, spread sagas over sets of keys, and cost an idle process a command
//!   a second each. What is over is kept for the retention, a day, and for twice that at the most.
//! - `.s3_with(ObjectFiles::s3(..)..)` has those of the store: region, prefix of the buckets, limits
//!   ([files](super::files)).
//! - What cannot be used is said by the start: no server, a wrong password, one that may evict, a bucket
//!   that cannot be made.
//!
//! **Overrides.** What is overridden is not taken from what is shared, and either may be alone:
//!
//! | for | say |
//! | --- | --- |
//! | S3 in development, everything else in memory | `.use_in_process_mode().override_files(ObjectFiles::s3(..).build()?)` |
//! | Redis, with files in a folder that all processes see | `.use_distributed_mode(\|with\| with.redis(url)).override_files(ObjectFiles::folder(..)?)` |
//! | tests of one process over Redis, files in memory | the same with `ObjectFiles::in_memory()`, shared by clones of one [`Files`](crate::files::Files) |
//!
//! **What survives what.** The journal asks the server how it keeps what it has answered:
//!
//! | the server has | class | survives |
//! | --- | --- | --- |
//! | `appendonly yes`, `appendfsync always`, `no-appendfsync-on-rewrite no`, and tells so (`CONFIG GET`) | `Fsync` | the end of any process, of Redis too, and the loss of power |
//! | anything else, or Sentinel | `Process` | the end of any process but Redis, which may forget its last second, or all |
//!
//! A task with a `pivot` or an `at_most_once` step is refused on the second, unless it says
//! `durability = "process"` itself. [Redis](crate::docs::redis) has what else to set on a server, and what
//! is in it. Progress is not kept for ever anywhere: it can be read from the journal.
//!
//! **When a worker dies**, its sagas are taken over by the others a lease and two pulses later: 5 s with
//! the default `lease` of 3 s, whose third is a pulse. A step that ran is done again under the same
//! idempotency key, unless it is `at_most_once`; before something is undone, the `timeout` of a step that
//! may still be running is waited for (C3). An API host that dies before the hand-over leaves a saga that
//! a worker undoes. Where Redis is away, everybody waits, and goes on when it is back.
//!
//! **Shutdown.** `run_until(signal, limit)` and `shutdown(limit)` take nothing new, let the steps that run
//! finish, for so long at most, and give the rest back: others have it at once, without a lease to wait
//! for. Which signal that is, is the program's affair: `tokio::signal::ctrl_c()`, and SIGTERM
//! (`tokio::signal::unix::signal(SignalKind::terminate())`) where a supervisor ends processes.
//!
//! The example `create-zip` has an API side and workers, with files, and `order` one without.
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
//! One process has the file at a time, and in it one journal: two tasks that both say `.journal_path(..)`
//! of one file are refused. Tasks of one process share it through
//! [`override_journal`](crate::builder::TaskBuilder::override_journal):
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! # use distributed_task::prelude::*;
//! # #[distributed_task(request = u32, response = u32)]
//! # struct Double;
//! # #[steps]
//! # impl Double {
//! #     #[step(read_only)]
//! #     async fn double(&self, request: &u32) -> u32 { request * 2 }
//! # }
//! # #[distributed_task(request = u32, response = u32)]
//! # struct Halve;
//! # #[steps]
//! # impl Halve {
//! #     #[step(read_only)]
//! #     async fn halve(&self, request: &u32) -> u32 { request / 2 }
//! # }
//! use std::sync::Arc;
//! use distributed_task::backend::sqlite::SqliteJournal;
//!
//! let journal = Arc::new(SqliteJournal::open("numbers.db")?);
//! let double = Double::builder().use_in_process_mode().override_journal(journal.clone()).build().await?;
//! let halve = Halve::builder().use_in_process_mode().override_journal(journal).build().await?;
//! # Ok(())
//! # }
//! ```
//!
//! What uploads keep has to survive as well: give a folder to `.override_files(..)`. The file is an SQLite
//! database, and `sqlite3 orders.db 'SELECT hex(id), place FROM saga'` shows what is in it when it was
//! closed; what a process that was killed did last is still in the table `log`, until the next one opens
//! it. Sagas that are over are deleted after 24 hours, or what
//! [`retain`](crate::backend::sqlite::SqliteJournalBuilder::retain) says, as new ones come.
//!
//! Why SQLite: of three embedded stores, measured with the writes of a saga of three steps, 512 in
//! flight, it took as much CPU as redb 4.4 (10 µs a saga) and less than twice that of fjall 3.1 (5 µs,
//! and 47 crates). What decided is what happens on a bad day: a full disk leaves the file as it was, and
//! the file can be looked into with a tool that everybody has.
//!
//! # Back-pressure
//!
//! The `capacity` of a journal limits how many *new* sagas of a task may wait for a worker: by default 100
//! in memory and in a file, and about 100,000 in Redis. Each task, and each version of one, has room of its
//! own. `submit` waits for room. A saga that is under way needs none: retries, timers and cancels are never
//! refused.
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
//! | `in-process`, on by default | journal, queue and progress in memory |
//! | `files` | file stores: in memory, or a folder |
//! | `sqlite` | a journal in a file; builds SQLite, in C |
//! | `redis`, `redis-tls` | the distributed mode: a journal, progress and a queue in Redis; over TLS |
//! | `s3` | a file store on S3; builds TLS by `ring`, partly in assembly |
//! | `msgpack`, `protobuf` | values in MessagePack, or as `prost` messages ([codecs](super::codecs)) |
//! | `coordination` | leases, locks, jobs that run once, elections, for any program ([coordination](super::coordination)) |
//! | `metrics` | metrics of `coordination`, for the recorder of your program |
//! | `testing` | virtual time and faults, for tests of your own tasks |
//! | `engine` | macros, builder and engine, without any backend |
//! | `conformance` | the suites that every backend must pass, for those who write one |
//!
//! Without any of them there are the [kernel](crate::kernel) and the traits, and no tokio in the
//! dependencies.
