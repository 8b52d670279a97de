//! One connection to the server.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    Arg, AsyncConnectionConfig, Cmd, RedisError, Value, aio::MultiplexedConnection, cmd,
    from_redis_value,
};
use tokio::{
    sync::Notify,
    task::AbortHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    LinkError, LinkSettings, Refused, Unanswered,
    address::Way,
    error::{Outage, Silence},
    life::Birth,
    place::Place,
    stream::{Counted, Heard},
};

/// One connection, which many calls share: they are sent one after the other, and answered in that
/// order.
pub(super) struct Line {
    wire: MultiplexedConnection,
    /// Where it leads to.
    pub(super) place: Place,
    /// Which life of the server: a connection does not outlive it.
    pub(super) birth: Birth,
    heard: Heard,
    /// Nobody will answer any more: it broke, or was silent for too long.
    ended: CancellationToken,
    /// It was silent.
    replaced: AtomicBool,
    /// Nothing more is sent here. What was sent may be answered yet, unless it has ended.
    retired: CancellationToken,
    suspicion: Suspicion,
    /// How many bytes of calls have not been answered.
    waiting: AtomicU64,
    driver: AbortHandle,
}

/// Bytes a second of a network that is slow and good enough.
const SLOW: f64 = 1e6;

/// How much longer than others an answer may take of which parts come.
const SLOWEST: u32 = 10;

/// A call has waited for long, and nothing at all was heard meanwhile.
#[derive(Default)]
struct Suspicion {
    raised: Notify,
    /// How much had been heard then.
    heard: AtomicU64,
}

impl Line {
    /// Connects, logs in, and looks whether this is a server that takes writes.
    pub(super) async fn connect(way: &Way, settings: &LinkSettings) -> Result<Arc<Self>, Outage> {
        let limit = settings.connect_limit;
        match timeout(limit, Self::connect_in_time(way, settings)).await {
            Ok(line) => line,
            Err(_) => Err(Outage::Silent(limit)),
        }
    }

    async fn connect_in_time(way: &Way, settings: &LinkSettings) -> Result<Arc<Self>, Outage> {
        let place = way.find(settings).await?;
        let (stream, heard) = Counted::new(place.reach().await?);
        let config = without_limits().set_pipeline_buffer_size(1024);
        let (wire, driver) =
            MultiplexedConnection::new_with_config(&way.login, stream, config).await?;
        let ended = CancellationToken::new();
        let over = ended.clone().drop_guard();
        let driver = tokio::spawn(async move {
            driver.await;
            drop(over);
        });
        let mut line = Self {
            wire,
            place,
            birth: Birth::default(),
            heard,
            retired: ended.child_token(),
            ended,
            suspicion: Suspicion::default(),
            waiting: AtomicU64::new(0),
            replaced: AtomicBool::new(false),
            driver: driver.abort_handle(),
        };
        line.birth = line.check().await?;
        Ok(Arc::new(line))
    }

    async fn check(&self) -> Result<Birth, Outage> {
        let (ping, role, info) = (cmd("PING"), cmd("ROLE"), cmd("INFO").arg("server").take());
        let (pong, role, info) =
            futures_util::future::join3(self.query(&ping), self.query(&role), self.query(&info))
                .await;
        if pong? != Value::SimpleString("PONG".to_owned()) {
            return Err(Outage::NotRedis);
        }
        match role {
            Ok(Value::Array(role)) => match role.first() {
                Some(Value::BulkString(role)) if role != b"master" => return Err(Outage::Replica),
                _ => {}
            },
            // Who may not ask learns it from the first write.
            Ok(_) => {}
            Err(error) if error.code().is_some() => {}
            Err(error) => return Err(error.into()),
        }
        // Who may not ask this is told so by the check at the start.
        Ok(info
            .ok()
            .and_then(|info| Birth::of(&from_redis_value::<String>(info).ok()?))
            .unwrap_or_default())
    }

    /// Asks for a fact. The caller limits the time.
    pub(super) async fn query(&self, command: &Cmd) -> Result<Value, RedisError> {
        self.wire.clone().send_packed_command(command).await?.extract_error()
    }

