//! The driver: one claimed saga, from its claim until it leaves this host.
//!
//! It tells the machine what happened, commits what the machine decides, and only then starts what
//! the machine commands (J2). A crash anywhere leaves the records of the last commit, and the next
//! owner goes on from them.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use smallvec::{SmallVec, smallvec};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::{Span, field};
use uuid::Uuid;

use super::{
    attempt::{Attempt, Polled, panicked},
    host::Host,
    inputs::{Verdicts, gather, live},
    signals::Attendance,
    watch::progress_of,
};
use crate::{
    journal::{Batch, Item, JournalError, NewOwned, Verdict},
    kernel::{
        AttemptEnd, Command, Decision, EntryId, Event, Host as Role, Letter, Machine, Mail, Outcome,
        Phase, Place, SagaId, SagaStatus, Timestamp, Way,
    },
    progress::Progress,
    task::{SagaContext, Slot, StepContext, Stop, UndoContext, Work},
};

/// How long to wait before asking a journal again that does not answer.
const RETRY_JOURNAL: Duration = Duration::from_secs(1);

/// One saga on this host.
pub(super) struct Driver {
    host: Arc<Host>,
    machine: Machine,
    context: Arc<SagaContext>,
    attempts: SmallVec<[Attempt; 1]>,
    due: Option<Timestamp>,
    waits: Option<Waits>,
    span: Span,
    /// A slot of the host; given back while the saga only waits.
    slot: Option<OwnedSemaphorePermit>,
    /// Tells `submit` that the API phase is over.
    handed_over: Option<oneshot::Sender<()>>,
}

/// What a driver waits for that may take long; made at the first wait.
struct Waits {
    mail: Attendance,
    timer: Option<(Timestamp, Pin<Box<Sleep>>)>,
    leave: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    abort: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

/// What happens next to a driver.
enum Next {
    Event(Event),
    Mail,
    Stop(StopWhy),
}

/// Why attempts are told to stop.
enum StopWhy {
    /// The time of one is up, and it cannot be interrupted.
    Overdue,
    /// The time for a graceful shutdown is up.
    Abort,
}

/// Whether the driver goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Go,
    /// The saga left this host.
    Gone,
}

impl Driver {
    pub(super) fn new(host: Arc<Host>, machine: Machine) -> Self {
        let context = Arc::new(SagaContext {
            id: machine.id(),
            definition: Arc::clone(machine.definition()),
            fence: machine.fence(),
            services: Arc::clone(&host.services),
            stop: Stop::default(),
            seq: machine.state().seq().into(),
        });
        let span = tracing::info_span!(
            "saga",
            task.id = %machine.id(),
            task.name = %machine.definition().task,
        );
        Self {
            host,
            machine,
            context,
            attempts: SmallVec::new(),
            due: None,
            waits: None,
            span,
            slot: None,
            handed_over: None,
        }
    }

    pub(super) fn with_slot(mut self, slot: Option<OwnedSemaphorePermit>) -> Self {
        self.slot = slot;
        self
    }

    /// Drives a claimed saga until it leaves this host.
    pub(super) async fn run(mut self, event: Event) {
        if self.settle(event).await == Flow::Go {
            self.drive().await;
        }
    }

    /// Drives a saga through its API phase, from its first record on (A6).
    pub(super) async fn begin(
        mut self,
        first: Decision,
        create: NewOwned,
        created: oneshot::Sender<()>,
        handed_over: oneshot::Sender<()>,
    ) {
        self.handed_over = Some(handed_over);
        let item = self.item(0, first, Some(create));
        let place = item.place;
        match commit(&self.host, item).await {
            Ok(Verdict::Written { .. }) => {
                // The submitter may have gone; the saga goes on.
                let _ = created.send(());
                self.committed().await;
                if place == Place::Owned {
                    self.drive().await;
                }
            }
            Ok(verdict) => tracing::error!(saga = %self.context.id, ?verdict, "not created"),
            Err(error) => tracing::error!(saga = %self.context.id, %error, "not created"),
        }
    }

