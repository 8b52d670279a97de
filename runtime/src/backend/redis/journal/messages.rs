//! Messages from scripts of all processes: hints that save a wait.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use uuid::Uuid;

use super::{Inner, chunk::BoxError, reply::array};
use crate::{
    backend::redis::link::{Heard, Link, Subscription},
    journal::{ListenerId, Signal},
    kernel::{DefinitionHash, Finished, Place, Record, SagaId, Timestamp},
};

/// What every process is told.
pub(super) const EVERYBODY: &[u8] = b"a";
/// What one process is told, before its name.
pub(super) const ONE: &[u8] = b"m:";

/// What is said of an end in a message; beyond this it is read.
const MOST_SAID: usize = 64 << 10;

/// Who is told that a saga is over or parked: one listener, here or elsewhere.
pub(super) struct Tales {
    pub(super) here: Option<(ListenerId, Signal)>,
    /// Listener and message, or two times nothing.
    pub(super) there: (Bytes, Bytes),
}

impl Inner {
    pub(super) fn tales(
        &self,
        reply_to: Option<ListenerId>,
        saga: SagaId,
        place: Place,
        end: Option<Arc<Finished>>,
    ) -> Tales {
        let nobody = Tales { here: None, there: (Bytes::new(), Bytes::new()) };
        let signal = match (end, place) {
            (Some(finished), _) => Signal::Ended(saga, finished),
            (None, Place::Parked) => Signal::Parked(saga),
            _ => return nobody,
        };
        let Some(listener) = reply_to else { return nobody };
        if self.ears.is_here(listener) {
            return Tales { here: Some((listener, signal)), ..nobody };
        }
        let tale = match &signal {
            Signal::Ended(_, finished) => match serde_json::to_vec(&**finished) {
                Ok(finished) if finished.len() <= MOST_SAID => [b"e", &*finished].concat().into(),
                // It is read by whoever wants to know.
                _ => Bytes::from_static(b"e"),
            },
            _ => Bytes::from_static(b"p"),
        };
        Tales { there: (Bytes::copy_from_slice(&listener.0.to_be_bytes()), tale), ..nobody }
    }

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
        self.ears.note_gap(self.clock.local());
        for partition in &self.partitions {
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
        Heard::Silence => {}
        Heard::Message { payload, .. } => {
            if let Err(error) = inner.heard(&payload) {
                tracing::warn!(%error, "a message that cannot be read");
            }
        }
    }
}
