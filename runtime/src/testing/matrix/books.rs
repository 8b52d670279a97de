//! What the ledger says: which balances must be what.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    kernel::Way,
    testing::ledger::{EffectLedger, EntryKind, LedgerEntry},
};

/// INV6: a saga that went back leaves every account as it was, but for what it reports to remain.
pub(super) fn left_as_it_was(ledger: &EffectLedger, residual: &BTreeSet<String>) -> Vec<String> {
    let mut moved = BTreeMap::<String, Vec<LedgerEntry>>::new();
    for entry in ledger.since_opening().into_iter().filter(LedgerEntry::counts) {
        let reported = ledger.step_of(&entry.key).is_some_and(|step| residual.contains(&step));
        if !reported {
            moved.entry(entry.account.clone()).or_default().push(entry);
        }
    }
    let wrong = |(account, entries): (String, Vec<LedgerEntry>)| {
        let by = entries.iter().map(|entry| entry.amount).sum::<i64>();
        let because = told(ledger, &entries);
        (by != 0).then(|| {
            let now = ledger.balance(&account);
            format!(
                "INV6: `{account}` stands at {now}, and stood at {} before the saga, which went \
                 back: {because}",
                now - by
            )
        })
    };
    moved.into_iter().filter_map(wrong).collect()
}

/// INV3, INV5: a completed saga leaves the accounts as it does when nothing goes wrong.
pub(super) fn as_without_a_crash(
    ledger: &EffectLedger,
    whole: &BTreeMap<String, i64>,
) -> Vec<String> {
    let found = ledger.balances();
    let accounts: BTreeSet<&String> = found.keys().chain(whole.keys()).collect();
    let wrong = |account: &String| {
        let of =
            |balances: &BTreeMap<String, i64>| balances.get(account).copied().unwrap_or_default();
        let (found, whole) = (of(&found), of(whole));
        let entries = ledger.since_opening();
        let entries: Vec<_> = entries
            .into_iter()
            .filter(|entry| entry.counts() && &entry.account == account)
            .collect();
        (found != whole).then(|| {
            let rule = if entries.iter().any(|entry| is_repeated(&entries, entry)) {
                "INV3"
            } else {
                "INV5"
            };
            let because = told(ledger, &entries);
            format!(
                "{rule}: `{account}` stands at {found}, and at {whole} when nothing goes wrong: \
                 {because}"
            )
        })
    };
    accounts.into_iter().filter_map(wrong).collect()
}

/// Whether the same was entered under the same key before.
fn is_repeated(entries: &[LedgerEntry], entry: &LedgerEntry) -> bool {
    entries.iter().filter(|other| *other == entry).count() > 1
}

/// E3: what never runs twice runs once, and calls the outside once.
pub(super) fn at_most_once(ledger: &EffectLedger, steps: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for step in steps {
        let runs: Vec<_> = ledger.runs().into_iter().filter(|run| &run.step == step).collect();
        let tries = runs.iter().filter(|run| run.way == Way::Do);
        if tries.clone().count() > 1 {
            wrong.push(format!("E3: `{step}` is at most once, and ran {} times", tries.count()));
            continue;
        }
        let key = tries.map(|run| run.key.clone()).next();
        let calls: Vec<LedgerEntry> = ledger
            .since_opening()
            .into_iter()
            .filter(|entry| Some(&entry.key) == key.as_ref() && entry.kind != EntryKind::TakenBack)
            .collect();
        let alike = |call: &LedgerEntry| {
            let like = |other: &&LedgerEntry| {
                (&other.account, other.amount) == (&call.account, call.amount)
            };
            calls.iter().filter(like).count()
        };
        if let Some(call) = calls.iter().find(|call| alike(call) > 1) {
            let (account, amount, times) = (&call.account, call.amount, alike(call));
            wrong.push(format!(
                "E3: `{step}` is at most once, and its code called the outside {times} times: \
                 `{account}` {amount:+} under one key"
            ));
        }
    }
    wrong
}

/// Who did what: "`charge` +1200, undo of `charge` -1200".
fn told(ledger: &EffectLedger, entries: &[LedgerEntry]) -> String {
    let runs = ledger.runs();
    let one = |entry: &LedgerEntry| {
        let amount = format!("{:+}", entry.amount);
        let back = if entry.kind == EntryKind::TakenBack { " taken back" } else { "" };
        match runs.iter().find(|run| run.key == entry.key) {
            Some(run) if run.way == Way::Undo => format!("undo of `{}` {amount}{back}", run.step),
            Some(run) => format!("`{}` {amount}{back}", run.step),
            None => format!("somebody under {} {amount}{back}", entry.key),
        }
    };
    entries.iter().map(one).collect::<Vec<_>>().join(", ")
}
