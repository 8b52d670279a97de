//! One writer: a thread that does jobs in the order in which they come. What gathers while the last
//! group is on its way to the disk is the next group, in one transaction and one flush. Nobody hears
//! an answer or a signal before it is flushed.

use std::{
    collections::VecDeque,
    mem,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot, task::spawn_blocking, time::sleep};

use super::{
    error::Trouble,
    signals::Outbox,
    store::{Store, Unflushed},
};
use crate::journal::{Answer, JournalError};

/// Jobs of one group.
const GROUP: usize = 512;
/// A group is closed when it has so many bytes.
const BYTES: usize = 1 << 20;
/// How long a full disk is left alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something to do in the index, which yields how to answer.
type Do = Box<dyn FnOnce(&mut Store) -> Reply + Send>;
/// Answers with what was done, or with why it was not.
type Reply = Box<dyn FnOnce(Option<&Arc<Trouble>>) + Send>;

struct Job {
    /// About so many bytes are written for it.
    bytes: usize,
    /// Whose clock it is done by: that of a runtime whose time is paused stands still.
    runtime: Option<Handle>,
    what: Do,
}

/// The thread, and the way to it. Dropping it waits until everything is written and the file is
/// closed.
pub(super) struct Writer {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread shares with those who call.
struct Desk {
    line: Mutex<Line>,
    /// There is a job, or no more will come.
    called: Condvar,
    /// There is nothing to do, or nothing that can be done now.
    rests: Condvar,
    outbox: Arc<Outbox>,
    path: PathBuf,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    /// The thread has jobs in hand.
    is_busy: bool,
    /// A task of a runtime waits with it.
    is_watched: bool,
    is_closed: bool,
    /// A full disk was left alone long enough.
    is_called: bool,
    trouble: Option<Arc<Trouble>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(store: Store, outbox: Arc<Outbox>) -> std::io::Result<Self> {
        let desk = Arc::new(Desk {
            line: Mutex::default(),
            called: Condvar::new(),
            rests: Condvar::new(),
            path: store.file.path.clone(),
            outbox,
        });
        let at = Arc::clone(&desk);
        let thread = thread::Builder::new().name("sqlite journal".to_owned());
        let thread = thread.spawn(move || work(&at, store))?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Does something for which about so many bytes are written, and answers when it is on the disk.
    pub(super) fn call<T: Send + 'static>(
        &self,
        bytes: usize,
        job: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'static, T> {
        let (sender, receiver) = oneshot::channel();
        let what: Do = Box::new(move |store| {
            let answer = job(store);
            Box::new(move |trouble| {
                // Whoever asked may be gone.
                let _ = sender.send(match trouble {
                    None => answer,
                    Some(trouble) => Err(unavailable(trouble)),
                });
            })
        });
        let runtime = Handle::try_current().ok();
        {
            let mut line = self.desk.line();
            if let Some(trouble) = line.trouble.as_ref().filter(|trouble| trouble.is_final()) {
                return Err(unavailable(trouble)).into();
            }
            if runtime.is_some() && !mem::replace(&mut line.is_watched, true) {
                let desk = Arc::clone(&self.desk);
                spawn_blocking(move || desk.watch());
            }
            line.jobs.push_back(Job { bytes, runtime, what });
        }
        self.desk.called.notify_one();
        let desk = Arc::clone(&self.desk);
        Answer::Later(Box::pin(async move {
            let Ok(answer) = receiver.await else {
                let trouble = desk.line().trouble.clone();
                return Err(unavailable(&trouble.unwrap_or_else(|| Arc::new(Trouble::Closed))));
            };
            answer
        }))
    }

    /// The same for what only looks. While something cannot be written, nobody is shown what would
    /// be lost with it.
    pub(super) fn look<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'static, T> {
        match self.trouble() {
            Ok(()) => self.call(0, job),
            Err(error) => Err(error).into(),
        }
    }

