//! What must not be.

use std::collections::BTreeMap;

use distributed_task::files::key_prefix;

use crate::{
    crowd::{Errand, Heard},
    pack::{BUCKETS, Wish},
};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It was acknowledged, and the journal does not know it.
    Lost { saga: String },
    /// It is not over.
    Open { saga: String, status: String },
    /// Its customer has no answer, although nothing fails any more.
    Unanswered { key: String },
    /// Its customer was told something else than the journal says.
    WrongEnd { key: String, heard: Heard, ends: Vec<String> },
    /// It is completed, and nobody asked for it.
    Unwanted { saga: String },
    /// It belongs to a completed saga, and is not there.
    Missing { object: String },
    /// Nobody answers for it.
    Orphan { object: String },
    /// An upload that never ended, which nobody answers for.
    Unfinished { object: String },
    /// The archive is not what was asked for.
    WrongArchive { object: String, why: String },
}

/// How every saga ended, by id, from the journal.
pub(crate) type Ends = BTreeMap<String, String>;

/// Whether customers were told what the journal says, and everything is over.
pub(crate) fn of_customers(errands: &[Errand], ends: &Ends) -> Vec<Finding> {
    let is_over = |status: &str| matches!(status, "completed" | "compensated" | "cancelled");
    let open = ends.iter().filter(|(_, status)| !is_over(status));
    let mut findings: Vec<_> = open
        .map(|(saga, status)| Finding::Open { saga: saga.clone(), status: status.clone() })
        .collect();
    for errand in errands {
        let key = errand.wish.key.clone();
        let end_of = |saga: &String| ends.get(saga).cloned();
        let told: Vec<String> = errand.sagas().iter().filter_map(end_of).collect();
        let completed = told.iter().filter(|end| *end == "completed").count();
        match errand.heard {
            None => findings.push(Finding::Unanswered { key }),
            Some(heard) if completed != usize::from(heard == Heard::Completed) => {
                findings.push(Finding::WrongEnd { key, heard, ends: told });
            }
            Some(_) => {}
        }
    }
    findings
}

/// The objects of a completed saga, `bucket/key` each; the archive is the last one.
pub(crate) fn objects_of(saga: &str, wish: &Wish) -> Vec<String> {
    let below =
        |bucket: &str, step: &str| format!("{bucket}/{}", key_prefix(["pack", saga, step, "0"]));
    let sources = below(BUCKETS[0], "take");
    let sources = wish.names().enumerate().map(|(n, name)| format!("{sources}/{n}-{name}"));
    let archive = format!("{}/0-archive.zip", below(BUCKETS[1], "deliver"));
    sources.chain([archive]).collect()
}

/// Whether what lies in the buckets is what completed sagas own: neither less nor more.
pub(crate) fn of_objects(
    errands: &[Errand],
    ends: &Ends,
    objects: &[String],
    unfinished: &[String],
) -> Vec<Finding> {
    let accepted = errands.iter().flat_map(|errand| &errand.accepted);
    let wishes: BTreeMap<_, _> = accepted.map(|it| (it.saga.clone(), &it.wish)).collect();
    let mut findings = Vec::new();
    let mut owned = Vec::new();
    for (saga, _) in ends.iter().filter(|(_, status)| *status == "completed") {
        match wishes.get(saga) {
            Some(wish) => owned.extend(objects_of(saga, wish)),
            None => findings.push(Finding::Unwanted { saga: saga.clone() }),
        }
    }
    let missing = owned.iter().filter(|object| !objects.contains(object));
    findings.extend(missing.map(|object| Finding::Missing { object: object.clone() }));
    let orphans = objects.iter().filter(|object| !owned.contains(object));
    findings.extend(orphans.map(|object| Finding::Orphan { object: object.clone() }));
    let hanging = unfinished.iter();
    findings.extend(hanging.map(|object| Finding::Unfinished { object: object.clone() }));
    findings
}
