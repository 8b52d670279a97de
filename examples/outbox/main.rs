//! Sends what is in an outbox, each message once and in order, with as many processes as you like: one
//! leads and sends, the others stand by.
//!
//! ```text
//! outbox add "first" "second"      into the table of the database
//! outbox dispatch --id web-1       leads or stands by, until it is told to stop
//! outbox list                      what was sent, by whom, under which fence
//! ```
//!
//! Kill the one that leads: another one leads when its lease is over. What a leader that was paused does not know,
//! the database does: it keeps the highest fence that it has seen, and refuses a lower one.

#[path = "../common/database.rs"]
mod database;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/redis.rs"]
mod redis;
#[path = "../common/standing.rs"]
mod standing;

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use distributed_task::{coordination::LeadershipContext, kernel::Fence};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use program::{Failure, tell};
use standing::Standing;

/// Sends what is in an outbox: one process leads, the others stand by.
#[derive(Parser)]
#[command(name = "outbox", version)]
struct Options {
    /// Where the outbox is
    #[arg(long, global = true, value_name = "FILE", default_value = "outbox.db")]
    database: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts messages into the outbox
    Add { messages: Vec<String> },
    /// Leads and sends, or stands by
    Dispatch(Standing),
    /// Prints what was sent
    List,
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("outbox", run(Options::parse())).await
}

async fn run(Options { database, command }: Options) -> Result<(), Failure> {
    let mut outbox = Outbox::open(&database)?;
    match command {
        Command::Add { messages } => outbox.add(&messages),
        Command::List => outbox.list(),
        Command::Dispatch(standing) => {
            let send = async |leader| outbox.send_all(&standing.id, &leader).await;
            standing.lead("outbox-dispatcher", &[], send).await
        }
    }
}

/// A table of messages.
struct Outbox(Connection);

impl Outbox {
    fn open(file: &Path) -> Result<Self, Failure> {
        let schema = "
            create table if not exists message (
                id integer primary key, text text not null, sent_by text, fence integer
            );";
        Ok(Self(database::open(file, schema)?))
    }

    fn add(&self, messages: &[String]) -> Result<(), Failure> {
        for message in messages {
            self.0.execute("insert into message (text) values (?1)", [message])?;
        }
        Ok(())
    }

    fn list(&self) -> Result<(), Failure> {
        let mut all = self.0.prepare("select id, text, sent_by, fence from message order by id")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (id, text): (i64, String) = (row.get(0)?, row.get(1)?);
            match (row.get::<_, Option<String>>(2)?, row.get::<_, Option<i64>>(3)?) {
                (Some(by), Some(fence)) => {
                    tell(&format!("{id} {text}: sent by {by} under {fence}"))
                }
                _ => tell(&format!("{id} {text}: waits")),
            }
        }
        Ok(())
    }

    /// For as long as it leads. It looks before each message.
    async fn send_all(
        &mut self,
        id: &str,
        leader: &LeadershipContext,
    ) -> Result<Infallible, Failure> {
        loop {
            let fence = leader.check()?.fence();
            match self.send_next(id, fence)? {
                Some(text) => {
                    tell(&format!("{id} sent {text}"));
                    // Whoever waits beside this, for ^C, has a turn as well.
                    tokio::task::yield_now().await;
                }
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// The message is sent where it is written down that it is, in one transaction: here the receiver reads the
    /// same table. One that is elsewhere has to keep the fence, or to know messages again.
    fn send_next(&mut self, id: &str, fence: Fence) -> Result<Option<String>, Failure> {
        let fence = i64::try_from(fence.0)?;
        let sending = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let highest: Option<i64> =
            sending.query_row("select max(fence) from message", [], |row| row.get(0))?;
        if highest.is_some_and(|highest| fence < highest) {
            return Err("somebody who led later has sent".into());
        }
        let next = "select id, text from message where fence is null order by id limit 1";
        let next: Option<(i64, String)> =
            sending.query_row(next, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((number, text)) = next else { return Ok(None) };
        let sent = "update message set sent_by = ?1, fence = ?2 where id = ?3";
        sending.execute(sent, (id, fence, number))?;
        sending.commit()?;
        Ok(Some(text))
    }
}