    async fn drive(&mut self) {
        loop {
            self.start().await;
            let event = match self.next().await {
                Next::Event(event) => event,
                Next::Mail => match inbox(&self.host, self.context.id).await {
                    Some(event) => event,
                    None => continue,
                },
                Next::Stop(why) => {
                    self.stop_attempts(&why);
                    continue;
                }
            };
            if self.settle(event).await == Flow::Gone {
                return;
            }
        }
    }

    // ---- deciding and committing ------------------------------------------------------------

    /// Tells the machine, and writes what it decides.
    async fn settle(&mut self, event: Event) -> Flow {
        let mut events: SmallVec<[Event; 2]> = smallvec![event];
        while let Some(event) = events.pop() {
            let host = Arc::clone(&self.host);
            let verdicts = Verdicts(&*host.handlers);
            let seq = self.machine.state().seq();
            let now = host.journal.now();
            let decision = self.machine.decide(event.clone(), now, &verdicts);
            if decision.is_empty() {
                continue;
            }
            let place = decision.place;
            let item = self.item(seq, decision, None);
            match commit(&self.host, item).await {
                Ok(Verdict::Written { mail }) => {
                    self.committed().await;
                    if place != Place::Owned {
                        return Flow::Gone;
                    }
                    if mail {
                        events.extend(inbox(&self.host, self.context.id).await);
                    }
                }
                Ok(Verdict::Mail) => {
                    // It must be read first: then the event again, which may end otherwise (A1).
                    if self.refold(&event).await.is_none() {
                        return self.lost(event).await;
                    }
                    let mail = inbox(&self.host, self.context.id).await;
                    events.push(event);
                    events.extend(mail);
                }
                Ok(Verdict::NotOwner) => return self.lost(event).await,
                Err(JournalError::Unavailable(error)) => {
                    tracing::warn!(saga = %self.context.id, %error, "journal unavailable, again");
                    sleep(RETRY_JOURNAL).await;
                    match self.refold(&event).await {
                        // Only this seat writes here: what is there beyond `seq` is the group.
                        Some(written) if written > seq => self.committed().await,
                        _ => events.push(event),
                    }
                }
                Err(error) => {
                    tracing::error!(saga = %self.context.id, %error, "the saga is lost");
                    return self.lost(event).await;
                }
            }
        }
        Flow::Go
    }

    fn item(&self, seq: u64, decision: Decision, create: Option<NewOwned>) -> Item {
        Item {
            saga: self.context.id,
            fence: self.machine.fence(),
            seq,
            records: decision.records,
            folded: decision.folded,
            place: decision.place,
            guarded: decision.guarded,
            create,
        }
    }

    /// Takes the machine back to what is written; the number of records.
    async fn refold(&mut self, event: &Event) -> Option<u64> {
        let history = self.host.journal.read(self.context.id, 0).await.ok()??;
        self.machine.refold(&history.records, event);
        Some(history.records.len() as u64)
    }

    /// The saga belongs to somebody else: what is known goes to its inbox (J5), the rest is dropped.
    async fn lost(&mut self, event: Event) -> Flow {
        self.attempts.clear();
        let Event::Ended { step, way, end } = event else { return Flow::Gone };
        let generation = self.machine.generation(step);
        let attempt = self.machine.state().steps()[step].failed + 1;
        let letter = Letter::Late { step, generation, attempt, way, end };
        let mail = Mail { id: EntryId(Uuid::new_v4()), letter };
        if let Err(error) = self.host.journal.tell(self.context.id, mail).await {
            tracing::warn!(saga = %self.context.id, %error, "a late outcome could not be told");
        }
        Flow::Gone
    }

    /// After a commit: those who watch see it, and `submit` hears that the API phase is over.
    async fn committed(&mut self) {
        self.context.seq.store(self.machine.state().seq(), Ordering::Relaxed);
        if self.handed_over.is_some() && self.api_phase_is_over() {
            // Nobody listens when the future of `submit` was dropped.
            let _ = self.handed_over.take().map(|handed_over| handed_over.send(()));
        }
        if self.host.services.progress.watched(self.context.id) {
            let machine = &self.machine;
            let progress = progress_of(machine.id(), machine.definition(), machine.state());
            publish(&self.host, progress).await;
        }
    }

