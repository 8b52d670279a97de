//! Those who submit sagas and wait for their ends, and those who tell them something.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    code::Drawn,
    plan::{MailPlan, SagaPlan, Word},
    process::{Outside, Process},
    scene::lock,
    show::short,
    world::BY_WORD,
};
use crate::{
    OutcomeError, SagaHandle, SagaOutcome, SubmitError,
    kernel::{EntryId, Letter, Mail, SagaId, SagaStatus, Value},
};

/// How long a client waits before it tries again.
const AGAIN: Duration = Duration::from_secs(2);
/// A submit that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What clients have heard.
#[derive(Default)]
pub(super) struct Heard {
    /// Starts that were acknowledged: the name of the saga, and its id.
    pub(super) accepted: Mutex<Vec<(u64, SagaId)>>,
    /// The last end that somebody heard of, and whether it may still change.
    pub(super) ends: Mutex<BTreeMap<SagaId, (SagaStatus, bool)>>,
    /// Sagas that somebody waits for in a process that runs.
    pub(super) waiting: Mutex<BTreeMap<SagaId, Vec<Arc<Process>>>>,
}

/// Submits a saga, again and again under a key, and waits for its end.
pub(super) async fn submits(outside: Outside, heard: Arc<Heard>, saga: SagaPlan) {
    sleep(saga.at).await;
    let hosts = outside.scene.plan.hosts.len();
    for attempt in 0.. {
        // Whoever tries again may come to another host.
        let process = outside.process((saga.host + attempt) % hosts).await;
        let submitted = async {
            match saga.keyed {
                true => {
                    let key = format!("key-{}", saga.name);
                    process.task.submit_with_key(key, saga.name).await
                }
                false => process.task.submit(saga.name).await,
            }
        };
        let submitted = tokio::select! {
            biased;
            () = process.gate.dies() => None,
            submitted = timeout(PATIENCE, submitted) => Some(submitted),
        };
        match submitted {
            Some(Ok(Ok(handle))) => {
                outside.scene.count("starts acknowledged");
                outside.scene.trace("client", || {
                    format!("saga {} is accepted as {}", saga.name, short(handle.id()))
                });
                lock(&heard.accepted).push((saga.name, handle.id()));
                lock(&heard.waiting).entry(handle.id()).or_default().push(Arc::clone(&process));
                tokio::spawn(waits(outside, heard, process, handle));
                return;
            }
            Some(Ok(Err(error))) => {
                outside.scene.count("starts failed");
                outside.scene.trace("client", || format!("saga {}: {error}", saga.name));
                let again = matches!(error, SubmitError::ShuttingDown { .. });
                if !saga.keyed && !again {
                    return;
                }
            }
            Some(Err(_)) => {
                outside.scene.note(format!("INV14: submit of saga {} hangs", saga.name));
                return;
            }
            None if saga.keyed => {}
            None => return,
        }
        sleep(AGAIN).await;
    }
}

/// Waits for the end in the process that submitted it.
async fn waits(
    outside: Outside,
    heard: Arc<Heard>,
    process: Arc<Process>,
    handle: SagaHandle<Drawn>,
) {
    loop {
        let outcome = tokio::select! {
            biased;
            () = process.gate.dies() => return,
            outcome = handle.outcome() => outcome,
        };
        process.gate.passes().await;
        let end = match outcome {
            Ok(SagaOutcome::Completed(name)) => {
                let asked = lock(&heard.accepted).contains(&(name, handle.id()));
                if !asked {
                    outside.scene.note(format!("{} has the response of another", handle.id()));
                }
                (SagaStatus::Completed, false)
            }
            Ok(SagaOutcome::Compensated { settled, .. }) => (SagaStatus::Compensated, !settled),
            Ok(SagaOutcome::Cancelled { settled, .. }) => (SagaStatus::Cancelled, !settled),
            Ok(SagaOutcome::Killed { .. }) => (SagaStatus::Killed, false),
            Err(OutcomeError::HostGone { .. }) => {
                lock(&heard.waiting).remove(&handle.id());
                return;
            }
            Err(_) => {
                // It needs somebody, or the store does not answer.
                sleep(AGAIN).await;
                continue;
            }
        };
        outside.scene.trace("client", || format!("hears that {} is {}", short(handle.id()), end.0));
        lock(&heard.ends).insert(handle.id(), end);
        return;
    }
}

/// Tells a saga something, if it is there by then.
pub(super) async fn tells(outside: Outside, mail: MailPlan, nth: usize) {
    sleep(mail.at).await;
    let Some(saga) = find(&outside, mail.saga) else { return };
    let letter = letter(mail.word);
    let id = EntryId(Uuid::from_u128(0xfeed_0000 + nth as u128));
    if let Ok(told) = outside.store.tell(saga, Mail { id, letter }) {
        outside.scene.trace("client", || format!("tells {}: {told:?}", short(saga)));
        outside.scene.count("letters");
    }
}

pub(super) fn letter(word: Word) -> Letter {
    let (evidence, by) = ("seen".to_owned(), "alice".to_owned());
    match word {
        Word::Cancel => Letter::Cancel { reason: "a change of mind".to_owned() },
        Word::Kill => Letter::Kill { reason: "enough".to_owned(), by },
        Word::Unpark => Letter::Unpark { by },
        Word::MarkUndone(step) => Letter::MarkDone { step, output: None, evidence, by },
        Word::MarkDone(step) => {
            Letter::MarkDone { step, output: Some(Value::journaled(BY_WORD)), evidence, by }
        }
        Word::MarkNotDone(step) => Letter::MarkNotDone { step, evidence, by },
        Word::Waive(step) => Letter::Waive { step, reason: "small".to_owned(), by },
    }
}

/// The latest saga of this name that the store knows.
fn find(outside: &Outside, name: u64) -> Option<SagaId> {
    let mut sagas = outside.store.places().into_iter().map(|(saga, _)| saga);
    sagas.rfind(|saga| outside.store.name(*saga) == Some(name))
}
