//! The way to one Redis, for everything that is kept there.
//!
//! ```text
//!  call ──▶ Link ──▶ Line ── one connection, many calls in flight ──▶ server
//!             │        ▲
//!             └ keeper ┘  a task: puts a new line in the place of one that ended or is silent
//!
//!  Subscription ────── one connection of its own, for messages ◀──── server
//! ```
//!
//! **A call is sent once.** Its error says whether it may have taken effect, and the caller repeats
//! what it can. Every wait has a limit.

mod address;
mod advice;
mod backoff;
mod error;
mod facts;
mod keeper;
mod life;
mod line;
mod open_error;
mod place;
mod script;
mod sentinel;
mod settings;
mod stream;
mod subscription;
mod tls;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join;
use redis::{Cmd, Value};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{AbortHandle, JoinHandle},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::open_error::RedisOpenError;
use self::{
    address::Way,
    backoff::Backoff,
    error::Outage,
    keeper::{Keeper, State},
    life::Asked,
    line::Line,
};
pub(crate) use self::{
    advice::will_pass,
    error::{LinkError, Refused, Unanswered},
    facts::ServerFacts,
    script::Script,
    settings::LinkSettings,
    subscription::{Heard, Subscription},
};
use crate::{event_loop, lease::Life};

/// How often a server is given a script that it does not have.
const LOADS: usize = 3;

/// One process's way to one Redis: a connection that is shared by all calls, and replaced when it
/// breaks or is silent.
pub(crate) struct Link {
    way: Arc<Way>,
    settings: LinkSettings,
    facts: ServerFacts,
    state: watch::Receiver<State>,
    keeper: AbortHandle,
    /// Where connections live: a call may come from a runtime that ends before.
    runtime: Handle,
    /// Ends with it, if that is a thread of its own.
    _thread: Option<DropGuard>,
}

impl Link {
    /// Connects, and looks whether this server can keep a journal. A server that is still reading
    /// its data, and sentinels that are electing, are waited for until the limit in the settings.
    pub(crate) async fn open(settings: LinkSettings) -> Result<Arc<Self>, RedisOpenError> {
        Self::open_here(Way::parse(&settings.url)?, settings, None).await
    }

    /// The same on a thread of its own: neither does it wait behind what else this runtime runs, nor for
    /// what blocks it. It ends with this runtime all the same.
    pub(crate) async fn open_on_a_thread(
        settings: LinkSettings,
    ) -> Result<Arc<Self>, RedisOpenError> {
        let way = Way::parse(&settings.url)?;
        let stop = CancellationToken::new();
        let runtime = event_loop::start("redis-journal", stop.clone().cancelled_owned())
            .map_err(RedisOpenError::no_thread)?;
        // Dropped with this runtime, if that ends first.
        let (over, stopped) = (stop.clone().drop_guard(), stop.clone());
        tokio::spawn(async move {
            stopped.cancelled().await;
            drop(over);
        });
        let given_up = stop.clone().drop_guard();
        let opening = Self::open_here(way, settings, Some(stop.drop_guard()));
        let opened = runtime.spawn(opening).await;
        given_up.disarm();
        opened.map_err(RedisOpenError::no_thread)?
    }

    async fn open_here(
        way: Way,
        settings: LinkSettings,
        thread: Option<DropGuard>,
    ) -> Result<Arc<Self>, RedisOpenError> {
        let way = Arc::new(way);
        let (line, facts) = reach(&way, &settings).await?;
        let (keeper, state) = Keeper::new(Arc::clone(&way), settings.clone(), line);
        let keeper = tokio::spawn(keeper.run()).abort_handle();
        let runtime = Handle::current();
        Ok(Arc::new(Self { way, settings, facts, state, keeper, runtime, _thread: thread }))
    }

