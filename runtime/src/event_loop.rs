//! An event loop on a thread of its own: what runs there goes on while user code blocks its executor.

use std::{io, thread};

use tokio::runtime::{Builder, Handle};

/// Runs until this has ended; whatever else runs there is dropped then.
pub(crate) fn start(
    name: &str,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(until))?;
    Ok(handle)
}
