//! Messages from the server, on a connection of their own.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::StreamExt;
use redis::{
    Value,
    aio::{PubSub, PubSubSink},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    LinkSettings, address::Way, backoff::Backoff, error::Outage, keeper::State, place::Place,
};

/// What a subscription tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// From now on messages are heard; what was sent before may have been missed.
    Gap,
    /// From now on nothing is heard, until the next gap. May be told again.
    Silence,
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
    /// How long a change is waited for.
    limit: Duration,
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
        runtime: &Handle,
        way: Arc<Way>,
        settings: LinkSettings,
        state: watch::Receiver<State>,
        channels: Vec<Vec<u8>>,
        heard: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Self {
        let (changes, requests) = mpsc::unbounded_channel();
        let limit = settings.response_limit;
        let channels = channels.into_iter().collect();
        let listener = Listener { way, settings, state, channels, requests, heard };
        Self { changes, limit, task: runtime.spawn(listener.run()).abort_handle() }
    }

    /// Listens to one channel more. Returns when the server has confirmed it, or when a call would
    /// have been given up: then a [`Heard::Gap`] comes when it is confirmed.
    pub(crate) async fn add(&self, channel: Vec<u8>) {
        self.change(channel, true).await;
    }

    /// Listens to one channel less, and returns as [`add`](Self::add) does.
    pub(crate) async fn remove(&self, channel: Vec<u8>) {
        self.change(channel, false).await;
    }

    async fn change(&self, channel: Vec<u8>, listen: bool) {
        let (done, confirmed) = oneshot::channel();
        if self.changes.send(Change { channel, listen, done }).is_ok() {
            // Otherwise the next connection listens as it should, and that is a gap.
            let _ = timeout(self.limit, confirmed).await;
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
    /// Where calls go: messages come from the same server.
    state: watch::Receiver<State>,
    channels: BTreeSet<Vec<u8>>,
    requests: mpsc::UnboundedReceiver<Change>,
    heard: F,
}

impl<F: Fn(Heard) + Send + Sync> Listener<F> {
    async fn run(mut self) {
        let mut backoff = Backoff::new();
        loop {
            // Whoever asked meanwhile is answered when the connection is there.
            let mut asked = Vec::new();
            while let Ok(change) = self.requests.try_recv() {
                asked.push(self.note(change));
            }
            let connecting = timeout(self.settings.connect_limit, self.connect());
            if let Ok(Ok((connection, place))) = connecting.await {
                (self.heard)(Heard::Gap);
                drop(asked);
                self.listen(connection, &place, &mut backoff).await;
            }
            (self.heard)(Heard::Silence);
            sleep(backoff.next()).await;
        }
    }

    async fn connect(&self) -> Result<(PubSub, Place), Outage> {
        let place = self.way.find(&self.settings).await?;
        let mut connection = PubSub::new(&self.way.login, place.reach().await?).await?;
        let channels: Vec<&[u8]> = self.channels.iter().map(Vec::as_slice).collect();
        if !channels.is_empty() {
            connection.subscribe(channels).await?;
        }
        Ok((connection, place))
    }

    /// Until the connection breaks or is silent, or calls go to another server.
    async fn listen(&mut self, connection: PubSub, place: &Place, backoff: &mut Backoff) {
        let (mut sink, mut messages) = connection.split();
        self.state.mark_unchanged();
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
                // Where calls were silent, messages may be too.
                Ok(()) = self.state.changed() => {
                    if let State::Up(line) = &*self.state.borrow_and_update()
                        && line.place != *place
                    {
                        return;
                    }
                    if !self.answers(&mut sink).await {
                        return;
                    }
                }
                () = sleep(self.settings.listen_pulse) => {
                    if !self.answers(&mut sink).await {
                        return;
                    }
                    backoff.reset();
                }
            }
        }
    }

    async fn answers(&self, sink: &mut PubSubSink) -> bool {
        let ping = sink.ping::<Value>();
        matches!(timeout(self.settings.connect_limit, ping).await, Ok(Ok(_)))
    }

    /// Whether the connection is still good.
    async fn apply(&mut self, change: Change, sink: &mut PubSubSink) -> bool {
        let channel = change.channel.clone();
        let listen = change.listen;
        let done = self.note(change);
        let limit = self.settings.connect_limit;
        let answer = if listen {
            timeout(limit, sink.subscribe(&channel[..])).await
        } else {
            timeout(limit, sink.unsubscribe(&channel[..])).await
        };
        drop(done);
        matches!(answer, Ok(Ok(())))
    }

    /// Notes what to listen to from now on; what is returned is dropped when it is so.
    fn note(&mut self, change: Change) -> oneshot::Sender<()> {
        let Change { channel, listen, done } = change;
        if listen {
            self.channels.insert(channel);
        } else {
            self.channels.remove(&channel);
        }
        done
    }
}
