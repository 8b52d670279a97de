//! The line from one process to the store. What is sent arrives, or does not, whatever becomes of
//! the process meanwhile; what is answered is heard when the process can hear.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::oneshot, time::sleep};

use super::{
    ears::Relay,
    gate::Gate,
    mutation::Mutation,
    plan::{Blow, Fault},
    scene::{Dice, Scene, lock},
    store::{From, Parcel, Store, now},
};
use crate::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signal, Signals, Told,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
};

/// How long a client waits for an answer before it gives up, or asks again.
const PATIENCE: Duration = Duration::from_secs(2);

/// So late a store writes that answers first.
const BEHIND: Duration = Duration::from_millis(300);

/// The journal as one process sees it.
pub(super) struct Line {
    pub(super) scene: Arc<Scene>,
    pub(super) store: Arc<Store>,
    pub(super) gate: Arc<Gate>,
    pub(super) name: Arc<str>,
    /// What is going to happen to this process.
    pub(super) faults: Vec<Fault>,
    pub(super) memory: Arc<Mutex<Memory>>,
}

/// What a client remembers of its seats, and of those who listen.
#[derive(Default)]
pub(super) struct Memory {
    seats: BTreeMap<SeatId, Turns>,
    ears: BTreeMap<ListenerId, Arc<dyn Signals>>,
}

impl Memory {
    fn of(&mut self, seat: SeatId) -> &mut Turns {
        self.seats.entry(seat).or_default()
    }

    /// Who hears what is signalled to the seat.
    fn ears(&self, seat: SeatId) -> Option<Arc<dyn Signals>> {
        let listener = self.seats.get(&seat)?.listener?;
        self.ears.get(&listener).cloned()
    }
}

/// Over a wire, the commits of a seat go one behind the other, and so do its claims. A number is
/// given to what goes, in the order in which it goes.
#[derive(Default)]
struct Turns {
    listener: Option<ListenerId>,
    commits: Turn,
    claims: Turn,
    /// Number of the last batch.
    batch: u64,
    /// Number of the last batch that was answered.
    written: u64,
    /// Number of the last claim.
    claim: u64,
    /// Number of the last claim that was answered.
    answered: u64,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

/// What a client does when no answer comes, and what the way may do to its request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// It says that the store is unavailable.
    Once,
    /// The same, and a second copy changes nothing.
    Harmless,
    /// It asks again under the same number until it is answered (A4).
    Numbered,
}

impl Line {
    fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        sort: Sort,
        ask: impl FnMut(&Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'static, T> {
        self.call_in_turn(name, sort, None, ask)
    }

    fn call_in_turn<T: Send + 'static>(
        &self,
        name: &'static str,
        sort: Sort,
        turn: Option<Turn>,
        mut ask: impl FnMut(&Store) -> Result<T, JournalError> + Send + 'static,
    ) -> Answer<'static, T> {
        let dice = self.scene.throw();
        let quiet = !dice.request_lost && !dice.reply_lost && dice.again.is_none();
        let free = turn.as_ref().is_none_or(|turn| turn.try_lock().is_ok());
        if quiet && free && dice.there.is_zero() && dice.back.is_zero() && self.gate.is_open() {
            return ask(&self.store).into();
        }
        let (reply, heard) = oneshot::channel();
        let way = Way {
            scene: Arc::clone(&self.scene),
            store: Arc::clone(&self.store),
            gate: Arc::clone(&self.gate),
            who: Arc::clone(&self.name),
            name,
            sort,
        };
        tokio::spawn(async move {
            let _turn = match &turn {
                Some(turn) => Some(turn.lock().await),
                None => None,
            };
            let answer = way.go(dice, ask).await;
            way.gate.passes().await;
            // Whoever asked may not want to know any more.
            let _ = reply.send(answer);
        });
        Answer::Later(Box::pin(async move {
            match heard.await {
                Ok(answer) => answer,
                // Only when everything ends.
                Err(_) => std::future::pending().await,
            }
        }))
    }

    /// A remote client repeats what has a number; a local call is made once.
    fn numbered(&self) -> Sort {
        if self.scene.plan.store.remote { Sort::Numbered } else { Sort::Once }
    }

    fn turn(&self, seat: SeatId, of: fn(&mut Turns) -> &mut Turn) -> Option<Turn> {
        let turn = || Turn::clone(of(lock(&self.memory).of(seat)));
        self.scene.plan.store.remote.then(turn)
    }

    /// The next number of a seat, however often it is asked for.
    fn number(&self, seat: SeatId, of: fn(&mut Turns) -> &mut u64) -> impl FnMut() -> u64 + use<> {
        let (memory, mut number) = (Arc::clone(&self.memory), None);
        move || {
            *number.get_or_insert_with(|| {
                let mut memory = lock(&memory);
                let last = of(memory.of(seat));
                *last += 1;
                *last
            })
        }
    }
}