    /// Sends a command and waits for its answer until then; longer when it is large, or behind what is,
    /// and while answers come.
    pub(super) async fn ask(
        &self,
        command: &Cmd,
        until: Instant,
        settings: &LinkSettings,
    ) -> Result<Value, LinkError> {
        let _waiting = Waiting::new(&self.waiting, command);
        let (begun, until) = (until - settings.response_limit, until + self.sending());
        let (mut limit, mut heard) = (pin!(sleep_until(until)), self.heard.so_far());
        let mut wire = self.wire.clone();
        let mut answer = pin!(wire.send_packed_command(command));
        let mut patience = pin!(self.suspect(settings));
        let mut is_patient = true;
        let silence = loop {
            tokio::select! {
                biased;
                answer = &mut answer => match answer.and_then(Value::extract_error) {
                    Ok(answer) => return Ok(answer),
                    Err(error) if error.code().is_some() => return Err(self.refused(command, error)),
                    Err(error) => break Silence::Broken(Some(Arc::new(error))),
                },
                () = self.ended.cancelled() => match self.replaced.load(Relaxed) {
                    true => break Silence::Replaced,
                    false => break Silence::Broken(None),
                },
                () = &mut patience, if is_patient => is_patient = false,
                () = &mut limit => {
                    let (next, so_far) = (limit.deadline() + settings.patience, self.heard.so_far());
                    if so_far == heard || next > until + SLOWEST * settings.response_limit {
                        break Silence::Limit(limit.deadline() - begun);
                    }
                    heard = so_far;
                    limit.as_mut().reset(next);
                }
            }
        };
        Err(Unanswered::new(command, &self.place, silence).into())
    }

    /// Waits until nothing was heard for so long that somebody should look.
    async fn suspect(&self, settings: &LinkSettings) {
        loop {
            let before = self.heard.so_far();
            sleep(settings.patience).await;
            // Answers come in order: while those before come, this one is on its way.
            if self.heard.so_far() == before {
                self.suspicion.heard.store(before, Relaxed);
                self.suspicion.raised.notify_one();
                return;
            }
        }
    }

    fn refused(&self, command: &Cmd, error: RedisError) -> LinkError {
        let refused = LinkError::from(Refused::server(command, &self.place, error));
        if refused.is_elsewhere() {
            self.retired.cancel();
        }
        refused
    }

    /// Whether calls may be sent here.
    pub(super) fn is_good(&self) -> bool {
        !self.retired.is_cancelled()
    }

    /// Waits until nothing more may be sent here.
    pub(super) async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// Waits until a call has waited for long and nothing was heard: as much had been heard then.
    pub(super) async fn suspected(&self) -> u64 {
        self.suspicion.raised.notified().await;
        self.suspicion.heard.load(Relaxed)
    }

    /// How long what waits here may be on its way to the server, on a network that is not fast:
    /// until all of it is there, nothing comes back.
    pub(super) fn sending(&self) -> Duration {
        Duration::from_secs_f64(self.waiting.load(Relaxed) as f64 / SLOW)
    }

    /// Whether nothing was heard since so much was.
    pub(super) fn is_silent_since(&self, heard: u64) -> bool {
        self.heard.so_far() == heard
    }

    /// Another one took its place: calls that wait here are told so.
    pub(super) fn replaced(&self) {
        self.replaced.store(true, Relaxed);
        self.ended.cancel();
    }
}

/// The limits are ours: the crate's leave a connection in place that answers nothing.
pub(super) fn without_limits() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None)
}

/// The bytes of a call, counted while it waits.
struct Waiting<'a> {
    all: &'a AtomicU64,
    bytes: u64,
}

impl<'a> Waiting<'a> {
    fn new(all: &'a AtomicU64, command: &Cmd) -> Self {
        let lengths = command.args_iter().map(|arg| match arg {
            Arg::Simple(bytes) => bytes.len() as u64,
            _ => 0,
        });
        let bytes = lengths.sum();
        all.fetch_add(bytes, Relaxed);
        Self { all, bytes }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Relaxed);
    }
}

/// A connection whose calls wait is not closed by itself.
impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