    /// Runs something where the connections live.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime.spawn(work)
    }

    /// What the check at the start found.
    pub(crate) fn server(&self) -> &ServerFacts {
        &self.facts
    }

    /// Where the server is, without user and password.
    pub(crate) fn address(&self) -> String {
        self.way.to_string()
    }

    /// Sends once, and waits for the answer as long as the settings say. A call that is given up
    /// may have been sent.
    pub(crate) async fn call(&self, command: Cmd) -> Result<Value, LinkError> {
        self.ask(&command).await.map(|(answer, _)| answer)
    }

    /// The same, and which life of the server answered.
    pub(crate) async fn call_with_life(&self, command: Cmd) -> Result<(Value, Life), LinkError> {
        let asked = Asked::now();
        let (answer, line) = self.ask(&command).await?;
        Ok((answer, line.birth.life(&asked)))
    }

    /// Two commands, one behind the other on one connection: what the second one answers, and which life of the
    /// server did.
    pub(crate) async fn pair_with_life(
        &self,
        first: &Cmd,
        second: &Cmd,
    ) -> Result<(Value, Life), LinkError> {
        let asked = Asked::now();
        let limit = self.limit();
        let line = self.line(&mut self.state.clone(), second, limit).await?;
        let (first, second) =
            join(line.ask(first, limit, &self.settings), line.ask(second, limit, &self.settings))
                .await;
        first?;
        Ok((second?, line.birth.life(&asked)))
    }

    /// Runs a script.
    pub(crate) async fn script(
        &self,
        script: &Script,
        keys: &[&[u8]],
        args: &[Bytes],
    ) -> Result<Value, LinkError> {
        self.run(script, &script.call_of(keys, args)).await
    }

    /// The same, and which life of the server answered.
    pub(crate) async fn script_with_life(
        &self,
        script: &Script,
        keys: &[&[u8]],
        args: &[Bytes],
    ) -> Result<(Value, Life), LinkError> {
        let asked = Asked::now();
        let (answer, line) = self.run_on_line(script, &script.call_of(keys, args)).await?;
        Ok((answer, line.birth.life(&asked)))
    }

    /// Makes a call of a script. A server that does not have it says so and does nothing: it is given
    /// the text and is asked again.
    pub(crate) async fn run(&self, script: &Script, call: &Cmd) -> Result<Value, LinkError> {
        self.run_on_line(script, call).await.map(|(answer, _)| answer)
    }

    async fn run_on_line(
        &self,
        script: &Script,
        call: &Cmd,
    ) -> Result<(Value, Arc<Line>), LinkError> {
        let mut answer = self.ask(call).await;
        // Somebody may make it forget again meanwhile.
        for _ in 0..LOADS {
            match &answer {
                Err(error) if error.code() == Some("NOSCRIPT") => {}
                _ => break,
            }
            self.ask(&script.load()).await?;
            answer = self.ask(call).await;
        }
        answer.map_err(|error| error.of_script(script.name()))
    }

    /// Listens to messages on a connection of its own, until the subscription is dropped. `heard`
    /// is called with one message after the other, and must not block.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        channels: Vec<Vec<u8>>,
        heard: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Subscription {
        Subscription::start(
            &self.runtime,
            Arc::clone(&self.way),
            self.settings.clone(),
            self.state.clone(),
            channels,
            heard,
        )
    }

    /// What was answered, and on which connection.
    async fn ask(&self, command: &Cmd) -> Result<(Value, Arc<Line>), LinkError> {
        let limit = self.limit();
        let mut state = self.state.clone();
        let mut last = None;
        loop {
            let line = match self.line(&mut state, command, limit).await {
                Ok(line) => line,
                Err(away) => return Err(last.unwrap_or(away)),
            };
            match line.ask(command, limit, &self.settings).await {
                // Nothing was done, and the keeper looks for a server that does it.
                Err(error) if error.is_elsewhere() => last = Some(error),
                answer => return answer.map(|answer| (answer, line)),
            }
        }
    }

    /// When a call that is made now is given up, however long that is: a sum of both may be none.
    fn limit(&self) -> Instant {
        sleep(self.settings.response_limit).deadline()
    }

    /// Waits for a connection that takes calls.
    async fn line(
        &self,
        state: &mut watch::Receiver<State>,
        command: &Cmd,
        limit: Instant,
    ) -> Result<Arc<Line>, LinkError> {
        match timeout_at(limit, State::up(state)).await {
            Ok(line) => Ok(line),
            Err(_) => Err(self.away(command, state)),
        }
    }

    /// Why nothing could be sent.
    fn away(&self, command: &Cmd, state: &watch::Receiver<State>) -> LinkError {
        let outage = match &*state.borrow() {
            State::Up(_) => None,
            State::Down(outage) => outage.clone(),
        };
        Refused::away(command, &self.way, self.settings.response_limit, outage).into()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The first connection, and what is at its other end.
async fn reach(
    way: &Way,
    settings: &LinkSettings,
) -> Result<(Arc<Line>, ServerFacts), RedisOpenError> {
    let mut last = None;
    let reaching = async {
        let mut backoff = Backoff::new();
        loop {
            match Line::connect(way, settings).await {
                Ok(line) => break Ok(line),
                Err(outage) if outage.is_worth_waiting(way.is_sentinel()) => last = Some(outage),
                Err(outage) => break Err(outage),
            }
            sleep(backoff.next()).await;
        }
    };
    let limit = settings.open_limit;
    let line = match timeout(limit, reaching).await {
        Ok(line) => line,
        Err(_) => Err(last.unwrap_or(Outage::Silent(limit))),
    };
    let line = line.map_err(|outage| RedisOpenError::outage(way, outage, limit))?;
    match timeout(limit, ServerFacts::of(way, &line)).await {
        Ok(facts) => Ok((line, facts?)),
        Err(_) => Err(RedisOpenError::outage(way, Outage::Silent(limit), limit)),
    }
}

#[cfg(test)]
mod tests;
