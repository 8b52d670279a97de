//! A look at the journal and into the buckets, by a process of its own: the test's.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read},
    time::{Duration, Instant},
};

use distributed_task::{
    SagaEvent, SagaEventKind, SagaFilter, SagaStatus, Task, TurnedBack, kernel::SagaId,
};
use futures_util::TryStreamExt;
use tokio::runtime::{self, Runtime};
use zip::ZipArchive;

use crate::{
    pack::{BUCKETS, NAMESPACE, Pack, Place, Wish},
    verdict::Ends,
};

/// What the journal says of all sagas.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) ends: Ends,
    /// When each began, in microseconds since the Unix epoch.
    pub(crate) begun: BTreeMap<String, u64>,
    /// What went back and waits for what comes late: a sweep leaves its files alone so long (C8).
    pub(crate) unsettled: BTreeSet<String>,
    /// Sagas that more than one worker worked on.
    pub(crate) taken_over: usize,
    /// Sagas whose submitter was gone before it handed them over.
    pub(crate) abandoned: usize,
}

/// What a sweep removed.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    pub(crate) objects: usize,
    pub(crate) uploads: usize,
}

/// Does something as a process that can look, and leaves.
fn look<T>(place: &Place, does: impl AsyncFnOnce(&Task<Pack>) -> T) -> T {
    runtime().block_on(async {
        let task = place.task().expect("it is an address");
        let task = task.build_api().await.expect("the servers are there");
        let done = does(&task).await;
        task.shutdown(Duration::from_secs(5)).await;
        done
    })
}

/// Waits until every saga is over, and does what operators are for; answers how many were tried again.
pub(crate) fn drain(place: &Place, deadline: Instant) -> usize {
    look(place, async |task| {
        let (operator, mut retried) = (task.operator("test"), 0);
        loop {
            let open: Vec<_> = rows(task).await;
            let open: Vec<_> = open.iter().filter(|(_, status)| !status.is_terminal()).collect();
            if open.is_empty() || Instant::now() > deadline {
                return retried;
            }
            for (id, status) in open {
                if status.needs_operator() && operator.retry(*id).await.is_ok() {
                    retried += 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
}

/// One thread, so that its clock can be set.
fn runtime() -> Runtime {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there is room for a runtime")
}

async fn rows(task: &Task<Pack>) -> Vec<(SagaId, SagaStatus)> {
    let mut rows = task.operator("test").list(SagaFilter::all());
    let mut all = Vec::new();
    while let Some(row) = rows.next().await {
        let row = row.expect("the journal answers");
        all.push((row.id, row.status));
    }
    all
}

pub(crate) fn journal(place: &Place) -> Journal {
    look(place, async |task| {
        let mut journal = Journal::default();
        for (id, status) in rows(task).await {
            let saga = task.handle(id).await.expect("it is there");
            let events = saga.history().await.expect("it can be read");
            let is_abandoned = events.iter().any(|event| {
                matches!(&event.kind, SagaEventKind::Compensating { cause: TurnedBack::Abandoned })
            });
            journal.abandoned += usize::from(is_abandoned);
            journal.taken_over += usize::from(!is_abandoned && is_taken_over(&events));
            let first = events.first().expect("it was submitted");
            journal.begun.insert(id.to_string(), first.at.0);
            let last = events.last().map(|event| &event.kind);
            if let Some(SagaEventKind::Compensated { settled: false, .. }) = last {
                journal.unsettled.insert(id.to_string());
            }
            journal.ends.insert(id.to_string(), status.to_string());
        }
        journal
    })
}

/// Whether more than one worker wrote its records, after the submitter, or attempts died with one
/// before it wrote any.
fn is_taken_over(events: &[SagaEvent]) -> bool {
    let fences = events.iter().map(|event| event.fence).filter(|fence| *fence > 0);
    let failed = |name: &str| {
        let is_one = |kind: &SagaEventKind| matches!(kind, SagaEventKind::StepFailed { step, .. } if step == name);
        events.iter().filter(|event| is_one(&event.kind)).count()
    };
    let died = events.iter().any(|event| match &event.kind {
        SagaEventKind::StepCompleted { step, attempt } => *attempt as usize > failed(step) + 1,
        _ => false,
    });
    died || fences.collect::<BTreeSet<_>>().len() > 2
}

/// What the engine does once an hour, as often as it takes until it may remove something. With
/// `unknown` also that whose saga is in no journal.
pub(crate) fn sweep(place: &Place, unknown: bool) -> Swept {
    look(place, async |task| {
        let sweeps = BUCKETS.map(|bucket| {
            let sweep = task.sweep_files(bucket).expect("there is a store");
            if unknown { sweep.delete_unknown() } else { sweep }
        });
        let mut all = Swept::default();
        let mut sweeps = Vec::from(sweeps);
        for sweep in &mut sweeps {
            sweep.look().await.expect("a look");
        }
        // The deadline of the task, and what the sweep adds for clocks.
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3_600)).await;
        tokio::time::resume();
        for sweep in &mut sweeps {
            let swept = sweep.look().await.expect("a look");
            all.objects += swept.deleted.len();
            all.uploads += swept.aborted.len();
        }
        all
    })
}

/// What is wrong with the archive of each of these, by key of the object in the second bucket.
pub(crate) fn wrong_archives(place: &Place, all: &BTreeMap<String, Wish>) -> Vec<(String, String)> {
    // No process of the task: to compare takes long, and one that is silent so long loses its seat.
    runtime().block_on(async {
        let files = place.files().expect("it is an address");
        let mut wrong = Vec::new();
        for (key, wish) in all {
            let read = async {
                let pieces = files.store().download(BUCKETS[1], key).await;
                let pieces = pieces.map_err(|why| why.to_string())?;
                let pieces: Vec<_> = pieces.try_collect().await.map_err(|why| why.to_string())?;
                compare(pieces.concat(), wish)
            };
            if let Err(why) = read.await {
                wrong.push((key.clone(), why));
            }
        }
        wrong
    })
}

fn compare(archive: Vec<u8>, wish: &Wish) -> Result<(), String> {
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(|why| why.to_string())?;
    if archive.len() != wish.sizes.len() {
        return Err(format!("it has {} files", archive.len()));
    }
    for (name, content) in wish.files() {
        let mut found = archive.by_name(&name).map_err(|why| format!("{name}: {why}"))?;
        let mut packed = Vec::new();
        found.read_to_end(&mut packed).map_err(|why| format!("{name}: {why}"))?;
        if packed != content {
            return Err(format!("{name} has another content"));
        }
    }
    Ok(())
}

/// The name of a key in Redis.
pub(crate) fn redis_key(name: &str) -> String {
    format!("{{{NAMESPACE}:0}}:{name}")
}
