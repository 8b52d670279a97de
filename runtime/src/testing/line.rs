//! The line from one process to the journal: it counts appends, and does something to the process at
//! one of them.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use tokio::sync::watch;

use super::redelivery::Redelivery;
use crate::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Item, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told, Verdict,
    },
    kernel::{Definition, DefinitionHash, Mail, Record, SagaId, Timestamp, Value},
};

/// Where something happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Around this append of the process, counted from 1.
    pub append: u32,
    /// What happens, and on which side.
    pub side: Side,
}

/// What happens around an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The process is stopped: it was not written.
    Before,
    /// The process is stopped: it was written, and its answer was not heard.
    After,
    /// The process goes on: it was written, and the answer is that nobody knows.
    Unanswered,
    /// The process goes on: it was written, and then the ticket of the saga comes once more.
    Redelivered,
}

impl Side {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Before, Self::After, Self::Unanswered, Self::Redelivered];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Unanswered => "unanswered",
            Self::Redelivered => "redelivered",
        }
    }
}

/// Sees what goes over a line.
pub trait Witness: Send + Sync {
    /// A group is about to be written.
    fn appending(&self) {}

    /// A group was written: saga, first sequence number, the records as text.
    fn appended(&self, saga: SagaId, seq: usize, records: Vec<String>);

    /// A saga was claimed.
    fn claimed(&self) {}

    /// A dead process called.
    fn dead_call(&self, name: &str);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Every call waits.
    Held,
    /// Every call waits for ever, and is noted: the dead do not speak.
    Dead,
}

/// A [`Journal`] for one process, in front of the one that all processes share.
pub struct Line {
    journal: Arc<dyn Journal>,
    witness: Arc<dyn Witness>,
    stop: Option<Stop>,
    /// Values go over it as bytes, as if the journal outlived the machine.
    durable: bool,
    redelivery: Option<Arc<Redelivery>>,
    appends: AtomicU32,
    state: watch::Sender<State>,
}

impl Line {
    /// A line to this journal.
    pub fn new(journal: Arc<dyn Journal>, witness: Arc<dyn Witness>, stop: Option<Stop>) -> Self {
        Self {
            journal,
            witness,
            stop,
            durable: false,
            redelivery: None,
            appends: AtomicU32::new(0),
            state: watch::Sender::new(State::Open),
        }
    }

    /// The journal seems to be one that outlives the machine: what is claimed comes as bytes.
    #[must_use]
    pub fn durable(self) -> Self {
        Self { durable: true, ..self }
    }

    /// Who brings the ticket of the saga once more.
    #[must_use]
    pub fn redelivers(self, redelivery: Option<Arc<Redelivery>>) -> Self {
        Self { redelivery, ..self }
    }

    /// Waits until the process is stopped.
    pub async fn stopped(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state == State::Held).await.expect("the sender is here");
    }

    /// Lets the process go on.
    pub fn release(&self) {
        self.state.send_replace(State::Open);
    }

    /// The process is dead.
    pub fn bury(&self) {
        self.state.send_replace(State::Dead);
    }

    /// So many appends of the process came this far.
    pub fn appends(&self) -> u32 {
        self.appends.load(SeqCst)
    }

    /// A call, when the line is open.
    fn call<'a, T: Send + 'a>(
        &'a self,
        name: &str,
        call: impl FnOnce() -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        let state = *self.state.borrow();
        match state {
            State::Open => return call(),
            State::Held => {}
            State::Dead => self.witness.dead_call(name),
        }
        Answer::Later(Box::pin(async move {
            self.open().await;
            call().await
        }))
    }

    async fn open(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state == State::Open).await.expect("the sender is here");
    }

    /// An append: something happens before it, after it, or not at all.
    fn append<'a, T: Send + 'a>(
        &'a self,
        name: &str,
        append: impl FnOnce() -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        if *self.state.borrow() != State::Open {
            return self.call(name, append);
        }
        let nth = self.appends.fetch_add(1, SeqCst) + 1;
        let Some(stop) = self.stop.filter(|stop| stop.append == nth) else { return append() };
        let written = match stop.side {
            Side::Before => Err(append),
            Side::After => Ok(append()),
            Side::Unanswered => {
                drop(append());
                let why = "the answer to this write was lost";
                return Answer::from(Err(JournalError::Unavailable(why.into())));
            }
            Side::Redelivered => {
                let answer = append();
                self.redelivery.iter().for_each(|redelivery| redelivery.again());
                return answer;
            }
        };
        self.state.send_replace(State::Held);
        Answer::Later(Box::pin(async move {
            self.open().await;
            match written {
                Err(append) => append().await,
                Ok(answer) => answer.await,
            }
        }))
    }
}

