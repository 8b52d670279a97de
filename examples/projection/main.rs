//! Keeps balances up to date with the bookings that they follow from, each booking once and in order, with as
//! many processes as you like: one leads and projects, the others stand by.
//!
//! ```text
//! projection append anna=5 ben=7   into the table of bookings
//! projection follow --id web-1     leads or stands by, until it is told to stop
//! projection show                  the balances, and up to which booking they are
//! ```
//!
//! Kill the one that leads: another one goes on at the checkpoint. Stop it with a signal while it computes, and let
//! it go on when another one leads: it does not know yet, and what it writes is refused, since the checkpoint has
//! the fence of who leads.

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
    thread,
    time::Duration,
};

use clap::{Parser, Subcommand};
use distributed_task::{coordination::LeadershipContext, kernel::Fence};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use program::{Failure, tell, tell_err};
use standing::Standing;

/// Keeps balances up to date: one process leads, the others stand by.
#[derive(Parser)]
#[command(name = "projection", version)]
struct Options {
    /// Where bookings and balances are
    #[arg(long, global = true, value_name = "FILE", default_value = "projection.db")]
    database: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Books amounts
    Append {
        #[arg(value_name = "ACCOUNT=AMOUNT", value_parser = booking)]
        bookings: Vec<(String, i64)>,
    },
    /// Leads and projects, or stands by
    Follow {
        #[command(flatten)]
        standing: Standing,
        /// For how many milliseconds it computes between a look at its leadership and the write
        #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
        takes: u64,
    },
    /// Prints the balances
    Show,
}

fn booking(text: &str) -> Result<(String, i64), String> {
    let (account, amount) = text.split_once('=').ok_or("there is no `=` in it")?;
    let amount = amount.parse().map_err(|error| format!("`{amount}`: {error}"))?;
    Ok((account.to_owned(), amount))
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("projection", run(Options::parse())).await
}

async fn run(Options { database, command }: Options) -> Result<(), Failure> {
    let mut books = Books::open(&database)?;
    match command {
        Command::Append { bookings } => books.append(&bookings),
        Command::Show => books.show(),
        Command::Follow { standing, takes } => {
            let takes = Duration::from_millis(takes);
            let project = async |leader| books.project(&standing.id, &leader, takes).await;
            standing.lead("balances", &[], project).await
        }
    }
}

/// Bookings, the balances that follow from them, and up to where they do: in one database, so that a balance and
/// the checkpoint are written together or not at all.
struct Books(Connection);

impl Books {
    fn open(file: &Path) -> Result<Self, Failure> {
        let schema = "
            create table if not exists booking (
                number integer primary key, account text not null, amount integer not null
            );
            create table if not exists balance (account text primary key, amount integer not null);
            create table if not exists checkpoint (
                id integer primary key check (id = 1), number integer not null, fence integer not null
            );
            insert or ignore into checkpoint values (1, 0, 0);";
        Ok(Self(database::open(file, schema)?))
    }

    fn append(&self, bookings: &[(String, i64)]) -> Result<(), Failure> {
        for (account, amount) in bookings {
            let booking = "insert into booking (account, amount) values (?1, ?2)";
            self.0.execute(booking, (account, amount))?;
        }
        Ok(())
    }

    fn show(&self) -> Result<(), Failure> {
        let mut all = self.0.prepare("select account, amount from balance order by account")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (account, amount): (String, i64) = (row.get(0)?, row.get(1)?);
            tell(&format!("{account}: {amount}"));
        }
        let (number, fence) = self.checkpoint()?;
        tell(&format!("up to {number} under {fence}"));
        Ok(())
    }

    fn checkpoint(&self) -> Result<(i64, i64), Failure> {
        let read = "select number, fence from checkpoint";
        Ok(self.0.query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// For as long as it leads. It looks before each booking.
    async fn project(
        &mut self,
        id: &str,
        leader: &LeadershipContext,
        takes: Duration,
    ) -> Result<Infallible, Failure> {
        let mut last = self.begin(leader.fence())?;
        loop {
            let fence = leader.check()?.fence();
            let next = "select number, account, amount from booking where number > ?1 order by number limit 1";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let next: Option<(i64, String, i64)> =
                self.0.query_row(next, [last], row).optional()?;
            let Some((number, account, amount)) = next else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            tell(&format!("{id} computes {number}"));
            // It looks at nothing meanwhile, and cannot be dropped.
            thread::sleep(takes);
            if let Err(why) = self.write(fence, number, &account, amount) {
                tell_err(&format!("{id} did not write {number}: {why}"));
                return Err(why);
            }
            tell(&format!("{id} projected {number}"));
            last = number;
            // Whoever waits beside this, for ^C, has a turn as well.
            tokio::task::yield_now().await;
        }
    }

    /// Where to go on. Whoever led before writes no more from here on, so that it stays there.
    fn begin(&self, fence: Fence) -> Result<i64, Failure> {
        let fence = i64::try_from(fence.0)?;
        let raised = "update checkpoint set fence = ?1 where fence <= ?1";
        if self.0.execute(raised, [fence])? == 0 {
            return Err("somebody who led later has begun".into());
        }
        Ok(self.checkpoint()?.0)
    }

    fn write(
        &mut self,
        fence: Fence,
        number: i64,
        account: &str,
        amount: i64,
    ) -> Result<(), Failure> {
        let fence = i64::try_from(fence.0)?;
        let writing = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let saved = "update checkpoint set number = ?1 where fence = ?2";
        if writing.execute(saved, [number, fence])? == 0 {
            return Err("somebody who led later has begun".into());
        }
        let added = "insert into balance values (?1, ?2)
             on conflict (account) do update set amount = amount + excluded.amount";
        writing.execute(added, (account, amount))?;
        Ok(writing.commit()?)
    }
}
