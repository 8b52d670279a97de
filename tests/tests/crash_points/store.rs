//! The store: the journal, the clock and the files that all processes share, and what there is to
//! say about them.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use distributed_task::{
    backend::{files::ObjectFiles, memory::MemoryJournal},
    clock::Clock,
    files::Files,
    journal::{Answer, Journal, ListFilter, Told},
    kernel::{
        Definition, Doubt, End as Ended, EntryId, Host, Kind, Letter, Mail, Place, Record, SagaId,
        Stamped, Timestamp, Way,
    },
};
use futures_util::{FutureExt, TryStreamExt};
use tokio::sync::watch;

use crate::{
    clock::StoreClock,
    line::{Fault, Side, Stop},
    oracle,
    sagas::{BUCKET, UPLOADS},
    saying::{Hands, Said, Saying, Verb},
    story::Fate,
    world::Manners,
};

/// How long a seat lives without a pulse.
const LEASE: Duration = Duration::from_secs(30);
/// INV9: the lease, and two pulses at a third of it until the successor may be sure.
const TAKE_OVER: Duration = Duration::from_secs(50);

/// An attempt that went down with its owner, and may run on until then.
struct Lost {
    step: usize,
    /// So many records were there.
    after: usize,
    until: Timestamp,
}

/// A saga as it is written: its id, its graph, its records.
pub(crate) type Written = (SagaId, Arc<Definition>, Vec<Stamped>);

/// What all processes share.
pub(crate) struct Store {
    /// Sagas are started under a key: an abandoned start is followed by another one.
    keyed: bool,
    /// Starts that were answered.
    acknowledged: Mutex<Vec<SagaId>>,
    pub(crate) journal: MemoryJournal,
    pub(crate) clock: Arc<StoreClock>,
    pub(crate) files: Files,
    pub(crate) manners: Manners,
    saying: Option<Saying>,
    fault: Fault,
    /// Groups that were written: saga, first sequence number, records.
    groups: Mutex<Vec<(SagaId, usize, Vec<String>)>>,
    written: watch::Sender<usize>,
    told: Mutex<Option<Told>>,
    said: Mutex<Option<Said>>,
    /// How somebody does by hand what they say.
    hands: OnceLock<Hands>,
    /// A letter that was answered and not written yet.
    unwritten: Mutex<Option<(SagaId, Mail)>>,
    /// When the last owner died.
    orphaned: Mutex<Option<Timestamp>>,
    /// Attempts that went down with their owners.
    lost: Mutex<Vec<Lost>>,
    pub(crate) accepted: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

impl Store {
    pub(crate) fn new(fate: Fate) -> Arc<Self> {
        Self::with(fate, false)
    }

    pub(crate) fn with(fate: Fate, keyed: bool) -> Arc<Self> {
        let clock = Arc::new(StoreClock::new());
        let journal = MemoryJournal::builder().lease(LEASE).clock(clock.clone()).build();
        Arc::new(Self {
            keyed,
            acknowledged: Mutex::default(),
            journal,
            clock,
            files: Files::new(ObjectFiles::in_memory()),
            manners: fate.manners,
            saying: fate.saying,
            fault: fate.fault,
            groups: Mutex::default(),
            written: watch::Sender::new(0),
            told: Mutex::default(),
            said: Mutex::default(),
            hands: OnceLock::new(),
            unwritten: Mutex::default(),
            orphaned: Mutex::default(),
            lost: Mutex::default(),
            accepted: AtomicBool::new(false),
            wrong: Mutex::default(),
        })
    }

    /// The saga, if there is one: there is never a second, but under a key.
    pub(crate) fn saga(&self) -> Option<Written> {
        let (id, _) = self.place()?;
        self.read(id)
    }

    fn read(&self, id: SagaId) -> Option<Written> {
        let history = now(self.journal.read(id, 0))?;
        let definition = now(self.journal.definition(history.definition))?;
        Some((id, definition, history.records))
    }

    /// Every saga there is, with its records.
    pub(crate) fn sagas(&self) -> Vec<Written> {
        self.places().iter().filter_map(|(id, _)| self.read(*id)).collect()
    }

    /// Where every saga is.
    pub(crate) fn places(&self) -> Vec<(SagaId, Place)> {
        let sagas = now(self.journal.list(ListFilter::default(), None, 100));
        sagas.iter().map(|saga| (saga.id, saga.place)).collect()
    }

    /// Where the saga is; of those under a key, the one that is not over.
    pub(crate) fn place(&self) -> Option<(SagaId, Place)> {
        let sagas = self.places();
        assert!(self.keyed || sagas.len() < 2, "one saga became two");
        let open = sagas.iter().find(|(_, place)| *place != Place::Ended);
        open.or(sagas.last()).copied()
    }

