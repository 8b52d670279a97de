//! Messages from the server, on a connection of their own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::StreamExt;
use redis::{
    RedisError,
    aio::{PubSub, PubSubSink},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{LinkSettings, address::Way, keeper::State, stream::Counted};

/// What a subscription tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// From now on messages are heard; what was sent before may have been missed.
    Gap,
    /// One message.
    Message {
        /// Where it was sent to.
        channel: Vec<u8>,
        /// What was sent.
        payload: Vec<u8>,
    },
}

/// Listens until it is dropped.
pub(crate) struct Subscription {
    changes: mpsc::UnboundedSender<Change>,
    task: AbortHandle,
}

/// A channel more, or less; and who waits until the server has confirmed it.
struct Change {
    channel: Vec<u8>,
    listen: bool,
    done: oneshot::Sender<()>,
}

impl Subscription {
    pub(super) fn start(
        way: Arc<Way>,
        settings: LinkSettings,
        state: watch::Receiver<State>,
        channels: Vec<Vec<u8>>,
        heard: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Self {
        let (changes, requests) = mpsc::unbounded_channel();
        let channels = channels.into_iter().collect();
        let listener = Listener { way, settings, state, channels, requests, heard };
        Self { changes, task: tokio::spawn(listener.run()).abort_handle() }
    }

    /// Listens to one channel more. Answers when the server has confirmed it, or the connection is
    /// made anew, which comes as a [`Heard::Gap`].
    pub(crate) async fn add(&self, channel: Vec<u8>) {
        self.change(channel, true).await;
    }

    /// Listens to one channel less.
    pub(crate) async fn remove(&self, channel: Vec<u8>) {
        self.change(channel, false).await;
    }

    async fn change(&self, channel: Vec<u8>, listen: bool) {
        let (done, confirmed) = oneshot::channel();
        if self.changes.send(Change { channel, listen, done }).is_ok() {
            // An error says that the connection went: the next one listens to all.
            let _ = confirmed.await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Listener<F> {
    way: Arc<Way>,
    settings: LinkSettings,
    state: watch::Receiver<State>,
    channels: BTreeSet<Vec<u8>>,
    requests: mpsc::UnboundedReceiver<Change>,
    heard: F,
}

impl<F: Fn(Heard) + Send + Sync> Listener<F> {
    async fn run(mut self) {
        let mut pause = Duration::from_millis(10);
        loop {
            match timeout(self.settings.connect_limit, self.connect()).await {
                Ok(Ok(connection)) => {
                    pause = Duration::from_millis(10);
                    (self.heard)(Heard::Gap);
                    self.listen(connection).await;
                }
                Ok(Err(_)) | Err(_) => pause = (pause * 2).min(Duration::from_secs(1)),
            }
            sleep(pause).await;
        }
    }

    async fn connect(&self) -> Result<PubSub, RedisError> {
        let place = self.way.find().await?;
        let (stream, _) = Counted::new(place.reach().await?);
        let mut connection = PubSub::new(&self.way.login, stream).await?;
        for channel in &self.channels {
            connection.subscribe(&channel[..]).await?;
        }
        Ok(connection)
    }

    /// Until the connection breaks or is silent.
    async fn listen(&mut self, connection: PubSub) {
        let (mut sink, mut messages) = connection.split();
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return };
                    let channel = message.get_channel_name().as_bytes().to_vec();
                    let payload = message.get_payload_bytes().to_vec();
                    (self.heard)(Heard::Message { channel, payload });
                }
                Some(change) = self.requests.recv() => {
                    if !self.apply(change, &mut sink).await {
                        return;
                    }
                }
                () = sleep(self.settings.listen_pulse) => {
                    let ping = sink.ping::<redis::Value>();
                    if !matches!(timeout(self.settings.response_limit, ping).await, Ok(Ok(_))) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether the connection is still good.
    async fn apply(&mut self, change: Change, sink: &mut PubSubSink) -> bool {
        let Change { channel, listen, done } = change;
        let limit = self.settings.response_limit;
        let answer = if listen {
            self.channels.insert(channel.clone());
            timeout(limit, sink.subscribe(&channel[..])).await
        } else {
            self.channels.remove(&channel);
            timeout(limit, sink.unsubscribe(&channel[..])).await
        };
        let _ = done.send(());
        matches!(answer, Ok(Ok(())))
    }
}
