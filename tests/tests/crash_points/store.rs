//! The store of a story: that of the kit, and what is said to it from outside.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use distributed_task::{
    journal::{Answer, Journal, Told},
    kernel::{Doubt, End as Ended, EntryId, Letter, Mail, Place, Record, SagaId, Way},
    testing::parts::{self, Saga, Side, Stop, Witness},
};
use futures_util::FutureExt;

use crate::{
    faulty::Fault,
    sagas::{BUCKET, UPLOADS},
    saying::{Hands, Said, Saying, Verb},
    story::Fate,
    world::Manners,
};

/// What all processes share.
pub(crate) struct Store {
    store: parts::Store,
    /// Sagas are started under a key: an abandoned start is followed by another one.
    keyed: bool,
    /// Starts that were answered.
    acknowledged: Mutex<Vec<SagaId>>,
    pub(crate) manners: Manners,
    saying: Option<Saying>,
    fault: Fault,
    told: Mutex<Option<Told>>,
    said: Mutex<Option<Said>>,
    /// How somebody does by hand what they say.
    hands: OnceLock<Hands>,
    /// A letter that was answered and not written yet.
    unwritten: Mutex<Option<(SagaId, Mail)>>,
}

impl Deref for Store {
    type Target = parts::Store;

    fn deref(&self) -> &parts::Store {
        &self.store
    }
}

impl Store {
    pub(crate) fn new(fate: Fate) -> Arc<Self> {
        Self::with(fate, false)
    }

    pub(crate) fn with(fate: Fate, keyed: bool) -> Arc<Self> {
        Arc::new(Self {
            store: parts::Store::new(keyed),
            keyed,
            acknowledged: Mutex::default(),
            manners: fate.manners,
            saying: fate.saying,
            fault: fate.fault,
            told: Mutex::default(),
            said: Mutex::default(),
            hands: OnceLock::new(),
            unwritten: Mutex::default(),
        })
    }

    /// A start was answered with this saga.
    pub(crate) fn acknowledge(&self, saga: SagaId) {
        lock(&self.acknowledged).push(saga);
    }

    /// Starts that were answered, by all processes.
    pub(crate) fn acknowledged(&self) -> Vec<SagaId> {
        lock(&self.acknowledged).clone()
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
        self.store.lost_steps().into_iter().filter(|step| !is_upload(step)).collect()
    }

    /// Whether an attempt of the step may run on where nobody hears of it.
    fn may_still_run(&self, of: usize) -> bool {
        let lost = self.store.lost_steps().contains(&of);
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
        self.store.orphan();
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
        self.store.objects(&[BUCKET])
    }
}

impl Witness for Store {
    /// A group is about to be written.
    fn appending(&self) {
        if let Some((saga, mail)) = lock(&self.unwritten).take() {
            now(self.journal.tell(saga, mail));
        }
        self.say_at(Side::Before, self.appends() + 1);
    }

    /// A group was written.
    fn appended(&self, saga: SagaId, seq: usize, records: Vec<String>) {
        if self.keyed && seq == 0 {
            let is_over = |saga: &Saga| {
                matches!(saga.2.last().map(|last| &last.record), Some(Record::Finished(_)))
            };
            let open = self.sagas().iter().filter(|saga| !is_over(saga)).count();
            if open > 1 {
                self.note(format!("I2: {open} sagas are open under one key"));
            }
        }
        self.store.appended(saga, seq, records);
        self.say_at(Side::After, self.appends());
    }

    fn claimed(&self) {
        self.store.claimed();
    }

    fn dead_call(&self, name: &str) {
        self.store.dead_call(name);
    }
}

/// A store in memory answers at once.
fn now<T>(answer: Answer<'_, T>) -> T {
    answer.now_or_never().expect("it answers at once").expect("it answers")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics under it")
}
