//! A journal that does not answer.
//!
//! The fault is the point here, so this is a journal around a real one, which fails calls that a
//! test names.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    SubmitError,
    backend::memory::MemoryJournal,
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told, Wire,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
    prelude::*,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};

use crate::log::Log;

const FOR_EVER: u32 = u32::MAX;

/// Answers so many of the next commits and reads with `Unavailable`, and does nothing then.
struct Unreliable {
    inner: MemoryJournal,
    commits: AtomicU32,
    reads: AtomicU32,
}

impl Unreliable {
    fn failing(commits: u32, reads: u32) -> Arc<Self> {
        let inner = MemoryJournal::new();
        Arc::new(Self { inner, commits: commits.into(), reads: reads.into() })
    }
}

/// Whether the next call fails.
fn fails(calls: &AtomicU32) -> bool {
    let one_less = |left| match left {
        FOR_EVER => Some(FOR_EVER),
        left => u32::checked_sub(left, 1),
    };
    calls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
}

fn unavailable<T>() -> Answer<'static, T> {
    Answer::from(Err(JournalError::Unavailable("no route to host".into())))
}

impl Journal for Unreliable {
    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        if fails(&self.commits) { unavailable() } else { self.inner.commit(batch) }
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        if fails(&self.reads) { unavailable() } else { self.inner.read(saga, from) }
    }

    // ---- everything else works -----------------------------------------------------------------

    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    fn wire(&self) -> Wire {
        self.inner.wire()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        self.inner.listen(signals)
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.inner.unlisten(listener)
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.inner.define(definition)
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.inner.definitions()
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.inner.definition(hash)
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        self.inner.admit(definition)
    }

    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        self.inner.create(saga)
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.inner.find(saga)
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.inner.enter(seat, listener)
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.inner.claim(seat, from, limit)
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.inner.tell(saga, mail)
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.inner.inbox(saga)
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.inner.pulse(seat, carry)
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.inner.reap(dead)
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.inner.leave(seat)
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.inner.list(filter, after, limit)
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.inner.late()
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.inner.audit(after, limit)
    }
}

#[distributed_task(request = u32, response = u32)]
struct Count {
    log: Log,
    running: Arc<Notify>,
}

#[steps]
impl Count {
    #[step(read_only)]
    async fn one(&self, request: &u32) -> u32 {
        self.log.note("one");
        self.running.notify_one();
        sleep(Duration::from_secs(5)).await;
        request + 1
    }

    #[step(read_only)]
    async fn two(&self, one: &u32) -> u32 {
        self.log.note("two");
        one + 1
    }
}

async fn count(journal: &Arc<Unreliable>, log: &Log) -> (Task<Count>, Arc<Notify>) {
    let running = Arc::new(Notify::new());
    let builder = Count::builder().log(log.clone()).running(Arc::clone(&running));
    let builder = builder.use_in_process_mode().override_journal(Arc::clone(journal));
    (builder.build().await.expect("it builds"), running)
}

#[tokio::test(start_paused = true)]
async fn a_saga_goes_on_when_the_journal_answers_again_and_no_step_runs_twice() {
    for (commits, reads) in [(1, 0), (1, 1), (3, 3)] {
        let (journal, log) = (Unreliable::failing(commits, reads), Log::default());
        let (task, _) = count(&journal, &log).await;
        let saga = task.submit(1).await.expect("submitted");
        let outcome = timeout(Duration::from_secs(3600), saga.outcome()).await;
        let outcome = outcome.expect("in time").expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(3)), "{outcome:?}");
        assert_eq!(log.entries(), ["one", "two"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_although_nothing_can_be_written() {
    let (journal, log) = (Unreliable::failing(0, 0), Log::default());
    let (task, running) = count(&journal, &log).await;
    task.submit(1).await.expect("submitted");
    running.notified().await;
    journal.commits.store(FOR_EVER, Ordering::SeqCst);
    let begun = Instant::now();
    let shutdown = timeout(Duration::from_secs(3600), task.shutdown(Duration::from_secs(10))).await;
    assert!(!shutdown.expect("it ends").in_time);
    assert!(begun.elapsed().as_secs() <= 12, "after {:?}", begun.elapsed());
}

#[distributed_task(request = u32, response = u32)]
struct Receive;

#[steps]
impl Receive {
    #[step(host = "api", read_only)]
    async fn check(&self, request: &u32) -> u32 {
        *request
    }

    #[step(read_only)]
    async fn work(&self, check: &u32) -> u32 {
        *check
    }
}

#[tokio::test(start_paused = true)]
async fn submit_says_that_the_journal_failed_when_a_saga_with_api_steps_could_not_be_started() {
    let builder = Receive::builder().use_in_process_mode();
    let builder = builder.override_journal(Unreliable::failing(1, 0));
    let task = builder.build().await.expect("it builds");
    let error = task.submit(1).await.expect_err("it is not there");
    assert!(matches!(error, SubmitError::Journal { .. }), "{error}");
    task.submit(1).await.expect("the journal answers again").outcome().await.expect("an outcome");
}

#[tokio::test(start_paused = true)]
async fn i2_a_start_whose_fate_is_unknown_does_not_take_the_saga_of_another_for_its_own() {
    let builder = Receive::builder().use_in_process_mode();
    let builder = builder.override_journal(Unreliable::failing(1, 0));
    let task = builder.build().await.expect("it builds");
    // The first cannot be written, and the second comes before the first looks what became of it.
    let first = tokio::spawn({
        let task = task.clone();
        async move { task.submit_with_key("17", 1).await }
    });
    sleep(Duration::from_millis(500)).await;
    let second = task.submit_with_key("17", 1).await.expect("submitted");
    let first = first.await.expect("no panic").expect("it is the same");
    assert_eq!(first.id(), second.id());
    for saga in [first, second] {
        let outcome = saga.outcome().await.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(1)), "{outcome:?}");
    }
}
