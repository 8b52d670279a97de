//! What gathers while the last call is on its way is the next call.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

/// Jobs for one worker at a time.
pub(super) struct Gather<J>(Arc<Mutex<Line<J>>>);

struct Line<J> {
    jobs: VecDeque<J>,
    has_worker: bool,
}

impl<J> Default for Gather<J> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Line { jobs: VecDeque::new(), has_worker: false })))
    }
}

impl<J> Gather<J> {
    /// Adds a job. Answers the worker that is to be started, if none is at work.
    #[must_use]
    pub(super) fn push(&self, job: J) -> Option<Worker<J>> {
        let mut line = lock(&self.0);
        line.jobs.push_back(job);
        let is_new = !std::mem::replace(&mut line.has_worker, true);
        is_new.then(|| Worker { line: Arc::clone(&self.0), is_done: false })
    }
}

/// The one who does the jobs. One that is dropped before its end, with its runtime, takes the jobs
/// with it that nobody will do.
pub(super) struct Worker<J> {
    line: Arc<Mutex<Line<J>>>,
    is_done: bool,
}

impl<J> Worker<J> {
    /// So many jobs wait for the next call.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.line).jobs.len()
    }

    /// Jobs for the next call, while `takes` wants them; at least one. `None`: the worker is done.
    pub(super) fn next(&mut self, mut takes: impl FnMut(&J) -> bool) -> Option<Vec<J>> {
        let mut line = lock(&self.line);
        let mut taken = Vec::new();
        while let Some(job) = line.jobs.pop_front() {
            if !takes(&job) && !taken.is_empty() {
                line.jobs.push_front(job);
                break;
            }
            taken.push(job);
        }
        // Whoever adds a job from here on starts another one.
        line.has_worker = !taken.is_empty();
        self.is_done = taken.is_empty();
        (!taken.is_empty()).then_some(taken)
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        if !self.is_done {
            let mut line = lock(&self.line);
            line.has_worker = false;
            line.jobs.clear();
        }
    }
}

fn lock<J>(line: &Mutex<Line<J>>) -> MutexGuard<'_, Line<J>> {
    line.lock().expect("nobody panics under it")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Each job has a worker, whoever adds it while another one ends.
    #[test]
    fn no_job_is_left_without_a_worker_and_none_is_taken_from_another() {
        const JOBS: usize = 20_000;
        let gather = Gather::default();
        let done = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for job in 0..JOBS {
                        let Some(mut worker) = gather.push(job) else { continue };
                        while let Some(jobs) = worker.next(|_| true) {
                            *done.lock().expect("nobody panics") += jobs.len();
                        }
                    }
                });
            }
        });
        assert_eq!(*done.lock().expect("nobody panics"), 4 * JOBS);
    }

    #[test]
    fn what_a_worker_leaves_undone_is_dropped_and_the_next_job_has_a_worker() {
        let gather = Gather::default();
        let (job, witness) = (Arc::new(()), Arc::new(()));
        drop(gather.push(Arc::clone(&job)));
        assert_eq!(Arc::strong_count(&job), 1, "whoever waits for it hears that");
        assert!(gather.push(witness).is_some());
    }
}
