//! The administrative claim: a host without the code of a task folds the inbox of one of its sagas,
//! commits what needs no code (kill, waive, mark, cancel with nothing to undo), and gives it back
//! (B10).

use std::sync::Arc;

use smallvec::smallvec;

use super::host::Host;
use crate::{
    journal::{Batch, ClaimFrom, ClaimedSaga, Item, JournalError, Verdict},
    kernel::{
        Definition, Event, Host as Role, Judge, Machine, NoVerdict, SagaId, Timestamp, Value,
    },
};

impl Host {
    /// Folds the inbox of a saga that no code here covers. A saga that somebody owns is left to
    /// its owner.
    ///
    /// # Errors
    /// When the journal fails; the inbox is folded then by whoever claims the saga next.
    pub(super) async fn administer(
        &self,
        saga: SagaId,
        definition: &Arc<Definition>,
    ) -> Result<(), JournalError> {
        let from = ClaimFrom::Sagas(definition.hash(), &[saga]);
        let claimed = self.journal.claim(self.seat, from, 1).await?;
        for saga in claimed.sagas {
            self.fold(definition, saga, claimed.at).await?;
        }
        Ok(())
    }

    async fn fold(
        &self,
        definition: &Arc<Definition>,
        saga: ClaimedSaga,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let definition = Arc::clone(definition);
        let machine = Machine::resume(definition, saga.id, Role::Worker, saga.fence, &saga.records);
        let Some(machine) = machine.map(Machine::administrative) else {
            tracing::error!(saga = %saga.id, "a saga without a first record");
            return Ok(());
        };
        let mut mail = saga.mail;
        loop {
            let (crashes, crashed_at) = (saga.crashes, saga.crashed_at);
            let mut machine = machine.clone();
            let decision =
                machine.decide(Event::Claimed { crashes, crashed_at, mail }, now, &Nobody);
            let item = Item {
                saga: saga.id,
                fence: saga.fence,
                seq: saga.records.len() as u64,
                at: now,
                records: decision.records,
                folded: decision.folded,
                place: decision.place,
                guarded: decision.guarded,
                create: None,
            };
            let batch = Batch { seat: self.seat, number: self.batch(), items: smallvec![item] };
            match self.journal.commit(batch).await?.verdicts.first() {
                Some(Verdict::Mail) => mail = self.journal.inbox(saga.id).await?,
                _ => return Ok(()),
            }
        }
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