/// One request on its way.
struct Way {
    scene: Arc<Scene>,
    store: Arc<Store>,
    gate: Arc<Gate>,
    who: Arc<str>,
    name: &'static str,
    sort: Sort,
}

impl Way {
    async fn go<T>(
        &self,
        mut dice: Dice,
        mut ask: impl FnMut(&Store) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let mut answer = None;
        loop {
            self.gate.passes().await;
            travels(dice.there).await;
            if !dice.request_lost {
                // Asked again under the same number, a remote store answers the same again, unless
                // it has lost that.
                if answer.is_none() || self.scene.plan.store.remote {
                    answer = Some(ask(&self.store));
                }
                if let (Some(after), Sort::Harmless) = (dice.again, self.sort) {
                    travels(after).await;
                    let _ = ask(&self.store);
                }
                travels(dice.back).await;
                if !dice.reply_lost
                    && let Some(answer) = answer.take()
                {
                    return answer;
                }
            }
            self.scene.trace(&self.who, || {
                let lost = if dice.request_lost { "request" } else { "reply" };
                format!("{} is not answered: the {lost} is lost", self.name)
            });
            sleep(PATIENCE).await;
            if self.sort != Sort::Numbered {
                return Err(JournalError::Unavailable("no answer".into()));
            }
            dice = self.scene.throw();
        }
    }
}

