//! What gathers while the last call is on its way is the next call.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

/// Jobs for one worker at a time.
pub(super) struct Gather<J>(Mutex<Line<J>>);

struct Line<J> {
    jobs: VecDeque<J>,
    has_worker: bool,
}

impl<J> Default for Gather<J> {
    fn default() -> Self {
        Self(Mutex::new(Line { jobs: VecDeque::new(), has_worker: false }))
    }
}

impl<J> Gather<J> {
    /// Adds a job. Whether the caller has to start a worker.
    #[must_use]
    pub(super) fn push(&self, job: J) -> bool {
        let mut line = self.line();
        line.jobs.push_back(job);
        !std::mem::replace(&mut line.has_worker, true)
    }

    /// Jobs for the next call, while `takes` wants them; at least one. `None`: the worker is done.
    pub(super) fn next(&self, mut takes: impl FnMut(&J) -> bool) -> Option<Vec<J>> {
        let mut line = self.line();
        let mut taken = Vec::new();
        while let Some(job) = line.jobs.pop_front() {
            if !takes(&job) && !taken.is_empty() {
                line.jobs.push_front(job);
                break;
            }
            taken.push(job);
        }
        line.has_worker = !taken.is_empty();
        line.has_worker.then_some(taken)
    }

    /// A guard of the worker: one that is dropped before its end, with its runtime, takes the jobs with
    /// it that nobody will do.
    pub(super) fn at_work(&self) -> AtWork<'_, J> {
        AtWork(self)
    }

    fn line(&self) -> MutexGuard<'_, Line<J>> {
        self.0.lock().expect("nobody panics under it")
    }
}

pub(super) struct AtWork<'a, J>(&'a Gather<J>);

impl<J> Drop for AtWork<'_, J> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        if line.has_worker {
            line.has_worker = false;
            line.jobs.clear();
        }
    }
}
