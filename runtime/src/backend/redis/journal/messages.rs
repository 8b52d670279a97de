//! Messages from scripts of all processes: hints that save a wait.

use std::sync::{Arc, Weak};

use uuid::Uuid;

use super::{Inner, chunk::BoxError, reply::array};
use crate::{
    backend::redis::link::{Heard, Link, Subscription},
    journal::{ListenerId, Signal},
    kernel::{DefinitionHash, Finished, Record, SagaId, Timestamp},
};

/// What every process is told.
pub(super) const EVERYBODY: &[u8] = b"a";
/// What one process is told, before its name.
pub(super) const ONE: &[u8] = b"m:";

impl Inner {
    pub(super) fn listen_to(self: &Arc<Self>, link: &Arc<Link>) -> Subscription {
        let own = self.ears.channel();
        let mut channels: Vec<Vec<u8>> =
            self.partitions.iter().map(|partition| partition.key(ONE, &own)).collect();
        channels.push(self.partitions[0].key(EVERYBODY, b""));
        let inner = Arc::downgrade(self);
        link.subscribe(channels, move |heard| hear(&inner, heard))
    }

    /// Calls everybody to look for what was said while nobody listened.
    fn heard_nothing(&self) {
        for partition in &self.partitions {
            partition.beats.forget();
            for seat in partition.seats().values() {
                self.ears.signal(seat.listener, Signal::Ready);
                self.ears.signal(seat.listener, Signal::Timer(self.clock.now()));
            }
        }
    }

    fn heard(self: &Arc<Self>, message: &[u8]) -> Result<(), BoxError> {
        let Some((kind, rest)) = message.split_first() else { return Err("it is empty".into()) };
        if *kind == b'd' {
            let definition = DefinitionHash(array(rest)?);
            self.partitions[0].beats.forget();
            self.ears.all(|| Signal::Defined(definition));
            return Ok(());
        }
        let (listener, rest) = rest.split_first_chunk::<8>().ok_or("it is cut off")?;
        let listener = ListenerId(u64::from_be_bytes(*listener));
        let saga = || -> Result<(SagaId, &[u8]), BoxError> {
            let (saga, rest) = rest.split_first_chunk::<16>().ok_or("it is cut off")?;
            Ok((SagaId(Uuid::from_bytes(*saga)), rest))
        };
        match kind {
            b'r' => self.ears.signal(listener, Signal::Ready),
            b'm' => self.ears.signal(listener, Signal::Mail(saga()?.0)),
            b'p' => self.ears.signal(listener, Signal::Parked(saga()?.0)),
            b't' => {
                let due = std::str::from_utf8(rest)?.parse()?;
                self.partitions.iter().for_each(|partition| partition.beats.forget());
                self.ears.signal(listener, Signal::Timer(Timestamp(due)));
            }
            b'e' => match saga()? {
                (saga, []) => {
                    let inner = Arc::clone(self);
                    tokio::spawn(async move { inner.tell_end(listener, saga).await });
                }
                (saga, finished) => {
                    let finished: Finished = serde_json::from_slice(finished)?;
                    self.ears.signal(listener, Signal::Ended(saga, Arc::new(finished)));
                }
            },
            other => return Err(format!("its kind {other} is not known here").into()),
        }
        Ok(())
    }

    /// Reads an end that was too long for a message.
    async fn tell_end(&self, listener: ListenerId, saga: SagaId) {
        let read = self.read_in(self.partition(saga), saga).await;
        let records = match read {
            Ok(Some(read)) => read.records,
            Ok(None) => return,
            // Whoever waits asks again by itself.
            Err(error) => return tracing::debug!(%saga, %error, "its end was not read"),
        };
        let end = records.iter().rev().find_map(|stamped| match &stamped.record {
            Record::Finished(finished) => Some(Arc::clone(finished)),
            _ => None,
        });
        if let Some(finished) = end {
            self.ears.signal(listener, Signal::Ended(saga, finished));
        }
    }
}

fn hear(inner: &Weak<Inner>, heard: Heard) {
    let Some(inner) = inner.upgrade() else { return };
    match heard {
        Heard::Gap => inner.heard_nothing(),
        Heard::Message { payload, .. } => {
            if let Err(error) = inner.heard(&payload) {
                tracing::warn!(%error, "a message that cannot be read");
            }
        }
    }
}
