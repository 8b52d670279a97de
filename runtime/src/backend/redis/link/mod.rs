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

// The journal is written against all of it.
#![allow(dead_code)]

mod address;
mod error;
mod keeper;
mod line;
mod script;
mod settings;
mod stream;
mod subscription;

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use redis::{Cmd, Value};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

pub use self::error::RedisOpenError;
use self::{
    address::Way,
    keeper::{Keeper, State},
    line::Line,
};
pub(crate) use self::{
    error::{LinkError, Refused, Unanswered},
    script::Script,
    settings::LinkSettings,
    subscription::{Heard, Subscription},
};
use crate::journal::Durability;

/// What the check at the start found.
#[derive(Clone, Debug)]
pub(crate) struct ServerFacts {
    /// `7.0.15`.
    pub(crate) version: String,
    /// The server's own name of this run of it.
    pub(crate) run_id: String,
    /// What survives what.
    pub(crate) durability: Durability,
    /// Whether sentinels say where the primary is.
    pub(crate) sentinel: bool,
}

/// One process's way to one Redis: a connection that is shared by all calls, and replaced when it
/// breaks or is silent.
pub(crate) struct Link {
    way: Arc<Way>,
    settings: LinkSettings,
    facts: ServerFacts,
    state: watch::Receiver<State>,
    keeper: AbortHandle,
}

impl Link {
    /// Connects, and looks whether this server can keep a journal.
    pub(crate) async fn open(settings: LinkSettings) -> Result<Arc<Self>, RedisOpenError> {
        let way = Arc::new(Way::parse(&settings.url)?);
        let connecting = Line::connect(&way, &settings);
        let line = match timeout(settings.open_limit, connecting).await {
            Ok(line) => line.map_err(|source| RedisOpenError::unreachable(&way, source))?,
            Err(_) => return Err(RedisOpenError::silent(&way, settings.open_limit)),
        };
        let facts = ServerFacts {
            version: String::new(),
            run_id: String::new(),
            durability: Durability::Process,
            sentinel: false,
        };
        let (keeper, state) = Keeper::new(Arc::clone(&way), settings.clone(), line);
        let keeper = tokio::spawn(keeper.run()).abort_handle();
        Ok(Arc::new(Self { way, settings, facts, state, keeper }))
    }

    /// What the check at the start found.
    pub(crate) fn server(&self) -> &ServerFacts {
        &self.facts
    }

    /// Sends once, and waits for the answer as long as the settings say. A call that is given up
    /// may have been sent.
    pub(crate) async fn call(&self, command: Cmd) -> Result<Value, LinkError> {
        self.ask(&command).await
    }

    /// Runs a script. A server that does not have it says so and does nothing: it is given the text
    /// and is asked again.
    pub(crate) async fn script(
        &self,
        script: &Script,
        keys: &[&[u8]],
        args: &[Bytes],
    ) -> Result<Value, LinkError> {
        let run = script.run(keys, args);
        match self.ask(&run).await {
            Err(error) if error.code() == Some("NOSCRIPT") => {
                self.ask(&script.load()).await?;
                self.ask(&run).await.map_err(|error| error.of_script(script.name()))
            }
            answer => answer.map_err(|error| error.of_script(script.name())),
        }
    }

    /// Listens to messages on a connection of its own, until the subscription is dropped. `heard`
    /// is called with one message after the other, and must not block.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        channels: Vec<Vec<u8>>,
        heard: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Subscription {
        Subscription::start(
            Arc::clone(&self.way),
            self.settings.clone(),
            self.state.clone(),
            channels,
            heard,
        )
    }

    async fn ask(&self, command: &Cmd) -> Result<Value, LinkError> {
        let mut limit = pin!(sleep(self.settings.response_limit));
        let mut state = self.state.clone();
        let line = tokio::select! {
            biased;
            line = State::up(&mut state) => line,
            () = &mut limit => return Err(self.away(&state)),
        };
        line.ask(command, limit, &self.settings).await
    }

    /// Why nothing could be sent.
    fn away(&self, state: &watch::Receiver<State>) -> LinkError {
        let State::Down(why) = &*state.borrow() else {
            return Refused::away(&self.way, None, self.settings.response_limit).into();
        };
        Refused::away(&self.way, why.clone(), self.settings.response_limit).into()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

#[cfg(test)]
mod tests;
