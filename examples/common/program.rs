//! What every program here does at its beginning and at its end, and line by line.

use std::{error::Error, io::Write as _, process::ExitCode};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Runs it to its end, and says why if that is no good one. Warnings of the library go to the standard error.
pub(crate) async fn run(
    name: &str,
    program: impl Future<Output = Result<(), Failure>>,
) -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match program.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tell_err(&format!("{name}: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// One line, at once. Whoever closed the pipe does not want it.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The same for what went wrong.
pub(crate) fn tell_err(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
