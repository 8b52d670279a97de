//! What the ledger says: which balances must be what.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    kernel::Way,
    testing::ledger::{EffectLedger, EntryKind, Noted, StepRun},
};

/// The entries since the accounts were opened, and the runs that wrote them.
pub(super) struct Books<'a> {
    ledger: &'a EffectLedger,
    entries: Vec<Noted>,
    runs: Vec<StepRun>,
}

impl<'a> Books<'a> {
    pub(super) fn of(ledger: &'a EffectLedger) -> Self {
        Self { ledger, entries: ledger.since_opening(), runs: ledger.runs() }
    }

    /// INV6: a saga that went back leaves every account as it was, but for what it reports to
    /// remain.
    pub(super) fn left_as_it_was(&self, residual: &BTreeSet<String>) -> Vec<String> {
        let mut moved = BTreeMap::<&str, Vec<&Noted>>::new();
        for noted in self.counted() {
            let reported = self.author(noted).is_some_and(|run| residual.contains(&run.step));
            if !reported {
                moved.entry(&noted.entry.account).or_default().push(noted);
            }
        }
        let wrong = |(account, entries): (&str, Vec<&Noted>)| {
            let by = entries.iter().map(|noted| noted.entry.amount).sum::<i64>();
            (by != 0).then(|| {
                let now = self.ledger.balance(account);
                format!(
                    "INV6: `{account}` stands at {now}, and stood at {} before the saga, which \
                     went back: {}",
                    now - by,
                    self.told(&entries)
                )
            })
        };
        moved.into_iter().filter_map(wrong).collect()
    }

    /// INV3, INV5: a completed saga leaves the accounts as it does when nothing goes wrong.
    pub(super) fn as_without_a_crash(&self, whole: &BTreeMap<String, i64>) -> Vec<String> {
        let found = self.ledger.balances();
        let accounts: BTreeSet<&String> = found.keys().chain(whole.keys()).collect();
        let wrong = |account: &String| {
            let of = |balances: &BTreeMap<String, i64>| {
                balances.get(account).copied().unwrap_or_default()
            };
            let (found, whole) = (of(&found), of(whole));
            let entries: Vec<_> =
                self.counted().filter(|noted| &noted.entry.account == account).collect();
            (found != whole).then(|| {
                let repeated = entries.iter().any(|noted| is_repeated(&entries, noted));
                let rule = if repeated { "INV3" } else { "INV5" };
                format!(
                    "{rule}: `{account}` stands at {found}, and at {whole} when nothing goes \
                     wrong: {}",
                    self.told(&entries)
                )
            })
        };
        accounts.into_iter().filter_map(wrong).collect()
    }

    /// E3: what never runs twice runs once, and makes no call twice under one key.
    pub(super) fn at_most_once(&self, steps: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        for step in steps {
            let is_try = |run: &&StepRun| (&run.step, run.way) == (step, Way::Do);
            let tries = self.runs.iter().filter(is_try).count();
            if tries > 1 {
                wrong.push(format!("E3: `{step}` is at most once, and ran {tries} times"));
                continue;
            }
            let is_call = |noted: &&Noted| {
                let by = self.author(noted).filter(is_try);
                by.is_some() && noted.entry.kind != EntryKind::TakenBack
            };
            let calls: Vec<&Noted> = self.entries.iter().filter(is_call).collect();
            let alike = |noted: &Noted| {
                let like = |other: &&&Noted| is_alike(other, noted);
                calls.iter().filter(like).count()
            };
            if let Some(call) = calls.iter().find(|call| alike(call) > 1) {
                let (account, amount, times) =
                    (&call.entry.account, call.entry.amount, alike(call));
                wrong.push(format!(
                    "E3: `{step}` is at most once, and its code called the outside {times} times: \
                     `{account}` {amount:+} under one key"
                ));
            }
        }
        wrong
    }

    /// I1: a key stands for one effect. Whoever keeps keys takes another one for a repetition, and
    /// does nothing.
    pub(super) fn one_key_one_effect(&self) -> Vec<String> {
        let repeated = |noted: &&Noted| noted.entry.kind == EntryKind::Repeated;
        let wrong = |noted: &Noted| {
            let is_first = |first: &&Noted| {
                let (one, other) = (&first.entry, &noted.entry);
                one.kind == EntryKind::Once
                    && (&one.key, &one.account) == (&other.key, &other.account)
            };
            let first = self.entries.iter().find(is_first)?;
            let step = |noted: &Noted| self.author(noted).map(|run| (&run.step, run.way));
            let others = step(first).zip(step(noted)).is_some_and(|(one, other)| one != other);
            let (one, other) = (first.entry.amount, noted.entry.amount);
            (others || one != other).then(|| {
                format!(
                    "I1: one key for two effects on `{}`: {}, and now {}; the second is taken for \
                     a repetition under {}",
                    noted.entry.account,
                    self.told(&[first]),
                    self.told(&[noted]),
                    noted.entry.key
                )
            })
        };
        let wrong: BTreeSet<String> =
            self.entries.iter().filter(repeated).filter_map(wrong).collect();
        wrong.into_iter().collect()
    }

    /// Whether anything was entered by a step.
    pub(super) fn heard_of(&self, step: &str) -> bool {
        self.entries.iter().any(|noted| self.author(noted).is_some_and(|run| run.step == step))
    }

    fn counted(&self) -> impl Iterator<Item = &Noted> {
        self.entries.iter().filter(|noted| noted.entry.counts())
    }

    fn author(&self, noted: &Noted) -> Option<&StepRun> {
        noted.author.run().map(|run| &self.runs[run])
    }

    /// Who did what: "`charge` +1200, undo of `charge` -1200".
    fn told(&self, entries: &[&Noted]) -> String {
        let one = |noted: &&Noted| {
            let Noted { entry, author } = noted;
            let mut what = format!("{:+}", entry.amount);
            if entry.kind == EntryKind::TakenBack {
                what.push_str(" taken back");
            }
            if !author.remark().is_empty() {
                what = format!("{what} ({})", author.remark());
            }
            match self.author(noted) {
                Some(run) if run.way == Way::Undo => format!("undo of `{}` {what}", run.step),
                Some(run) => format!("`{}` {what}", run.step),
                None => format!("somebody under {} {what}", entry.key),
            }
        };
        match entries {
            [] => "nobody entered anything".to_owned(),
            _ => entries.iter().map(one).collect::<Vec<_>>().join(", "),
        }
    }
}

/// Whether the same was entered under the same key before.
fn is_repeated(entries: &[&Noted], noted: &Noted) -> bool {
    entries.iter().filter(|other| other.entry == noted.entry).count() > 1
}

/// Whether it is the same call.
fn is_alike(one: &Noted, other: &Noted) -> bool {
    let call = |noted: &Noted| {
        let entry = &noted.entry;
        (entry.key.clone(), entry.account.clone(), entry.amount)
    };
    call(one) == call(other)
}
