//! The task that keeps a connection up.

use std::{sync::Arc, time::Duration};

use redis::RedisError;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{LinkSettings, address::Way, line::Line};

/// Whether calls can be sent.
pub(super) enum State {
    Up(Arc<Line>),
    /// Not now; why the last try failed.
    Down(Option<Arc<RedisError>>),
}

impl State {
    /// Waits for a connection that has not ended. The caller limits the time.
    pub(super) async fn up(state: &mut watch::Receiver<Self>) -> Arc<Line> {
        loop {
            if let Self::Up(line) = &*state.borrow_and_update()
                && !line.ended.is_cancelled()
            {
                return Arc::clone(line);
            }
            if state.changed().await.is_err() {
                // The keeper is gone: the runtime ends.
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Puts a new connection in the place of one that has ended.
pub(super) struct Keeper {
    way: Arc<Way>,
    settings: LinkSettings,
    state: watch::Sender<State>,
    line: Arc<Line>,
}

impl Keeper {
    pub(super) fn new(
        way: Arc<Way>,
        settings: LinkSettings,
        line: Arc<Line>,
    ) -> (Self, watch::Receiver<State>) {
        let (state, watched) = watch::channel(State::Up(Arc::clone(&line)));
        (Self { way, settings, state, line }, watched)
    }

    pub(super) async fn run(mut self) {
        loop {
            self.line.ended.cancelled().await;
            self.state.send_replace(State::Down(None));
            self.line = self.connect().await;
            self.state.send_replace(State::Up(Arc::clone(&self.line)));
        }
    }

    /// Tries until it succeeds.
    async fn connect(&self) -> Arc<Line> {
        let mut pause = Duration::from_millis(10);
        loop {
            let connecting = Line::connect(&self.way, &self.settings);
            match timeout(self.settings.connect_limit, connecting).await {
                Ok(Ok(line)) => return line,
                Ok(Err(error)) => {
                    self.state.send_replace(State::Down(Some(Arc::new(error))));
                }
                Err(_) => {}
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}
