//! Work that only one process at a time should do. Needs the feature `coordination`, and no task.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
//!
//! # async fn settle(account: &str, fence: u64) -> u32 { u32::from(fence > 0) * account.len() as u32 }
//! let coordination = Coordination::new(MemoryLeases::new());
//! let settled = coordination
//!     .lock("account:4711")
//!     .with_lock(async |held| settle("4711", held.fence().0).await)
//!     .await?;
//! # assert_eq!(settled, 4);
//! # Ok(())
//! # }
//! ```
//!
//! [`with_lock`](crate::coordination::Lock::with_lock) waits for its turn, runs the work, drops it where it waits if
//! the lock is lost, and releases the lock. Nobody can forget any of that.
//!
//! # Which one
//!
//! | you want | take | who comes second |
//! | --- | --- | --- |
//! | a piece of work that nobody else does meanwhile | [`lock`](crate::coordination::Coordination::lock) | waits in line |
//! | readers beside each other, writers alone | [`rw_lock`](crate::coordination::Coordination::rw_lock) | waits in line |
//! | several things at a time | [`Lock::acquire_all`](crate::coordination::Lock::acquire_all) | waits in line |
//! | a job that a timer starts everywhere and that runs once | [`singleton`](crate::coordination::Coordination::singleton) | skips it |
//! | one process that does something for as long as it can, and others that stand by | [`election`](crate::coordination::Coordination::election) | leads when the first one does no more |
//! | a name, and to decide yourself | [`lease`](crate::coordination::Coordination::lease) | is told who has it |
//!
//! A lock and a lease have one that waits (`acquire`), one that waits for so long (`acquire_timeout`, and then it is an
//! error that says who has it) and one that does not (`try_acquire`, and then it is `None`); so have the readers and
//! the writers of an `rw_lock`. These come in the order of arrival, unless its
//! [policy](crate::coordination::RwLock::policy), or the option `rw_lock_policy`, prefers one side, which can starve
//! the other. How long is waited and how long a lease is are two things with two names.
//!
//! # What is promised
//!
//! [`safety`](crate::coordination::LeaseGuard::safety) says what a store's word is worth. Two holders at a time
//! are possible when:
//!
//! | [`Safety`](crate::lease::Safety) | store | if |
//! | --- | --- | --- |
//! | `Process` | in memory | never; all holders are in this process |
//! | `Server` | one Redis | the server loses the key: it starts again without an append-only file that is flushed always, somebody deletes it, or its clock jumps ahead |
//! | `Replicas` | Redis behind Sentinel, or with replicas | as above, or a replica takes over that had not heard of the lock |
//! | `Quorum` | three or more Redis that know nothing of each other: [`QuorumLeases`](crate::backend::quorum::QuorumLeases) | most of them lose it within one lease, or clocks differ by more than one per cent; more than most, where [so many](crate::backend::quorum::QuorumLeasesBuilder::min_store_nodes) have to grant it |
//!
//! In each of these, the earlier holder finds out with its next renewal, which is after a third of the lease at the
//! latest, unless it asked for none. A Redis that evicts keys is refused when it is opened.
//!
//! With replicas, `min-replicas-to-write 1` and `min-replicas-max-lag 1` on the server make the time short in which it
//! grants what no replica hears: a primary that is cut off from them refuses. With
//! [`wait_for_replicas`](crate::backend::redis::RedisLeasesBuilder::wait_for_replicas) a name is granted only when so
//! many have the grant, which takes the time of a replica; what they lack of a renewal may cost the lease. A server
//! that keeps no file forgets what it granted when it starts again. As the only node of a
//! [`QuorumLeases`](crate::backend::quorum::QuorumLeases) it grants nothing twice for that: it has no vote until what
//! it may have granted is over. It has no line there.
//!
//! A clock that goes back takes nothing away from anybody. What a dead process had is kept for that much longer, and
//! [`force_release`](crate::coordination::LockMonitor::force_release) frees it;
//! [`health`](crate::coordination::Coordination::health) says of which server the clock was set.
//!
//! **And one thing no store prevents.** A process looks at its lock, is paused for a minute, by its own garbage, by
//! the hypervisor, by a debugger, and writes. Somebody else has the lock by then. A lock saves work; what makes a
//! write right is a *fence*.
//!
//! # Fences
//!
//! Every tenure has a [fence](crate::coordination::LeaseGuard::fence), a number that is higher than all before it. It
//! goes with the write, and the resource keeps the highest that it has seen and refuses a lower one:
//!
//! ```sql
//! update report set rows = :rows, fence = :fence where id = :id and fence <= :fence;
//! -- No row was updated: somebody else has it by now.
//! ```
//!
//! In Redis it is a script, `EVAL "…" 2 report report:fence <rows> <fence>`, since looking and writing are one step:
//!
//! ```lua
//! if tonumber(redis.call('GET', KEYS[2]) or 0) > tonumber(ARGV[2]) then
//!   return 0 -- somebody else has it by now
//! end
//! redis.call('SET', KEYS[1], ARGV[1])
//! redis.call('SET', KEYS[2], ARGV[2])
//! return 1
//! ```
//!
//! The number also rises where the server lost the last one, since it is the time of the server in microseconds
//! unless that is lower. So it is ordered, and not consecutive.
//!
//! # When it is lost
//!
//! A holder that cannot renew is no owner. By default it gives up after a sixth of the lease without an answer: then
//! half of the lease is left in which it can stop before somebody else begins. Work that had better go on through a
//! short outage says so:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use distributed_task::{
//!     backend::memory::MemoryLeases,
//!     coordination::{Coordination, OnUnreachable},
//! };
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let dispatcher = coordination
//!     .lease("outbox-dispatcher")
//!     .ttl(Duration::from_secs(15))
//!     .on_unreachable(OnUnreachable::LoseAfter(Duration::from_secs(8)));
//! let Some(held) = dispatcher.try_acquire().await? else { return Ok(()) };
//! for message in ["one", "two"] {
//!     // Costs a look at the clock. `Err(Lost)` says why, which is whether the last write may have met another.
//!     let still = held.check()?;
//!     println!("{message} goes out under {:?}", still.fence());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`run_if_held`](crate::coordination::LeaseGuard::run_if_held) does the same for a future, and
//! [`lost`](crate::coordination::LeaseGuard::lost) for a `select!`. A guard may be dropped anywhere: outside of a
//! runtime, in a panic, after the runtime has ended. What it held is given back in the background; what a process
//! held that was killed is free when its lease is over.
//!
//! # How long a lease
//!
//! | | after a crash it is free within | an outage of the store that is borne |
//! | --- | --- | --- |
//! | lease `L`, by default | `L` | `L / 6` |
//! | with `LoseAfter(d)` | `L` | `d`, and no more than about `2 / 3` of `L` |
//!
//! A lease is renewed a little before a third of it is over, so a longer one costs less and is free later. Ten to
//! thirty seconds are good for most. Less than a second is for tests. Where nothing is said:
//!
//! | | lease | with [`CoordinationOptions`](crate::coordination::CoordinationOptions) |
//! | --- | --- | --- |
//! | `lease` | 10 s | the same |
//! | `lock`, `rw_lock`, `singleton` | 30 s | 5 minutes (`default_lock_timeout`) |
//! | `election` | 15 s | the same (`lease_duration`) |
//!
//! A process that sets any option has the defaults of all of them, which are those of other libraries: locks are
//! leased for 5 minutes, and `acquire` gives up when it has asked 10 times again without having been told to
//! (`max_lock_retries`). Without options it waits for as long as it takes.
//!
//! # Who leads
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{
//!     backend::memory::MemoryLeases,
//!     coordination::{Coordination, LeadershipContext},
//! };
//!
//! async fn schedule_jobs(leader: LeadershipContext) -> Result<(), std::io::Error> {
//!     println!("{} schedules jobs under {:?}", leader.candidate(), leader.fence());
//!     leader.cancelled().await;
//!     Ok(())
//! }
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let election = coordination.election("job-scheduler").candidate_id("web-1");
//! println!("{}", election.terms()?.margins());
//! let candidacy = election.on_acquired(schedule_jobs).start()?;
//! # let mut states = candidacy.watch();
//! # while states.next().await.is_some_and(|state| state.leadership.is_none()) {}
//! // … and before the program ends:
//! candidacy.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A [candidacy](crate::coordination::Candidacy) stands for as long as its process runs.
//! [`stop`](crate::coordination::Candidacy::stop) first waits for what runs, then leads no more, then gives the lease
//! back, so that two leaders never overlap while processes are restarted. Where work does not end in time the lease is
//! left to run out. Callbacks come in pairs, and however long they take the lease is renewed. Shorter:
//! [`run_elected`](crate::coordination::Election::run_elected) runs one future wherever its process leads.
//!
//! Whoever wants to know who leads, and does not stand, [follows](crate::coordination::Election::follow).
//!
//! A leader bears an outage of the store of up to its [`grace_period`](crate::coordination::Election::grace_period), as
//! far as its lease has room for it. [`Margins`](crate::coordination::Margins) has the numbers for what you set.
//!
//! # What one process does for all
//!
//! | what | take |
//! | --- | --- |
//! | send what is in an outbox | [`run_elected`](crate::coordination::Election::run_elected), and the fence with each message: the example `outbox` |
//! | do a job when a clock says so | [`singleton`](crate::coordination::Coordination::singleton): the example `nightly` |
//! | be a service of which there is one: a poller, a scheduler | [`run_elected`](crate::coordination::Election::run_elected), which begins it again wherever it is led next, and [`metadata`](crate::coordination::Election::metadata) that says where: the example `singleton-service` |
//! | warm up a cache that all processes share | [`singleton`](crate::coordination::Coordination::singleton): the others [wait](crate::coordination::OnBusy::Wait) and look again, or skip it: the example `cache-warm-up` |
//! | work off a queue | [`check`](crate::coordination::Leadership::check) before each item: when it fails, [`nack`](crate::queue::Delivery::nack) gives the item to the next leader |
//! | bring a projection up to date, event by event | a look before each event, and the fence with each checkpoint: the example `projection` |
//!
//! A cache that has to stay warm is a projection, or a nightly job. What the last of these does:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{
//!     backend::memory::MemoryLeases,
//!     coordination::{Coordination, FencedResource, Leadership},
//! };
//!
//! /// How many events are in it. In a database it is a row, and the fence a column of that.
//! type Checkpoint = FencedResource<usize>;
//!
//! async fn project(
//!     leader: &Leadership,
//!     events: &[u32],
//!     checkpoint: &Checkpoint,
//! ) -> Result<u32, Box<dyn std::error::Error>> {
//!     // Whoever led before writes no more from here on.
//!     checkpoint.raise(leader.fence());
//!     let (from, mut sum) = (checkpoint.read(|at| *at), 0);
//!     for (at, event) in events.iter().enumerate().skip(from) {
//!         // A look at the clock. What is left when it fails is for the next leader.
//!         leader.check()?;
//!         sum += event;
//!         checkpoint.write(leader.fence(), |done| *done = at + 1)?;
//!     }
//!     Ok(sum)
//! }
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let (election, checkpoint) = (coordination.election("turnover"), Checkpoint::new(0));
//! let first = election.campaign().await?;
//! assert_eq!(project(&first, &[5, 7], &checkpoint).await?, 12);
//! let fence = first.fence();
//! first.resign().await;
//!
//! let second = election.campaign().await?;
//! assert_eq!(project(&second, &[5, 7, 30], &checkpoint).await?, 30, "the others are in it");
//! assert!(checkpoint.write(fence, |done| *done = 2).is_err(), "the first one comes too late");
//! # Ok(())
//! # }
//! ```
//!
//! # Who stands
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let election = coordination.election("job-scheduler").metadata("region", "eu").min_candidates(1);
//! let candidacy = election.start()?;
//! # let mut states = candidacy.watch();
//! # while states.next().await.is_some_and(|state| state.leadership.is_none()) {}
//! for it in candidacy.candidates().await? {
//!     println!("{} in {}: {} {}", it.candidate, it.metadata["region"], it.health_score, it.is_leader);
//! }
//! let leader = election.leader_info().await?.expect("it is us");
//! println!("{} leads: {:?}", leader.id, leader.metadata);
//! # candidacy.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! A candidacy says every [`heartbeat_interval`](crate::coordination::Election::heartbeat_interval) that it stands, how
//! healthy it is, and its [`metadata`](crate::coordination::Election::metadata). One that is silent for three of these
//! is gone from [`candidates`](crate::coordination::Election::candidates). Whether a candidate leads is not written down:
//! the lease says so when somebody looks, and so no more than one does.
//!
//! [`start_with_health`](crate::coordination::Election::start_with_health) gives a
//! [`HealthReporter`](crate::coordination::HealthReporter), which says how healthy it is; who starts without one is as
//! healthy as can be. Who leads and falls ill steps down, and stands again when it has been well for a heartbeat
//! interval; not before a lease is over, so that others lead, if there are any. With the option
//! `lead_if_alone_unhealthy` one that sees nobody else leads all the same. The reporter also [changes the
//! metadata](crate::coordination::HealthReporter::update_metadata). With a
//! [`priority`](crate::coordination::Election::priority) a candidate gives way to those with a greater one: the newest
//! version, say, or the machine beside the database. Nobody who leads steps down for it.
//!
//! With [`min_candidates`](crate::coordination::Election::min_candidates) one leads only while it sees so many, itself
//! included. When there are fewer, or when it cannot ask for three beats, it steps down as one that is ill does, and
//! leads again when there are enough. This counts processes, for work that needs several of them; it makes no lease
//! safer. A quorum of servers, which does, is [`QuorumLeases`](crate::backend::quorum::QuorumLeases): there one stands
//! whom most servers know. With the option `require_quorum` nobody stands where there is neither.
//!
//! # After a run that was cut off
//!
//! A job that one process at a time runs is told by [`attempt`](crate::coordination::LeaseGuard::attempt) whether those
//! before it came to their end, as a robust mutex tells that its last owner died. At 1 nobody left work half done; at 3
//! the last two runs did, or may have. So it cleans up before it begins, or gives up on what kills its process:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{backend::memory::MemoryLeases, coordination::{Coordination, SingletonRun}};
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let import = coordination.singleton("import");
//! let ran = import
//!     .run(async |held| match held.attempt() {
//!         Some(1) | None => Ok("all of it"),
//!         Some(2..=5) => Ok("what is missing"),
//!         Some(attempts) => Err(format!("it did not end {} times: look at it", attempts - 1)),
//!     })
//!     .await?;
//! assert_eq!(ran, SingletonRun::Done(Ok("all of it")));
//! # Ok(())
//! # }
//! ```
//!
//! | what became of a run | the next one is |
//! | --- | --- |
//! | it returned, under its lease, whatever it answered: also an error | attempt 1 |
//! | its process died, it panicked, it lost its lease, an operator took that away | one more |
//! | it was dropped where it waited: by `max_run`, or by who called it | one more |
//! | it was granted, and nobody was there to run it | the attempt that this one was |
//!
//! The store grants and counts in one step, so no run is counted twice. That a run ended costs one call, and is
//! told before [`run`](crate::coordination::Singleton::run) returns, also where `hold_at_least` keeps others out for
//! longer. While the store is away it cannot be told, and the run counts as cut off: the number says that something may
//! be half done, and the fence is still what keeps who was cut off from writing. It is remembered for 90 days.
//!
//! # In steps
//!
//! A step of a task locks by [`cx.lock()`](crate::StepContext::lock), and so does an undo: in memory, or in the Redis of
//! the distributed mode, where a resource is the [`lock`](crate::coordination::Coordination::lock) of that name. A
//! journal of your own that other processes may have wants a lock of your own, too. It does not wait: a step that finds
//! it busy is tried again as its `retry` says. [`DistributedLock`](crate::lock::DistributedLock) has an example, and is
//! what a lock library of your own implements for [`.override_lock(..)`](crate::builder::TaskBuilder::override_lock).
//!
//! A task of which no two sagas may run at a time says so: `#[distributed_task(singleton = "nightly-report")]`. A start
//! that finds one running is refused with [`AlreadyRunning`](crate::SubmitError::AlreadyRunning), which names that saga;
//! where its host dies another one goes on with it, and nobody slips in between ([O6](crate::docs::semantics)). It is
//! the lease of [`singleton("nightly-report")`](crate::coordination::Coordination::singleton), so jobs without a task
//! take part that are over the same store. What such a job has besides, a task has under other names:
//!
//! | a job says | a task says |
//! | --- | --- |
//! | [`OnBusy::Wait`](crate::coordination::OnBusy) | [`.wait_for_turn(..)`](crate::builder::TaskBuilder::wait_for_turn) of its builder |
//! | `max_run` | `timeout = ".."`: a saga that is not past its pivot by then goes back |
//! | `hold_at_least` | `hold_at_least = "10m"`: nobody else starts until that long after the saga began, however soon it is over and whichever hosts die; tasks that share the name say the same |
//!
//! Schedulers whose clocks differ by less than `hold_at_least` start one saga a night. The others are refused with
//! `AlreadyRunning`, also when it is over; it may be compensated by then, and counts all the same. Where they had
//! better find the saga of that night, and its answer, they start it by
//! [`submit_with_key("2026-11-22", ..)`](crate::Task::submit_with_key), for which clocks may differ by any time.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use distributed_task::{SubmitError, prelude::*};
//! use tokio::sync::Semaphore;
//!
//! #[distributed_task(request = u32, response = u32, singleton = "nightly-report")]
//! struct Report {
//!     midnight: Arc<Semaphore>,
//! }
//!
//! #[steps]
//! impl Report {
//!     #[step(read_only)]
//!     async fn count(&self, request: &u32) -> StepResult<u32> {
//!         self.midnight.acquire().await?.forget();
//!         Ok(request * 2)
//!     }
//! }
//!
//! let midnight = Arc::new(Semaphore::new(0));
//! let reports = Report::builder().midnight(midnight.clone()).use_in_process_mode().build().await?;
//! let tonight = reports.submit(21).await?;
//! match reports.submit(22).await {
//!     Err(SubmitError::AlreadyRunning { saga, .. }) => assert_eq!(saga, Some(tonight.id())),
//!     other => panic!("{other:?}"),
//! }
//! midnight.add_permits(1);
//! assert!(matches!(tonight.outcome().await?, SagaOutcome::Completed(42)));
//! reports.submit(22).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Over Redis
//!
//! ```no_run
//! # #[cfg(feature = "redis")]
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::coordination::Coordination;
//!
//! let coordination = Coordination::builder().redis("redis://127.0.0.1/").open().await?;
//! # Ok(())
//! # }
//! ```
//!
//! One for a program is enough: it has one thread that renews, one connection for calls, and one on which it is told
//! whose turn it is, however many locks there are. Since the connection is on that thread, code that blocks the threads
//! of its runtime loses nothing. Where a [`RedisJournal`](crate::backend::redis::RedisJournal) is open already, its
//! `leases()` shares the connection, and then a runtime that is blocked for longer than a third of the lease loses it.
//!
//! Before a program ends, [`shutdown`](crate::coordination::Coordination::shutdown) waits until everything was given
//! back.
//!
//! # Looking after it
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use distributed_task::{backend::memory::MemoryLeases, coordination::Coordination};
//!
//! let coordination = Coordination::new(MemoryLeases::new());
//! let monitor = coordination.monitor();
//! println!("{:?} and {:?}", coordination.health().await, monitor.statistics());
//! for stale in monitor.stale_locks(Duration::from_secs(3600)).await? {
//!     println!("{} is held for long: {:?}", stale.lock.name, stale.reason);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`LockMonitor`](crate::coordination::LockMonitor) counts what happens in its process, tells
//! [events](crate::coordination::CoordinationEvent), looks up who has what in any process, and takes a name away from a
//! holder that hangs, or from one of [those who share it](crate::coordination::LockMonitor::readers). A lease does not
//! know whether work under it goes on: an operator does, or [`max_hold`](crate::coordination::Lock::max_hold), which is
//! how long work takes at most, or [`max_idle`](crate::coordination::Lock::max_idle), which is how long it may be
//! silent: a lock of work that no longer says [`progress()`](crate::coordination::LeaseGuard::progress) runs out. That
//! a holder does not stop when its lease is lost is told, as [`StillUsed`](crate::coordination::Happened::StillUsed).
//!
//! Processes with [`.tell_statistics_every(interval)`](crate::coordination::Coordination::tell_statistics_every) say
//! through the store what happened in them, and
//! [`statistics_of_all`](crate::coordination::LockMonitor::statistics_of_all) sums it in any process: how many took
//! part, and why these are not all where the store does not answer. It is a look at those that are there: a process
//! that ends takes its counts with it, one that was killed after three intervals. What is to last is in the figures.
//!
//! With the feature `metrics` the recorder of the program gets figures of it. Names are told by class, which is what
//! stands before the first `:` or `/`; a name that has none is a class of its own, so give names that begin with what
//! they are; the monitor tells the [names of each](crate::coordination::Contention) that are waited for longest. The
//! class of an election is `election:` and its name, and that of a job is `singleton:` and the class of its name. A
//! process tells the first 64 classes apart, and the rest is `other`.
//!
//! | figure | labels |
//! | --- | --- |
//! | counter `coord.lease.acquire` | `result`: `acquired`, `busy`, `gave_up`, `failed`; `key_class` |
//! | counter `coord.lease.renew` | `result`: `renewed`, `failed`; `key_class` |
//! | counter `coord.lease.lost` | `cause`: `not_owner`, `expired`, `unreachable`, `forced`; `key_class` |
//! | counter `coord.lease.contended`, `coord.lease.contention_high`, `coord.lease.short`, `coord.lease.forced`, `coord.lease.still_used`, `coord.lease.not_released` | `key_class` |
//! | gauge `coord.lease.held`, `coord.lease.wanted` | `key_class` |
//! | histogram `coord.lease.wait`, `coord.lease.hold`, `coord.lease.hand_over`, in seconds | `key_class` |
//! | histogram `coord.store.latency`, in seconds | `op`: `acquire`, `renew`, `release` |
//!
//! So whether a process leads is `coord.lease.held` of the class of the election, how long it led is
//! `coord.lease.hold`, and all that were `acquired`, in all processes, are its changes of leaders: its counters begin
//! with its candidacy, so that the first leader is a change as well.
//!
//! Worth an alert, in the language of Prometheus:
//!
//! | what | when |
//! | --- | --- |
//! | leases of one class are lost again and again | `sum by (key_class) (increase(coord_lease_lost[10m])) > 2` |
//! | work goes on under a lease that was lost | `sum(increase(coord_lease_still_used[10m])) > 0` |
//! | the store is why: renewals fail, and it is slow | `sum(increase(coord_lease_renew{result="failed"}[5m])) > 0 and sum(rate(coord_store_latency_sum{op="renew"}[5m])) / sum(rate(coord_store_latency_count{op="renew"}[5m])) > 0.25` |
//! | those who want one class wait for long | `sum by (key_class) (rate(coord_lease_wait_sum[5m])) / sum by (key_class) (rate(coord_lease_wait_count[5m])) > 5` |
//! | who leads changes often | `sum by (key_class) (increase(coord_lease_acquire{result="acquired",key_class=~"election:.+"}[1h])) > 4` |
//! | nobody leads, of those who stand | `sum by (key_class) (coord_lease_held{key_class=~"election:.+"}) < 1` |
//!
//! Logs have the fields `key`, `owner` (eight characters of it), `waited`, `took` or `held`, and `error`. Losses and
//! failures are warnings, what is acquired and let go is `debug`, and
//! [`DebuggingOptions`](crate::coordination::DebuggingOptions) make that `info`.
//!
//! Traces have two spans for each name, at `debug`: `lock.wait`, inside of whatever asks for it, which says in the end
//! how often the store was asked (`attempts`), what brought the last time (`woken`: `told`, `in time`, `handed over`)
//! and the `fence`; and `lock.hold`, which begins a trace of its own, because a guard may outlive what took it, and
//! follows from the first.
//!
//! # Options from a file
//!
//! [`CoordinationOptions`](crate::coordination::CoordinationOptions) can be read by serde, under the names and with the
//! defaults that users of other libraries know, and [`check`](crate::coordination::CoordinationOptions::check) tells
//! all that is wrong with them at once. A process that sets them waits for a lock as its `max_lock_retries` say.
//! Those of one process who wait for a lock do so as one, unless `enable_lock_pooling` is off: it is handed over
//! among them for one call each, and is the turn of another process after 16 of them, or a tenth of a second.
//!
//! # Stores of your own
//!
//! What has a compare-and-set and a time limit can be a [`LeaseStore`](crate::lease::LeaseStore); the suite in
//! `conformance::lease` says whether it is one. Those that also have a line and readers are a
//! [`LockStore`](crate::lease::LockStore), those that know who stands a
//! [`CandidateStore`](crate::lease::CandidateStore), and those that count runs a
//! [`RunStore`](crate::lease::RunStore). How others fit:
//!
//! | | lease | fence | release |
//! | --- | --- | --- | --- |
//! | etcd | a lease, and a key that is put with it if it is not there | the revision that created the key | revoke |
//! | Consul | a session with a TTL, and `?acquire=`; a lock delay of 0, since fences replace it | the `ModifyIndex` at the grant | `?release=` |
//! | Kubernetes | a `Lease` object, by `resourceVersion` | `leaseTransitions` | an empty `holderIdentity` |
//! | SQL | a row with `expires_at` by the clock of the database | a sequence | `delete … where owner = …` |
//!
//! What all of this promises has [numbers](crate::docs::coordination), with the tests that show it.
//!
//! Tests that let time pass with `tokio::time::pause` use
//! [`on_this_runtime`](crate::coordination::Coordination::on_this_runtime).
