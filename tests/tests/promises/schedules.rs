//! Orders of events that a journal must stand: its page on the protocol lists them, by number.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    CompensationCause,
    backend::memory::{MemoryJournal, MemoryQueue},
    journal::{ClaimFrom, Journal, Reaped, SeatId, Signal, Signals},
    kernel::{Place, Record, SagaId, SagaStatus},
    prelude::*,
    queue::{Delivery, Queue, QueueError, Ticket},
};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

const LEASE: Duration = Duration::from_secs(10);
/// Nothing here may take as long.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

fn leased() -> Arc<MemoryJournal> {
    Arc::new(MemoryJournal::builder().lease(LEASE).build())
}

/// Three steps of two seconds, each of which notes its fence.
#[distributed_task(request = (), response = ())]
struct Three {
    log: Log,
}

#[steps]
impl Three {
    #[step(read_only)]
    async fn one(&self, cx: &StepContext) {
        self.work(cx).await;
    }

    #[step(read_only)]
    async fn two(&self, cx: &StepContext) {
        self.work(cx).await;
    }

    #[step(read_only)]
    async fn three(&self, cx: &StepContext) {
        self.work(cx).await;
    }

    async fn work(&self, cx: &StepContext) {
        self.log.note(cx.fence().to_string());
        sleep(Duration::from_secs(2)).await;
        self.log.note(cx.step());
    }

    #[response]
    fn respond(&self) {}
}

fn three(log: &Log) -> distributed_task::builder::TaskBuilder<Three> {
    Three::builder().log(log.clone()).use_in_process_mode()
}

async fn completes<T: distributed_task::TaskDefinition>(saga: &SagaHandle<T>) {
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(_)), "it is completed");
}

/// A host that hears nothing of its journal while the switch is on.
fn deaf(inner: &Arc<MemoryJournal>, is_deaf: &Arc<AtomicBool>) -> Arc<impl Journal> {
    let is_deaf = Arc::clone(is_deaf);
    Tapped::new(inner, move |_| match is_deaf.load(Ordering::SeqCst) {
        true => Tap::Silence,
        false => Tap::Through,
    })
}

