//! Waiting for the next thing that happens to a saga.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{
    super::{
        attempt::{Attempt, Polled},
        signals::Attendance,
        singleton::Tenure,
    },
    Driver,
};
use crate::kernel::{AttemptEnd, Event, Host as Role, Timestamp, Way};

/// What a driver waits for that may take long; made at the first wait.
pub(super) struct Waits {
    mail: Attendance,
    timer: Option<(Timestamp, Pin<Box<Sleep>>)>,
    slot: Option<BoxFuture<'static, Option<OwnedSemaphorePermit>>>,
    turn: Option<BoxFuture<'static, Tenure>>,
    revived: Option<BoxFuture<'static, ()>>,
    leave: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    abort: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    lost: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

/// What happens next to a driver.
pub(super) enum Next {
    Event(Event),
    /// The saga has mail.
    Mail,
    /// There is a slot to run something in.
    Slot(Option<OwnedSemaphorePermit>),
    /// It is its turn.
    Turn(Tenure),
    /// It is not its turn any more.
    TurnLost,
    /// The time of an attempt is up, and it cannot be interrupted.
    Overdue {
        step: usize,
        attempt: u32,
    },
    /// The time for a graceful shutdown is up.
    Abort,
    /// The seat is lost, and the saga with it.
    Lost,
}

impl Driver {
    /// Waits for the next thing that happens.
    pub(super) async fn next(&mut self) -> Next {
        // Attempts first, alone: a step that is ready at once needs none of the rest.
        if !self.attempts.is_empty()
            && let Some(next) = poll_fn(|cx| Poll::Ready(self.poll_attempts(cx))).await
        {
            return next;
        }
        if self.waits.is_none() {
            self.waits = Some(Waits {
                mail: self.host.ears.attend(&self.context),
                timer: None,
                slot: None,
                turn: None,
                revived: None,
                // The caller of `submit` waits for the API phase: it is finished (A6).
                leave: (self.machine.role() == Role::Worker)
                    .then(|| Box::pin(self.host.leaving.clone().cancelled_owned())),
                abort: Some(Box::pin(self.host.aborting.clone().cancelled_owned())),
                lost: Some(Box::pin(self.seat.lost.clone().cancelled_owned())),
            });
            // What came before the bell hung.
            return Next::Mail;
        }
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        if let Some(next) = self.poll_attempts(cx) {
            return Poll::Ready(next);
        }
        let Some(waits) = &mut self.waits else { return Poll::Pending };
        if poll_once(&mut waits.lost, cx) {
            return Poll::Ready(Next::Lost);
        }
        if let Some(turn) = &mut self.turn
            && turn.poll_lost(cx).is_ready()
        {
            return Poll::Ready(Next::TurnLost);
        }
        if waits.mail.bell.poll_rung(cx) {
            return Poll::Ready(Next::Mail);
        }
        if poll_once(&mut waits.leave, cx) {
            return Poll::Ready(Next::Event(Event::Leave));
        }
        if poll_once(&mut waits.abort, cx) {
            return Poll::Ready(Next::Abort);
        }
        if !self.is_fenced {
            waits.revived = None;
        } else {
            let seat = &self.seat;
            let wait = waits.revived.get_or_insert_with(|| {
                let seat = Arc::clone(seat);
                async move { seat.fence.stands().await }.boxed()
            });
            if wait.as_mut().poll(cx).is_ready() {
                waits.revived = None;
                return Poll::Ready(Next::Event(Event::Due));
            }
        }
        if !self.wants_turn {
            waits.turn = None;
        } else {
            let (host, saga) = (&self.host, self.context.id);
            let wait = waits.turn.get_or_insert_with(|| Arc::clone(host).turn_of(saga).boxed());
            if let Poll::Ready(turn) = wait.as_mut().poll(cx) {
                waits.turn = None;
                return Poll::Ready(Next::Turn(turn));
            }
        }
        if !self.wants_slot {
            waits.slot = None;
        } else {
            let slots = match self.is_suspect {
                true => self.host.suspects.slot(),
                false => &self.host.slots,
            };
            let wait = waits
                .slot
                .get_or_insert_with(|| Arc::clone(slots).acquire_owned().map(Result::ok).boxed());
            if let Poll::Ready(slot) = wait.as_mut().poll(cx) {
                waits.slot = None;
                return Poll::Ready(Next::Slot(slot));
            }
        }
        let Some(due) = self.due else { return Poll::Pending };
        if waits.timer.as_ref().is_none_or(|(set, _)| *set != due) {
            let wait = due.since(self.host.journal.now());
            waits.timer = Some((due, Box::pin(sleep(wait))));
        }
        match &mut waits.timer {
            Some((_, timer)) => timer.as_mut().poll(cx).map(|()| {
                waits.timer = None;
                Next::Event(Event::Due)
            }),
            None => Poll::Pending,
        }
    }

    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<Next> {
        if self.seat.fence.has_fallen() {
            // Nothing runs on while others may begin to do the same (F3).
            self.is_fenced = true;
            return None;
        }
        if self.turn.as_ref().is_some_and(|turn| !turn.is_held()) {
            // Nor while another saga may run (O6): that it is lost comes next.
            return None;
        }
        let grace = self.host.settings.grace;
        for index in 0..self.attempts.len() {
            match self.attempts[index].poll(cx, grace) {
                Polled::Pending => {}
                Polled::Overdue => {
                    let Attempt { step, way, number, .. } = self.attempts[index];
                    // Undo and probe have nothing to ask whether their time is up.
                    if way == Way::Do {
                        return Some(Next::Overdue { step, attempt: number });
                    }
                }
                Polled::Ended(end) => {
                    let mut attempt = self.attempts.remove(index);
                    note(&attempt, &end);
                    self.outlived(&mut attempt);
                    self.ended = (attempt.generation, attempt.number);
                    let (step, way) = (attempt.step, attempt.way);
                    return Some(Next::Event(Event::Ended { step, way, end }));
                }
            }
        }
        None
    }
}

impl Driver {
    /// What was waited for is not wanted any more.
    pub(super) fn forget_waited_slot(&mut self) {
        if let Some(waits) = &mut self.waits {
            waits.slot = None;
        }
    }
}

fn poll_once(
    wait: &mut Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    cx: &mut Context<'_>,
) -> bool {
    let ready = wait.as_mut().is_some_and(|wait| wait.as_mut().poll(cx).is_ready());
    if ready {
        *wait = None;
    }
    ready
}

/// Leaves the end of an attempt in its span, and says what went wrong.
fn note(attempt: &Attempt, end: &AttemptEnd) {
    let status = match end {
        AttemptEnd::Done(_) => "done",
        AttemptEnd::Retry { .. } => "failed",
        AttemptEnd::Refused(_) => "refused",
        AttemptEnd::Partial(..) => "partial",
        AttemptEnd::DidNot => "did not",
        AttemptEnd::CannotTell => "cannot tell",
        AttemptEnd::Unknown(_) => "unknown",
        AttemptEnd::Undecodable(_) => "undecodable",
    };
    attempt.span.record("step.status", status);
    let _entered = attempt.span.enter();
    match end {
        AttemptEnd::Done(_) => tracing::debug!(attempt = attempt.number, "done"),
        AttemptEnd::DidNot => tracing::info!("no attempt had an effect"),
        AttemptEnd::CannotTell => tracing::warn!("the probe cannot tell"),
        AttemptEnd::Partial(refused, _) => {
            tracing::warn!(reason = refused.message, "done in part, and refused")
        }
        AttemptEnd::Retry { error, .. } => {
            tracing::warn!(attempt = attempt.number, error, "failed")
        }
        AttemptEnd::Refused(refused) => tracing::info!(reason = refused.message, "refused"),
        AttemptEnd::Unknown(why) => tracing::warn!(attempt = attempt.number, %why, "unknown"),
        // The codec may quote the value: its words are for the journal, not for logs.
        AttemptEnd::Undecodable(_) => {
            tracing::error!("undecodable: the saga is parked, or goes back already")
        }
    }
}
