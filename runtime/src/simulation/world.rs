//! The world outside: participants that know a call by its key, do the same thing once, and refuse
//! what comes after its undo (C6). Its books are what the oracle goes by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use super::scene::{Scene, lock};
use crate::kernel::{SagaId, Way};

/// The participants, and what they have written down.
pub(super) struct World {
    scene: Arc<Scene>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// By the key of the step.
    accounts: BTreeMap<String, Account>,
    /// Keys that somebody wrote down before anything was to happen under them (J2).
    intents: BTreeSet<String>,
    /// So often user code ran: of a saga, a step, a way.
    runs: BTreeMap<(u64, usize, u8), usize>,
    attempts: u64,
    /// Outputs that were returned: of a saga and a step.
    outputs: BTreeSet<(SagaId, usize, u64)>,
    /// Times that somebody asked for a saga to be tried again.
    licences: BTreeMap<SagaId, u32>,
}

/// What a participant knows of one key.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) saga: SagaId,
    pub(super) step: usize,
    answer: Option<Answer>,
    /// Its effect is there.
    pub(super) stands: bool,
    undone: bool,
    /// Attempts that began before are refused, and those of owners before.
    denied: (u64, u64),
    denials: u32,
    begun: u32,
}

/// What a participant answers, once and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Partial,
    Refused,
    /// It is too late for this call.
    Blocked,
}

/// One attempt, as the participants see it.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) key: String,
    pub(super) saga: SagaId,
    pub(super) step: usize,
    pub(super) fence: u64,
    attempt: u64,
}

impl World {
    pub(super) fn new(scene: &Arc<Scene>) -> Arc<Self> {
        Arc::new(Self { scene: Arc::clone(scene), books: Mutex::default() })
    }

    /// The number of this run of user code, from 0.
    pub(super) fn runs(&self, name: u64, step: usize, way: Way) -> usize {
        let mut books = lock(&self.books);
        let runs = books.runs.entry((name, step, way as u8)).or_default();
        *runs += 1;
        *runs - 1
    }

    /// Somebody wrote down that this is about to begin.
    pub(super) fn intended(&self, key: String) {
        lock(&self.books).intents.insert(key);
    }

    /// Somebody asked for a saga to be tried again.
    pub(super) fn licensed(&self, saga: SagaId) {
        *lock(&self.books).licences.entry(saga).or_default() += 1;
    }

    /// An attempt of a step begins.
    pub(super) fn begins(&self, key: String, (saga, step): (SagaId, usize), fence: u64) -> Call {
        self.is_intended(&key, step);
        let mut books = lock(&self.books);
        books.attempts += 1;
        let attempt = books.attempts;
        let licences = books.licences.get(&saga).copied().unwrap_or_default();
        let account = books.account(&key, saga, step);
        account.begun += 1;
        let allowed = 1 + licences + account.denials;
        let often = account.begun > allowed;
        drop(books);
        if often && self.scene.plan.definition.steps[step].at_most_once {
            self.notes(format!("E3: step {step} of {saga} began too often"));
        }
        Call { key, saga, step, fence, attempt }
    }

    fn is_intended(&self, key: &str, step: usize) {
        if !lock(&self.books).intents.contains(key) {
            self.notes(format!("INV2: step {step} acts without an intent"));
        }
    }

    /// Where the store has lost what it acknowledged, it may have lost this.
    fn notes(&self, wrong: String) {
        if self.scene.plan.fail_over.is_none() {
            self.scene.note(wrong);
        }
    }

    /// The call arrives: it does its work, or half of it, unless it was answered before.
    pub(super) fn takes(&self, call: &Call, wanted: Answer) -> Answer {
        self.is_intended(&call.key, call.step);
        let mut books = lock(&self.books);
        let account = books.account(&call.key, call.saga, call.step);
        let (before, fence) = account.denied;
        if account.undone || call.attempt <= before || call.fence < fence {
            drop(books);
            self.scene.count("calls blocked by the barrier");
            return Answer::Blocked;
        }
        let answer = *account.answer.get_or_insert(wanted);
        account.stands = answer != Answer::Refused;
        answer
    }

    /// The undo arrives: it takes the effect back, and nothing under this key comes in any more.
    pub(super) fn undoes(&self, key: &str, undo_key: &str, (saga, step): (SagaId, usize)) {
        self.is_intended(undo_key, step);
        let mut books = lock(&self.books);
        let account = books.account(key, saga, step);
        (account.stands, account.undone) = (false, true);
    }

    /// Whether the step happened; if not, it will not happen by what began before. `None`: half of
    /// it did.
    pub(super) fn tells(
        &self,
        key: &str,
        (saga, step): (SagaId, usize),
        fence: u64,
    ) -> Option<bool> {
        let mut books = lock(&self.books);
        let attempts = books.attempts;
        let account = books.account(key, saga, step);
        if account.stands {
            return (account.answer == Some(Answer::Done)).then_some(true);
        }
        account.denied = (attempts, account.denied.1.max(fence));
        account.denials += 1;
        Some(false)
    }

    /// A step returned this.
    pub(super) fn returned(&self, saga: SagaId, step: usize, output: u64) {
        lock(&self.books).outputs.insert((saga, step, output));
    }

    /// A step reads this of an earlier one.
    pub(super) fn reads(&self, saga: SagaId, step: usize, output: u64) {
        let is_word = output == BY_WORD;
        if !is_word && !lock(&self.books).outputs.contains(&(saga, step, output)) {
            self.notes(format!("C2: nobody returned {output} from step {step} of {saga}"));
        }
    }

    /// So many accounts of a step say that it is done.
    pub(super) fn done(&self, saga: SagaId, step: usize) -> usize {
        let is_done = |account: &&Account| {
            account.step == step && account.stands && account.answer == Some(Answer::Done)
        };
        self.accounts(saga).iter().filter(is_done).count()
    }

    /// Every account of a saga.
    pub(super) fn accounts(&self, saga: SagaId) -> Vec<Account> {
        let books = lock(&self.books);
        books.accounts.values().filter(|account| account.saga == saga).cloned().collect()
    }
}

/// The output of a step that is done on somebody's word.
pub(super) const BY_WORD: u64 = u64::MAX;

impl Books {
    fn account(&mut self, key: &str, saga: SagaId, step: usize) -> &mut Account {
        self.accounts.entry(key.to_owned()).or_insert_with(|| Account {
            saga,
            step,
            answer: None,
            stands: false,
            undone: false,
            denied: (0, 0),
            denials: 0,
            begun: 0,
        })
    }
}
