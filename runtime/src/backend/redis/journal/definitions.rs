//! Definitions: in the server, and as they are known here, since they never change.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use redis::Value;

use super::{
    Inner,
    chunk::BoxError,
    messages::EVERYBODY,
    partition::unavailable,
    reply::{self, List},
};
use crate::{
    journal::JournalError,
    kernel::{Definition, DefinitionHash},
};

impl Inner {
    pub(super) fn known_definition(&self, hash: DefinitionHash) -> Option<Arc<Definition>> {
        self.definitions.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }

    pub(super) fn remember(&self, definition: &Arc<Definition>) {
        let mut known = self.definitions.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(definition.hash(), Arc::clone(definition));
    }

    pub(super) async fn define(&self, definition: Arc<Definition>) -> Result<(), JournalError> {
        let hash = definition.hash();
        let json = serde_json::to_vec(&*definition).map_err(unavailable)?;
        for (number, partition) in self.partitions.iter().enumerate() {
            let mut command = redis::cmd("HSETNX");
            command.arg(partition.key(b"defs", b"")).arg(&hash.0).arg(&json);
            let answer = partition.call(command).await.map_err(unavailable)?;
            if number == 0 && answer == Value::Int(1) {
                let mut command = redis::cmd("PUBLISH");
                let message = [&b"d"[..], &hash.0].concat();
                command.arg(partition.key(EVERYBODY, b"")).arg(message);
                partition.call(command).await.map_err(unavailable)?;
            }
        }
        self.remember(&definition);
        Ok(())
    }

    pub(super) async fn definitions(&self) -> Result<Vec<Arc<Definition>>, JournalError> {
        let mut command = redis::cmd("HVALS");
        command.arg(self.partitions[0].key(b"defs", b""));
        let answer = self.partitions[0].call(command).await.map_err(unavailable)?;
        let mut list = List::of(answer).map_err(unavailable)?;
        let mut all = BTreeMap::new();
        while !list.is_empty() {
            let text = list.bytes().map_err(unavailable)?;
            let definition = read_definition(&text).map_err(unavailable)?;
            self.remember(&definition);
            all.insert(definition.hash(), definition);
        }
        Ok(all.into_values().collect())
    }

    pub(super) async fn definition(
        &self,
        hash: DefinitionHash,
    ) -> Result<Option<Arc<Definition>>, JournalError> {
        if let Some(known) = self.known_definition(hash) {
            return Ok(Some(known));
        }
        let mut command = redis::cmd("HGET");
        command.arg(self.partitions[0].key(b"defs", b"")).arg(&hash.0);
        match self.partitions[0].call(command).await.map_err(unavailable)? {
            Value::Nil => Ok(None),
            text => {
                let text = reply::bytes(text).map_err(unavailable)?;
                let definition = read_definition(&text).map_err(unavailable)?;
                self.remember(&definition);
                Ok(Some(definition))
            }
        }
    }
}

fn read_definition(text: &[u8]) -> Result<Arc<Definition>, BoxError> {
    Ok(Arc::new(serde_json::from_slice(text)?))
}
