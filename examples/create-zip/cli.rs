//! The command line.

use std::{env, path::PathBuf};

use clap::Parser;

use crate::{archive::CompressionLevel, say::escaped};

/// Packs files and folders into one ZIP archive.
///
/// Each PATH is packed under its last name, with everything below it. Symbolic links are followed.
/// The archive appears when it is complete, in place of a file that was there. Until then a hidden
/// folder beside it takes up to three times the room of what is packed. Ctrl-C takes everything
/// back; a second one ends at once, and says what it leaves behind.
#[derive(Debug, Parser)]
#[command(name = "create-zip", version)]
struct Options {
    /// Where to write the archive
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How hard to press: 0 (not at all) to 9
    #[arg(short, long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(0..=9))]
    level: u8,

    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,

    /// Files and folders to pack
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// What the user wants.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) output: PathBuf,
    pub(crate) inputs: Vec<PathBuf>,
    pub(crate) level: CompressionLevel,
    pub(crate) quiet: bool,
}

/// Why the command line is no wish.
#[derive(Debug)]
pub(crate) enum Unclear {
    /// The user asked for help or the version: the text to print.
    Help(clap::Error),
    /// A mistake, in one line.
    Mistake(String),
}

/// Reads the command line.
pub(crate) fn wish() -> Result<Wish, Unclear> {
    let Options { output, level, quiet, paths } = Options::try_parse().map_err(|error| {
        if error.use_stderr() { Unclear::Mistake(first_line(&error)) } else { Unclear::Help(error) }
    })?;
    // Required for us, not for clap, which takes six lines to say so.
    let mistake = |text: &str| Unclear::Mistake(text.to_owned());
    if paths.is_empty() {
        return Err(mistake("name at least one file or folder to pack (see --help)"));
    }
    let output = output.ok_or_else(|| mistake("name the archive with --output FILE"))?;
    Ok(Wish { output, inputs: paths, level: CompressionLevel(level), quiet })
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
