//! The command line.

use std::{env, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};
use distributed_task::kernel::SagaId;

use crate::{
    say::escaped,
    task::Order,
    wish::{Wish, Word},
    world::Pace,
};

/// For what is shared by processes.
const NO_REDIS: &str = "say where Redis is, with --redis or REDIS_URL; `order serve` needs none \
    (see --help)";

/// Takes orders, and sees them through whatever happens to the process.
///
/// An order is reserved, charged and shipped, or taken back. Its journal, and a world to try it on,
/// are in one folder. `order serve` works there until it is told to stop; without one, each command
/// works until its own order is over.
///
/// With `--redis` the journal is in Redis, which has to run with `--appendonly yes --appendfsync
/// always`: `order worker` does the work, in as many processes as you like, and each other command
/// talks to Redis. Kill any of them: the others go on. The folder has the world then.
///
/// The card 4000 is refused, the answer about 4001 is lost, 4002 hangs, and 4003 can be charged but
/// not refunded. There is no road to Atlantis. There are 100 tea, 100 coffee and 3 cake.
#[derive(Debug, Parser)]
#[command(name = "order", version, arg_required_else_help = false)]
struct Options {
    /// Where the shop keeps its things
    #[arg(long, global = true, value_name = "DIR", default_value = "shop")]
    folder: PathBuf,
    /// How long a request is on its way to the warehouse, the bank or the carrier
    #[arg(long, global = true, value_name = "TIME", default_value = "0ms", value_parser = time)]
    far: Duration,
    /// How long their answers take, after it happened
    #[arg(long, global = true, value_name = "TIME", default_value = "0ms", value_parser = time)]
    slow: Duration,
    #[command(flatten)]
    redis: RedisOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct RedisOptions {
    /// Keep the journal in this Redis, for many processes: redis://127.0.0.1/
    #[arg(long, global = true, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
    /// Processes with the same name share their orders
    #[arg(long, global = true, value_name = "NAME", default_value = "order", value_parser = text())]
    namespace: String,
    /// How long a process may be silent before others go on with its orders
    #[arg(long, global = true, value_name = "TIME", default_value = "3s", value_parser = lease)]
    lease: Duration,
    /// Over so many sets of keys orders are spread; the same for every process, for ever
    #[arg(long, global = true, value_name = "N", default_value = "1")]
    partitions: NonZeroUsize,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Place an order: prints its id, then what happens to it
    Place {
        /// The same key is the same order, however often it is placed
        #[arg(long)]
        key: Option<String>,
        /// The card to charge
        #[arg(long, default_value = "4242", value_parser = text())]
        card: String,
        /// Where to ship it
        #[arg(long, value_name = "ADDRESS", default_value = "1 Main Street", value_parser = text())]
        to: String,
        /// Only place it: print the id and end
        #[arg(long)]
        detach: bool,
        #[arg(value_parser = text())]
        item: String,
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        pieces: u32,
    },
    /// Work on all orders until told to stop
    Serve {
        /// End when nothing is left to do
        #[arg(long)]
        once: bool,
    },
    /// Work on the orders in Redis until told to stop
    Worker,
    /// Take orders into Redis through the socket in the folder, and leave the work to others
    Api,
    /// List the orders that are open
    List {
        /// And those that are over
        #[arg(long)]
        all: bool,
        /// As lines of JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell what happened to an order, and what to do about it
    Inspect {
        #[command(flatten)]
        id: Id,
        /// The events, as lines of JSON
        #[arg(long)]
        json: bool,
    },
    /// Take an order back
    Cancel {
        #[command(flatten)]
        id: Id,
        /// Only say it: do not wait for what comes of it
        #[arg(long)]
        detach: bool,
    },
    /// Try again what is stuck or parked
    Retry {
        #[command(flatten)]
        id: Id,
        #[command(flatten)]
        how: How,
    },
    /// Let the effect of a step remain whose undo failed
    Waive {
        #[command(flatten)]
        id: Id,
        #[arg(long, value_parser = text())]
        reason: String,
        /// Needed where several are stuck
        #[arg(long)]
        step: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Count a failed undo as done, because somebody did it by hand
    Done {
        #[command(flatten)]
        id: Id,
        #[arg(long, value_parser = text())]
        evidence: String,
        /// Needed where several are stuck
        #[arg(long)]
        step: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Look at what the warehouse, the bank and the carrier did
    World {
        #[command(subcommand)]
        change: Option<Change>,
        /// As lines of JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct Id {
    #[arg(value_parser = id)]
    id: SagaId,
}

/// How a word is said.
#[derive(Debug, Args)]
struct How {
    /// Who says so; it is in the history of the order
    #[arg(long, value_name = "NAME", default_value = "operator", value_parser = text())]
    by: String,
    /// Only say it: do not wait for what comes of it
    #[arg(long)]
    detach: bool,
}

/// What can be changed outside.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Change {
    /// More of an item is delivered to the warehouse
    Stock {
        #[arg(value_parser = text())]
        item: String,
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        pieces: u32,
    },
    /// The bank gives money back to this card again
    Reopen {
        #[arg(value_parser = text())]
        card: String,
    },
}

/// What the user wants.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) pace: Pace,
    pub(crate) store: Store,
    pub(crate) task: Task,
}

/// Where the journal is.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    /// In the folder, for one process at a time.
    File,
    /// In Redis, for many.
    Redis { url: String, namespace: String, lease: Duration, partitions: usize },
}

#[derive(Debug)]
pub(crate) enum Task {
    Serve { once: bool },
    Worker,
    Api,
    Ask(Wish),
    World { change: Option<Change>, json: bool },
}

/// Why the command line is no plan.
pub(crate) enum Unclear {
    /// The user asked for help or the version: the text to print.
    Help(clap::Error),
    /// A mistake, in one line.
    Mistake(String),
}

/// Reads the command line.
pub(crate) fn plan() -> Result<Plan, Unclear> {
    let options = Options::try_parse().map_err(|error| {
        if error.use_stderr() { Unclear::Mistake(one_line(&error)) } else { Unclear::Help(error) }
    })?;
    let Options { folder, far, slow, redis, command } = options;
    let (store, task) = (redis.store(), Task::from(command));
    if let (Store::File, Task::Worker | Task::Api) = (&store, &task) {
        return Err(Unclear::Mistake(NO_REDIS.to_owned()));
    }
    Ok(Plan { folder, pace: Pace { far, slow }, store, task })
}

impl RedisOptions {
    fn store(self) -> Store {
        let Self { redis, namespace, lease, partitions } = self;
        let partitions = partitions.get();
        // An empty variable is none.
        match redis.filter(|url| !url.is_empty()) {
            Some(url) => Store::Redis { url, namespace, lease, partitions },
            None => Store::File,
        }
    }
}

impl From<Command> for Task {
    fn from(command: Command) -> Self {
        let say = |Id { id }, How { by, detach }, word| {
            Self::Ask(Wish::Say { id, by, word, follow: !detach })
        };
        match command {
            Command::Place { key, card, to, detach, item, pieces } => {
                let order = Order { item, pieces, card, to };
                Self::Ask(Wish::Place { key, order, follow: !detach })
            }
            Command::Serve { once } => Self::Serve { once },
            Command::Worker => Self::Worker,
            Command::Api => Self::Api,
            Command::List { all, json } => Self::Ask(Wish::List { all, json }),
            Command::Inspect { id, json } => Self::Ask(Wish::Inspect { id: id.id, json }),
            Command::Cancel { id: Id { id }, detach } => {
                Self::Ask(Wish::Cancel { id, follow: !detach })
            }
            Command::Retry { id, how } => say(id, how, Word::Retry),
            Command::Waive { id, reason, step, how } => say(id, how, Word::Waive { step, reason }),
            Command::Done { id, evidence, step, how } => {
                say(id, how, Word::Done { step, evidence })
            }
            Command::World { change, json } => Self::World { change, json },
        }
    }
}

fn text() -> NonEmptyStringValueParser {
    NonEmptyStringValueParser::new()
}

fn id(text: &str) -> Result<SagaId, &'static str> {
    text.parse().map_err(|_| "it is no id of an order; `order list` shows those that are open")
}

/// `500ms` or `2s`. There and back must take less than the `timeout` of a step.
fn time(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Some(time) if time <= Duration::from_secs(2) => Ok(time),
        Some(_) => Err("2s is the longest: after 5s a call counts as lost"),
        None => Err("write it like 500ms or 2s"),
    }
}

fn lease(text: &str) -> Result<Duration, &'static str> {
    match duration(text) {
        Some(lease) if lease >= Duration::from_millis(500) => Ok(lease),
        Some(_) => Err("500ms is the shortest: it has to be renewed in time"),
        None => Err("write it like 1500ms or 3s"),
    }
}

fn duration(text: &str) -> Option<Duration> {
    match text.strip_suffix("ms") {
        Some(millis) => millis.parse().map(Duration::from_millis).ok(),
        None => text.strip_suffix('s')?.parse().map(Duration::from_secs).ok(),
    }
}

/// What is wrong, without what `--help` says. It quotes the arguments as they are; so that none
/// breaks the line, they are parsed once more, escaped.
fn one_line(error: &clap::Error) -> String {
    let arguments = env::args_os().map(|argument| escaped(&argument.to_string_lossy()));
    let text = match Options::try_parse_from(arguments) {
        Err(error) => error.to_string(),
        Ok(_) => error.kind().to_string(),
    };
    // What is missing stands on lines of its own, up to an empty one.
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    if line.contains("--help") { line.to_owned() } else { format!("{line} (see --help)") }
}
