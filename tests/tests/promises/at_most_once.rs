//! What runs at most once does so over every change of hosts (E3), and its undo stands it when
//! nothing happened at all (C6).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    TaskSteps,
    backend::memory::MemoryJournal,
    builder::TaskBuilder,
    journal::{ClaimFrom, Journal, Reaped, SeatId, Signal, Signals},
    kernel::SagaId,
    prelude::*,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use uuid::Uuid;

use crate::{
    log::Log,
    tapped::{Tap, Tapped},
};

const LEASE: Duration = Duration::from_secs(10);

/// Sends a letter, and then waits for so long that its host can be taken away.
#[distributed_task(request = (), response = ())]
struct Letter {
    log: Log,
    sent: Arc<Notify>,
}

#[steps]
impl Letter {
    #[step(compensate = recall, at_most_once, timeout = "5m")]
    async fn send(&self) {
        self.log.note("send");
        self.sent.notify_one();
        sleep(Duration::from_secs(120)).await;
    }

    async fn recall(&self, send: Outcome<&()>) {
        let sent = self.log.entries().iter().any(|what| what == "send");
        self.log.note(match (send, sent) {
            (Outcome::Unknown, true) => "recall what may have been sent",
            (Outcome::Unknown, false) => "nothing to recall",
            _ => "recall what was sent",
        });
    }

    #[response]
    fn respond(&self) {}
}

/// The same with a list of what was sent.
#[distributed_task(request = (), response = u32)]
struct Registered {
    log: Log,
    sent: Arc<Notify>,
}

#[steps]
impl Registered {
    #[step(pivot, at_most_once, probe = look_up, timeout = "5m")]
    async fn send(&self) -> u32 {
        self.log.note("send");
        self.sent.notify_one();
        sleep(Duration::from_secs(120)).await;
        1
    }

    async fn look_up(&self) -> Probe<u32> {
        let sent = self.log.entries().iter().any(|what| what == "send");
        self.log.note("look up");
        if sent { Probe::Happened(7) } else { Probe::DidNot }
    }
}

/// Where the letters are.
struct Post {
    journal: Arc<MemoryJournal>,
    log: Log,
    sent: Arc<Notify>,
}

impl Post {
    fn new() -> Self {
        let journal = Arc::new(MemoryJournal::builder().lease(LEASE).build());
        Self { journal, log: Log::default(), sent: Arc::default() }
    }

    fn letters(&self) -> TaskBuilder<Letter> {
        Letter::builder().log(self.log.clone()).sent(Arc::clone(&self.sent)).use_in_process_mode()
    }

    fn registered(&self) -> TaskBuilder<Registered> {
        let builder = Registered::builder().log(self.log.clone());
        builder.sent(Arc::clone(&self.sent)).use_in_process_mode()
    }

    /// The host of a saga falls silent while it sends, and another one takes the saga over.
    async fn fails_over<T: TaskSteps<Request = ()>>(
        &self,
        host: impl Fn(&Self) -> TaskBuilder<T>,
    ) -> SagaOutcome<T> {
        let silent = Arc::new(AtomicBool::new(false));
        let is_silent = Arc::clone(&silent);
        let cut_off = Tapped::new(&self.journal, move |_| match is_silent.load(Ordering::SeqCst) {
            true => Tap::Silence,
            false => Tap::Through,
        });
        let old = host(self).override_journal(cut_off).build().await.expect("it builds");
        let saga = old.submit(()).await.expect("submitted").id();
        self.sent.notified().await;
        silent.store(true, Ordering::SeqCst);
        self.taken_over(host(self), saga).await
    }

    /// How a saga ends on a host that comes now.
    async fn taken_over<T: TaskSteps>(&self, host: TaskBuilder<T>, saga: SagaId) -> SagaOutcome<T> {
        let host = host.override_journal(Arc::clone(&self.journal)).build().await;
        let host = host.expect("it builds");
        let saga = host.handle(saga).await.expect("the journal has it");
        let outcome = timeout(Duration::from_secs(3600), saga.outcome()).await;
        outcome.expect("it is taken over").expect("an outcome")
    }
}

