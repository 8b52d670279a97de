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
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Told, Wire,
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
    pub(super) turns: Arc<Mutex<BTreeMap<SeatId, Turns>>>,
}

/// Over a wire, the commits of a seat go one behind the other, and so do its claims.
#[derive(Default)]
pub(super) struct Turns {
    commits: Turn,
    claims: Turn,
    /// Number of the last claim.
    claim: u64,
    /// Number of the last claim that was answered.
    answered: u64,
    /// Number of the last batch that was answered.
    written: u64,
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
        let turn = || Turn::clone(of(lock(&self.turns).entry(seat).or_default()));
        self.scene.plan.store.remote.then(turn)
    }

    fn next_claim(&self, seat: SeatId) -> u64 {
        let mut turns = lock(&self.turns);
        let turns = turns.entry(seat).or_default();
        turns.claim += 1;
        turns.claim
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

    fn wire(&self) -> Wire {
        if self.scene.plan.store.remote { Wire::Remote } else { Wire::Local }
    }

    fn now(&self) -> Timestamp {
        self.store.journal().now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let relay: Arc<dyn Signals> = Arc::new(Relay {
            scene: Arc::clone(&self.scene),
            gate: Arc::clone(&self.gate),
            ears: signals,
            name: Arc::clone(&self.name),
        });
        self.call("listen", Sort::Once, move |store| {
            let relay = relay.clone();
            store.does(move |journal| now(journal.listen(relay.clone())))
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
        let (turn, number) = (self.turn(seat, |turns| &mut turns.claims), self.next_claim(seat));
        let turns = Arc::clone(&self.turns);
        self.call_in_turn("claim", Sort::Numbered, turn, move |store| {
            let mut claimed = store.claim((seat, number), &from, limit)?;
            for saga in &mut claimed.sagas {
                store.read_forwards(saga.id, &mut saga.records);
            }
            // Now it is known here, too.
            lock(&turns).entry(seat).or_default().answered = number;
            Ok(claimed)
        })
    }

    fn commit(&self, batch: Batch) -> Answer<'_, Committed> {
        let claims = lock(&self.turns).entry(batch.seat).or_default().answered;
        let turn = self.turn(batch.seat, |turns| &mut turns.commits);
        let mut parcel = Parcel::of(batch, claims);
        match self.scene.mutation {
            Mutation::EffectBeforeIntent => {
                let (written, store) = (parcel.is_written(), Arc::clone(&self.store));
                tokio::spawn(async move {
                    sleep(BEHIND).await;
                    store.commit(&parcel)
                });
                return Answer::ready(written);
            }
            Mutation::UndoesForwards => parcel.undoes_forwards(&self.store),
            _ => {}
        }
        let turns = Arc::clone(&self.turns);
        self.call_in_turn("commit", self.numbered(), turn, move |store| {
            let committed = store.commit(&parcel)?;
            let mut turns = lock(&turns);
            let written = &mut turns.entry(parcel.seat).or_default().written;
            *written = (*written).max(parcel.number);
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
        let turns = Arc::clone(&self.turns);
        let known = move || {
            let mut turns = lock(&turns);
            let turns = turns.entry(seat).or_default();
            (turns.written, turns.answered)
        };
        self.call("pulse", sort, move |store| {
            let pulse = store.pulse(seat, known(), carry.clone())?;
            Ok(Pulse { deadline: believes(pulse.deadline, store), ..pulse })
        })
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
