//! The command line.

use std::{env, path::PathBuf};
#[cfg(feature = "distributed")]
use std::{num::NonZeroUsize, thread::available_parallelism};

use clap::{Parser, Subcommand};

#[cfg(feature = "distributed")]
use crate::servers::{Servers, Shared};
use crate::{archive::CompressionLevel, say::escaped};

/// Packs files and folders into one ZIP archive.
///
/// Each PATH is packed under its last name, with everything below it. Symbolic links are followed.
/// The archive appears when it is complete, in place of a file that was there. Until then a hidden
/// folder beside it takes up to three times the room of what is packed. Ctrl-C takes everything
/// back; a second one ends at once, and says what it leaves behind.
///
/// A first PATH with the name of a command is written as `./submit`.
#[derive(Parser)]
#[command(name = "create-zip", version)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    packing: Packing,

    #[command(flatten)]
    level: Level,
}

#[derive(clap::Args)]
struct Packing {
    /// Where to write the archive
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    /// Files and folders to pack
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(clap::Args)]
struct Level {
    /// How hard to press: 0 (not at all) to 9
    #[arg(short, long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(0..=9))]
    level: u8,
}

#[cfg(feature = "distributed")]
#[derive(Subcommand)]
enum Command {
    /// The same, packed by a worker
    ///
    /// Uploads what is to be packed, waits until a worker has packed it, downloads the archive, and
    /// deletes what it put into the buckets `incoming-files` and `processed-files`; one that is killed
    /// leaves it there. Ctrl-C has a worker take everything back; a second one ends at once.
    Submit {
        #[command(flatten)]
        packing: Packing,

        #[command(flatten)]
        servers: Servers,
    },
    /// Packs what others submit
    ///
    /// Works until Ctrl-C or SIGTERM; then it finishes the steps that run, for at most 10 minutes, and
    /// gives the rest back to other workers. A second one ends at once. Archives are made in the
    /// folder for temporary files; TMPDIR names another.
    Worker {
        #[command(flatten)]
        level: Level,

        /// How many archives to make at a time [default: one for each core]
        #[arg(short, long)]
        jobs: Option<NonZeroUsize>,

        #[command(flatten)]
        servers: Servers,
    },
}

#[cfg(not(feature = "distributed"))]
#[derive(Subcommand)]
enum Command {
    /// The same, packed by a worker; not in this build
    Submit(NotHere),
    /// Packs what others submit; not in this build
    Worker(NotHere),
}

#[cfg(not(feature = "distributed"))]
#[derive(clap::Args)]
struct NotHere {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<std::ffi::OsString>,
}

/// What the user wants.
pub(crate) enum Plan {
    Pack(Wish),
    #[cfg(feature = "distributed")]
    Submit(Submission),
    #[cfg(feature = "distributed")]
    Work(Labour),
}

/// An archive, made here.
pub(crate) struct Wish {
    pub(crate) output: PathBuf,
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) level: CompressionLevel,
    pub(crate) quiet: bool,
}

/// An archive, made by a worker.
#[cfg(feature = "distributed")]
pub(crate) struct Submission {
    pub(crate) output: PathBuf,
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) quiet: bool,
    pub(crate) servers: Shared,
}

/// To be that worker.
#[cfg(feature = "distributed")]
pub(crate) struct Labour {
    pub(crate) level: CompressionLevel,
    pub(crate) jobs: usize,
    pub(crate) servers: Shared,
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
    let Options { command, packing, level } = Options::try_parse().map_err(|error| {
        if error.use_stderr() { Unclear::Mistake(first_line(&error)) } else { Unclear::Help(error) }
    })?;
    match command {
        Some(command) => command.plan().map_err(Unclear::Mistake),
        None => {
            let (output, inputs, quiet) = packing.complete().map_err(Unclear::Mistake)?;
            Ok(Plan::Pack(Wish { output, inputs, level: CompressionLevel(level.level), quiet }))
        }
    }
}

impl Packing {
    /// Required for us, not for clap, which takes six lines to say so.
    fn complete(self) -> Result<(PathBuf, Vec<PathBuf>, bool), String> {
        if self.paths.is_empty() {
            return Err("name at least one file or folder to pack (see --help)".to_owned());
        }
        let output = self.output.ok_or("name the archive with --output FILE")?;
        Ok((output, self.paths, self.quiet))
    }
}

#[cfg(feature = "distributed")]
impl Command {
    fn plan(self) -> Result<Plan, String> {
        match self {
            Self::Submit { packing, servers } => {
                let (output, inputs, quiet) = packing.complete()?;
                Ok(Plan::Submit(Submission { output, inputs, quiet, servers: servers.shared()? }))
            }
            Self::Worker { level, jobs, servers } => {
                let jobs =
                    jobs.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get);
                let level = CompressionLevel(level.level);
                Ok(Plan::Work(Labour { level, jobs, servers: servers.shared()? }))
            }
        }
    }
}

#[cfg(not(feature = "distributed"))]
impl Command {
    fn plan(self) -> Result<Plan, String> {
        Err("this build has neither `submit` nor `worker`: build it with `--features distributed`; \
             a file of that name is packed as `./submit`"
            .to_owned())
    }
}

/// Its first line, as the others only repeat what `--help` says. It quotes the arguments as they
/// are; so that none breaks it, they are parsed once more, escaped.
fn first_line(error: &clap::Error) -> String {
    let arguments = env::args_os().map(|argument| escaped(&argument.to_string_lossy()));
    let text = match Options::try_parse_from(arguments) {
        Err(error) => error.to_string(),
        Ok(_) => error.kind().to_string(),
    };
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
