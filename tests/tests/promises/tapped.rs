//! A journal around a real one: a test hears of every call, and says whether it is answered.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryJournal,
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signal, Signals, Told,
    },
    kernel::{Definition, DefinitionHash, Mail, SagaId, Timestamp},
};
use tokio::time::sleep;

/// What becomes of a call.
pub enum Tap {
    /// It is answered.
    Through,
    /// It does nothing, and is never answered.
    Silence,
    /// It does nothing, and says so.
    Fails,
    /// It is answered after this time.
    Late(Duration),
}

/// The journal. The closure is told the name of each operation.
pub struct Tapped<F> {
    inner: Arc<MemoryJournal>,
    durability: Durability,
    /// It is at the other end of a wire on which signals are lost: who listens there.
    deaf: Option<Arc<Deaf>>,
    tap: F,
}

/// Hears nothing, and has others look for tickets from time to time.
#[derive(Default)]
struct Deaf(Mutex<Vec<Arc<dyn Signals>>>);

impl Deaf {
    fn signal_ready(&self) {
        let all = self.0.lock().expect("nothing panics").clone();
        all.iter().for_each(|listener| listener.signal(Signal::Ready));
    }
}

impl Signals for Deaf {
    fn signal(&self, _: Signal) {}
}

impl<F: Fn(&'static str) -> Tap + Send + Sync + 'static> Tapped<F> {
    pub fn new(inner: &Arc<MemoryJournal>, tap: F) -> Arc<Self> {
        Self::declaring(inner, inner.durability(), tap)
    }

    /// One that says it survives this.
    pub fn declaring(inner: &Arc<MemoryJournal>, durability: Durability, tap: F) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), durability, deaf: None, tap })
    }

    /// One on the other end of a wire on which every signal is lost: each pulse makes up for it.
    pub fn far_away(inner: &Arc<MemoryJournal>, tap: F) -> Arc<Self> {
        let (inner, durability) = (Arc::clone(inner), inner.durability());
        Arc::new(Self { inner, durability, deaf: Some(Arc::default()), tap })
    }
}

impl<F: Fn(&'static str) -> Tap> Tapped<F> {
    fn call<'a, T: Send + 'a>(
        &'a self,
        name: &'static str,
        ask: impl FnOnce(&'a MemoryJournal) -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        let inner = &*self.inner;
        match (self.tap)(name) {
            Tap::Through => ask(inner),
            Tap::Silence => Answer::Later(Box::pin(pending())),
            Tap::Fails => Answer::from(Err(JournalError::Unavailable("no route".into()))),
            Tap::Late(wait) => Answer::Later(Box::pin(async move {
                sleep(wait).await;
                ask(inner).await
            })),
        }
    }
}

macro_rules! tapped {
    ($($name:ident [$($lifetime:lifetime)?] ($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name$(<$lifetime>)?(&$($lifetime)? self, $($arg: $type),*) -> $answer {
            self.call(stringify!($name), move |inner| inner.$name($($arg),*))
        }
    )*};
}

impl<F: Fn(&'static str) -> Tap + Send + Sync + 'static> Journal for Tapped<F> {
    fn durability(&self) -> Durability {
        self.durability
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        let Some(deaf) = &self.deaf else { return self.inner.listen(signals) };
        deaf.0.lock().expect("nothing panics").push(signals);
        self.inner.listen(Arc::clone(deaf) as _)
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        if let (Some(deaf), None) = (&self.deaf, &carry) {
            deaf.signal_ready();
        }
        self.call("pulse", move |inner| inner.pulse(seat, carry))
    }

    tapped! {
        unlisten [] (listener: ListenerId) -> Answer<'_, ()>;
        define [] (definition: Arc<Definition>) -> Answer<'_, ()>;
        definitions [] () -> Answer<'_, Vec<Arc<Definition>>>;
        definition [] (hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>>;
        admit [] (definition: DefinitionHash) -> Answer<'_, Admission>;
        create [] (saga: NewSaga) -> Answer<'_, Created>;
        find [] (saga: SagaId) -> Answer<'_, Option<Known>>;
        enter [] (seat: SeatId, listener: ListenerId) -> Answer<'_, Lease>;
        claim ['a] (seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed>;
        commit [] (batch: Batch) -> Answer<'_, Committed>;
        tell [] (saga: SagaId, mail: Mail) -> Answer<'_, Told>;
        inbox [] (saga: SagaId) -> Answer<'_, Vec<Mail>>;
        reap [] (dead: SeatId) -> Answer<'_, Reaped>;
        leave [] (seat: SeatId) -> Answer<'_, Left>;
        read [] (saga: SagaId, from: u64) -> Answer<'_, Option<History>>;
        list [] (filter: ListFilter, after: Option<SagaId>, limit: usize) -> Answer<'_, Vec<Listed>>;
        late [] () -> Answer<'_, Vec<(SagaId, Mail)>>;
        audit [] (after: Option<SagaId>, limit: usize) -> Answer<'_, Audited>;
    }
}
