//! A service that runs in one process, whatever number of them is started: it gives out numbers, each once and
//! each higher than all before it, and keeps none of them anywhere.
//!
//! ```text
//! singleton-service run --id web-1   serves or stands by, until it is told to stop
//! singleton-service next             asks whoever serves
//! ```
//!
//! Kill the one that serves: another one does when its lease is over, and who asks meanwhile is answered then. A
//! number begins with the fence of the tenure, which is higher than that of every tenure before it.

#[path = "../common/program.rs"]
mod program;
#[path = "../common/redis.rs"]
mod redis;
#[path = "../common/standing.rs"]
mod standing;

use std::{convert::Infallible, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use distributed_task::coordination::{Election, LeadershipContext};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use program::{Failure, tell};
use redis::Redis;
use standing::Standing;

const ELECTION: &str = "numbers";
/// What a candidate says of itself: where it serves when it leads.
const ADDRESS: &str = "address";

/// Gives out numbers: one process serves, the others stand by.
#[derive(Parser)]
#[command(name = "singleton-service", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves, or stands by
    Run {
        #[command(flatten)]
        standing: Standing,
        /// Where it serves; with port 0 any port is good, since who asks looks it up
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: String,
    },
    /// Prints the next number
    Next {
        #[command(flatten)]
        redis: Redis,
        /// For how many seconds it waits for somebody who serves
        #[arg(long, value_name = "SECONDS", default_value_t = 30)]
        wait: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    program::run("singleton-service", run(Options::parse())).await
}

async fn run(Options { command }: Options) -> Result<(), Failure> {
    match command {
        Command::Run { standing, listen } => {
            let listener = TcpListener::bind(&listen).await?;
            let address = listener.local_addr()?.to_string();
            let says = [(ADDRESS, &*address)];
            standing.lead(ELECTION, &says, async |leader| serve(&listener, &leader).await).await
        }
        Command::Next { redis, wait } => {
            let election = redis.open().await?.election(ELECTION);
            let wait = Duration::from_secs(wait);
            let number = timeout(wait, next(&election)).await.map_err(|_| "nobody serves")?;
            tell(&number);
            Ok(())
        }
    }
}

/// For as long as it leads. It looks before each answer.
async fn serve(listener: &TcpListener, leader: &LeadershipContext) -> Result<Infallible, Failure> {
    let mut given = 0_u64;
    loop {
        let (mut client, _) = listener.accept().await?;
        let fence = leader.check()?.fence();
        given += 1;
        // A client that has gone is no reason to stop: its number is nobody's.
        let _ = client.write_all(format!("{}-{given}\n", fence.0).as_bytes()).await;
    }
}

/// Asks whoever leads, and again when that one does not answer, or leads no more: a number that nobody got is
/// nobody's.
async fn next(election: &Election) -> String {
    /// How long it waits for one answer.
    const LIMIT: Duration = Duration::from_millis(500);
    loop {
        if let Ok(Some(leader)) = election.leader_info().await
            && let Some(address) = leader.metadata.and_then(|says| says.get(ADDRESS).cloned())
            && let Ok(Ok(number)) = timeout(LIMIT, ask(&address)).await
            // Else it may be late, and somebody who led later may have given a higher one by now.
            && let Ok(Some(now)) = election.leader_info().await
            && number.starts_with(&format!("{}-", now.fence.0))
        {
            return number;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn ask(address: &str) -> Result<String, Failure> {
    let (mut server, mut line) = (TcpStream::connect(address).await?, String::new());
    server.read_to_string(&mut line).await?;
    Ok(line.strip_suffix('\n').ok_or("it ends in the middle")?.to_owned())
}
