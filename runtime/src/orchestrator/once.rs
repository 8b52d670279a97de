//! Starting a saga once for each key (I2): the key names the saga, and the journal remembers it.

use std::sync::Arc;

use super::{
    host::Host,
    random,
    start_key::{StartKey, fingerprint},
    submit::{Begun, Exists, SubmitError},
};
use crate::{
    journal::{Known, Stage},
    kernel::{Fingerprint, SagaId, Value},
};

/// The saga of a start under a key.
pub(super) enum BegunOnce {
    /// It began here.
    Here(Begun),
    /// It was started before.
    Before(SagaId),
}

/// What names a saga that is started under a key.
#[derive(Clone, Copy)]
pub(super) struct Keyed {
    pub(super) id: SagaId,
    pub(super) fingerprint: Fingerprint,
    /// The first id under the key, if this is not it: that start was abandoned.
    pub(super) key: Option<SagaId>,
}

/// What a key names.
enum Named {
    /// Nothing yet: a start under it would be this saga.
    Nothing(Keyed),
    /// This saga.
    Saga(SagaId),
}

/// So often somebody else may begin a saga under the key, and nothing be found of it.
const REFUSED: u32 = 3;

impl Host {
    /// Starts a saga unless it was started under this key before (I2).
    pub(super) async fn begin_once(
        self: &Arc<Self>,
        key: &StartKey,
        request: Value,
    ) -> Result<BegunOnce, SubmitError> {
        let task = || self.definition.task.to_string();
        key.check().map_err(|reason| SubmitError::BadKey { task: task(), reason })?;
        let fingerprint = fingerprint(&request)
            .map_err(|error| SubmitError::Undecodable { task: task(), error })?;
        let mut refused = 0;
        loop {
            let keyed = match self.named(key, fingerprint).await? {
                Named::Saga(saga) => return Ok(BegunOnce::Before(saga)),
                Named::Nothing(Keyed { id, .. }) if refused == REFUSED => {
                    // It is there, and it is not: no reason to go on for ever.
                    return Err(SubmitError::HostLost { task: task(), saga: id });
                }
                Named::Nothing(keyed) => keyed,
            };
            match self.try_begin(request.clone(), Some(keyed)).await? {
                Ok(begun) => return Ok(BegunOnce::Here(begun)),
                // Somebody else was quicker: look what it is.
                Err(Exists(_)) => refused += 1,
            }
        }
    }

    /// What a key names now. The journal answers for the latest start under it; one that was
    /// abandoned is passed over.
    async fn named(&self, key: &StartKey, asked: Fingerprint) -> Result<Named, SubmitError> {
        let task = || self.definition.task.to_string();
        let first = key.saga(&self.definition.task);
        let found = self.journal.find(first).await;
        let found = found.map_err(|source| SubmitError::Journal { task: task(), source })?;
        let Some(Known { id, fingerprint, stage }) = found else {
            return Ok(Named::Nothing(Keyed { id: first, fingerprint: asked, key: None }));
        };
        let key = || key.clone();
        match stage {
            Stage::Abandoned => {
                let id = random::saga(self.journal.now()).beside(first);
                Ok(Named::Nothing(Keyed { id, fingerprint: asked, key: Some(first) }))
            }
            _ if fingerprint != Some(asked) => {
                Err(SubmitError::KeyReused { task: task(), key: key(), saga: id })
            }
            Stage::Starting => {
                Err(SubmitError::StillStarting { task: task(), key: key(), saga: id })
            }
            Stage::Accepted | Stage::Ended(_) => Ok(Named::Saga(id)),
        }
    }
}