    /// Waits until there is nothing more to come without somebody from outside.
    pub(crate) async fn at_rest(&self) {
        let at_rest = || matches!(self.place(), Some((_, Place::Ended | Place::Parked)));
        let mut written = self.written.subscribe();
        written.wait_for(|_| at_rest()).await.expect("the sender is here");
    }

    /// So many appends were written.
    pub(crate) fn appends(&self) -> usize {
        *self.written.borrow()
    }

    /// A start was answered with this saga.
    pub(crate) fn acknowledge(&self, saga: SagaId) {
        lock(&self.acknowledged).push(saga);
    }

    /// Starts that were answered, by all processes.
    pub(crate) fn acknowledged(&self) -> Vec<SagaId> {
        lock(&self.acknowledged).clone()
    }

    /// A group is about to be written.
    pub(crate) fn appending(&self) {
        if let Some((saga, mail)) = lock(&self.unwritten).take() {
            now(self.journal.tell(saga, mail));
        }
        self.say_at(Side::Before, self.appends() + 1);
    }

    /// A group was written, and will be found again (INV10).
    pub(crate) fn appended(&self, saga: SagaId, seq: usize, records: Vec<String>) {
        lock(&self.groups).push((saga, seq, records));
        if self.keyed && seq == 0 {
            let is_over = |written: &Written| {
                matches!(written.2.last().map(|last| &last.record), Some(Record::Finished(_)))
            };
            let open = self.sagas().iter().filter(|saga| !is_over(saga)).count();
            if open > 1 {
                self.note(format!("I2: {open} sagas are open under one key"));
            }
        }
        self.written.send_modify(|written| *written += 1);
        self.say_at(Side::After, self.appends());
    }

    fn say_at(&self, side: Side, append: usize) {
        let is_due = |at: Stop| at.side == side && at.append as usize == append;
        let is_parked = || matches!(self.place(), Some((_, Place::Parked)));
        let saying = self.saying.filter(|saying| match saying.at.append {
            0 => side == Side::After && is_parked(),
            _ => is_due(saying.at),
        });
        // A group that was refused is told again.
        let Some(saying) = saying.filter(|_| self.said().is_none()) else { return };
        if saying.verb == Verb::Cancel {
            if self.told().is_none() && self.place().is_some() {
                self.cancel();
            }
        } else if let Some((id, place)) = self.place()
            && (saying.verb != Verb::Late || self.may_still_run(saying.step))
        {
            let parked = place == Place::Parked;
            if let (Some(deed), Some(hands)) = (saying.deed(parked), self.hands.get()) {
                hands(id, saying.step, deed);
            }
            *lock(&self.said) = Some(Said { told: self.tell(id, saying.letter()), parked });
        }
    }

    /// Steps whose attempts went down with their hosts; not uploads, whose outputs nobody can make up.
    pub(crate) fn lost_steps(&self) -> Vec<usize> {
        let Some((_, definition, _)) = self.saga() else { return Vec::new() };
        let is_upload = |step: &usize| UPLOADS.contains(&&*definition.steps[*step].name);
        let lost: Vec<_> = lock(&self.lost).iter().map(|lost| lost.step).collect();
        lost.into_iter().filter(|step| !is_upload(step)).collect()
    }

    /// Whether an attempt of the step may run on where nobody hears of it.
    fn may_still_run(&self, of: usize) -> bool {
        let lost = lock(&self.lost).iter().any(|lost| lost.step == of);
        let timed_out = |record: &Record| match record {
            Record::Ended { step, way: Way::Do, end, .. } if *step == of => {
                let (Ended::Failed { why, .. } | Ended::Unknown(why)) = end else { return false };
                matches!(why, Doubt::TimedOut)
            }
            _ => false,
        };
        let records = self.saga().map(|(_, _, records)| records).unwrap_or_default();
        lost || records.iter().any(|at| timed_out(&at.record))
    }

    /// Whoever says something does it with these hands.
    pub(crate) fn lend(&self, hands: Hands) {
        assert!(self.hands.set(hands).is_ok(), "there is one world");
    }

    /// What came of what was said, if it was not a cancel.
    pub(crate) fn said(&self) -> Option<Said> {
        *lock(&self.said)
    }

    /// Whether every group that was written is still there, where it was.
    pub(crate) fn lost_groups(&self, records: &[Stamped]) -> Option<String> {
        let there: Vec<String> = records.iter().map(|at| format!("{:?}", at.record)).collect();
        let groups = lock(&self.groups);
        let lost = groups.iter().find(|(_, seq, group)| {
            there.get(*seq..*seq + group.len()).is_none_or(|there| there != group)
        });
        lost.map(|(_, seq, group)| format!("at {seq}: {}", group.join(" ")))
    }

