//! The task that keeps a connection up.
//!
//! A connection that breaks is replaced at once. One that is silent says nothing about the server:
//! it may be busy, and then a second connection is silent too. So a second one is tried, and takes
//! the place of the first if the server answers there and the first stays silent.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{LinkSettings, address::Way, backoff::Backoff, error::Outage, line::Line};

/// For how long a server has to serve before the next loss is a new one.
const STABLE: Duration = Duration::from_secs(1);

/// What the first connection gets after the second one was answered: its own answers may be on
/// their way, and this process may be slow to read them.
const GRACE: Duration = Duration::from_millis(150);

/// Whether calls can be sent.
pub(super) enum State {
    Up(Arc<Line>),
    /// Not now; why the last try failed.
    Down(Option<Arc<Outage>>),
}

impl State {
    /// Waits for a connection that can be used. The caller limits the time.
    pub(super) async fn up(state: &mut watch::Receiver<Self>) -> Arc<Line> {
        loop {
            if let Self::Up(line) = &*state.borrow_and_update()
                && line.is_good()
            {
                return Arc::clone(line);
            }
            if state.changed().await.is_err() {
                // The keeper is gone: its runtime ends.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Owns the connection.
pub(super) struct Keeper {
    way: Arc<Way>,
    settings: LinkSettings,
    state: watch::Sender<State>,
    line: Arc<Line>,
    backoff: Backoff,
}

impl Keeper {
    pub(super) fn new(
        way: Arc<Way>,
        settings: LinkSettings,
        line: Arc<Line>,
    ) -> (Self, watch::Receiver<State>) {
        let (state, watched) = watch::channel(State::Up(Arc::clone(&line)));
        (Self { way, settings, state, line, backoff: Backoff::new() }, watched)
    }

    /// Never ends by itself.
    pub(super) async fn run(mut self) {
        loop {
            let line = Arc::clone(&self.line);
            tokio::select! {
                () = line.retired() => {
                    self.state.send_replace(State::Down(None));
                    let next = self.connect().await;
                    self.install(next);
                }
                heard = line.suspected() => {
                    if let Some(next) = self.second(heard).await {
                        self.install(next);
                        line.replaced();
                    }
                }
                () = sleep(STABLE), if self.backoff.is_raised() => self.backoff.reset(),
            }
        }
    }

    fn install(&mut self, line: Arc<Line>) {
        self.line = Arc::clone(&line);
        self.state.send_replace(State::Up(line));
    }

    /// Tries until it succeeds.
    async fn connect(&mut self) -> Arc<Line> {
        loop {
            match Line::connect(&self.way, &self.settings).await {
                Ok(line) => return line,
                Err(outage) => self.state.send_replace(State::Down(Some(Arc::new(outage)))),
            };
            sleep(self.backoff.next()).await;
        }
    }

    /// Tries a second connection for as long as the first is silent; what comes takes its place.
    async fn second(&mut self, heard: u64) -> Option<Arc<Line>> {
        while self.line.is_good() && self.line.is_silent_since(heard) {
            match Line::connect(&self.way, &self.settings).await {
                Ok(second) => {
                    sleep(GRACE + self.line.sending()).await;
                    return self.line.is_silent_since(heard).then_some(second);
                }
                Err(_) => sleep(self.backoff.next()).await,
            }
        }
        None
    }
}