#[tokio::test(start_paused = true)]
async fn e3_what_a_lost_host_may_have_done_once_is_not_done_again_but_undone() {
    let post = Post::new();
    let outcome = post.fails_over(Post::letters).await;
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: false, .. }), "{outcome:?}");
    assert_eq!(post.log.entries(), ["send", "recall what may have been sent"]);
}

#[tokio::test(start_paused = true)]
async fn e3_p2_the_next_host_asks_the_probe_what_the_lost_one_did() {
    let post = Post::new();
    let outcome = post.fails_over(Post::registered).await;
    assert!(matches!(outcome, SagaOutcome::Completed(7)), "{outcome:?}");
    assert_eq!(post.log.entries(), ["send", "look up"]);
}

#[tokio::test(start_paused = true)]
async fn e3_what_a_shutdown_interrupts_is_not_run_again_either() {
    let post = Post::new();
    let old = post.letters().override_journal(Arc::clone(&post.journal)).build().await;
    let old = old.expect("it builds");
    let saga = old.submit(()).await.expect("submitted").id();
    post.sent.notified().await;
    assert!(!old.shutdown(Duration::ZERO).await.in_time);
    let outcome = post.taken_over(post.letters(), saga).await;
    assert!(matches!(outcome, SagaOutcome::Compensated { .. }), "{outcome:?}");
    assert_eq!(post.log.entries(), ["send", "recall what may have been sent"]);
}

/// Hears nothing.
struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

/// A saga whose first host claimed it and died before it did anything.
async fn never_begun<T: TaskSteps<Request = ()>>(post: &Post, host: TaskBuilder<T>) -> SagaId {
    // A letter that is being sent keeps the only slot.
    let old = host.override_journal(Arc::clone(&post.journal)).concurrency(1).build().await;
    let old = old.expect("it builds");
    old.submit(()).await.expect("submitted");
    post.sent.notified().await;
    let saga = old.submit(()).await.expect("submitted").id();
    let definitions = post.journal.definitions().await.expect("memory");
    let hashes: Vec<_> = definitions.iter().map(|definition| definition.hash()).collect();
    let listener = post.journal.listen(Arc::new(Deaf)).await.expect("memory");
    let seat = SeatId(Uuid::from_u128(1));
    post.journal.enter(seat, listener).await.expect("memory");
    post.journal.claim(seat, ClaimFrom::Definitions(&hashes), 1).await.expect("memory");
    old.shutdown(Duration::from_secs(600)).await;
    sleep(LEASE + Duration::from_secs(1)).await;
    // The host that left may have found it dead before.
    let reaped = post.journal.reap(seat).await;
    assert!(matches!(reaped, Ok(Reaped::Reaped(_))), "{reaped:?}");
    saga
}

#[tokio::test(start_paused = true)]
async fn c6_an_undo_that_does_not_know_succeeds_when_nothing_happened() {
    let post = Post::new();
    let saga = never_begun(&post, post.letters()).await;
    assert_eq!(post.log.entries(), ["send"], "that is the other letter");
    let fresh = Post { log: Log::default(), ..post };
    let outcome = fresh.taken_over(fresh.letters(), saga).await;
    let SagaOutcome::Compensated { residual, .. } = outcome else { panic!("{outcome:?}") };
    assert!(residual.is_empty(), "{residual:?}");
    assert_eq!(fresh.log.entries(), ["nothing to recall"]);
}

#[tokio::test(start_paused = true)]
async fn e3_a_probe_says_that_a_lost_host_did_nothing_and_nothing_is_undone() {
    let post = Post::new();
    let saga = never_begun(&post, post.registered()).await;
    let fresh = Post { log: Log::default(), ..post };
    let outcome = fresh.taken_over(fresh.registered(), saga).await;
    assert!(matches!(outcome, SagaOutcome::Compensated { settled: true, .. }), "{outcome:?}");
    assert_eq!(fresh.log.entries(), ["look up"]);
}
