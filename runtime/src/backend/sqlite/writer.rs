//! One writer: what gathers while the last group is on its way to the disk is the next group, in
//! one transaction and one flush. Nobody hears an answer or a signal before it is flushed.

use std::{
    mem,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
/// How long a full disk is left alone.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something to do in the index, which yields how to answer.
type Job = Box<dyn FnOnce(&mut Store) -> Reply + Send>;
/// Answers with what was done, or with why it was not.
type Reply = Box<dyn FnOnce(Option<&Arc<Trouble>>) + Send>;

/// Does jobs in the order in which they come.
pub(super) struct Writer {
    line: Mutex<Line>,
    desk: Mutex<Desk>,
    outbox: Arc<Outbox>,
    path: PathBuf,
}

#[derive(Default)]
struct Line {
    jobs: Vec<Job>,
    /// Somebody takes them.
    is_served: bool,
    trouble: Option<Arc<Trouble>>,
}

struct Desk {
    store: Store,
    /// Of what is in the index and not yet on the disk.
    replies: Vec<Reply>,
}

/// What is left when nobody serves the line any more.
enum Left {
    Nothing,
    /// A group for which there was no room.
    Unflushed,
}

impl Writer {
    pub(super) fn new(store: Store, outbox: Arc<Outbox>) -> Arc<Self> {
        Arc::new(Self {
            line: Mutex::default(),
            path: store.file.path.clone(),
            desk: Mutex::new(Desk { store, replies: Vec::new() }),
            outbox,
        })
    }

    /// Does something, and answers when it is on the disk.
    pub(super) fn call<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&mut Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'static, T> {
        let Ok(runtime) = Handle::try_current() else {
            return Err(unavailable(&Arc::new(Trouble::Gone))).into();
        };
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |store| {
            let answer = job(store);
            Box::new(move |trouble| {
                // Whoever asked may be gone.
                let _ = sender.send(match trouble {
                    None => answer,
                    Some(trouble) => Err(unavailable(trouble)),
                });
            })
        });
        let is_served = {
            let mut line = self.line();
            if let Some(trouble) = line.trouble.as_ref().filter(|trouble| trouble.is_final()) {
                return Err(unavailable(trouble)).into();
            }
            line.jobs.push(job);
            mem::replace(&mut line.is_served, true)
        };
        if !is_served {
            self.serve(&runtime);
        }
        let writer = Arc::clone(self);
        Answer::Later(Box::pin(async move {
            let Ok(answer) = receiver.await else {
                let trouble = writer.line().trouble.clone();
                return Err(unavailable(&trouble.unwrap_or_else(|| Arc::new(Trouble::Gone))));
            };
            answer
        }))
    }

    /// Why new sagas are not taken now.
    pub(super) fn trouble(&self) -> Result<(), JournalError> {
        self.line().trouble.as_ref().map_or(Ok(()), |trouble| Err(unavailable(trouble)))
    }

    /// Starts to serve the line, until it is empty. A runtime that ends takes the server with it:
    /// the next call starts another.
    fn serve(self: &Arc<Self>, runtime: &Handle) {
        let server = Server { writer: Arc::clone(self), is_done: false };
        runtime.spawn(async move {
            loop {
                let writer = Arc::clone(&server.writer);
                match spawn_blocking(move || writer.work()).await {
                    Ok(Left::Nothing) => break,
                    Ok(Left::Unflushed) => sleep(PATIENCE).await,
                    Err(panic) => {
                        server.writer.panicked(&panic.to_string());
                        break;
                    }
                }
            }
            server.leaves();
        });
    }

    fn work(&self) -> Left {
        let mut desk = self.desk.lock().expect("a panic is the end");
        loop {
            match desk.store.flush() {
                Ok(()) => self.tell_all(&mut desk),
                Err(Unflushed::Full) => {
                    self.full();
                    return Left::Unflushed;
                }
                Err(Unflushed::Broken(error)) => {
                    let trouble = self.fail(Trouble::broken(&self.path, error));
                    desk.replies.drain(..).for_each(|reply| reply(Some(&trouble)));
                    return Left::Nothing;
                }
            }
            let Some(jobs) = self.line().next_group() else { return Left::Nothing };
            let Desk { store, replies } = &mut *desk;
            replies.extend(jobs.into_iter().map(|job| job(store)));
        }
    }

    fn panicked(&self, error: &str) {
        self.fail(Trouble::broken(&self.path, error));
        // Whoever waits for these hears it, too.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner).replies.clear();
    }

    fn tell_all(&self, desk: &mut Desk) {
        if self.line().trouble.take().is_some() {
            tracing::info!(path = %self.path.display(), "there is room on the disk again");
        }
        desk.replies.drain(..).for_each(|reply| reply(None));
        self.outbox.send();
    }

    fn full(&self) {
        let trouble = Trouble::Full(self.path.clone());
        let mut line = self.line();
        if line.trouble.is_none() {
            tracing::error!(%trouble);
            line.trouble = Some(Arc::new(trouble));
        }
    }

    /// From here on every call fails.
    fn fail(&self, trouble: Trouble) -> Arc<Trouble> {
        tracing::error!(%trouble);
        let trouble = Arc::new(trouble);
        let mut line = self.line();
        line.trouble = Some(Arc::clone(&trouble));
        // Whoever waits for them hears that nobody will do them.
        line.jobs.clear();
        line.is_served = false;
        trouble
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("nobody panics under it")
    }
}

impl Line {
    /// What to do next; `None` when there is nothing, and then nobody serves the line.
    fn next_group(&mut self) -> Option<Vec<Job>> {
        self.is_served = !self.jobs.is_empty();
        let few = self.jobs.len().min(GROUP);
        self.is_served.then(|| self.jobs.drain(..few).collect())
    }
}

/// Whoever serves the line.
struct Server {
    writer: Arc<Writer>,
    is_done: bool,
}

impl Server {
    fn leaves(mut self) {
        self.is_done = true;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.is_done {
            self.writer.line().is_served = false;
        }
    }
}

pub(super) fn unavailable(trouble: &Arc<Trouble>) -> JournalError {
    JournalError::Unavailable(Arc::clone(trouble).into())
}
