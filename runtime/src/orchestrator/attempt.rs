//! One attempt on its way: a future of user code with a time limit, that may panic.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::{Sleep, sleep};
use tracing::Span;

use super::inputs::panic_message;
use crate::{
    kernel::{AttemptEnd, Doubt, Way},
    task::Work,
};

/// One attempt on its way.
pub(super) struct Attempt {
    pub(super) step: usize,
    pub(super) way: Way,
    pub(super) generation: u32,
    pub(super) number: u32,
    pub(super) span: Span,
    work: Option<Work>,
    limit: Duration,
    /// Made at the first `Pending`: most steps of a fast task never need one.
    timer: Option<Pin<Box<Sleep>>>,
    /// It was told to stop for this reason, and the timer is its grace.
    stopping: Option<Doubt>,
}

/// What polling an attempt brought.
pub(super) enum Polled {
    Pending,
    /// Its time is up, but it cannot be interrupted: tell it to stop.
    Overdue,
    Ended(AttemptEnd),
}

impl Attempt {
    pub(super) fn new(
        (step, way): (usize, Way),
        (generation, number): (u32, u32),
        work: Work,
        limit: Duration,
        span: Span,
    ) -> Self {
        let work = Some(work);
        Self { step, way, generation, number, span, work, limit, timer: None, stopping: None }
    }

    /// Gives it `grace` to end by itself; then it is ended as interrupted. What cannot be
    /// interrupted has until its time is up: nothing may be undone while it still works (C3).
    pub(super) fn stop(&mut self, grace: Duration) {
        if self.stopping.is_some() {
            return;
        }
        if self.is_interruptible() {
            self.stopping = Some(Doubt::Interrupted);
            self.timer = Some(Box::pin(sleep(grace)));
        } else {
            self.stopping = Some(Doubt::StillRuns);
        }
    }

    /// Ends it at the next poll, whatever still runs: a thread goes on without its host.
    pub(super) fn abort(&mut self) {
        let interruptible = self.is_interruptible();
        self.stopping = Some(if interruptible { Doubt::Interrupted } else { Doubt::HostLost });
        self.timer = Some(Box::pin(sleep(Duration::ZERO)));
    }

    fn is_interruptible(&self) -> bool {
        self.work.as_ref().is_none_or(|work| work.interruptible)
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, grace: Duration) -> Polled {
        if let Poll::Ready(end) = self.poll_work(cx) {
            return Polled::Ended(end);
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        if timer.as_mut().poll(cx).is_pending() {
            return Polled::Pending;
        }
        match self.stopping.take() {
            None if !self.is_interruptible() => {
                self.stopping = Some(Doubt::StillRuns);
                self.timer = Some(Box::pin(sleep(grace)));
                cx.waker().wake_by_ref();
                Polled::Overdue
            }
            doubt => {
                // A thread goes on: what it returns is still wanted (J5).
                if self.is_interruptible() {
                    self.drop_work();
                }
                Polled::Ended(AttemptEnd::Unknown(doubt.unwrap_or(Doubt::TimedOut)))
            }
        }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<AttemptEnd> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let poll = || catch_unwind(AssertUnwindSafe(|| work.future.as_mut().poll(cx)));
        let polled = self.span.in_scope(poll);
        let end = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(end)) => end,
            Err(panic) => panicked(panic),
        };
        self.drop_work();
        Poll::Ready(end)
    }

    /// The end that is there, if its saga has left meanwhile.
    pub(super) fn last_look(&mut self) -> Option<AttemptEnd> {
        match self.poll_work(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => Some(end),
            Poll::Pending => None,
        }
    }

    /// How it ends if it is dropped now: a thread goes on without it.
    pub(super) fn given_up(&self) -> AttemptEnd {
        let interruptible = self.is_interruptible();
        AttemptEnd::Unknown(if interruptible { Doubt::Interrupted } else { Doubt::HostLost })
    }

    /// The thread that goes on without it.
    pub(super) fn take_thread(&mut self) -> Option<Work> {
        self.work.take_if(|work| !work.interruptible)
    }

    /// Drops the future; a panic in a destructor of user code must not take the driver with it.
    fn drop_work(&mut self) {
        let Some(work) = self.work.take() else { return };
        self.span.in_scope(|| {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(work))) {
                tracing::error!(panic = panic_message(panic), "dropping an attempt panicked");
            }
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.work.is_some() {
            // The saga is another host's now, or this one is gone.
            self.span.record("step.status", "abandoned");
        }
        self.drop_work();
    }
}

/// A panic is an unknown end: nobody can say what happened before it (E1).
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> AttemptEnd {
    AttemptEnd::Unknown(Doubt::Panicked(panic_message(panic)))
}
