//! The effect ledger: what happened outside.

mod author;
mod entry;

use std::{
    any::Any,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use author::Author;
pub(super) use author::Noted;
pub use entry::{EntryKind, LedgerEntry, RunEnd, StepRun};

use crate::{
    kernel::{AttemptEnd, Way},
    task::under_test::RunOf,
};

/// What happened outside: every side effect, with its key. Clones share it.
///
/// Fakes of outside services write to it, and a test reads its balances. A fake of a service that
/// keeps its part of the contract (I1, C6) is a few lines: it does each thing
/// [`once`](Self::once) for a key, and [`takes it back`](Self::take_back) by that key. A naive one
/// [adds](Self::add) whatever it is asked to. [`TestHost`](super::TestHost) and
/// [`CrashMatrix`](super::CrashMatrix) note in it as well which step and undo ran when.
///
/// ```
/// use distributed_task::{prelude::*, testing::EffectLedger};
///
/// /// A bank that knows a repeated call by its key.
/// #[derive(Clone, Default)]
/// struct FakeBank(EffectLedger);
///
/// impl FakeBank {
///     fn charge(&self, key: String, card: &str, cents: i64) {
///         self.0.once(key, format!("card/{card}"), cents);
///     }
///
///     fn refund(&self, charged_under: String) {
///         self.0.take_back(charged_under);
///     }
/// }
///
/// let bank = FakeBank(EffectLedger::new());
/// bank.charge("key-1".into(), "4711", 1200);
/// bank.charge("key-1".into(), "4711", 1200); // a repetition
/// assert_eq!(bank.0.balance("card/4711"), 1200);
///
/// bank.refund("key-1".into());
/// bank.refund("key-1".into());
/// bank.charge("key-1".into(), "4711", 1200); // it comes behind its undo
/// assert_eq!(bank.0.balance("card/4711"), 0);
/// ```
#[derive(Clone)]
pub struct EffectLedger(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    entries: Vec<Noted>,
    /// Keys that were taken back: nothing comes under them any more.
    barred: BTreeSet<String>,
    runs: Vec<StepRun>,
    /// Those that are under way.
    under_way: BTreeSet<usize>,
    /// So many entries were there before the saga.
    opening: Option<usize>,
    /// What fakes remember.
    states: Vec<Arc<dyn Any + Send + Sync>>,
}

thread_local! {
    /// The ledger of the test that puts its task together on this thread.
    static HERE: RefCell<Option<EffectLedger>> = const { RefCell::new(None) };
}

impl Default for EffectLedger {
    /// The ledger of the test that puts its task together here, or a new one: so that a task of
    /// fakes can be `#[derive(Default)]`.
    fn default() -> Self {
        HERE.with_borrow(Clone::clone).unwrap_or(Self(Arc::default()))
    }
}

impl EffectLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// An effect of a participant that does each thing once for a key (C6): nothing happens when it
    /// happened before, or was taken back before it came. Answers whether it happens now.
    ///
    /// One key may have effects on several accounts, each once.
    pub fn once(&self, key: impl Into<String>, account: impl Into<String>, amount: i64) -> bool {
        let (key, account) = (key.into(), account.into());
        let here = self.run_here();
        let mut book = self.book();
        let is_here = |Noted { entry, .. }: &Noted| {
            entry.kind == EntryKind::Once && (&entry.key, &entry.account) == (&key, &account)
        };
        let kind = match book.barred.contains(&key) {
            true => EntryKind::TooLate,
            false if book.entries.iter().any(is_here) => EntryKind::Repeated,
            false => EntryKind::Once,
        };
        book.enter(here, LedgerEntry { key, account, amount, kind });
        kind == EntryKind::Once
    }

    /// Takes back whatever happened [`once`](Self::once) under the key of its step, and keeps it
    /// from happening later. A second time changes nothing. Answers whether there was anything.
    pub fn take_back(&self, key: impl Into<String>) -> bool {
        let key = key.into();
        let mut book = self.book();
        if !book.barred.insert(key.clone()) {
            return false;
        }
        let stands =
            |Noted { entry, .. }: &&Noted| entry.kind == EntryKind::Once && entry.key == key;
        // It is on the account of whose effect it was.
        let back = |Noted { entry, author }: &Noted| Noted {
            author: *author,
            entry: LedgerEntry {
                amount: -entry.amount,
                kind: EntryKind::TakenBack,
                ..entry.clone()
            },
        };
        let back: Vec<_> = book.entries.iter().filter(stands).map(back).collect();
        let any = !back.is_empty();
        book.entries.extend(back);
        any
    }

    /// An effect of a participant that does whatever it is asked to, as often as it is asked.
    pub fn add(&self, key: impl Into<String>, account: impl Into<String>, amount: i64) {
        let (key, account) = (key.into(), account.into());
        let (here, kind) = (self.run_here(), EntryKind::Added);
        self.book().enter(here, LedgerEntry { key, account, amount, kind });
    }

    /// Whether anything happened under this key that was not taken back: what a probe asks.
    pub fn stands(&self, key: &str) -> bool {
        let book = self.book();
        let counts = |Noted { entry, .. }: &Noted| entry.key == key && entry.counts();
        !book.barred.contains(key) && book.entries.iter().any(counts)
    }

    /// What stands on an account; 0 for one that nobody has heard of.
    pub fn balance(&self, account: &str) -> i64 {
        self.balances().get(account).copied().unwrap_or_default()
    }

    /// Every account that was ever touched, with what stands on it.
    pub fn balances(&self) -> BTreeMap<String, i64> {
        let mut balances = BTreeMap::new();
        let book = self.book();
        let entries = book.entries.iter().map(|noted| &noted.entry);
        for entry in entries.filter(|entry| entry.counts()) {
            *balances.entry(entry.account.clone()).or_default() += entry.amount;
        }
        balances
    }

    /// What a fake remembers besides its effects. It lives with the ledger: another process finds it
    /// again after a crash, as that of a real service, and each run of a matrix begins with a new
    /// one. What a task keeps in its own fields is gone with its process.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use distributed_task::testing::EffectLedger;
    ///
    /// #[derive(Default)]
    /// struct Rooms(Mutex<Vec<String>>);
    ///
    /// let ledger = EffectLedger::new();
    /// ledger.state::<Rooms>().0.lock().unwrap().push("12".into());
    /// assert_eq!(*ledger.clone().state::<Rooms>().0.lock().unwrap(), ["12"]);
    /// ```
    pub fn state<S: Default + Send + Sync + 'static>(&self) -> Arc<S> {
        let mut book = self.book();
        let known = book.states.iter().find_map(|state| Arc::clone(state).downcast().ok());
        known.unwrap_or_else(|| {
            let state = Arc::<S>::default();
            book.states.push(Arc::clone(&state) as Arc<dyn Any + Send + Sync>);
            state
        })
    }

    /// Every call of a fake, in order.
    pub fn entries(&self) -> Vec<LedgerEntry> {
        self.book().entries.iter().map(|noted| noted.entry.clone()).collect()
    }

    /// Every run of a step or an undo that the kit noted, in order.
    pub fn runs(&self) -> Vec<StepRun> {
        self.book().runs.clone()
    }

    /// How often a step began to run.
    pub fn runs_of(&self, step: &str) -> usize {
        let runs = self.runs();
        runs.iter().filter(|run| run.step == step && run.way == Way::Do).count()
    }

    /// How often the undo of a step began to run.
    pub fn undos_of(&self, step: &str) -> usize {
        let runs = self.runs();
        runs.iter().filter(|run| run.step == step && run.way == Way::Undo).count()
    }

    /// Puts a task together, for the first process or for a later one. A default ledger that is made
    /// meanwhile on this thread is this one; what is entered opens the accounts, once.
    pub(super) fn lend<R>(&self, make: impl FnOnce() -> R) -> R {
        /// Takes it away again, whatever happens.
        struct Lent(Option<EffectLedger>);
        impl Drop for Lent {
            fn drop(&mut self) {
                HERE.set(self.0.take());
            }
        }
        let before = self.book().entries.len();
        let lent = Lent(HERE.replace(Some(self.clone())));
        let made = make();
        drop(lent);
        let mut book = self.book();
        match book.opening {
            None => book.opening = Some(book.entries.len()),
            Some(_) => book.entries.truncate(before),
        }
        made
    }

    /// What came after the accounts were opened.
    pub(super) fn since_opening(&self) -> Vec<Noted> {
        let book = self.book();
        book.entries[book.opening.unwrap_or_default()..].to_vec()
    }

    /// Notes that something begins to run.
    pub(super) fn begins(&self, run: StepRun) -> Running {
        let mut book = self.book();
        book.runs.push(run);
        let run = book.runs.len() - 1;
        book.under_way.insert(run);
        Running { ledger: self.clone(), of: RunOf { ledger: self.address(), run } }
    }

    /// The run of this ledger whose code runs here.
    fn run_here(&self) -> Option<usize> {
        RunOf::here().filter(|of| of.ledger == self.address()).map(|of| of.run)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A fake that panics does so between two entries.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn enter(&mut self, here: Option<usize>, entry: LedgerEntry) {
        let author = match here {
            Some(run) => Author::Run(run),
            None => Author::by_key(&entry.key, &self.runs, &self.under_way),
        };
        self.entries.push(Noted { entry, author });
    }
}

