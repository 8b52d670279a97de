//! The driver: one claimed saga, from its claim until it leaves this host.
//!
//! It tells the machine what happened, commits what the machine decides, and only then starts what
//! the machine commands (J2). A crash anywhere leaves the records of the last commit, and the next
//! owner goes on from them.

pub(super) mod ask;
mod leave;
mod start;
mod turn;
mod wait;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::FutureExt;
use smallvec::{SmallVec, smallvec};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tracing::Span;

use self::wait::{Next, Waits};
use super::{
    administer::alarm, attempt::Attempt, host::Host, inputs::Verdicts, seat::Seat,
    singleton::Tenure, watch::progress_of,
};
use crate::{
    journal::{Answer, Batch, Committed, Item, JournalError, NewOwned, Verdict},
    kernel::{
        Cause, Decision, Event, Host as Role, Machine, Memo, Phase, Place, SagaStatus, Timestamp,
    },
    progress::Progress,
    task::{Handlers, SagaContext, Stop},
};

/// A saga waits no longer for those who watch it.
const PUBLISHED: Duration = Duration::from_secs(2);

/// One saga on this host.
pub(super) struct Driver {
    host: Arc<Host>,
    /// What it owns the saga through.
    seat: Arc<Seat>,
    machine: Box<Machine>,
    /// What is taken back of a decision that is not written.
    memo: Memo,
    context: Arc<SagaContext>,
    attempts: SmallVec<[Attempt; 1]>,
    /// Generation and number of the attempt that ended last.
    ended: (u32, u32),
    /// When the last event came.
    now: Timestamp,
    due: Option<Timestamp>,
    waits: Option<Waits>,
    span: Span,
    /// A slot of the host; given back while the saga only waits.
    slot: Option<OwnedSemaphorePermit>,
    /// Nothing is started until the store is heard again (F3).
    is_fenced: bool,
    /// It could start something, if it had a slot.
    wants_slot: bool,
    /// One saga at a time runs, and it is this one (O6).
    turn: Option<Tenure>,
    /// It could start something, if it were its turn.
    wants_turn: bool,
    /// The code for a saga of an older definition; else it is the host's own.
    handlers: Option<Arc<dyn Handlers>>,
    /// Hosts died on it: it waits for the one slot that such sagas share (R3).
    is_suspect: bool,
    /// It is none any more, and still has that slot.
    owes_slot: bool,
    /// Tells `submit` that the API phase is over.
    handed_over: Option<oneshot::Sender<()>>,
}

/// What became of a decision.
enum Settled {
    /// It is written, or there was nothing to write.
    Written { place: Place, mail: bool },
    /// It was refused: mail must be read first.
    Mail,
}