#[tokio::test(start_paused = true)]
async fn f1_f2_schedule_a2_who_came_first_gets_the_higher_fence_when_it_takes_over() {
    let (journal, cut_off) = (leased(), Arc::new(AtomicBool::new(false)));
    let (first, second) = (Log::default(), Log::default());
    // The heir is there before the first owner.
    let heir = three(&second).override_journal(Arc::clone(&journal)).concurrency(1);
    let heir = heir.build().await.expect("it builds");
    let busy = heir.submit(()).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    let owner = three(&first).override_journal(deaf(&journal, &cut_off));
    let owner = owner.build().await.expect("it builds");
    let saga = owner.submit(()).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    cut_off.store(true, Ordering::SeqCst);
    completes(&busy).await;
    let saga = heir.handle(saga.id()).await.expect("the journal has it");
    completes(&saga).await;

    let numbers = |log: &Log| -> Vec<u64> {
        log.entries().iter().filter_map(|entry| entry.parse().ok()).collect()
    };
    let highest = numbers(&first).into_iter().max().expect("it began");
    let after = numbers(&second).split_off(3);
    assert!(after.iter().all(|fence| *fence > highest), "{highest} {after:?}");
    // What the first did to the end, nobody wrote down: the journal knows one owner.
    let records = journal.read(saga.id(), 0).await.expect("memory").expect("it is there").records;
    let ends = records.iter().filter(|at| matches!(at.record, Record::Ended { .. }));
    assert_eq!(ends.filter(|end| end.fence.0 > highest).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn schedule_a3_b20_a_start_is_one_call_and_the_last_step_ends_the_saga_in_its_own_commit() {
    for queue in [None, Some(MemoryQueue::new())] {
        let calls = Arc::new(Mutex::new(BTreeMap::<&str, usize>::new()));
        let counted = Arc::clone(&calls);
        let journal = Tapped::new(&Arc::default(), move |name| {
            *counted.lock().expect("no panic").entry(name).or_default() += 1;
            Tap::Through
        });
        let mut builder = three(&Log::default()).override_journal(journal);
        if let Some(queue) = queue {
            builder = builder.override_queue(queue);
        }
        let task = builder.build().await.expect("it builds");
        calls.lock().expect("no panic").clear();
        completes(&task.submit(()).await.expect("submitted")).await;
        let calls = calls.lock().expect("no panic").clone();
        let count = |name: &str| calls.get(name).copied().unwrap_or_default();
        // One to start it, one for each step: a queue brings tickets, and writes nothing.
        assert_eq!((count("create"), count("commit"), count("tell")), (1, 3, 0), "{calls:?}");
    }
}

/// The first saga waits for a time; its wake-up needs no room.
#[distributed_task(request = bool, response = ())]
struct Waits {
    log: Log,
}

#[steps]
impl Waits {
    #[step(read_only, retry(max = 1, delay = "10s", max_delay = "10s", jitter = "none"))]
    async fn call(&self, cx: &StepContext, request: &bool) -> StepResult<()> {
        sleep(Duration::from_secs(3)).await;
        if *request && cx.attempt() == 1 {
            Err("ask again later")?;
        }
        self.log.note(if *request { "woken" } else { "new" });
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn schedule_a7_a_wake_up_needs_no_room_and_goes_before_what_is_new() {
    let log = Log::default();
    let journal = MemoryJournal::builder().capacity(2).build();
    let builder = Waits::builder().log(log.clone()).use_in_process_mode();
    let builder = builder.override_journal(journal).concurrency(1);
    let task = builder.build().await.expect("it builds");
    let waits = task.submit(true).await.expect("submitted");
    // They fill the room for new sagas until long after the wake-up.
    let submitters = (0..10).map(|_| {
        let task = task.clone();
        tokio::spawn(async move { completes(&task.submit(false).await.expect("submitted")).await })
    });
    let submitters: Vec<_> = submitters.collect();
    completes(&waits).await;
    let before = log.entries();
    for submitter in submitters {
        submitter.await.expect("it is completed");
    }
    // Due after 13 s: the one that runs then, and no other, comes before it.
    assert_eq!(before.iter().filter(|entry| *entry == "new").count(), 4, "{before:?}");
    assert_eq!(log.entries().len(), 11);
}

/// Hears nothing.
struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

async fn seat(journal: &MemoryJournal, name: u128) -> SeatId {
    let listener = journal.listen(Arc::new(Deaf)).await.expect("memory");
    let seat = SeatId(Uuid::from_u128(name));
    journal.enter(seat, listener).await.expect("memory");
    seat
}

/// A journal in which so many sagas wait for anybody.
async fn waiting(sagas: usize) -> (Arc<MemoryJournal>, Log, Vec<SagaId>) {
    let (journal, log) = (leased(), Log::default());
    let task = three(&log).override_journal(Arc::clone(&journal)).build().await.expect("it builds");
    let mut ids = Vec::new();
    for _ in 0..sagas {
        ids.push(task.submit(()).await.expect("submitted").id());
    }
    assert!(!task.shutdown(Duration::ZERO).await.in_time, "they are given back");
    (journal, log, ids)
}

#[tokio::test(start_paused = true)]
async fn schedule_b1_what_a_dead_seat_asks_for_goes_to_the_living() {
    let (journal, log, ids) = waiting(2).await;
    let definitions = journal.definitions().await.expect("memory");
    let hashes: Vec<_> = definitions.iter().map(|definition| definition.hash()).collect();
    let dead = seat(&journal, 1).await;
    sleep(LEASE * 2).await;
    assert_eq!(journal.reap(dead).await.expect("memory"), Reaped::Reaped(0));
    // It wakes, and asks before it knows.
    journal.claim(dead, ClaimFrom::Definitions(&hashes), 16).await.expect_err("it is dead");
    journal.claim(dead, ClaimFrom::Sagas(hashes[0], &ids), 16).await.expect_err("it is dead");
    journal.pulse(dead, None).await.expect_err("and stays so");
    let task = three(&log).override_journal(journal).build().await.expect("it builds");
    for id in ids {
        completes(&task.handle(id).await.expect("it is there")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn schedule_b17_a_seat_that_is_late_and_not_reaped_keeps_its_sagas() {
    let (journal, log, ids) = waiting(1).await;
    let definitions = journal.definitions().await.expect("memory");
    let hashes: Vec<_> = definitions.iter().map(|definition| definition.hash()).collect();
    let late = seat(&journal, 1).await;
    let claimed = journal.claim(late, ClaimFrom::Definitions(&hashes), 16).await.expect("memory");
    assert_eq!(claimed.sagas.len(), 1);
    // Everybody slept for longer than the lease, and it is the first to wake.
    sleep(LEASE * 3).await;
    journal.pulse(late, None).await.expect("nobody reaped it");
    assert_eq!(journal.reap(late).await.expect("memory"), Reaped::Alive);
    let listed = journal.list(Default::default(), None, 1).await.expect("memory");
    assert_eq!(listed[0].place, Place::Owned);
    // One that came again under its name would be another seat: this one is gone for good.
    sleep(LEASE * 3).await;
    assert_eq!(journal.reap(late).await.expect("memory"), Reaped::Reaped(1));
    journal.pulse(late, None).await.expect_err("no renewal brings it back");
    let task = three(&log).override_journal(journal).build().await.expect("it builds");
    completes(&task.handle(ids[0]).await.expect("it is there")).await;
}

/// A queue that loses what is published first, and counts what is not acknowledged.
#[derive(Clone)]
struct Lossy {
    inner: MemoryQueue,
    lose: Arc<AtomicUsize>,
    published: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Lossy {
    fn losing(tickets: usize) -> Self {
        let lose = Arc::new(AtomicUsize::new(tickets));
        let (published, open) = (Arc::default(), Arc::default());
        Self { inner: MemoryQueue::new(), lose, published, open }
    }
}

struct Counted(Box<dyn Delivery>, Arc<AtomicUsize>);

impl Delivery for Counted {
    fn ticket(&self) -> &Ticket {
        self.0.ticket()
    }

    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), QueueError>> {
        self.1.fetch_sub(1, Ordering::SeqCst);
        self.0.ack()
    }

    fn nack(self: Box<Self>, delay: Duration) -> BoxFuture<'static, Result<(), QueueError>> {
        self.1.fetch_sub(1, Ordering::SeqCst);
        self.0.nack(delay)
    }
}

impl Queue for Lossy {
    fn publish<'a>(
        &'a self,
        queue: &'a str,
        ticket: Ticket,
    ) -> BoxFuture<'a, Result<(), QueueError>> {
        self.published.fetch_add(1, Ordering::SeqCst);
        let one_less = |left: usize| left.checked_sub(1);
        if self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            return Box::pin(async { Ok(()) });
        }
        self.inner.publish(queue, ticket)
    }

    fn receive<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Box<dyn Delivery>, QueueError>> {
        Box::pin(async move {
            let delivery = self.inner.receive(queue).await?;
            self.open.fetch_add(1, Ordering::SeqCst);
            Ok(Box::new(Counted(delivery, Arc::clone(&self.open))) as Box<dyn Delivery>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn schedule_b8_a_message_that_was_lost_is_published_again_and_one_too_many_does_no_harm() {
    let (queue, log) = (Lossy::losing(2), Log::default());
    let journal = Arc::new(MemoryJournal::new());
    let builder = three(&log).override_queue(queue.clone()).override_journal(Arc::clone(&journal));
    let task = builder.build().await.expect("it builds");
    let begun = Instant::now();
    let saga = task.submit(()).await.expect("submitted");
    completes(&saga).await;
    assert!(begun.elapsed() > Duration::from_secs(120), "{:?}", begun.elapsed());
    assert_eq!(queue.published.load(Ordering::SeqCst), 3);
    // A message of a saga that is over, and one of a saga that is nowhere.
    let definitions = journal.definitions().await.expect("memory");
    let definition = definitions[0].hash().to_string();
    for saga in [saga.id(), SagaId(Uuid::from_u128(7))] {
        let ticket = Ticket { saga, task: "three".to_owned(), definition: definition.clone() };
        queue.publish(Three::WORKER_QUEUE, ticket).await.expect("published");
    }
    completes(&task.submit(()).await.expect("submitted")).await;
    assert_eq!(log.entries().len(), 12, "each step of two sagas ran once");
    assert_eq!(queue.open.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn schedule_b7_a_message_is_acknowledged_when_its_saga_is_claimed_not_when_it_is_over() {
    let (queue, log) = (Lossy::losing(0), Log::default());
    let task = three(&log).override_queue(queue.clone()).build().await.expect("it builds");
    let saga = task.submit(()).await.expect("submitted");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(saga.status().await.expect("it is there"), SagaStatus::Running);
    assert_eq!(log.entries().len(), 1, "it runs its first step");
    assert_eq!(queue.open.load(Ordering::SeqCst), 0, "nobody holds a message");
    completes(&saga).await;
    assert_eq!(queue.published.load(Ordering::SeqCst), 1);
}

/// Its step says nothing of how long it may take.
#[distributed_task(request = (), response = ())]
struct Endless {
    log: Log,
}

#[steps]
impl Endless {
    #[step(compensate = undo, at_most_once)]
    async fn work(&self) {
        self.log.note("work");
        std::future::pending::<()>().await;
    }

    async fn undo(&self) -> StepResult<()> {
        self.log.note("undo");
        Ok(())
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn schedule_b15_an_attempt_without_a_limit_of_its_own_is_waited_for_ten_minutes() {
    let (journal, cut_off, log) = (leased(), Arc::new(AtomicBool::new(false)), Log::default());
    let endless = || Endless::builder().log(log.clone()).use_in_process_mode();
    let lost = endless().override_journal(deaf(&journal, &cut_off)).build().await;
    let lost = lost.expect("it builds");
    let saga = lost.submit(()).await.expect("submitted").id();
    sleep(Duration::from_secs(1)).await;
    cut_off.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    let heir = endless().override_journal(journal).build().await.expect("it builds");
    let saga = heir.handle(saga).await.expect("it is there");
    let outcome = timeout(FOR_EVER, saga.outcome()).await.expect("it ends").expect("an outcome");
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("it went back") };
    assert!(matches!(cause, CompensationCause::Failed { .. }), "{cause:?}");
    assert_eq!(log.entries(), ["work", "undo"]);
    let waited = *log.times().last().expect("it is undone") - begun;
    let (least, most) = (Duration::from_secs(600), Duration::from_secs(600) + LEASE * 3);
    assert!((least..most).contains(&waited), "{waited:?}");
}
/// Works for a minute, or is the death of its host.
#[distributed_task(request = bool, response = ())]
struct Deadly {
    kills: Arc<AtomicBool>,
}

#[steps]
impl Deadly {
    #[step(read_only, timeout = "1h")]
    async fn work(&self, request: &bool) {
        if *request {
            sleep(Duration::from_secs(1)).await;
            self.kills.store(true, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        sleep(Duration::from_secs(60)).await;
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn r3_schedule_b4_a_saga_that_kills_its_hosts_is_parked_and_those_beside_it_are_not() {
    let journal = leased();
    let mut hosts = Vec::new();
    let mut sagas = Vec::new();
    for host in 0..20 {
        let dead = Arc::new(AtomicBool::new(false));
        let builder = Deadly::builder().kills(Arc::clone(&dead)).use_in_process_mode();
        let task = builder.override_journal(deaf(&journal, &dead)).build().await;
        let task = task.expect("it builds");
        if host == 0 {
            for deadly in [false, true, false, false] {
                sagas.push((deadly, task.submit(deadly).await.expect("submitted").id()));
            }
        }
        // Until it is dead; or there is nothing left that kills it.
        for _ in 0..600 {
            if dead.load(Ordering::SeqCst) {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        let is_alive = !dead.load(Ordering::SeqCst);
        hosts.push(task);
        if is_alive {
            break;
        }
    }
    let last = hosts.last().expect("there is one");
    for (deadly, saga) in sagas {
        let saga = last.handle(saga).await.expect("the journal has it");
        let wanted = if deadly { SagaStatus::Parked } else { SagaStatus::Completed };
        assert_eq!(saga.status().await.expect("it is there"), wanted, "deadly: {deadly}");
    }
    assert_eq!(hosts.len(), 6, "five die, and nobody after them");
}
