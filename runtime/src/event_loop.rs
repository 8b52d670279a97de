//! An event loop on a thread of its own: what runs there goes on while user code blocks its executor.

use std::{io, thread};

use tokio::runtime::{Builder, Handle, Runtime};

/// Runs until this has ended; whatever else runs there is dropped then.
///
/// # Errors
/// When the machine has no place for one more.
pub(crate) fn start(
    name: &str,
    until: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let ending = Ending(Some(runtime));
    let run = move || {
        if let Some(runtime) = &ending.0 {
            runtime.block_on(until);
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(handle)
}

/// Ends without a wait: where there is no thread for it, that is in a task of another one.
struct Ending(Option<Runtime>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_has_no_thread_ends_where_another_one_runs() {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let handle = runtime.handle().clone();
        drop(Ending(Some(runtime)));
        handle.spawn(async {}).await.expect_err("it has ended");
    }
}
