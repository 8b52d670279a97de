//! Starting a saga once for each key (I2): the key names the saga, and the journal remembers it.

use std::sync::Arc;

use super::{
    host::Host,
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
}

/// What a key names.
enum Named {
    /// Nothing yet: a start under it would be this saga.
    Nothing(Keyed),
    /// This saga.
    Saga(SagaId),
}

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
        let mut refused = None;
        loop {
            let keyed = match self.named(key, fingerprint).await? {
                Named::Saga(saga) => return Ok(BegunOnce::Before(saga)),
                Named::Nothing(Keyed { id, .. }) if refused == Some(id) => {
                    // It is there, and it is not: no reason to go on for ever.
                    return Err(SubmitError::HostLost { task: task(), saga: id });
                }
                Named::Nothing(keyed) => keyed,
            };
            match self.try_begin(request.clone(), Some(keyed)).await? {
                Ok(begun) => return Ok(BegunOnce::Here(begun)),
                // Somebody else was quicker: look what it is.
                Err(Exists(saga)) => refused = Some(saga),
            }
        }
    }

    /// What a key names now. Starts that were abandoned are passed over.
    async fn named(&self, key: &StartKey, asked: Fingerprint) -> Result<Named, SubmitError> {
        let task = || self.definition.task.to_string();
        let find = async |saga| {
            let found = self.journal.find(saga).await;
            found.map_err(|source| SubmitError::Journal { task: task(), source })
        };
        for abandoned in 0.. {
            let id = key.saga(&self.definition.task, abandoned);
            let Some(Known { fingerprint, stage }) = find(id).await? else {
                // An abandoned start may be forgotten before the saga that followed it is over.
                let next = key.saga(&self.definition.task, abandoned + 1);
                if self.has_api_phase() && find(next).await?.is_some() {
                    continue;
                }
                return Ok(Named::Nothing(Keyed { id, fingerprint: asked }));
            };
            let key = || key.clone();
            match stage {
                Stage::Abandoned => {}
                _ if fingerprint != Some(asked) => {
                    return Err(SubmitError::KeyReused { task: task(), key: key(), saga: id });
                }
                Stage::Starting => {
                    return Err(SubmitError::StillStarting { task: task(), key: key(), saga: id });
                }
                Stage::Accepted | Stage::Ended(_) => return Ok(Named::Saga(id)),
            }
        }
        unreachable!("nobody abandons so many starts")
    }
}