/// A group as it was handed over, to be found again.
fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| format!("{record:?}")).collect()
}

/// What another process reads: bytes.
fn forget_live_values(claimed: &mut Claimed) {
    let mut forget = |value: &mut Value| {
        if let Some(encoded) = value.as_encoded() {
            *value = Value::encoded(encoded.clone());
        }
        Ok::<(), std::convert::Infallible>(())
    };
    for stamped in claimed.sagas.iter_mut().flat_map(|saga| &mut saga.records) {
        let Ok(()) = stamped.record.each_value(&mut forget);
    }
}

impl Journal for Line {
    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        self.append("create", || {
            let (id, records) = (saga.id, texts(&saga.records));
            self.witness.appending();
            let answer = self.journal.create(saga);
            if matches!(answer, Answer::Ready(Some(Ok(Created::Created)))) {
                self.witness.appended(id, 0, records);
            }
            answer
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        self.append("commit", || {
            let group = |item: &Item| (item.saga, item.seq as usize, texts(&item.records));
            let groups: Vec<_> = batch.items.iter().map(group).collect();
            self.witness.appending();
            let answer = self.journal.commit(batch);
            if let Answer::Ready(Some(Ok(committed))) = &answer {
                for (verdict, (saga, seq, records)) in committed.verdicts.iter().zip(groups) {
                    if matches!(verdict, Verdict::Written { .. }) {
                        self.witness.appended(saga, seq, records);
                    }
                }
            }
            answer
        })
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.call("claim", move || {
            let mut answer = self.journal.claim(seat, from, limit);
            if let Answer::Ready(Some(Ok(claimed))) = &mut answer
                && !claimed.sagas.is_empty()
            {
                if self.durable {
                    forget_live_values(claimed);
                }
                self.witness.claimed();
            }
            answer
        })
    }

    // ---- everything else only needs an open line ------------------------------------------------

    fn durability(&self) -> Durability {
        if self.durable { Durability::Fsync } else { self.journal.durability() }
    }

    fn is_shared(&self) -> bool {
        self.journal.is_shared()
    }

    fn now(&self) -> Timestamp {
        self.journal.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        self.call("listen", || self.journal.listen(signals))
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.call("unlisten", move || self.journal.unlisten(listener))
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.call("define", || self.journal.define(definition))
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.call("definitions", || self.journal.definitions())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.call("definition", move || self.journal.definition(hash))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        self.call("admit", move || self.journal.admit(definition))
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.call("find", move || self.journal.find(saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.call("enter", move || self.journal.enter(seat, listener))
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.call("tell", move || self.journal.tell(saga, mail))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.call("inbox", move || self.journal.inbox(saga))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.call("pulse", move || self.journal.pulse(seat, carry))
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.call("reap", move || self.journal.reap(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.call("leave", move || self.journal.leave(seat))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.call("read", move || self.journal.read(saga, from))
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.call("list", move || self.journal.list(filter, after, limit))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.call("late", || self.journal.late())
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.call("audit", move || self.journal.audit(after, limit))
    }
}
