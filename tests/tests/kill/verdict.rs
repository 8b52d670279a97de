//! Whether the books of the world fit what the journal says in the end, and what customers were told.

use std::collections::BTreeMap;

use crate::{
    accounts::Account,
    customers::{Cancel, Fate, Order},
};

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It was acknowledged, and the journal does not know it.
    Lost { key: String },
    /// It is not over.
    Open { key: String, status: String },
    /// It ended in another way than it had to.
    WrongEnd { key: String, fate: Fate, status: String },
    /// The card was charged more than once: under two keys, for the bank knows a charge by its key.
    ChargedTwice { order: String },
    /// The bank was asked again for what it had charged: somebody did not look first.
    AskedTwice { order: String },
    /// It went back, and goods are reserved for it.
    LeftReserved { order: String },
    /// It went back, and is paid or shipped.
    NotUndone { order: String, account: Account },
    /// It is completed, and not reserved, paid and shipped exactly once.
    NotDone { order: String, account: Account },
}

/// How every order ended, by id, from the journal.
pub(crate) type Ends = BTreeMap<String, String>;

pub(crate) fn findings(
    orders: &[Order],
    ends: &Ends,
    accounts: &BTreeMap<String, Account>,
) -> Vec<Finding> {
    let told = orders.iter().filter_map(|order| end_of(order, ends));
    let stuck = |id: &str| {
        let mut all = orders.iter();
        all.any(|order| order.fate == Fate::Stuck && order.id.as_deref() == Some(id))
    };
    let mut findings: Vec<_> = told.collect();
    for (id, account) in accounts {
        let status = ends.get(id).map_or("unknown", String::as_str);
        findings.extend(judge(id, *account, status == "completed", stuck(id)));
    }
    findings
}

fn end_of(order: &Order, ends: &Ends) -> Option<Finding> {
    let (id, key) = (order.id.as_ref()?, order.key.clone());
    let Some(status) = ends.get(id).cloned() else { return Some(Finding::Lost { key }) };
    let expected = match (order.fate, order.cancelled) {
        (Fate::Fine | Fate::LostAnswer, _) | (Fate::Cancelled, Some(Cancel::TooLate)) => {
            "completed"
        }
        (Fate::Cancelled, _) => "cancelled",
        _ => "compensated",
    };
    let is_over = matches!(&*status, "completed" | "compensated" | "cancelled");
    match status == expected {
        true => None,
        false if is_over => Some(Finding::WrongEnd { key, fate: order.fate, status }),
        false => Some(Finding::Open { key, status }),
    }
}

fn judge(id: &str, account: Account, is_completed: bool, may_be_paid: bool) -> Vec<Finding> {
    let order = id.to_owned();
    let Account { reserved, cents, parcels, charges, repeats } = account;
    let mut findings = Vec::new();
    if charges > 1 {
        findings.push(Finding::ChargedTwice { order: order.clone() });
    }
    if repeats > 0 {
        findings.push(Finding::AskedTwice { order: order.clone() });
    }
    if is_completed {
        if (reserved, charges, parcels) != (1_000, 1, 1) || cents <= 0 {
            findings.push(Finding::NotDone { order, account });
        }
        return findings;
    }
    if reserved != 0 {
        findings.push(Finding::LeftReserved { order: order.clone() });
    }
    // Its undo was waived: that is what remains of it.
    let is_paid = cents != 0 && !may_be_paid;
    if is_paid || parcels != 0 {
        findings.push(Finding::NotUndone { order, account });
    }
    findings
}

/// The oracle itself finds each kind of wrong.
#[test]
fn every_claim_can_fail() {
    let fine = Account { reserved: 1_000, cents: 5, parcels: 1, charges: 1, repeats: 0 };
    assert_eq!(judge("a", fine, true, false), []);
    assert_eq!(judge("a", Account { charges: 1, ..Account::default() }, false, false), []);
    let order = || "a".to_owned();
    let wrong = |account: Account, is_completed| judge("a", account, is_completed, false);
    let twice = Account { charges: 2, ..Account::default() };
    assert_eq!(wrong(twice, false), [Finding::ChargedTwice { order: order() }]);
    let again = Account { repeats: 1, ..fine };
    assert_eq!(wrong(again, true), [Finding::AskedTwice { order: order() }]);
    let left = Account { reserved: 1_000, ..Account::default() };
    assert_eq!(wrong(left, false), [Finding::LeftReserved { order: order() }]);
    let paid = Account { cents: 5, charges: 1, ..Account::default() };
    assert_eq!(wrong(paid, false), [Finding::NotUndone { order: order(), account: paid }]);
    assert_eq!(judge("a", paid, false, true), []);
    let half = Account { parcels: 0, ..fine };
    assert_eq!(wrong(half, true), [Finding::NotDone { order: order(), account: half }]);

    let order = |id: &str, fate| Order {
        key: "k".into(),
        fate,
        id: Some(id.into()),
        cancelled: Some(Cancel::Recorded),
    };
    let ends = |end: &str| Ends::from([("a".into(), end.into())]);
    let (key, status) = (|| "k".to_owned(), |status: &str| status.to_owned());
    assert_eq!(end_of(&order("a", Fate::Fine), &ends("completed")), None);
    assert_eq!(end_of(&order("a", Fate::Cancelled), &ends("cancelled")), None);
    let lost = end_of(&order("b", Fate::Fine), &ends("completed"));
    assert_eq!(lost, Some(Finding::Lost { key: key() }));
    let open = end_of(&order("a", Fate::Fine), &ends("running"));
    assert_eq!(open, Some(Finding::Open { key: key(), status: status("running") }));
    let heedless = end_of(&order("a", Fate::Cancelled), &ends("completed"));
    let (fate, status) = (Fate::Cancelled, status("completed"));
    assert_eq!(heedless, Some(Finding::WrongEnd { key: key(), fate, status }));
}
