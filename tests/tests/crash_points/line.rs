//! The line from one process to the journal: it counts appends, and stops the process at one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering::SeqCst},
};

use distributed_task::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, Known, Lease, Left, ListFilter, Listed, ListenerId, NewSaga,
        Pulse, Reaped, SeatId, Signals, Told, Verdict, Wire,
    },
    kernel::{Definition, DefinitionHash, Mail, Record, SagaId, Timestamp, Way},
};
use tokio::sync::watch;

use crate::store::Store;

/// Where a process is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    /// Around this append of the process, counted from 1.
    pub(crate) append: u32,
    pub(crate) side: Side,
}

/// On which side of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It was not written.
    Before,
    /// It was written, and its answer was not heard.
    After,
}

/// What is wrong with a line, for the controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A commit is answered at once, and written when the next one comes.
    WritesBehind,
    /// A letter is answered, and written when the next commit comes.
    TellsBehind,
    /// A letter is answered, and never written.
    LosesLetters,
    /// What is undone is written down as if the first of three steps were undone first.
    UndoesForwards,
    /// A dead owner seems to have died long ago: nobody waits for what it may still do.
    DiedLongAgo,
    /// The end of a saga names nothing that remains.
    HidesWhatRemains,
    /// Who does not own the saga is told that what it wrote counts.
    SaysYes,
    /// Whoever starts something under a key does not find it again, and draws another one.
    ForgetsKeys,
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
pub(crate) struct Line {
    store: Arc<Store>,
    stop: Option<Stop>,
    fault: Fault,
    appends: AtomicU32,
    state: watch::Sender<State>,
    behind: Mutex<Option<Batch>>,
}

impl Line {
    pub(crate) fn new(store: &Arc<Store>, stop: Option<Stop>, fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            store: Arc::clone(store),
            stop,
            fault,
            appends: AtomicU32::new(0),
            state: watch::Sender::new(State::Open),
            behind: Mutex::default(),
        })
    }

    /// Waits until the process is stopped.
    pub(crate) async fn stopped(&self) {
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state == State::Held).await.expect("the sender is here");
    }

    /// Lets the process go on.
    pub(crate) fn release(&self) {
        self.state.send_replace(State::Open);
    }

    /// The process is dead.
    pub(crate) fn bury(&self) {
        self.state.send_replace(State::Dead);
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
            State::Dead => self.store.note(format!("a dead process called `{name}`")),
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

    /// An append: the process is stopped before it, after it, or not at all.
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

    fn write(&self, batch: Batch) -> Answer<'_, Committed> {
        if self.fault == Fault::SaysYes {
            let all = batch.items.iter().map(|_| Verdict::Written { mail: false }).collect();
            return match self.store.journal.commit(batch) {
                Answer::Ready(Some(Ok(committed)))
                    if !committed.verdicts.contains(&Verdict::NotOwner) =>
                {
                    Answer::ready(committed)
                }
                _ => Answer::ready(Committed { verdicts: all }),
            };
        }
        if self.fault != Fault::WritesBehind {
            return self.store.journal.commit(batch);
        }
        let verdicts = batch.items.iter().map(|_| Verdict::Written { mail: false }).collect();
        let before = self.behind.lock().expect("nobody panics under it").replace(batch);
        if let Some(before) = before {
            drop(self.store.journal.commit(before));
        }
        Answer::ready(Committed { verdicts })
    }
}

/// The undo of the first of three steps for that of the last.
fn mirror(record: &mut Record) {
    if let Record::Intended { step, way: Way::Undo, .. }
    | Record::Ended { step, way: Way::Undo, .. } = record
    {
        *step = 2 - *step;
    }
}

/// An end without what remains.
fn hide(record: &mut Record) {
    if let Record::Finished(finished) = record {
        Arc::make_mut(finished).residual.clear();
    }
}

/// A group as it was handed over, to be found again.
fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| format!("{record:?}")).collect()
}

impl Journal for Line {
    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        self.append("create", || {
            let (id, records) = (saga.id, texts(&saga.records));
            self.store.appending();
            let answer = self.store.journal.create(saga);
            if matches!(answer, Answer::Ready(Some(Ok(Created::Created)))) {
                self.store.appended(id, 0, records);
            }
            answer
        })
    }

    fn commit(&self, mut batch: Batch) -> Answer<'_, Committed> {
        let records = batch.items.iter_mut().flat_map(|item| &mut item.records);
        match self.fault {
            Fault::UndoesForwards => records.for_each(mirror),
            Fault::HidesWhatRemains => records.for_each(hide),
            _ => {}
        }
        self.append("commit", || {
            let groups: Vec<_> = batch
                .items
                .iter()
                .map(|item| (item.saga, item.seq as usize, texts(&item.records)))
                .collect();
            self.store.appending();
            let answer = self.write(batch);
            if let Answer::Ready(Some(Ok(committed))) = &answer {
                for (verdict, (saga, seq, records)) in committed.verdicts.iter().zip(groups) {
                    if matches!(verdict, Verdict::Written { .. }) {
                        self.store.appended(saga, seq, records);
                    }
                }
            }
            answer
        })
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        self.call("claim", move || {
            let mut answer = self.store.journal.claim(seat, from, limit);
            if let (Fault::DiedLongAgo, Answer::Ready(Some(Ok(claimed)))) =
                (self.fault, &mut answer)
            {
                for saga in &mut claimed.sagas {
                    saga.crashed_at = saga.crashed_at.map(|_| Timestamp(0));
                }
            }
            if let Answer::Ready(Some(Ok(claimed))) = &answer
                && !claimed.sagas.is_empty()
            {
                self.store.claimed();
            }
            answer
        })
    }

    // ---- everything else only needs an open line ------------------------------------------------

    fn durability(&self) -> Durability {
        self.store.journal.durability()
    }

    fn wire(&self) -> Wire {
        self.store.journal.wire()
    }

    fn now(&self) -> Timestamp {
        self.store.journal.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        self.call("listen", || self.store.journal.listen(signals))
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.call("unlisten", move || self.store.journal.unlisten(listener))
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.call("define", || self.store.journal.define(definition))
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.call("definitions", || self.store.journal.definitions())
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.call("definition", move || self.store.journal.definition(hash))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        self.call("admit", move || self.store.journal.admit(definition))
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.call("find", move || self.store.journal.find(saga))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.call("enter", move || self.store.journal.enter(seat, listener))
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.call("tell", move || self.store.journal.tell(saga, mail))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.call("inbox", move || self.store.journal.inbox(saga))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.call("pulse", move || self.store.journal.pulse(seat, carry))
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.call("reap", move || self.store.journal.reap(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.call("leave", move || self.store.journal.leave(seat))
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.call("read", move || self.store.journal.read(saga, from))
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.call("list", move || self.store.journal.list(filter, after, limit))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.call("late", || self.store.journal.late())
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.call("audit", move || self.store.journal.audit(after, limit))
    }
}
