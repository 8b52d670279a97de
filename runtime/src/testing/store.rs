//! The store: the journal, the clock and the files that all processes share, and what there is to
//! say about them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use futures_util::{FutureExt, TryStreamExt};
use tokio::sync::watch;

use super::{clock::StoreClock, line::Witness, oracle};
use crate::{
    backend::memory::MemoryJournal,
    clock::Clock,
    files::Files,
    journal::{Answer, Journal, ListFilter},
    kernel::{
        Definition, Host, Kind, Place, Record, SagaId, Stamped, Timestamp, Way, idempotency_key,
    },
};

/// How long a seat lives without a pulse.
pub const LEASE: Duration = Duration::from_secs(30);
/// INV9: the lease, and two pulses at a third of it until the successor may be sure.
const TAKE_OVER: Duration = Duration::from_secs(50);

/// An attempt that went down with its owner, and may run on until then.
struct Lost {
    step: usize,
    /// So many records were there.
    after: usize,
    until: Timestamp,
}

/// A group that was written: its saga, its first sequence number, its records.
type Written = (SagaId, usize, Vec<String>);

/// A saga as it is written: its id, its graph, its records.
pub type Saga = (SagaId, Arc<Definition>, Vec<Stamped>);

/// What all processes share.
pub struct Store {
    /// The journal.
    pub journal: Arc<MemoryJournal>,
    /// Its clock.
    pub clock: Arc<StoreClock>,
    /// The objects, if there is a store for them.
    pub files: Option<Files>,
    /// The start of the saga was answered.
    pub accepted: AtomicBool,
    /// There may be more sagas than one.
    many: bool,
    groups: Mutex<Vec<Written>>,
    written: watch::Sender<usize>,
    /// When the last owner died.
    orphaned: Mutex<Option<Timestamp>>,
    /// Attempts that went down with their owners.
    lost: Mutex<Vec<Lost>>,
    wrong: Mutex<Vec<String>>,
}