    fn api_phase_is_over(&self) -> bool {
        let definition = self.machine.definition();
        let state = self.machine.state();
        let forward = matches!(state.status(definition), SagaStatus::Running | SagaStatus::Waiting);
        let mut steps = definition.steps.iter().zip(state.steps());
        !forward || steps.any(|(step, at)| step.host == Role::Worker && at.phase == Phase::Intended)
    }

    // ---- starting and waiting ---------------------------------------------------------------

    /// Starts what the machine commands.
    async fn start(&mut self) {
        self.due = None;
        for command in self.machine.commands(self.host.journal.now()) {
            match command {
                Command::Run { step, way, attempt } => {
                    // Slots are for workers: the API phase is limited by admission.
                    if self.slot.is_none() && self.machine.role() == Role::Worker {
                        self.slot = self.host.slot().await;
                    }
                    self.run_attempt(step, way, attempt);
                }
                Command::Stop => {
                    self.context.stop.stop();
                    let grace = self.host.settings.grace;
                    self.attempts.iter_mut().for_each(|attempt| attempt.stop(grace));
                }
                Command::Wait(due) => self.due = Some(due),
            }
        }
        if self.attempts.is_empty() {
            self.slot = None;
        }
    }

    fn run_attempt(&mut self, step: usize, way: Way, number: u32) {
        let definition = Arc::clone(self.machine.definition());
        let span = tracing::info_span!(
            parent: &self.span,
            "step",
            task.id = %self.context.id,
            task.name = %definition.task,
            step.name = %definition.steps[step].name,
            step.order = definition.steps[step].stage + 1,
            step.attempt = number,
            step.way = if way == Way::Do { "do" } else { "undo" },
            step.status = field::Empty,
        );
        let started = span.in_scope(|| {
            catch_unwind(AssertUnwindSafe(|| self.work(step, way, number)))
                .unwrap_or_else(|panic| ended(panicked(&*panic)))
        });
        let limit = definition.steps[step].timeout;
        self.attempts.push(Attempt::new((step, way, number), started, limit, span));
    }

    fn work(&self, step: usize, way: Way, number: u32) -> Work {
        let handlers = &*self.host.handlers;
        let generation = self.machine.generation(step);
        let saga = Arc::clone(&self.context);
        let definition = &self.machine.definition().steps[step];
        let reads = match way {
            Way::Do => &definition.inputs,
            Way::Undo => &definition.undo_inputs,
        };
        let inputs = match gather(handlers, &self.machine, reads.iter().copied()) {
            Ok(inputs) => inputs,
            Err(error) => return ended(AttemptEnd::Undecodable(error)),
        };
        match way {
            Way::Do => {
                handlers.run(step, StepContext::new(saga, step, generation, number), inputs)
            }
            Way::Undo => {
                let output = self.machine.output(step);
                let outcome = match output.map(|value| live(handlers, Slot::Output(step), value)) {
                    None => Outcome::Unknown,
                    Some(Ok(value)) => Outcome::Done(value),
                    Some(Err(error)) => return ended(AttemptEnd::Undecodable(error)),
                };
                let cx = UndoContext::new(saga, step, generation, number);
                handlers.undo(step, cx, inputs, outcome)
            }
        }
    }

    /// Tells attempts to stop: all of them, or those whose time is up.
    fn stop_attempts(&mut self, why: &StopWhy) {
        self.context.stop.stop();
        match why {
            StopWhy::Abort => {
                for attempt in &mut self.attempts {
                    attempt.stop(Duration::ZERO);
                }
            }
            // The attempt counts its own grace. Those that follow must not find themselves stopped.
            StopWhy::Overdue => {
                let old = &self.context;
                self.context = Arc::new(SagaContext {
                    id: old.id,
                    definition: Arc::clone(&old.definition),
                    fence: old.fence,
                    services: Arc::clone(&old.services),
                    stop: Stop::default(),
                    seq: old.seq.load(Ordering::Relaxed).into(),
                });
            }
        }
    }

