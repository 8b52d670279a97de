//! A change of the codec, process after process: what one wrote, the next goes on with.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::{
    OperatorAnswer, OutcomeError, WhyParked,
    builder::TaskBuilder,
    codec::{Json, MessagePack},
    kernel::SagaId,
    prelude::*,
};
use serde::{Deserialize, Serialize};

use crate::process::{Backwards, Process, writers};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Parcel {
    to: String,
    grams: u64,
    marks: BTreeMap<String, Vec<i8>>,
}

/// Three steps, of which each ends only in the process of its number.
#[distributed_task(request = String, response = String)]
struct Send {
    process: usize,
    undone: Arc<Mutex<Vec<String>>>,
}

#[steps]
impl Send {
    #[step(compensate = unpack)]
    async fn pack(&self, request: &str) -> Parcel {
        self.comes(1).await;
        let marks = BTreeMap::from([("fragile".into(), vec![-1, 0, 1])]);
        Parcel { to: request.to_owned(), grams: 1 << 40, marks }
    }

    async fn unpack(&self, pack: Outcome<&Parcel>) {
        self.undone.lock().expect("nobody panics under it").push(format!("{pack:?}"));
    }

    #[step(read_only, on_exhausted = "park", retry(max = 0))]
    async fn weigh(&self, pack: &Parcel) -> StepResult<u64> {
        self.comes(2).await;
        match &*pack.to {
            "nowhere" => Err(StepError::refuse(Refusal::new("nowhere", "it is not on the map"))),
            "the moon" => Err("the scales show nothing")?,
            _ => Ok(pack.grams),
        }
    }

    #[step(read_only)]
    async fn label(&self, request: &str, pack: &Parcel, weigh: &u64) -> String {
        self.comes(3).await;
        assert_eq!((&*pack.to, pack.marks["fragile"].len()), (request, 3));
        format!("{request}, {weigh} g")
    }
}

impl Send {
    async fn comes(&self, process: usize) {
        if self.process < process {
            std::future::pending().await
        }
    }
}

type Change = fn(TaskBuilder<Send>) -> TaskBuilder<Send>;

const JSON: Change = |builder| builder.override_codec(Json);
const UNSAID: Change = |builder| builder;
const MSGPACK: Change = |builder| builder.override_codec(MessagePack);
const BACKWARDS: Change = |builder| builder.override_codec(Backwards);

struct Deployment {
    folder: tempfile::TempDir,
    undone: Arc<Mutex<Vec<String>>>,
}

impl Deployment {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), undone: Arc::default() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("sends.db")
    }

    fn start(&self, process: usize, codec: Change) -> Process<Send> {
        let undone = Arc::clone(&self.undone);
        let builder = || Send::builder().process(process).undone(undone).use_in_process_mode();
        Process::start(&self.path(), builder, codec)
    }

    /// One saga in processes with these codecs, one after another.
    fn roll(&self, request: &str, codecs: [Change; 3]) -> SagaOutcome<Send> {
        let mut saga = None;
        for (number, codec) in codecs.into_iter().enumerate() {
            let process = self.start(number + 1, codec);
            let saga = *saga.get_or_insert_with(|| submit(&process, request));
            if number == 2 {
                let outcome = process.outcome(saga).expect("it ends");
                process.leave();
                return outcome;
            }
            goes_on(&process);
            process.leave();
        }
        unreachable!("the third process ends it")
    }
}

fn submit(process: &Process<Send>, request: &str) -> SagaId {
    process.run(async { process.task.submit(request.to_owned()).await.expect("it is taken").id() })
}

/// As far as it can, on virtual time.
fn goes_on(process: &Process<Send>) {
    process.run(async { tokio::time::sleep(Duration::from_secs(60)).await });
}

