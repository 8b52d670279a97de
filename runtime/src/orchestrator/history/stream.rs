//! Following the events of a saga (S1, INV11).

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use tokio::time::sleep;

use super::{
    super::{
        handle::{SILENCE, SagaHandle},
        host::Host,
    },
    SagaEvent, Teller,
};
use crate::{
    journal::{History, JournalError},
    kernel::{Record, SagaId},
    progress::ProgressStream,
    task::TaskDefinition,
};

/// The events of one saga, as they happen: a [`Stream`] with a `next` of its own.
///
/// ```
/// # use distributed_task::prelude::*;
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Double::builder().use_in_process_mode().build().await?;
/// let saga = task.submit(21).await?;
/// let mut events = saga.events();
/// let mut last = None;
/// while let Some(event) = events.next().await {
///     println!("{event}");
///     last = Some(event.seq);
/// }
/// // Later, perhaps from another process: nothing is seen twice.
/// let mut rest = saga.events_after(last.expect("there was one"));
/// assert!(rest.next().await.is_none());
/// # Ok(())
/// # }
/// ```
pub struct SagaEvents(BoxStream<'static, SagaEvent>);

impl SagaEvents {
    /// The events from number `first` on.
    pub(in crate::orchestrator) fn of<T: TaskDefinition>(saga: SagaHandle<T>, first: u64) -> Self {
        // Watch first, read then: what is committed before the read is in it, what comes after it
        // wakes.
        let live = Some(saga.inner().host.services.progress.stream(saga.id()));
        let (read, over, at) = (0, false, Where::Behind);
        let (teller, events) = (None, VecDeque::new());
        let follow = Follow { saga, live, first, read, teller, over, at, events };
        Self(stream::unfold(follow, Follow::next).boxed())
    }

    /// The next event; `None` after the last one. Cancel safe.
    pub async fn next(&mut self) -> Option<SagaEvent> {
        self.0.next().await
    }
}

impl Stream for SagaEvents {
    type Item = SagaEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<SagaEvent>> {
        self.0.as_mut().poll_next(cx)
    }
}

struct Follow<T> {
    saga: SagaHandle<T>,
    /// Tells that there is more to read; what there is stands in the journal.
    live: Option<ProgressStream>,
    /// The number of the first event that is wanted.
    first: u64,
    /// So many records were read.
    read: u64,
    teller: Option<Teller>,
    /// Whether the saga is over with them.
    over: bool,
    at: Where,
    /// What was read and not asked for yet.
    events: VecDeque<SagaEvent>,
}

/// Where a reader stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// There may be more in the journal.
    Behind,
    /// It has read what there was.
    UpToDate,
    /// Nothing follows.
    AtTheEnd,
}

impl<T: TaskDefinition> Follow<T> {
    async fn next(mut self) -> Option<(SagaEvent, Self)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some((event, self));
            }
            match self.at {
                Where::AtTheEnd => return None,
                Where::UpToDate => self.wait().await,
                Where::Behind => self.look().await,
            }
        }
    }

    /// Reads what there is.
    async fn look(&mut self) {
        // Asked before the read: a host that leaves during it may write more.
        let gone = !self.saga.is_elsewhere() && self.saga.inner().host.gone.is_cancelled();
        let is_there = match self.read_on().await {
            Ok(is_there) => is_there,
            Err(error) => {
                tracing::warn!(saga = %self.saga.id(), %error, "its events cannot be read");
                true
            }
        };
        let last = gone || self.over || !is_there;
        self.at = if last { Where::AtTheEnd } else { Where::UpToDate };
    }

    /// Whether the journal has the records of the saga.
    async fn read_on(&mut self) -> Result<bool, JournalError> {
        let host = &self.saga.inner().host;
        let Some(history) = host.journal.read(self.saga.id(), self.read).await? else {
            return Ok(false);
        };
        let History { definition, records, .. } = history;
        let teller = match &mut self.teller {
            Some(teller) => teller,
            none => none.insert(Teller::new(host.graph(definition).await?)),
        };
        let events = teller.tell(&records);
        self.events.extend(events.into_iter().filter(|event| event.seq >= self.first));
        self.read += records.len() as u64;
        for stamped in &records {
            match stamped.record {
                Record::Finished(_) => self.over = true,
                // What is only received does not open it again, a late success does (C8).
                Record::Received(_) => {}
                _ => self.over = false,
            }
        }
        Ok(true)
    }

    /// Waits until there may be more to read: a change, a silence, or the end of the host.
    async fn wait(&mut self) {
        let host = &self.saga.inner().host;
        let gone = async {
            match self.saga.is_elsewhere() {
                true => std::future::pending().await,
                false => host.gone.cancelled().await,
            }
        };
        tokio::select! {
            biased;
            () = news(&mut self.live, self.read) => {}
            () = silence(host, self.saga.id(), self.read) => {}
            () = gone => {}
        }
        self.at = Where::Behind;
    }
}

/// Waits as long as nobody can have written more than so many records without telling it here: not
/// everybody who writes does (B19), but a driver of this host.
async fn silence(host: &Host, saga: SagaId, read: u64) {
    loop {
        sleep(SILENCE).await;
        if host.ears.records_here(saga) != Some(read) {
            return;
        }
    }
}

/// Waits until more than so many records are told of.
async fn news(live: &mut Option<ProgressStream>, read: u64) {
    while let Some(stream) = live {
        match stream.next().await {
            Some(Ok(progress)) if progress.seq > read => return,
            Some(_) => {}
            None => *live = None,
        }
    }
    std::future::pending().await
}