    /// Waits for the next thing that happens.
    async fn next(&mut self) -> Next {
        // Attempts first, alone: a step that is ready at once needs none of the rest.
        if !self.attempts.is_empty()
            && let Some(next) = poll_fn(|cx| Poll::Ready(self.poll_attempts(cx))).await
        {
            return next;
        }
        if self.waits.is_none() {
            self.waits = Some(Waits {
                mail: self.host.ears.attend(self.context.id),
                timer: None,
                leave: Some(Box::pin(self.host.leaving.clone().cancelled_owned())),
                abort: Some(Box::pin(self.host.aborting.clone().cancelled_owned())),
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
        if waits.mail.bell.poll_rung(cx) {
            return Poll::Ready(Next::Mail);
        }
        if poll_once(&mut waits.leave, cx) {
            return Poll::Ready(Next::Event(Event::Leave));
        }
        if poll_once(&mut waits.abort, cx) {
            return Poll::Ready(Next::Stop(StopWhy::Abort));
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
        let grace = self.host.settings.grace;
        for index in 0..self.attempts.len() {
            match self.attempts[index].poll(cx, grace) {
                Polled::Pending => {}
                Polled::Overdue => return Some(Next::Stop(StopWhy::Overdue)),
                Polled::Ended(end) => {
                    let attempt = self.attempts.remove(index);
                    note(&attempt, &end);
                    let (step, way) = (attempt.step, attempt.way);
                    return Some(Next::Event(Event::Ended { step, way, end }));
                }
            }
        }
        None
    }
}

async fn commit(host: &Host, item: Item) -> Result<Verdict, JournalError> {
    let batch = Batch { seat: host.seat, number: host.batch(), items: smallvec![item] };
    let committed = host.journal.commit(batch).await?;
    Ok(committed.verdicts.first().copied().unwrap_or(Verdict::NotOwner))
}

/// The inbox of a saga, if it is not empty. What cannot be read now stays there, and the next
/// commit's reply tells of it again.
async fn inbox(host: &Host, saga: SagaId) -> Option<Event> {
    match host.journal.inbox(saga).await {
        Ok(mail) if mail.is_empty() => None,
        Ok(mail) => Some(Event::Mail(mail)),
        Err(error) => {
            tracing::warn!(%saga, %error, "cannot read the inbox");
            None
        }
    }
}

async fn publish(host: &Host, progress: Progress) {
    let tracker = &host.services.progress;
    let published = match progress.status.is_terminal() {
        true => tracker.complete(progress).await,
        false => tracker.update(progress).await,
    };
    if let Err(error) = published {
        tracing::debug!(%error, "progress was not published");
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

fn ended(end: AttemptEnd) -> Work {
    Work { future: Box::pin(std::future::ready(end)), interruptible: true }
}

/// Leaves the end of an attempt in its span, and says what went wrong.
fn note(attempt: &Attempt, end: &AttemptEnd) {
    let status = match end {
        AttemptEnd::Done(_) => "done",
        AttemptEnd::Retry { .. } => "retry",
        AttemptEnd::Refused(_) => "refused",
        AttemptEnd::Unknown(_) => "unknown",
        AttemptEnd::Undecodable(_) => "undecodable",
    };
    attempt.span.record("step.status", status);
    let _entered = attempt.span.enter();
    match end {
        AttemptEnd::Done(_) => tracing::debug!(attempt = attempt.number, "done"),
        AttemptEnd::Retry { error, .. } => tracing::warn!(attempt = attempt.number, error, "failed"),
        AttemptEnd::Refused(refused) => tracing::info!(reason = refused.message, "refused"),
        AttemptEnd::Unknown(why) => tracing::warn!(attempt = attempt.number, %why, "unknown"),
        AttemptEnd::Undecodable(error) => tracing::error!(error, "undecodable"),
    }
}