    /// Why new sagas are not taken now.
    pub(super) fn trouble(&self) -> Result<(), JournalError> {
        self.desk.line().trouble.as_ref().map_or(Ok(()), |trouble| Err(unavailable(trouble)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.desk.line().is_closed = true;
        self.desk.called.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // A panic was told to whoever waited.
            let _ = thread.join();
        }
    }
}

/// The life of the thread.
fn work(desk: &Arc<Desk>, mut store: Store) {
    let guard = Guard(Arc::clone(desk));
    let mut runtime: Option<Handle> = None;
    let mut replies = Vec::new();
    loop {
        let entered = runtime.as_ref().map(Handle::enter);
        match store.flush() {
            Ok(()) => desk.tell_all(&mut replies),
            Err(Unflushed::Full) => {
                if desk.is_left_full(runtime.as_ref()) {
                    break;
                }
                continue;
            }
            Err(Unflushed::Broken(error)) => {
                let trouble = desk.fail(Trouble::broken(&desk.path, error));
                replies.drain(..).for_each(|reply: Reply| reply(Some(&trouble)));
                break;
            }
        }
        let Some(jobs) = desk.next_group() else { break };
        drop(entered);
        for Job { runtime: of, what, .. } in jobs {
            let _entered = of.as_ref().map(Handle::enter);
            replies.push(what(&mut store));
            runtime = of.or(runtime);
        }
    }
    let _entered = runtime.as_ref().map(Handle::enter);
    drop(store);
    drop(guard);
}

impl Desk {
    /// Waits for jobs; `None` when no more will come.
    fn next_group(&self) -> Option<Vec<Job>> {
        let mut line = self.line();
        line.is_busy = false;
        if line.jobs.is_empty() {
            self.rests.notify_all();
        }
        let waits = |line: &mut Line| line.jobs.is_empty() && !line.is_closed;
        let mut line = self.called.wait_while(line, waits).expect("nobody panics under it");
        let (mut group, mut bytes) = (Vec::new(), 0);
        while group.len() < GROUP && bytes < BYTES {
            let Some(job) = line.jobs.pop_front() else { break };
            bytes += job.bytes;
            group.push(job);
        }
        line.is_busy = !group.is_empty();
        line.is_busy.then_some(group)
    }

    /// A runtime waits with the thread for as long as it works: its time, if it is paused, must not
    /// jump to the next timer meanwhile.
    fn watch(&self) {
        let works = |line: &mut Line| {
            let can_work = line.trouble.is_none();
            can_work && (line.is_busy || !line.jobs.is_empty())
        };
        let line = self.line();
        let mut line = self.rests.wait_while(line, works).expect("nobody panics under it");
        line.is_watched = false;
    }

    fn tell_all(&self, replies: &mut Vec<Reply>) {
        if self.line().trouble.take().is_some() {
            tracing::info!(path = %self.path.display(), "there is room on the disk again");
        }
        replies.drain(..).for_each(|reply| reply(None));
        self.outbox.send();
    }

    /// Waits a while, by the clock of the runtime too, or until somebody calls. Whether the journal is
    /// closed.
    fn is_left_full(self: &Arc<Self>, runtime: Option<&Handle>) -> bool {
        let mut line = self.line();
        if line.trouble.is_none() {
            let trouble = Trouble::Full(self.path.clone());
            tracing::error!(%trouble);
            line.trouble = Some(Arc::new(trouble));
        }
        self.rests.notify_all();
        line.is_called = false;
        if let Some(runtime) = runtime {
            let desk = Arc::clone(self);
            runtime.spawn(async move {
                sleep(PATIENCE).await;
                desk.line().is_called = true;
                desk.called.notify_one();
            });
        }
        let jobs = line.jobs.len();
        let waits = |line: &mut Line| !line.is_closed && !line.is_called && line.jobs.len() == jobs;
        let waited = self.called.wait_timeout_while(line, PATIENCE, waits);
        waited.expect("nobody panics under it").0.is_closed
    }

    /// From here on every call fails.
    fn fail(&self, trouble: Trouble) -> Arc<Trouble> {
        tracing::error!(%trouble);
        let trouble = Arc::new(trouble);
        let jobs = {
            let mut line = self.line();
            line.trouble = Some(Arc::clone(&trouble));
            mem::take(&mut line.jobs)
        };
        // Whoever waits for them hears that nobody will do them.
        drop(jobs);
        self.rests.notify_all();
        self.outbox.close();
        trouble
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("nobody panics under it")
    }
}

/// Tells everybody when the thread panics.
struct Guard(Arc<Desk>);

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(Trouble::broken(&self.0.path, "its writer panicked"));
        }
    }
}

pub(super) fn unavailable(trouble: &Arc<Trouble>) -> JournalError {
    JournalError::Unavailable(Arc::clone(trouble).into())
}
