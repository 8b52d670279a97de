//! Schedules that would break the journal without the clause beside them, each on a server; and the
//! same with the clause taken out of a script, which must be found.

mod desk;
mod loss;
mod owners;
mod seats;
mod stuck;

use std::time::Duration;

use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};

use self::desk::{Process, Wrong};
use super::{RedisJournal, RedisJournalBuilder};

/// What is written in a script instead of what belongs there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mistake {
    pub(super) script: &'static str,
    pub(super) instead_of: &'static str,
    pub(super) says: &'static str,
}

/// A lease that no test outlives unless it means to.
const LEASE: Duration = Duration::from_secs(2);

/// A server, and processes on it. One that comes back after a crash has what it had at the last
/// [`save`](Self::save): as after a fail-over that lost the end.
struct Place {
    server: RedisServer,
    mistake: Option<Mistake>,
}

impl Place {
    fn new(mistake: Option<Mistake>) -> Self {
        let options = RedisOptions { appends: Appends::No, ..RedisOptions::default() };
        Self { server: RedisServer::start(options), mistake }
    }

    async fn process(&self) -> Process {
        self.process_with(|journal| journal).await
    }

    async fn process_with(
        &self,
        settings: fn(RedisJournalBuilder) -> RedisJournalBuilder,
    ) -> Process {
        let mut builder = settings(RedisJournal::builder(self.server.url()).lease(LEASE));
        builder.mistake = self.mistake;
        Process::new(builder.open().await.expect("the server is there")).await
    }

    fn save(&self) {
        assert_eq!(self.server.cli(&["SAVE"]), "OK");
    }

    fn lose_what_came_since(&mut self) {
        self.server.kill();
        self.server.restart();
    }
}

/// Runs a schedule as it is, and with each mistake, which it must find.
async fn check<const N: usize>(
    schedule: impl AsyncFn(Place) -> Result<(), Wrong>,
    mistakes: [Mistake; N],
) {
    if let Err(wrong) = schedule(Place::new(None)).await {
        panic!("{wrong}");
    }
    for mistake in mistakes {
        let found = schedule(Place::new(Some(mistake))).await;
        assert!(found.is_err(), "not found: {mistake:?}");
    }
}
