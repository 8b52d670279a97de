//! One partition: the keys with one tag, and the seats that this process has there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use redis::Value;
use tokio::time::sleep;

use super::{
    super::link::{Link, LinkError},
    clock::StoreClock,
    create::Creates,
    pulse::Beats,
    scripts::{Call, Scripts},
    seat::Seat,
};
use crate::{
    journal::{JournalError, SeatId},
    kernel::{DefinitionHash, Timestamp},
};

/// The first and the longest wait before a call is made again.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Partition {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    pub(super) clock: Arc<StoreClock>,
    /// `{namespace:number}:`, with which every key begins.
    tag: Bytes,
    /// How long what is over is kept, in microseconds.
    retention: Bytes,
    pub(super) creates: Creates,
    pub(super) beats: Beats,
    seats: Mutex<HashMap<SeatId, Arc<Seat>>>,
}

impl Partition {
    pub(super) fn new(
        (link, scripts): (&Arc<Link>, &Arc<Scripts>),
        clock: &Arc<StoreClock>,
        (namespace, number): (&str, usize),
        retention: Duration,
    ) -> Self {
        Self {
            link: Arc::clone(link),
            scripts: Arc::clone(scripts),
            clock: Arc::clone(clock),
            tag: format!("{{{namespace}:{number}}}:").into(),
            retention: text(u64::try_from(retention.as_micros()).unwrap_or(u64::MAX)),
            creates: Creates::default(),
            beats: Beats::default(),
            seats: Mutex::default(),
        }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn key(&self, name: &[u8], rest: &[u8]) -> Vec<u8> {
        [&*self.tag, name, rest].concat()
    }

    /// Runs a script once.
    pub(super) async fn run(&self, call: Call, args: Vec<Bytes>) -> Result<Value, LinkError> {
        let args: Vec<Bytes> = std::iter::once(self.retention.clone()).chain(args).collect();
        self.link.script(self.scripts.of(call), &[&self.tag], &args).await
    }

    /// Runs a script that may be run again, until it is answered or this time is over. At least once.
    pub(super) async fn insist(
        &self,
        call: Call,
        args: Vec<Bytes>,
        until: impl Fn() -> Timestamp,
    ) -> Result<Value, LinkError> {
        let answer = self.insist_and_count(call, args, until).await;
        answer.map(|(answer, _)| answer).map_err(|(error, _)| error)
    }

    /// The same, with how often it may have been done without an answer.
    pub(super) async fn insist_and_count(
        &self,
        call: Call,
        args: Vec<Bytes>,
        until: impl Fn() -> Timestamp,
    ) -> Result<(Value, usize), (LinkError, usize)> {
        let args: Vec<Bytes> = std::iter::once(self.retention.clone()).chain(args).collect();
        let (mut wait, mut unanswered) = (FIRST_WAIT, 0);
        loop {
            let error = match self.link.script(self.scripts.of(call), &[&self.tag], &args).await {
                Ok(answer) => return Ok((answer, unanswered)),
                Err(error) => error,
            };
            unanswered += usize::from(matches!(error, LinkError::Unanswered(_)));
            if !error.is_worth_repeating() || self.clock.local() >= until() {
                return Err((error, unanswered));
            }
            tracing::debug!(%error, "asking Redis again");
            sleep(wait.max(error.pause())).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Sends a command of one key, which needs no script.
    pub(super) async fn call(&self, command: redis::Cmd) -> Result<Value, LinkError> {
        self.link.call(command).await
    }

    pub(super) fn seats(&self) -> MutexGuard<'_, HashMap<SeatId, Arc<Seat>>> {
        self.seats.lock().expect("nobody panics under it")
    }

    /// A seat that lives as far as is known here.
    pub(super) fn seat(&self, id: SeatId) -> Result<Arc<Seat>, JournalError> {
        let seat = self.seats().get(&id).cloned().ok_or(JournalError::Fenced(id))?;
        seat.check()?;
        Ok(seat)
    }
}

pub(super) fn text(number: u64) -> Bytes {
    number.to_string().into()
}

pub(super) fn hash(of: DefinitionHash) -> Bytes {
    Bytes::copy_from_slice(&of.0)
}

pub(super) fn unavailable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> JournalError {
    JournalError::Unavailable(error.into())
}
