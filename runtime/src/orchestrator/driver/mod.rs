//! The driver: one claimed saga, from its claim until it leaves this host.
//!
//! It tells the machine what happened, commits what the machine decides, and only then starts what
//! the machine commands (J2). A crash anywhere leaves the records of the last commit, and the next
//! owner goes on from them.

mod start;
mod wait;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use smallvec::{SmallVec, smallvec};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    time::sleep,
};
use tracing::Span;

use self::wait::{Next, StopWhy, Waits};
use super::{attempt::Attempt, host::Host, inputs::Verdicts, random, watch::progress_of};
use crate::{
    journal::{Answer, Batch, Committed, Item, JournalError, NewOwned, Verdict},
    kernel::{
        Decision, Event, Host as Role, Letter, Machine, Mail, Phase, Place, SagaId, SagaStatus,
        Timestamp,
    },
    progress::Progress,
    task::{SagaContext, Stop},
};

/// How long to wait before asking a journal again that does not answer.
const RETRY_JOURNAL: Duration = Duration::from_secs(1);

/// One saga on this host.
pub(super) struct Driver {
    host: Arc<Host>,
    machine: Machine,
    context: Arc<SagaContext>,
    attempts: SmallVec<[Attempt; 1]>,
    /// When the last event came.
    now: Timestamp,
    due: Option<Timestamp>,
    waits: Option<Waits>,
    span: Span,
    /// A slot of the host; given back while the saga only waits.
    slot: Option<OwnedSemaphorePermit>,
    /// Tells `submit` that the API phase is over.
    handed_over: Option<oneshot::Sender<()>>,
}

/// Whether the driver goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    Go,
    /// The saga left this host.
    Gone,
}

impl Driver {
    /// A driver that has been told of nothing since `now`.
    pub(super) fn new(host: Arc<Host>, machine: Machine, now: Timestamp) -> Box<Self> {
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
        Box::new(Self {
            host,
            machine,
            context,
            attempts: SmallVec::new(),
            now,
            due: None,
            waits: None,
            span,
            slot: None,
            handed_over: None,
        })
    }

    pub(super) fn with_slot(mut self: Box<Self>, slot: Option<OwnedSemaphorePermit>) -> Box<Self> {
        self.slot = slot;
        self
    }

    /// Drives a claimed saga until it leaves this host.
    pub(super) async fn run(mut self: Box<Self>, event: Event) {
        if self.settle(event).await == Flow::Go {
            self.drive().await;
        }
    }

    /// Drives a saga through its API phase, from its first record on (A6).
    pub(super) async fn begin(
        mut self: Box<Self>,
        first: Decision,
        create: NewOwned,
        created: oneshot::Sender<()>,
        handed_over: oneshot::Sender<()>,
    ) {
        self.handed_over = Some(handed_over);
        let item = self.item(0, first, Some(create));
        let place = item.place;
        let committed = commit(&self.host, item).await;
        match committed.map(|committed| verdict(&committed)) {
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
                Next::Stop(StopWhy::Overdue) => {
                    self.stop_attempts(&StopWhy::Overdue);
                    continue;
                }
                Next::Stop(StopWhy::Abort) => {
                    self.stop_attempts(&StopWhy::Abort);
                    Event::Leave
                }
            };
            if self.settle(event).await == Flow::Gone {
                return;
            }
        }
    }

    /// Tells the machine, and writes what it decides.
    async fn settle(&mut self, event: Event) -> Flow {
        let mut events: SmallVec<[Event; 2]> = smallvec![event];
        while let Some(event) = events.pop() {
            let host = Arc::clone(&self.host);
            let seq = self.machine.state().seq();
            if !matches!(event, Event::Claimed { .. }) {
                self.now = host.journal.now();
            }
            let verdicts = Verdicts(&*host.handlers);
            let decision = self.machine.decide(event.clone(), self.now, &verdicts);
            if decision.is_empty() {
                continue;
            }
            let place = decision.place;
            let item = self.item(seq, decision, None);
            let committed = commit(&host, item).await;
            match committed.map(|committed| verdict(&committed)) {
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
                    if self.refold().await.is_none() {
                        return self.lost(event).await;
                    }
                    self.machine.take_back(&event);
                    let mail = inbox(&self.host, self.context.id).await;
                    events.push(event);
                    events.extend(mail);
                }
                Ok(Verdict::NotOwner) => return self.lost(event).await,
                Err(JournalError::Unavailable(error)) => {
                    tracing::warn!(saga = %self.context.id, %error, "journal unavailable, again");
                    sleep(RETRY_JOURNAL).await;
                    match self.refold().await {
                        // Only this seat writes here: what is there beyond `seq` is the group.
                        Some(written) if written > seq => {
                            self.committed().await;
                            if place != Place::Owned {
                                return Flow::Gone;
                            }
                        }
                        _ => {
                            self.machine.take_back(&event);
                            events.push(event);
                        }
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
            at: self.now,
            records: decision.records,
            folded: decision.folded,
            place: decision.place,
            guarded: decision.guarded,
            create,
        }
    }

    /// Takes the machine back to what is written; the number of records.
    async fn refold(&mut self) -> Option<u64> {
        let history = self.host.journal.read(self.context.id, 0).await.ok()??;
        self.machine.refold(&history.records);
        Some(history.records.len() as u64)
    }

    /// The saga belongs to somebody else: what is known goes to its inbox (J5), the rest is dropped.
    async fn lost(&mut self, event: Event) -> Flow {
        self.attempts.clear();
        let Event::Ended { step, way, end } = event else { return Flow::Gone };
        if self.machine.definition().steps[step].ephemeral {
            // Its value dies with this host.
            return Flow::Gone;
        }
        let generation = self.machine.generation(step);
        let attempt = self.machine.state().steps()[step].failed + 1;
        let letter = Letter::Late { step, generation, attempt, way, end };
        let mail = Mail { id: random::entry(), letter };
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
}

/// Not an `async fn`: the future would hold the batch, and be moved with it.
fn commit(host: &Host, item: Item) -> Answer<'_, Committed> {
    let batch = Batch { seat: host.seat, number: host.batch(), items: smallvec![item] };
    host.journal.commit(batch)
}

/// What became of the only item of a batch.
fn verdict(committed: &Committed) -> Verdict {
    committed.verdicts.first().copied().unwrap_or(Verdict::NotOwner)
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
