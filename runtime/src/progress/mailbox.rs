//! What one watcher has not read yet, for trackers that hand states to watchers in their process.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;

use super::Progress;

/// The states that wait for one watcher.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Unread>);

#[derive(Default)]
struct Unread {
    states: VecDeque<Progress>,
    closed: bool,
    waker: Option<Waker>,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Unread> {
        self.0.lock().expect("nothing panics under this lock")
    }

    /// Adds a state, in place of an unread one that differs from it in bytes or message only: so a
    /// slow watcher holds one state for each record of the journal, at most. A terminal state is the
    /// last.
    pub(crate) fn put(&self, progress: Progress) {
        let mut unread = self.lock();
        unread.closed |= progress.status.is_terminal();
        match unread.states.back_mut() {
            Some(last) if last.seq == progress.seq => *last = progress,
            _ => unread.states.push_back(progress),
        }
        unread.wake();
    }

    /// Nothing more comes.
    pub(crate) fn close(&self) {
        let mut unread = self.lock();
        unread.closed = true;
        unread.wake();
    }
}

impl Unread {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Reads a mailbox. With it `L` is dropped, which ends the watch.
pub(crate) struct Watcher<L> {
    mailbox: Arc<Mailbox>,
    _leaving: L,
}

impl<L> Watcher<L> {
    pub(crate) fn new(mailbox: Arc<Mailbox>, leaving: L) -> Self {
        Self { mailbox, _leaving: leaving }
    }
}

impl<L: Unpin> Stream for Watcher<L> {
    type Item = Progress;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        let mut unread = self.mailbox.lock();
        match unread.states.pop_front() {
            Some(progress) => Poll::Ready(Some(progress)),
            None if unread.closed => Poll::Ready(None),
            None => {
                unread.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
