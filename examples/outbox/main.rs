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

use std::{convert::Infallible, error::Error, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{Coordination, LeadershipContext},
    kernel::Fence,
};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

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
    Dispatch {
        /// What this process is called
        #[arg(long, default_value = "dispatcher")]
        id: String,
        /// Where the leader is elected
        #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
        #[arg(default_value = "redis://127.0.0.1/")]
        redis: String,
        /// After how many seconds another one leads if the leader dies
        #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
        lease: u64,
    },
    /// Prints what was sent
    List,
}

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tell_err(&format!("outbox: {why}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(Options { database, command }: Options) -> Result<(), Failure> {
    let outbox = Outbox::open(&database)?;
    match command {
        Command::Add { messages } => outbox.add(&messages)?,
        Command::List => outbox.list()?,
        Command::Dispatch { id, redis, lease } => dispatch(outbox, id, redis, lease).await?,
    }
    Ok(())
}

async fn dispatch(
    mut outbox: Outbox,
    id: String,
    redis: String,
    lease: u64,
) -> Result<(), Failure> {
    let coordination = Coordination::open(RedisLeases::builder(redis).open()).await?;
    let lease = Duration::from_secs(lease);
    let election = coordination
        .election("outbox-dispatcher")
        .candidate_id(&id)
        .lease_duration(lease)
        .grace_period(lease / 4)
        .retry_interval(lease / 8);
    tell(&format!("{id} stands"));
    let mut stand = async || -> Result<Infallible, Failure> {
        loop {
            let sent = election.run_elected(async |leader| {
                tell(&format!("{id} leads"));
                outbox.send_all(&id, &leader).await
            });
            if let Err(why) = sent.await? {
                tell_err(&format!("{id} leads no more: {why}"));
            }
            tokio::time::sleep(lease / 8).await;
        }
    };
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        ended = stand() => match ended? {},
    }
    // Somebody else leads at once, and not when the lease is over.
    coordination.shutdown(lease).await;
    Ok(())
}

/// A table of messages.
struct Outbox(Connection);

impl Outbox {
    fn open(file: &PathBuf) -> Result<Self, Failure> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "pragma journal_mode = wal;
             create table if not exists message (
                 id integer primary key, text text not null, sent_by text, fence integer
             );",
        )?;
        Ok(Self(connection))
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
    async fn send_all(&mut self, id: &str, leader: &LeadershipContext) -> Result<(), Failure> {
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

/// One line, at once. Whoever closed the pipe does not want it.
fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn tell_err(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
