//! Many candidates of one process cost few calls.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    backend::memory::MemoryLeases,
    coordination::{Candidacy, Coordination, CoordinationOptions, Election},
    lease::{Beat, CandidateStore, LeaseError, LeaseStore, Live, LiveCandidate},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::time::Instant;

use crate::world::{hands_on, pass};

const BEAT: Duration = Duration::from_secs(10);
/// By so much a beat may be early.
const EARLY: Duration = Duration::from_millis(100);

/// When, and for which names.
type Call = (Instant, Vec<String>);

/// A store that notes who beats together, and when.
#[derive(Clone, Default)]
struct Notes {
    store: MemoryLeases,
    calls: Arc<Mutex<Vec<Call>>>,
    is_slow: Arc<AtomicBool>,
}

impl Notes {
    fn process(&self, batching: &str) -> Coordination {
        let options = format!(r#"{{ "batching": {batching} }}"#);
        let options: CoordinationOptions =
            serde_json::from_str(&options).expect("they can be read");
        let process = Coordination::on_this_runtime(self.clone());
        process.with_options(options).expect("they are right")
    }

    /// Which calls were made since then.
    fn since(&self, then: Instant) -> Vec<Call> {
        let calls = self.calls.lock().expect("nobody panics");
        calls.iter().filter(|(at, _)| then <= *at).cloned().collect()
    }
}

impl LeaseStore for Notes {
    hands_on!(store: safety try_acquire try_renew release inspect);

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        Some(self)
    }
}

impl CandidateStore for Notes {
    fn beat<'a>(&'a self, beat: Beat<'a>) -> BoxFuture<'a, Result<Live, LeaseError>> {
        self.store.beat(beat)
    }

    fn beat_all<'a>(
        &'a self,
        beats: &'a [Beat<'a>],
    ) -> BoxFuture<'a, Result<Vec<Result<Live, LeaseError>>, LeaseError>> {
        let names = beats.iter().map(|beat| beat.name.to_owned()).collect();
        self.calls.lock().expect("nobody panics").push((Instant::now(), names));
        async move {
            if self.is_slow.load(Ordering::SeqCst) {
                pass(EARLY).await;
            }
            self.store.beat_all(beats).await
        }
        .boxed()
    }

    fn list<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<LiveCandidate>, LeaseError>> {
        self.store.list(name)
    }

    fn leave<'a>(
        &'a self,
        name: &'a str,
        candidate: &'a str,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        self.store.leave(name, candidate)
    }
}

fn election(process: &Coordination, turn: usize) -> Election {
    process.election(format!("job-{turn}")).heartbeat_interval(BEAT)
}

/// For how many each call is, while a hundred candidates that began within a tenth of a second beat twice.
async fn calls(batching: &str, early: Duration) -> Vec<usize> {
    let store = Notes::default();
    let (process, begun) = (store.process(batching), Instant::now());
    let mut all: Vec<Candidacy> = Vec::new();
    for turn in 0..99 {
        all.push(election(&process, turn).start().expect("it stands"));
        pass(EARLY / 100).await;
    }
    all.push(election(&process, 99).start().expect("it stands"));
    pass(BEAT / 2).await;
    assert!(all.iter().all(Candidacy::is_leader), "nobody else stands");
    let settled = Instant::now();
    pass(BEAT * 2).await;
    drop(all);
    // None comes late, and none much too early.
    let mut last = BTreeMap::new();
    for (at, names) in store.since(begun) {
        for name in names {
            if let Some(before) = last.insert(name, at).filter(|_| settled <= at) {
                let (after, timer) = (at - before, Duration::from_millis(1));
                assert!(BEAT - early <= after && after <= BEAT + timer, "{after:?}");
            }
        }
    }
    store.since(settled).iter().map(|(_, names)| names.len()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_hundred_candidates_of_a_process_beat_in_two_calls_each_time() {
    assert_eq!(calls("{}", EARLY).await, [50; 4]);
    assert_eq!(calls(r#"{ "batch_size": 10 }"#, EARLY).await, [10; 20]);
    let none = calls(r#"{ "enable_batching": false }"#, Duration::ZERO).await;
    assert_eq!(none, [1; 200]);
}

#[tokio::test(start_paused = true)]
async fn what_candidates_say_at_once_waits_for_nobody_and_is_one_call() {
    let store = Notes::default();
    let process = store.process("{}");
    let start = |turn| election(&process, turn).start_with_health().expect("it stands");
    let all: Vec<_> = (0..3).map(start).collect();
    pass(BEAT / 2 + EARLY / 2).await;
    let turned = Instant::now();
    for (_, health) in &all {
        health.update_health(0.0);
    }
    pass(EARLY / 100).await;
    let said = store.since(turned);
    let [(at, names)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((*at, names.len()), (turned, 3));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_its_beat_is_under_way_does_not_stand_again() {
    let store = Notes::default();
    let process = store.process("{}");
    let all: Vec<_> = (0..2).map(|turn| election(&process, turn).start()).collect();
    let [Ok(leaves), Ok(stays)] = &all[..] else { panic!("{all:?}") };
    pass(BEAT - EARLY).await;
    store.is_slow.store(true, Ordering::SeqCst);
    let slow = Instant::now();
    while store.since(slow).is_empty() {
        pass(EARLY / 100).await;
    }
    leaves.stop().await;
    pass(BEAT).await;
    let [left, stood] = ["job-0", "job-1"].map(|name| process.election(name));
    assert_eq!(left.candidates().await.expect("it is memory").len(), 0);
    assert_eq!(stood.candidates().await.expect("it is memory").len(), 1, "{stays:?}");
}