/// A run that is under way until this is dropped.
pub(super) struct Running {
    ledger: EffectLedger,
    pub(super) of: RunOf,
}

impl Running {
    /// Notes how it ended.
    pub(super) fn ends(self, end: &AttemptEnd) {
        self.ledger.book().runs[self.of.run].end = RunEnd::of(end);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ledger.book().under_way.remove(&self.of.run);
    }
}

impl fmt::Debug for EffectLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EffectLedger").field("balances", &self.balances()).finish_non_exhaustive()
    }
}

/// One line for each run, each entry and each account.
impl fmt::Display for EffectLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.runs() {
            writeln!(f, "  {run}")?;
        }
        let entries = self.book().entries.clone();
        let runs = self.runs();
        for Noted { entry, author } in entries {
            match (author.run().map(|run| &runs[run].step), author.remark()) {
                (Some(step), "") => writeln!(f, "  {entry} (`{step}`)")?,
                (Some(step), remark) => writeln!(f, "  {entry} (`{step}`, {remark})")?,
                (None, _) => writeln!(f, "  {entry}")?,
            }
        }
        for (account, balance) in self.balances() {
            writeln!(f, "  balance of {account}: {balance}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_ledger_is_that_of_the_test_on_this_thread() {
        let ledger = EffectLedger::new();
        ledger.lend(|| EffectLedger::default().add("a", "card", 5));
        assert_eq!(ledger.balance("card"), 5);
        assert!(ledger.since_opening().is_empty(), "it stood there before");
        ledger.lend(|| EffectLedger::default().add("a", "card", 5));
        assert_eq!(ledger.balance("card"), 5, "accounts are opened once");
        EffectLedger::default().add("a", "card", 5);
        assert_eq!(ledger.balance("card"), 5, "it was lent for a while");
    }

    #[test]
    fn one_key_may_touch_two_accounts_and_gives_both_back() {
        let ledger = EffectLedger::new();
        assert!(ledger.once("a", "stock", -1) && ledger.once("a", "reserved", 1));
        assert!(!ledger.once("a", "stock", -1), "once");
        assert!(ledger.stands("a") && ledger.take_back("a") && !ledger.stands("a"));
        assert!(ledger.balances().values().all(|balance| *balance == 0), "{ledger}");
    }
}