    /// Somebody cancels the saga.
    pub(crate) fn cancel(&self) {
        let (id, _) = self.place().expect("there is a saga");
        let letter = Letter::Cancel { reason: "a change of mind".to_owned() };
        *lock(&self.told) = Some(self.tell(id, letter));
    }

    /// What the saga is told under its own id, so once.
    pub(crate) fn tell(&self, id: SagaId, letter: Letter) -> Told {
        let mail = Mail { id: EntryId(id.0), letter };
        match self.fault {
            Fault::LosesLetters => Told::Told,
            Fault::TellsBehind => {
                *lock(&self.unwritten) = Some((id, mail));
                Told::Told
            }
            _ => now(self.journal.tell(id, mail)),
        }
    }

    /// What came of the cancel.
    pub(crate) fn told(&self) -> Option<Told> {
        *lock(&self.told)
    }

    /// The owner of the saga, if it has one, died now.
    pub(crate) fn orphan(&self) {
        lock(&self.unwritten).take();
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

    /// An attempt that may still have run when the saga turned back (C3).
    pub(crate) fn turned_too_early(&self, records: &[Stamped]) -> Option<usize> {
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

    /// The saga was claimed: in time (INV9)?
    pub(crate) fn claimed(&self) {
        let Some(died) = lock(&self.orphaned).take() else { return };
        let after = self.clock.now().since(died);
        if after > TAKE_OVER {
            self.note(format!("INV9: taken over only after {after:?}"));
        }
    }

    /// Steps whose success came when nobody could hear of it any more: it is listed, for somebody to
    /// look at (C8).
    pub(crate) fn late(&self) -> Vec<String> {
        let Some((_, definition, _)) = self.saga() else { return Vec::new() };
        let step = |(_, mail): &(SagaId, Mail)| match mail.letter {
            Letter::Late { step, .. } => Some(definition.steps[step].name.to_string()),
            _ => None,
        };
        now(self.journal.late()).iter().filter_map(step).collect()
    }

    /// Every object in the file store, with the step that owns it.
    pub(crate) fn objects(&self) -> Vec<(String, String)> {
        let objects = self.files.store().list(BUCKET, "").map_ok(|object| object.key);
        let objects: Result<Vec<_>, _> =
            objects.try_collect().now_or_never().expect("it answers at once");
        let step = |key: &String| key.split('/').nth(2).unwrap_or_default().to_owned();
        objects.expect("it answers").into_iter().map(|key| (step(&key), key)).collect()
    }

    /// Something is wrong.
    pub(crate) fn note(&self, wrong: String) {
        lock(&self.wrong).push(wrong);
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    /// Steps that never run twice, and whose end nobody has written down: whether each has a probe.
    pub(crate) fn in_doubt(&self) -> Vec<(String, bool)> {
        let Some((_, definition, records)) = self.saga() else { return Vec::new() };
        let open = |step: &usize| oracle::is_open(&records, *step);
        let once = |step: &usize| definition.steps[*step].at_most_once;
        let open = (0..definition.steps.len()).filter(once).filter(open);
        let steps = open.map(|step| &definition.steps[step]);
        steps.map(|step| (step.name.to_string(), step.probe)).collect()
    }

    /// Whether somebody wrote down that the step begins.
    pub(crate) fn is_begun(&self, name: &str) -> bool {
        self.saga().is_some_and(|(_, definition, records)| {
            let step = definition.steps.iter().position(|step| *step.name == *name);
            step.is_some_and(|step| oracle::intended(&records, step, Way::Do))
        })
    }

    /// Steps that ran, and never run twice.
    pub(crate) fn never_twice(&self) -> Vec<String> {
        let Some((_, definition, _)) = self.saga() else { return Vec::new() };
        let once = definition.steps.iter().filter(|step| step.at_most_once);
        once.map(|step| step.name.to_string()).collect()
    }

    /// The saga is in the hands of the host that began it (A6).
    pub(crate) fn is_starting(&self) -> bool {
        let Some((_, definition, records)) = self.saga() else { return false };
        let settled = |step| oracle::is_settled(&records, step);
        let mut api =
            (0..definition.steps.len()).filter(|s| definition.steps[*s].host == Host::Api);
        let goes_back = |at: &Stamped| matches!(at.record, Record::Compensating(_));
        !records.iter().any(goes_back) && api.any(|step| !settled(step))
    }
}

/// A store in memory answers at once.
fn now<T>(answer: Answer<'_, T>) -> T {
    answer.now_or_never().expect("it answers at once").expect("it answers")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics under it")
}
