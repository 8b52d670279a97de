//! One partition: the keys with one tag, and the seats that this process has there.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use redis::{Cmd, ToSingleRedisArg, Value};
use tokio::time::sleep;

use super::{
    super::link::{Link, LinkError},
    clock::StoreClock,
    create::Creates,
    presence::Absences,
    pulse::Beats,
    scripts::{Call, Scripts},
    seat::Seat,
};
use crate::{
    journal::{JournalError, SeatId},
    kernel::Timestamp,
};

/// The first and the longest wait before a call is made again.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Room for the arguments of most calls: so many, of so many bytes.
pub(super) const FEW: (usize, usize) = (4, 128);

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
    pub(super) absences: Absences,
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
            retention: micros(retention).to_string().into(),
            creates: Creates::default(),
            beats: Beats::default(),
            absences: Absences::default(),
            seats: Mutex::default(),
        }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    pub(super) fn key(&self, name: &[u8], rest: &[u8]) -> Vec<u8> {
        [&*self.tag, name, rest].concat()
    }

    /// Begins a call, with room for so many arguments of so many bytes.
    pub(super) fn request(&self, call: Call, (args, bytes): (usize, usize)) -> Request {
        let script = self.scripts.of(call);
        let mut request = Request { call, command: script.call(&[&self.tag], (1 + args, bytes)) };
        request.arg(&self.retention);
        request
    }

    /// Runs a script once.
    pub(super) async fn run(&self, request: &Request) -> Result<Value, LinkError> {
        self.link.run(self.scripts.of(request.call), &request.command).await
    }

    /// Runs a script that may be run again, until it is answered or nobody wants that any more. At least
    /// once.
    pub(super) async fn insist(
        &self,
        request: &Request,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Value, LinkError> {
        let answer = self.insist_and_count(request, is_wanted).await;
        answer.map(|(answer, _)| answer).map_err(|(error, _)| error)
    }

    /// The same, with how often it may have been done without an answer.
    pub(super) async fn insist_and_count(
        &self,
        request: &Request,
        is_wanted: impl Fn() -> bool,
    ) -> Result<(Value, usize), (LinkError, usize)> {
        let (mut wait, mut unanswered) = (FIRST_WAIT, 0);
        loop {
            let error = match self.run(request).await {
                Ok(answer) => return Ok((answer, unanswered)),
                Err(error) => error,
            };
            unanswered += usize::from(matches!(error, LinkError::Unanswered(_)));
            if !error.is_worth_repeating() || !is_wanted() {
                return Err((error, unanswered));
            }
            tracing::debug!(%error, "asking Redis again");
            sleep(wait.max(error.pause())).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Whether this time, on the clock here, is to come.
    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        self.clock.local() < time
    }

    /// Sends a command of one key, which needs no script.
    pub(super) async fn call(&self, command: Cmd) -> Result<Value, LinkError> {
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

/// The latest time that scripts are told of, in microseconds: they count up to there without gaps.
pub(super) const LATEST: u64 = 1 << 53;
/// The longest. Added to today's it is no later.
const LONGEST: u64 = 1 << 52;

/// Microseconds.
pub(super) fn micros(of: Duration) -> u64 {
    u64::try_from(of.as_micros()).unwrap_or(u64::MAX).min(LONGEST)
}

/// A call of a script, as it is sent, however often.
pub(super) struct Request {
    call: Call,
    command: Cmd,
}

impl Request {
    pub(super) fn arg(&mut self, bytes: &[u8]) -> &mut Self {
        self.command.arg(bytes);
        self
    }

    /// One argument.
    pub(super) fn pieces(&mut self, pieces: &[&[u8]]) -> &mut Self {
        self.command.arg(pieces.concat());
        self
    }

    pub(super) fn number(&mut self, number: impl ToSingleRedisArg) -> &mut Self {
        self.command.arg(number);
        self
    }
}

pub(super) fn unavailable(
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> JournalError {
    JournalError::Unavailable(error.into())
}