impl Store {
    /// An empty store, for one saga or for many.
    pub fn new(many: bool) -> Self {
        let clock = Arc::new(StoreClock::new());
        let journal = MemoryJournal::builder().lease(LEASE).clock(clock.clone()).build();
        Self {
            journal: Arc::new(journal),
            clock,
            files: files(),
            accepted: AtomicBool::new(false),
            many,
            groups: Mutex::default(),
            written: watch::Sender::new(0),
            orphaned: Mutex::default(),
            lost: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    /// The saga, if there is one; of many, the one that is not over.
    pub fn saga(&self) -> Option<Saga> {
        let (id, _) = self.place()?;
        self.read(id)
    }

    fn read(&self, id: SagaId) -> Option<Saga> {
        let history = now(self.journal.read(id, 0))?;
        let definition = now(self.journal.definition(history.definition))?;
        Some((id, definition, history.records))
    }

    /// Every saga there is, with its records.
    pub fn sagas(&self) -> Vec<Saga> {
        self.places().iter().filter_map(|(id, _)| self.read(*id)).collect()
    }

    /// Where every saga is.
    pub fn places(&self) -> Vec<(SagaId, Place)> {
        let sagas = now(self.journal.list(ListFilter::default(), None, 100));
        sagas.iter().map(|saga| (saga.id, saga.place)).collect()
    }

    /// Where the saga is; of many, the one that is not over.
    pub fn place(&self) -> Option<(SagaId, Place)> {
        let sagas = self.places();
        assert!(self.many || sagas.len() < 2, "one saga became two");
        let open = sagas.iter().find(|(_, place)| *place != Place::Ended);
        open.or(sagas.last()).copied()
    }

    /// Waits until there is nothing more to come without somebody from outside.
    pub async fn at_rest(&self) {
        let at_rest = || matches!(self.place(), Some((_, Place::Ended | Place::Parked)));
        let mut written = self.written.subscribe();
        written.wait_for(|_| at_rest()).await.expect("the sender is here");
    }

    /// The same, but for what may come too late for a saga that is over (C8).
    pub async fn over(&self) {
        let is_end = |at: &Stamped| matches!(at.record, Record::Finished(_) | Record::Parked(_));
        let is_parked = || matches!(self.place(), Some((_, Place::Parked)));
        let over = || self.saga().is_some_and(|(.., records)| records.last().is_some_and(is_end));
        let mut written = self.written.subscribe();
        written.wait_for(|_| is_parked() || over()).await.expect("the sender is here");
    }

    /// So many appends were written.
    pub fn appends(&self) -> usize {
        *self.written.borrow()
    }

    /// What the append of this number wrote, from 1.
    pub fn group(&self, append: usize) -> Option<(usize, usize)> {
        let (_, seq, records) = lock(&self.groups).get(append.checked_sub(1)?)?.clone();
        Some((seq, records.len()))
    }

    /// INV10: every group that was written is still there, where it was.
    pub fn lost_groups(&self, records: &[Stamped]) -> Option<String> {
        let there: Vec<String> = records.iter().map(|at| format!("{:?}", at.record)).collect();
        let groups = lock(&self.groups);
        let lost = groups.iter().find(|(_, seq, group)| {
            there.get(*seq..*seq + group.len()).is_none_or(|there| there != group)
        });
        lost.map(|(_, seq, group)| format!("at {seq}: {}", group.join(" ")))
    }

    /// INV2: whether somebody wrote down that this would come. `None`: nobody did.
    pub fn is_announced(&self, key: &str, way: Way) -> bool {
        let sagas = self.sagas();
        let mut intents = sagas.iter().flat_map(|(id, definition, records)| {
            records.iter().map(move |stamped| (id, definition, &stamped.record))
        });
        intents.any(|(id, definition, record)| match record {
            Record::Intended { step, generation, way: of } if *of == way => {
                let name = &definition.steps[*step].name;
                idempotency_key(&definition.task, *id, name, *generation, way) == key
            }
            _ => false,
        })
    }

    /// The owner of the saga, if it has one, died now.
    pub fn orphan(&self) {
        let died = self.clock.now();
        let owned = matches!(self.place(), Some((_, Place::Owned)));
        *lock(&self.orphaned) = owned.then_some(died);
        if let Some((_, definition, records)) = self.saga().filter(|_| owned) {
            let steps = definition.steps.iter().enumerate();
            let lost = steps
                .filter(|(step, of)| of.kind != Kind::ReadOnly && oracle::is_open(&records, *step));
            let lost = lost.map(|(step, of)| Lost {
                step,
                after: records.len(),
                until: died.plus(of.timeout),
            });
            lock(&self.lost).extend(lost);
        }
    }

    /// Steps whose attempts went down with their owners.
    pub fn lost_steps(&self) -> Vec<usize> {
        lock(&self.lost).iter().map(|lost| lost.step).collect()
    }

    /// An attempt that may still have run when the saga turned back (C3).
    pub fn turned_too_early(&self, records: &[Stamped]) -> Option<usize> {
        let turn = |at: &Stamped| matches!(at.record, Record::Compensating(_));
        let turn = records.iter().position(turn)?;
        let too_early = |lost: &&Lost| {
            let since = records.get(lost.after..turn).unwrap_or_default();
            records[turn].at < lost.until
                && lost.after <= turn
                && !since.iter().any(|at| oracle::answers(&at.record, lost.step))
        };
        lock(&self.lost).iter().find(too_early).map(|lost| lost.step)
    }

    /// Every object in these buckets of the file store, with the step that owns it.
    pub fn objects(&self, buckets: &[&str]) -> Vec<(String, String)> {
        let Some(files) = &self.files else { return Vec::new() };
        let of_bucket = |bucket: &&str| {
            let keys = files.store().list(bucket, "").map_ok(|object| object.key);
            let keys: Option<Result<Vec<_>, _>> = keys.try_collect().now_or_never();
            keys.expect("a store in memory answers at once").expect("it answers")
        };
        let step = |key: &String| key.split('/').nth(2).unwrap_or_default().to_owned();
        buckets.iter().flat_map(of_bucket).map(|key| (step(&key), key)).collect()
    }

    /// Something is wrong.
    pub fn note(&self, wrong: String) {
        lock(&self.wrong).push(wrong);
    }

    /// Everything that was noted.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    /// Steps that never run twice, and whose end nobody has written down: whether each has a probe.
    pub fn in_doubt(&self) -> Vec<(String, bool)> {
        let Some((_, definition, records)) = self.saga() else { return Vec::new() };
        let open = |step: &usize| oracle::is_open(&records, *step);
        let once = |step: &usize| definition.steps[*step].at_most_once;
        let open = (0..definition.steps.len()).filter(once).filter(open);
        let steps = open.map(|step| &definition.steps[step]);
        steps.map(|step| (step.name.to_string(), step.probe)).collect()
    }

    /// Whether somebody wrote down that the step begins.
    pub fn is_begun(&self, name: &str) -> bool {
        self.saga().is_some_and(|(_, definition, records)| {
            let step = definition.steps.iter().position(|step| *step.name == *name);
            step.is_some_and(|step| oracle::intended(&records, step, Way::Do))
        })
    }

    /// Steps that never run twice.
    pub fn never_twice(&self) -> Vec<String> {
        let Some((_, definition, _)) = self.saga() else { return Vec::new() };
        let once = definition.steps.iter().filter(|step| step.at_most_once);
        once.map(|step| step.name.to_string()).collect()
    }

    /// The saga is in the hands of the host that began it (A6).
    pub fn is_starting(&self) -> bool {
        let Some((_, definition, records)) = self.saga() else { return false };
        let settled = |step| oracle::is_settled(&records, step);
        let mut api =
            (0..definition.steps.len()).filter(|s| definition.steps[*s].host == Host::Api);
        let goes_back = |at: &Stamped| matches!(at.record, Record::Compensating(_));
        !records.iter().any(goes_back) && api.any(|step| !settled(step))
    }
}

impl Witness for Store {
    /// A group was written, and will be found again (INV10).
    fn appended(&self, saga: SagaId, seq: usize, records: Vec<String>) {
        lock(&self.groups).push((saga, seq, records));
        self.written.send_modify(|written| *written += 1);
    }

    /// The saga was claimed: in time (INV9)?
    fn claimed(&self) {
        let Some(died) = lock(&self.orphaned).take() else { return };
        let after = self.clock.now().since(died);
        if after > TAKE_OVER {
            self.note(format!("INV9: taken over only after {after:?}"));
        }
    }

    fn dead_call(&self, name: &str) {
        self.note(format!("a dead process called `{name}`"));
    }
}

#[cfg(feature = "files")]
fn files() -> Option<Files> {
    Some(Files::new(crate::backend::files::ObjectFiles::in_memory()))
}

#[cfg(not(feature = "files"))]
fn files() -> Option<Files> {
    None
}

/// A store in memory answers at once.
fn now<T>(answer: Answer<'_, T>) -> T {
    answer.now_or_never().expect("it answers at once").expect("it answers")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
