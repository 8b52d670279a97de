//! A journal behind a line that takes time: a request on its way, an answer, a signal.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryJournal,
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, Known, Lease, Left, ListFilter, Listed, ListenerId, NewSaga,
        Pulse, Reaped, SeatId, Signal, Signals, Told,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
};
use tokio::{sync::mpsc, time::sleep};

/// How often a signal comes.
#[derive(Clone, Copy)]
pub enum Post {
    Once,
    Twice,
}

/// A journal whose calls, answers and signals are each up to 5 ms on their way. The signals of one
/// listener come in their order.
pub struct Delayed {
    journal: MemoryJournal,
    line: Line,
    post: Post,
}

/// How long the next thing takes.
#[derive(Clone)]
struct Line(Arc<AtomicU64>);

impl Line {
    /// Up to 5 ms: the generator is Steele's SplitMix64.
    fn delay(&self) -> Duration {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_micros((mixed ^ (mixed >> 31)) % 5_000)
    }
}

impl Delayed {
    pub fn new(journal: MemoryJournal, seed: u64, post: Post) -> Self {
        Self { journal, line: Line(Arc::new(AtomicU64::new(seed))), post }
    }

    /// Asks, some time later, and hears the answer some time after.
    fn far<'a, T: Send + 'a>(
        &'a self,
        ask: impl FnOnce(&'a MemoryJournal) -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        Answer::Later(Box::pin(async move {
            sleep(self.line.delay()).await;
            let answer = ask(&self.journal).await;
            sleep(self.line.delay()).await;
            answer
        }))
    }
}

/// The way to a listener.
struct Way {
    signals: mpsc::UnboundedSender<Signal>,
    post: Post,
}

impl Way {
    fn to(listener: Arc<dyn Signals>, line: Line, post: Post) -> Self {
        let (signals, mut posted) = mpsc::unbounded_channel();
        // It ends with the listener's registration.
        tokio::spawn(async move {
            while let Some(signal) = posted.recv().await {
                sleep(line.delay()).await;
                listener.signal(signal);
            }
        });
        Self { signals, post }
    }
}

impl Signals for Way {
    fn signal(&self, signal: Signal) {
        let copies = match self.post {
            Post::Once => 1,
            Post::Twice => 2,
        };
        for _ in 0..copies {
            // A test that is over hears nothing.
            let _ = self.signals.send(signal.clone());
        }
    }
}

impl Journal for Delayed {
    fn durability(&self) -> Durability {
        self.journal.durability()
    }

    fn is_shared(&self) -> bool {
        self.journal.is_shared()
    }

    fn now(&self) -> Timestamp {
        self.journal.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let way = Arc::new(Way::to(signals, self.line.clone(), self.post));
        self.far(|journal| journal.listen(way))
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.far(move |journal| journal.unlisten(listener))
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.far(|journal| journal.define(definition))
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.far(|journal| journal.definitions())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.far(move |journal| journal.definition(hash))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        self.far(move |journal| journal.admit(definition))
    }

    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        self.far(|journal| journal.create(saga))
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.far(move |journal| journal.find(saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.far(move |journal| journal.enter(seat, listener))
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.far(move |journal| journal.claim(seat, from, limit))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        self.far(|journal| journal.commit(batch))
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.far(move |journal| journal.tell(saga, mail))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.far(move |journal| journal.inbox(saga))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.far(move |journal| journal.pulse(seat, carry))
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.far(move |journal| journal.reap(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.far(move |journal| journal.leave(seat))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.far(move |journal| journal.read(saga, from))
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.far(move |journal| journal.list(filter, after, limit))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.far(|journal| journal.late())
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.far(move |journal| journal.audit(after, limit))
    }
}
