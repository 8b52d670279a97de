//! Which run of the test kit an attempt is, on whatever thread its code runs.

use tokio::task_local;

task_local! {
    /// The run whose code runs here.
    static RUN: RunOf;
}

/// A run that a ledger noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunOf {
    /// Which ledger, by its address.
    pub(crate) ledger: usize,
    /// Its number there.
    pub(crate) run: usize,
}

impl RunOf {
    /// The run whose code runs here, if any.
    pub(crate) fn here() -> Option<Self> {
        RUN.try_with(|run| *run).ok()
    }

    /// What this does is done by the run.
    pub(crate) fn scope<R>(self, what: impl FnOnce() -> R) -> R {
        RUN.sync_scope(self, what)
    }

    /// What this does is done by the run.
    pub(crate) async fn drive<R>(self, what: impl Future<Output = R>) -> R {
        RUN.scope(self, what).await
    }
}

/// The same, on another thread, for the run whose code runs here.
pub(crate) fn carried<R>(what: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let run = RunOf::here();
    move || match run {
        Some(run) => run.scope(what),
        None => what(),
    }
}