/// Why a saga is not this host's any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("another host owns it")]
    NotOwner,
    #[error("the host leaves or has lost its seat, and the journal does not answer")]
    Unheard,
    #[error(transparent)]
    Journal(JournalError),
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
    pub(super) fn new(
        host: Arc<Host>,
        seat: Arc<Seat>,
        machine: Box<Machine>,
        now: Timestamp,
    ) -> Box<Self> {
        let context = context(&host, &machine);
        let span = tracing::info_span!(
            "saga",
            task.id = %machine.id(),
            task.name = %machine.definition().task,
        );
        Box::new(Self {
            host,
            seat,
            memo: machine.memo(),
            machine,
            context,
            attempts: SmallVec::new(),
            ended: (0, 0),
            now,
            due: None,
            waits: None,
            span,
            slot: None,
            is_fenced: false,
            wants_slot: false,
            turn: None,
            wants_turn: false,
            handlers: None,
            is_suspect: false,
            owes_slot: false,
            handed_over: None,
        })
    }

    pub(super) fn with_slot(mut self: Box<Self>, slot: Option<OwnedSemaphorePermit>) -> Box<Self> {
        self.slot = slot;
        self
    }

    pub(super) fn with_handlers(mut self: Box<Self>, handlers: Arc<dyn Handlers>) -> Box<Self> {
        self.handlers = Some(handlers);
        self
    }

    pub(super) fn as_suspect(mut self: Box<Self>) -> Box<Self> {
        self.is_suspect = true;
        self
    }

    fn handlers(&self) -> &dyn Handlers {
        self.handlers.as_deref().unwrap_or(&*self.host.handlers)
    }

    /// Where its slot comes from.
    fn slots(&self) -> &Arc<Semaphore> {
        if self.is_suspect { self.host.suspects.slot() } else { &self.host.slots }
    }

    /// Drives a claimed saga until it leaves this host.
    pub(super) async fn run(mut self: Box<Self>, event: Event) {
        if self.settle(event).await == Flow::Go {
            self.drive().await;
        }
        self.let_go();
    }

    /// Says when its API phase is over.
    pub(super) fn with_api_phase(
        mut self: Box<Self>,
        handed_over: oneshot::Sender<()>,
    ) -> Box<Self> {
        self.handed_over = Some(handed_over);
        self
    }

    /// Spawns the driver of a saga that this host starts, from its first record on. Resolves when that
    /// is written, or not: under a key somebody else may have been quicker (I2), and the seat may be
    /// lost.
    pub(super) fn begin(
        self: Box<Self>,
        first: Decision,
        create: NewOwned,
    ) -> oneshot::Receiver<Result<bool, JournalError>> {
        let (created, is_created) = oneshot::channel();
        let seat = Arc::clone(&self.seat);
        let run = self.run_from_the_start(first, create, created);
        let mut run = Box::pin(seat.tasks.track_future(run));
        // A journal in memory answers at once: then nobody has to be woken for that.
        if (&mut run).now_or_never().is_none() {
            tokio::spawn(run);
        }
        is_created
    }

    async fn run_from_the_start(
        mut self: Box<Self>,
        first: Decision,
        create: NewOwned,
        created: oneshot::Sender<Result<bool, JournalError>>,
    ) {
        let item = self.item(0, first, Some(create));
        let place = item.place;
        let commit = self.commit(item);
        let is_ours = match self.host.answered(&self.seat, commit).await {
            Some(Ok(committed)) => matches!(verdict(&committed), Verdict::Written { .. }),
            Some(Err(error @ JournalError::Unavailable(_))) => {
                match ask::begun_by(&self.host, &self.seat, self.context.id).await {
                    Ok(Some(fence)) => fence == self.machine.fence(),
                    Ok(None) | Err(_) => {
                        // The submitter may have gone.
                        let _ = created.send(Err(error));
                        return;
                    }
                }
            }
            Some(Err(error)) => {
                self.seat.lose();
                let _ = created.send(Err(error));
                return;
            }
            // The submitter hears that this host lost it.
            None => return,
        };
        // The submitter may have gone; the saga goes on.
        let _ = created.send(Ok(is_ours));
        if !is_ours {
            return;
        }
        // No step runs in the task of the submitter.
        tokio::task::yield_now().await;
        self.committed().await;
        if place == Place::Owned {
            self.drive().await;
        }
        self.let_go();
    }

    async fn drive(&mut self) {
        loop {
            self.start();
            let event = match self.next().await {
                Next::Event(event) => event,
                Next::Mail => match ask::inbox(&self.host, &self.seat, self.context.id).await {
                    Some(mail) if !mail.is_empty() => Event::Mail(mail),
                    _ => continue,
                },
                Next::Slot(slot) => {
                    self.slot = slot;
                    self.owes_slot = false;
                    self.now = self.host.journal.now();
                    // The time that passed may have been too much.
                    Event::Due
                }
                Next::Turn(turn) => {
                    self.turn = Some(turn);
                    self.now = self.host.journal.now();
                    Event::Due
                }
                Next::TurnLost => match self.lose_turn().await {
                    Flow::Go => continue,
                    Flow::Gone => return,
                },
                Next::Overdue { step, attempt } => {
                    self.context.stop.stop_attempt(step, attempt);
                    continue;
                }
                // Nothing may run on here, not even to its end (F3).
                Next::Abort if self.seat.fence.has_fallen() => return,
                Next::Abort => {
                    self.abort_attempts();
                    Event::Leave
                }
                Next::Lost => return,
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
            match self.decide(&event).await {
                Ok(Settled::Written { place: Place::Owned, mail }) => {
                    if mail {
                        let mail = ask::inbox(&self.host, &self.seat, self.context.id).await;
                        events.extend(mail.map(Event::Mail));
                    }
                }
                Ok(Settled::Written { .. }) => return Flow::Gone,
                Ok(Settled::Mail) => {
                    // It must be read first: then the event again, which may end otherwise (A1).
                    let mail = ask::inbox(&self.host, &self.seat, self.context.id).await;
                    events.push(event);
                    match mail {
                        Some(mail) => events.push(Event::Mail(mail)),
                        None => return self.lost(&Lost::Unheard, events),
                    }
                }
                Err(why) => {
                    events.push(event);
                    return self.lost(&why, events);
                }
            }
        }
        Flow::Go
    }

    /// Lets the machine decide, and takes that back unless it is written.
    async fn decide(&mut self, event: &Event) -> Result<Settled, Lost> {
        if !matches!(event, Event::Claimed { .. }) {
            self.now = self.host.journal.now();
        }
        let seq = self.machine.state().seq();
        self.machine.memo_in(&mut self.memo);
        loop {
            // Borrowed, not cloned: its count is shared by all threads.
            let host = &*self.host;
            let verdicts = Verdicts(self.handlers.as_deref().unwrap_or(&*host.handlers));
            let decision = self.machine.decide(event.clone(), self.now, &verdicts);
            let place = decision.place;
            if decision.is_empty() {
                return Ok(Settled::Written { place, mail: false });
            }
            let regrets = self.machine.regrets(&decision);
            let item = self.item(seq, decision, None);
            let committed = self.host.answered(&self.seat, self.commit(item)).await;
            let committed = committed.ok_or(Lost::Unheard)?;
            let mail = match committed.map(|committed| verdict(&committed)) {
                Ok(Verdict::Written { mail }) => mail,
                Ok(Verdict::Mail) => {
                    let records = ask::records(&self.host, &self.seat, self.context.id).await?;
                    self.machine.rewind(&self.memo, &records);
                    return Ok(Settled::Mail);
                }
                Ok(Verdict::NotOwner) => return Err(Lost::NotOwner),
                Err(JournalError::Unavailable(error)) => {
                    tracing::warn!(saga = %self.context.id, %error, "journal unavailable, again");
                    let id = self.context.id;
                    let records = ask::records_later(&self.host, &self.seat, id).await?;
                    match usize::try_from(seq).ok().and_then(|seq| records.get(seq)) {
                        None => {
                            self.machine.rewind(&self.memo, &records);
                            continue;
                        }
                        // This owner writes nothing but the group.
                        Some(written) if written.fence == self.machine.fence() => true,
                        Some(_) => return Err(Lost::NotOwner),
                    }
                }
                Err(error) => {
                    self.seat.lose();
                    return Err(Lost::Journal(error));
                }
            };
            // Any progress clears the crashes (R3).
            alarm(&self.machine, regrets);
            if std::mem::take(&mut self.is_suspect) {
                self.owes_slot = self.slot.is_some();
                self.forget_waited_slot();
            }
            self.committed().await;
            return Ok(Settled::Written { place, mail });
        }
    }

    /// Not an `async fn`: the future would hold the batch, and be moved with it.
    fn commit(&self, item: Item) -> Answer<'_, Committed> {
        self.host.journal.commit(Batch { seat: self.seat.id, items: smallvec![item] })
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

    /// After a commit: those who watch see it, and `submit` hears that the API phase is over.
    async fn committed(&mut self) {
        self.context.seq.store(self.machine.state().seq(), Ordering::Relaxed);
        self.free_turn();
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
        if let Some(Cause::Abandoned) = state.cause() {
            // It was not accepted, and is undone.
            return false;
        }
        let mut steps = definition.steps.iter().zip(state.steps());
        !forward || steps.any(|(step, at)| step.host == Role::Worker && at.phase == Phase::Intended)
    }
}

/// What attempts are given that begin from now on.
fn context(host: &Host, machine: &Machine) -> Arc<SagaContext> {
    Arc::new(SagaContext {
        id: machine.id(),
        definition: Arc::clone(machine.definition()),
        fence: machine.fence(),
        services: Arc::clone(&host.services),
        stop: Stop::of(machine.definition().steps.len()),
        seq: machine.state().seq().into(),
    })
}

/// What became of the only item of a batch.
fn verdict(committed: &Committed) -> Verdict {
    committed.verdicts.first().copied().unwrap_or(Verdict::NotOwner)
}

async fn publish(host: &Host, progress: Progress) {
    let tracker = &host.services.progress;
    let published = match progress.status.is_terminal() {
        true => tracker.complete(progress),
        false => tracker.update(progress),
    };
    match timeout(PUBLISHED, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "progress was not published"),
        Err(_) => tracing::warn!("progress was not published in time"),
    }
}