#[test]
fn a_saga_goes_on_under_every_change_of_the_codec() {
    for (codecs, wrote) in [
        ([JSON, MSGPACK, JSON], vec!["4 json/1", "1 msgpack/1"]),
        ([MSGPACK, UNSAID, MSGPACK], vec!["1 json/1", "4 msgpack/1"]),
        ([MSGPACK, MSGPACK, MSGPACK], vec!["5 msgpack/1"]),
        ([UNSAID, UNSAID, UNSAID], vec!["5 json/1"]),
        ([JSON, MSGPACK, BACKWARDS], vec!["2 json/1", "1 msgpack/1", "2 backwards/1"]),
    ] {
        let deployment = Deployment::new();
        let outcome = deployment.roll("Oslo", codecs);
        let SagaOutcome::Completed(label) = outcome else { panic!("{outcome:?}") };
        assert_eq!(label, "Oslo, 1099511627776 g");
        assert_eq!(writers(&deployment.path()), wrote);
    }
}

#[test]
fn a_refusal_and_what_is_undone_go_over_as_well() {
    let deployment = Deployment::new();
    let outcome = deployment.roll("nowhere", [JSON, MSGPACK, JSON]);
    let SagaOutcome::Compensated { cause, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.to_string(), "step `weigh` refused: it is not on the map (nowhere)");
    let undone = deployment.undone.lock().expect("nobody panics under it").concat();
    assert!(undone.contains("1099511627776"), "{undone}");
}

#[test]
fn a_handle_of_the_next_process_reads_the_response_of_the_last() {
    for (first, second) in [(JSON, MSGPACK), (MSGPACK, JSON)] {
        let deployment = Deployment::new();
        let process = deployment.start(3, first);
        let saga = submit(&process, "Rome");
        goes_on(&process);
        process.leave();
        let process = deployment.start(3, second);
        assert!(matches!(process.outcome(saga), Ok(SagaOutcome::Completed(_))));
    }
}

#[test]
fn a_codec_that_is_not_here_parks_the_saga_until_somebody_has_it() {
    let deployment = Deployment::new();
    let process = deployment.start(1, BACKWARDS);
    let saga = submit(&process, "Rome");
    goes_on(&process);
    process.leave();

    let process = deployment.start(3, MSGPACK);
    let error = process.outcome(saga).expect_err("nobody here can read it");
    let OutcomeError::Parked { reason: WhyParked::Undecodable { error, .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(error.contains("`backwards/1`, which this process does not have"), "{error}");
    assert!(error.contains("`.also_read(..)`"), "{error}");
    process.leave();

    let process = deployment.start(3, |builder| MSGPACK(builder).also_read(Backwards));
    let answer = process.run(process.task.operator("alice").unpark(saga)).expect("it is told");
    assert_eq!(answer, OperatorAnswer::Recorded);
    assert!(matches!(process.outcome(saga), Ok(SagaOutcome::Completed(_))));
    process.leave();
    assert_eq!(writers(&deployment.path()), ["3 msgpack/1", "2 backwards/1"]);
    assert!(deployment.undone.lock().expect("nobody panics under it").is_empty());
}

#[test]
fn an_operator_says_outputs_in_json_whatever_the_codec_is() {
    let deployment = Deployment::new();
    let process = deployment.start(3, MSGPACK);
    let saga = submit(&process, "the moon");
    assert!(matches!(process.outcome(saga), Err(OutcomeError::Parked { .. })));
    let say = |output: serde_json::Value| {
        let alice = process.task.operator("alice");
        process.run(async { alice.mark_done_with(saga, "weigh", output, "by hand").await })
    };
    let error = say("a lot".into()).expect_err("it is no number").to_string();
    assert!(error.contains("not what `weigh` returns") && error.contains("json/1"), "{error}");
    assert_eq!(say(7.into()).expect("it is one"), OperatorAnswer::Recorded);
    let outcome = process.outcome(saga).expect("it goes on");
    assert!(matches!(outcome, SagaOutcome::Completed(label) if label == "the moon, 7 g"));
}