async fn travels(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// What a process that stands still unawares believes of its lease: its clock stood still, too.
fn believed(
    deadline: Option<Timestamp>,
    now: Timestamp,
    began: Timestamp,
    faults: &[Fault],
) -> Option<Timestamp> {
    let deadline = deadline?;
    let mut believed = deadline;
    for fault in faults.iter().filter(|fault| fault.what == Blow::PausedUnawares) {
        let begins = began.plus(fault.at);
        if begins < deadline && now < begins.plus(fault.takes) {
            believed = believed.plus(fault.takes);
        }
    }
    Some(believed)
}

impl Line {
    fn believes(&self) -> impl Fn(Option<Timestamp>, &Store) -> Option<Timestamp> + use<> {
        let (faults, scene) = (self.faults.clone(), Arc::clone(&self.scene));
        move |deadline, store| believed(deadline, store.journal().now(), scene.began(), &faults)
    }
}

impl Journal for Line {
    fn durability(&self) -> Durability {
        match self.scene.plan.store.keeps_bytes {
            _ if self.scene.plan.fail_over.is_some() => Durability::Process,
            true => Durability::Fsync,
            false => Durability::Volatile,
        }
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn now(&self) -> Timestamp {
        self.store.journal().now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let relay: Arc<dyn Signals> = Arc::new(Relay {
            scene: Arc::clone(&self.scene),
            gate: Arc::clone(&self.gate),
            ears: signals.clone(),
            name: Arc::clone(&self.name),
        });
        let memory = Arc::clone(&self.memory);
        self.call("listen", Sort::Once, move |store| {
            let to = relay.clone();
            let listener = store.does(move |journal| now(journal.listen(to.clone())))?;
            lock(&memory).ears.insert(listener, signals.clone());
            Ok(listener)
        })
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        self.call("unlisten", Sort::Harmless, move |store| {
            store.does(move |journal| now(journal.unlisten(listener)))
        })
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.call("define", Sort::Harmless, move |store| {
            let definition = definition.clone();
            store.does(move |journal| now(journal.define(definition.clone())))
        })
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        self.call("definitions", Sort::Once, |store| now(store.journal().definitions()))
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.call("definition", Sort::Once, move |store| now(store.journal().definition(hash)))
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        let journal = self.store.journal();
        Answer::Later(Box::pin(async move { journal.admit(definition).await }))
    }

    fn create(&self, saga: NewSaga) -> Answer<'_, Created> {
        let mut saga = Some(saga);
        self.call("create", Sort::Once, move |store| {
            store.create(saga.take().expect("it is sent once"))
        })
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        self.call("find", Sort::Once, move |store| now(store.journal().find(saga)))
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        let believes = self.believes();
        lock(&self.memory).of(seat).listener = Some(listener);
        self.call("enter", Sort::Once, move |store| {
            let Lease { deadline } = store.enter(seat, listener)?;
            Ok(Lease { deadline: believes(deadline, store) })
        })
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        let from = match from {
            ClaimFrom::Definitions(definitions) => From::Definitions(definitions.to_vec()),
            ClaimFrom::Sagas(definition, sagas) => From::Sagas(definition, sagas.to_vec()),
        };
        let turn = self.turn(seat, |turns| &mut turns.claims);
        let mut number = self.number(seat, |turns| &mut turns.claim);
        let memory = Arc::clone(&self.memory);
        self.call_in_turn("claim", Sort::Numbered, turn, move |store| {
            let number = number();
            let mut claimed = store.claim((seat, number), &from, limit)?;
            for saga in &mut claimed.sagas {
                store.read_forwards(saga.id, &mut saga.records);
            }
            // Now it is known here, too.
            lock(&memory).of(seat).answered = number;
            Ok(claimed)
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        let seat = batch.seat;
        let claims = lock(&self.memory).of(seat).answered;
        let turn = self.turn(seat, |turns| &mut turns.commits);
        let mut number = self.number(seat, |turns| &mut turns.batch);
        let mut parcel = Parcel::of(batch, claims);
        match self.scene.mutation {
            Mutation::EffectBeforeIntent => {
                let (written, store) = (parcel.is_written(), Arc::clone(&self.store));
                tokio::spawn(async move {
                    sleep(BEHIND).await;
                    store.commit(number(), &parcel)
                });
                return Answer::ready(written);
            }
            Mutation::UndoesForwards => parcel.undoes_forwards(&self.store),
            _ => {}
        }
        let memory = Arc::clone(&self.memory);
        self.call_in_turn("commit", self.numbered(), turn, move |store| {
            let number = number();
            let committed = store.commit(number, &parcel)?;
            lock(&memory).of(seat).written = number;
            Ok(committed)
        })
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        self.call("tell", Sort::Harmless, move |store| store.tell(saga, mail.clone()))
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.call("inbox", Sort::Once, move |store| now(store.journal().inbox(saga)))
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        let believes = self.believes();
        let carry = carry.map(|Carry { definitions, limit }| (definitions.to_vec(), limit));
        let sort = if carry.is_some() { Sort::Once } else { Sort::Harmless };
        // A host that has nothing to write must learn, too, that the store has lost something.
        // One that carries sees for itself what there is.
        let calls_again = self.scene.plan.store.remote && carry.is_none();
        let memory = Arc::clone(&self.memory);
        let answer = self.call("pulse", sort, move |store| {
            let Turns { written, answered, .. } = *lock(&memory).of(seat);
            let pulse = store.pulse(seat, (written, answered), carry.clone())?;
            let pulse = Pulse { deadline: believes(pulse.deadline, store), ..pulse };
            Ok((pulse, calls_again && store.has_tickets()))
        });
        Answer::Later(Box::pin(async move {
            let (pulse, has_tickets) = answer.await?;
            // What called the seat to a ready list may have been lost on the way.
            if has_tickets {
                let ears = lock(&self.memory).ears(seat);
                ears.iter().for_each(|ears| ears.signal(Signal::Ready));
            }
            Ok(pulse)
        }))
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        self.call("reap", Sort::Harmless, move |store| store.reap(dead))
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.call("leave", Sort::Harmless, move |store| {
            store.does(move |journal| now(journal.leave(seat)))
        })
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.call("read", Sort::Once, move |store| {
            let mut history = now(store.journal().read(saga, from))?;
            if let Some(history) = &mut history {
                store.read_forwards(saga, &mut history.records);
            }
            Ok(history)
        })
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        self.call("list", Sort::Once, move |store| now(store.journal().list(filter, after, limit)))
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        self.call("late", Sort::Once, |store| now(store.journal().late()))
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.call("audit", Sort::Once, move |store| now(store.journal().audit(after, limit)))
    }
}
