//! The administrative claim: a host without the code of a task folds the inbox of one of its sagas,
//! commits what needs no code (kill, waive, mark, cancel with nothing to undo), and gives it back
//! (B10).

use std::sync::Arc;

use smallvec::smallvec;
use tokio::sync::oneshot;

use super::{driver::ask, host::Host, seat::Seat};
use crate::{
    journal::{Batch, ClaimFrom, ClaimedSaga, Item, JournalError, Verdict},
    kernel::{
        Definition, Event, Host as Role, Judge, Machine, NoVerdict, SagaId, Timestamp, Value,
    },
};

impl Host {
    /// Folds the inbox of a saga that no code here covers. A saga that somebody owns is left to
    /// its owner. Goes on by itself when the future is dropped: what was claimed is given back.
    ///
    /// # Errors
    /// When the journal fails; the inbox is folded then by whoever claims the saga next.
    pub(super) async fn administer(
        self: &Arc<Self>,
        saga: SagaId,
        definition: &Arc<Definition>,
    ) -> Result<(), JournalError> {
        let unavailable = |why: &'static str| JournalError::Unavailable(why.into());
        // Before the look: a host that begins to leave after it waits for this.
        let stay = self.tasks.token();
        let Some(seat) = self.seat_now() else {
            return Err(unavailable("this host has no seat in it"));
        };
        let (claimed, is_claimed) = oneshot::channel();
        let administrator = Administrator {
            host: Arc::clone(self),
            seat: Arc::clone(&seat),
            definition: Arc::clone(definition),
        };
        seat.tasks.spawn(administrator.run(saga, claimed));
        drop(stay);
        is_claimed.await.unwrap_or_else(|_| Err(unavailable("it did not answer in time")))
    }
}

/// Owns a saga until its inbox is folded.
struct Administrator {
    host: Arc<Host>,
    seat: Arc<Seat>,
    definition: Arc<Definition>,
}

impl Administrator {
    /// Says when the inbox is folded, or why it is not folded yet.
    async fn run(self, saga: SagaId, folded: oneshot::Sender<Result<(), JournalError>>) {
        let from = [saga];
        let from = ClaimFrom::Sagas(self.definition.hash(), &from);
        let mut folded = Some(folded);
        let mut say = |said| {
            // Who asked may have gone.
            let _ = folded.take().map(|folded| folded.send(said));
        };
        match self.host.answered(&self.seat, self.host.journal.claim(self.seat.id, from, 1)).await {
            Some(Ok(claimed)) => {
                for saga in claimed.sagas {
                    self.fold(saga, claimed.at, &mut say).await;
                }
                say(Ok(()));
            }
            Some(Err(error)) => say(Err(error)),
            None => {}
        }
    }

    /// Goes on until the saga is given back, or the seat is lost.
    async fn fold(
        &self,
        saga: ClaimedSaga,
        now: Timestamp,
        say: &mut impl FnMut(Result<(), JournalError>),
    ) {
        let definition = Arc::clone(&self.definition);
        let machine = Machine::resume(definition, saga.id, Role::Worker, saga.fence, &saga.records);
        let Some(machine) = machine.map(Machine::administrative) else {
            tracing::error!(saga = %saga.id, "a saga without a first record");
            return;
        };
        let (journal, seq) = (&self.host.journal, saga.records.len() as u64);
        let mut mail = saga.mail;
        loop {
            let (crashes, crashed_at) = (saga.crashes, saga.crashed_at);
            let mut machine = machine.clone();
            let event = Event::Claimed { crashes, crashed_at, mail: mail.clone() };
            let decision = machine.decide(event, now, &Nobody);
            let regrets = machine.regrets(&decision);
            let item = Item {
                saga: saga.id,
                fence: saga.fence,
                seq,
                at: now,
                records: decision.records,
                folded: decision.folded,
                place: decision.place,
                guarded: decision.guarded,
                create: None,
            };
            let batch = Batch { seat: self.seat.id, items: smallvec![item] };
            match self.host.answered(&self.seat, journal.commit(batch)).await {
                Some(Ok(committed)) => match committed.verdicts.first() {
                    Some(Verdict::Mail) => {}
                    Some(Verdict::Written { .. }) => return alarm(&machine, regrets),
                    _ => return,
                },
                Some(Err(error @ JournalError::Unavailable(_))) => {
                    tracing::warn!(saga = %saga.id, %error, "not folded yet, again");
                    say(Err(error));
                    if self.is_written(saga.id, seq).await {
                        return;
                    }
                }
                Some(Err(JournalError::Fenced(_) | JournalError::Diverged(_))) => {
                    return self.seat.lose();
                }
                None => return,
            }
            match ask::inbox(&self.host, &self.seat, saga.id).await {
                Some(unread) => mail = unread,
                None => return,
            }
        }
    }

    /// Whether somebody wrote more than so many records: this host, whose answer was lost, or an
    /// owner after it. Or nobody can say any more.
    async fn is_written(&self, saga: SagaId, seq: u64) -> bool {
        match ask::records_later(&self.host, &self.seat, saga).await {
            Ok(records) => records.len() as u64 > seq,
            Err(_) => true,
        }
    }
}

/// What nobody undoes must not stay unseen.
pub(super) fn alarm(machine: &Machine, regrets: Option<usize>) {
    if let Some(step) = regrets {
        let step = &*machine.definition().steps[step].name;
        tracing::error!(saga = %machine.id(), step, "the pivot happened, and the saga went back");
    }
}

/// Has no code, and is not asked: an administrative machine evaluates nothing.
struct Nobody;

impl Judge for Nobody {
    fn when(&self, _: &Machine, _: usize) -> Result<bool, NoVerdict> {
        Err(NoVerdict::Undecodable("no code of the task is here".to_owned()))
    }

    fn respond(&self, _: &Machine) -> Result<Value, NoVerdict> {
        Err(NoVerdict::Undecodable("no code of the task is here".to_owned()))
    }
}
