//! Work on a thread of its own: a runtime cannot run inside another one.

use std::{panic::resume_unwind, thread};

use tokio::{runtime::Handle, sync::oneshot, task::spawn_blocking};

/// Does something on another thread, and waits for it. A panic goes on here.
pub(super) async fn apart<R: Send + 'static>(what: impl FnOnce() -> R + Send + 'static) -> R {
    if Handle::try_current().is_ok() {
        // A runtime whose clock is paused does not move it meanwhile.
        let done = spawn_blocking(what).await;
        return done.unwrap_or_else(|lost| resume_unwind(lost.into_panic()));
    }
    let (done, wait) = oneshot::channel();
    let thread = thread::spawn(move || done.send(what()).is_ok());
    match wait.await {
        Ok(done) => done,
        Err(_) => resume_unwind(thread.join().expect_err("it ended without an answer")),
    }
}
