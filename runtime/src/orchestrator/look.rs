//! One look at a saga: what its records tell, whichever definition it follows.

use std::sync::Arc;

use super::{host::Host, reason::WhyParked, task::StatusError};
use crate::{
    journal::{History, JournalError, Stage},
    kernel::{Definition, DefinitionHash, Place, Record, SagaId, SagaStatus, Stamped, State},
};

/// A saga as the journal has it.
pub(super) struct Look {
    pub(super) hash: DefinitionHash,
    pub(super) definition: Arc<Definition>,
    pub(super) place: Place,
    pub(super) records: Vec<Stamped>,
    pub(super) state: State,
}

impl Host {
    /// Reads a saga.
    pub(super) async fn look(&self, saga: SagaId) -> Result<Look, StatusError> {
        let journal = |source| StatusError::Journal { saga, source };
        let Some(history) = self.journal.read(saga, 0).await.map_err(journal)? else {
            return Err(self.without_records(saga).await);
        };
        let definition = self.graph(history.definition).await.map_err(journal)?;
        Look::of(definition, history).ok_or(StatusError::NoSuch { saga })
    }

    /// What is known of a saga whose records are not there.
    pub(super) async fn without_records(&self, saga: SagaId) -> StatusError {
        let known = match self.journal.find(saga).await {
            Ok(known) => known,
            Err(source) => return StatusError::Journal { saga, source },
        };
        let undone = StatusError::Forgotten { saga, status: SagaStatus::Compensated };
        match known.map(|known| (known.id == saga, known.stage)) {
            // A start whose key was used again was abandoned.
            Some((false, _)) => undone,
            Some((_, Stage::Abandoned)) => undone,
            Some((_, Stage::Ended(status))) => StatusError::Forgotten { saga, status },
            Some((_, Stage::Starting | Stage::Accepted)) | None => StatusError::NoSuch { saga },
        }
    }

    /// The definition of this hash, covered here or not.
    pub(super) async fn graph(
        &self,
        hash: DefinitionHash,
    ) -> Result<Arc<Definition>, JournalError> {
        if hash == self.hash {
            return Ok(Arc::clone(&self.definition));
        }
        let unknown = || format!("it does not know the definition {hash}, which its sagas follow");
        let found = self.journal.definition(hash).await?;
        found.ok_or_else(|| JournalError::Unavailable(unknown().into()))
    }
}

impl Look {
    fn of(definition: Arc<Definition>, history: History) -> Option<Self> {
        let state = State::fold(&definition, &history.records)?;
        let History { definition: hash, place, records } = history;
        Some(Self { hash, definition, place, records, state })
    }

    /// The state in one word.
    pub(super) fn status(&self) -> SagaStatus {
        self.state.status(&self.definition)
    }

    /// The listener that waits for its end.
    pub(super) fn reply_to(&self) -> Option<u64> {
        match &self.records.first()?.record {
            Record::Started(started) => started.reply_to,
            _ => None,
        }
    }

    /// Why it is parked, if it is.
    pub(super) fn why_parked(&self) -> Option<WhyParked> {
        self.state.parked().map(|reason| WhyParked::of(&self.definition, reason))
    }

    /// The steps that keep a parked or stuck saga where it is.
    pub(super) fn waiting_steps(&self) -> Vec<String> {
        let steps = self.state.waits_at(&self.definition);
        steps.into_iter().map(|step| self.definition.steps[step].name.to_string()).collect()
    }

    /// The last failure in words.
    pub(super) fn last_failure(&self) -> String {
        self.state.failures().last().map(|(_, why)| why.to_string()).unwrap_or_default()
    }
}
