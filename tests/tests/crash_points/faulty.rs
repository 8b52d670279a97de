//! A journal with something wrong in it, for the controls; most often nothing is.

use std::sync::{Arc, Mutex};

use distributed_task::{
    backend::memory::MemoryJournal,
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, Known, Lease, Left, ListFilter, Listed, ListenerId, NewSaga,
        Pulse, Reaped, SeatId, Signals, Told, Verdict,
    },
    kernel::{Definition, DefinitionHash, Mail, Record, SagaId, Timestamp, Way},
};

/// What is wrong with a journal, for the controls.
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

/// The journal of one process, in front of the one that all processes share.
pub(crate) struct Faulty {
    journal: Arc<MemoryJournal>,
    fault: Fault,
    /// What is answered, and not written yet.
    behind: Mutex<Option<Batch>>,
}

impl Faulty {
    pub(crate) fn new(journal: &Arc<MemoryJournal>, fault: Fault) -> Arc<Self> {
        Arc::new(Self { journal: Arc::clone(journal), fault, behind: Mutex::default() })
    }

    fn write(&self, batch: Batch) -> Answer<'_, Committed> {
        if self.fault == Fault::SaysYes {
            let all = batch.items.iter().map(|_| Verdict::Written { mail: false }).collect();
            return match self.journal.commit(batch) {
                Answer::Ready(Some(Ok(committed)))
                    if !committed.verdicts.contains(&Verdict::NotOwner) =>
                {
                    Answer::ready(committed)
                }
                _ => Answer::ready(Committed { verdicts: all }),
            };
        }
        if self.fault != Fault::WritesBehind {
            return self.journal.commit(batch);
        }
        let verdicts = batch.items.iter().map(|_| Verdict::Written { mail: false }).collect();
        let before = self.behind.lock().expect("nobody panics under it").replace(batch);
        if let Some(before) = before {
            drop(self.journal.commit(before));
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

impl Journal for Faulty {
    fn commit(&self, mut batch: Batch) -> Answer<'_, Committed> {
        let records = batch.items.iter_mut().flat_map(|item| &mut item.records);
        match self.fault {
            Fault::UndoesForwards => records.for_each(mirror),
            Fault::HidesWhatRemains => records.for_each(hide),
            _ => {}
        }
        self.write(batch)
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        let mut answer = self.journal.claim(seat, from, limit);
        if let (Fault::DiedLongAgo, Answer::Ready(Some(Ok(claimed)))) = (self.fault, &mut answer) {
            for saga in &mut claimed.sagas {
                saga.crashed_at = saga.crashed_at.map(|_| Timestamp(0));
            }
        }
        answer
    }

    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        self.journal.create(saga)
    }

    // ---- everything else is as it should be ------------------------------------------------------

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
        self.journal.listen(signals)
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.journal.unlisten(listener)
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.journal.define(definition)
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.journal.definitions()
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.journal.definition(hash)
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        self.journal.admit(definition)
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.journal.find(saga)
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.journal.enter(seat, listener)
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.journal.tell(saga, mail)
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.journal.inbox(saga)
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        self.journal.pulse(seat, carry)
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.journal.reap(dead)
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.journal.leave(seat)
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.journal.read(saga, from)
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.journal.list(filter, after, limit)
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.journal.late()
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.journal.audit(after, limit)
    }
}
