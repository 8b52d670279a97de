//! The format of records: a file that one release wrote, every later one reads.

use std::{sync::Arc, time::Duration};

use smallvec::smallvec;
use uuid::Uuid;

use super::rows;
use crate::kernel::{
    AttemptEnd, Cause, DefinitionHash, Doubt, Encoded, End, EntryId, Fingerprint, Finish, Finished,
    Group, Letter, Mail, ParkReason, Record, Refused, Residual, Started, Timestamp, Value, Way,
};

fn value(json: &'static str) -> Value {
    Value::encoded(Encoded { codec: "json/1".into(), bytes: json.into() })
}

fn refused() -> Refused {
    Refused { error: value("{}"), message: "no".to_owned() }
}

fn ended(end: End) -> Record {
    Record::Ended { step: 1, generation: 0, attempt: 2, way: Way::Do, end }
}

fn received(letter: Letter) -> Record {
    Record::Received(Box::new(Mail { id: EntryId(Uuid::from_u128(9)), letter }))
}

fn finished(finish: Finish) -> Record {
    let residual = vec![Residual { step: 0, reason: "sent".to_owned() }];
    Record::Finished(Arc::new(Finished { finish, residual, late_until: Some(Timestamp(5)) }))
}

fn by() -> String {
    "alice".to_owned()
}

fn all() -> Vec<(Record, &'static str)> {
    let started = Started {
        definition: DefinitionHash([1; 16]),
        request: value(r#"{"id":7}"#),
        deadline: Some(Timestamp(4)),
        fingerprint: Some(Fingerprint([2; 16])),
        reply_to: Some(3),
    };
    let late = Letter::Late {
        step: 1,
        generation: 0,
        attempt: 2,
        way: Way::Do,
        end: AttemptEnd::Partial(refused(), value("7")),
    };
    let mark = Letter::MarkDone {
        step: 1,
        output: Some(value("7")),
        evidence: "a receipt".to_owned(),
        by: by(),
    };
    let retry_at = Timestamp(8);
    vec![
        (
            Record::Started(Arc::new(started)),
            r#"{"started":{"definition":"01010101010101010101010101010101","request":{"json/1":{"id":7}},"deadline":4,"fingerprint":"02020202020202020202020202020202","reply_to":3}}"#,
        ),
        (
            Record::Evaluated { step: 1, verdict: true, saw: [0, 2].into() },
            r#"{"evaluated":{"step":1,"verdict":true,"saw":[0,2]}}"#,
        ),
        (
            Record::Intended { step: 1, generation: 0, way: Way::Undo },
            r#"{"intended":{"step":1,"generation":0,"way":"undo"}}"#,
        ),
        (
            ended(End::Done(value("7"))),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"done":{"json/1":7}}}}"#,
        ),
        (
            ended(End::Ephemeral),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":"ephemeral"}}"#,
        ),
        (
            ended(End::Refused(Box::new(refused()))),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"refused":{"error":{"json/1":{}},"message":"no"}}}}"#,
        ),
        (
            ended(End::Partial(Box::new(refused()), value("7"))),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"partial":[{"error":{"json/1":{}},"message":"no"},{"json/1":7}]}}}"#,
        ),
        (
            ended(End::Failed { why: Doubt::Failed("no".to_owned()), retry_at }),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"failed":{"why":{"failed":"no"},"retry_at":8}}}}"#,
        ),
        (
            ended(End::Unknown(Doubt::TimedOut)),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"unknown":"timed_out"}}}"#,
        ),
        (
            ended(End::DidNot { retry_at: None }),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"did_not":{"retry_at":null}}}}"#,
        ),
        (
            ended(End::Late(value("7"))),
            r#"{"ended":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"late":{"json/1":7}}}}"#,
        ),
        (
            received(Letter::Cancel { reason: "changed my mind".to_owned() }),
            r#"{"received":{"id":"00000000-0000-0000-0000-000000000009","letter":{"cancel":{"reason":"changed my mind"}}}}"#,
        ),
        (
            received(late),
            r#"{"received":{"id":"00000000-0000-0000-0000-000000000009","letter":{"late":{"step":1,"generation":0,"attempt":2,"way":"do","end":{"partial":[{"error":{"json/1":{}},"message":"no"},{"json/1":7}]}}}}}"#,
        ),
        (
            received(mark),
            r#"{"received":{"id":"00000000-0000-0000-0000-000000000009","letter":{"mark_done":{"step":1,"output":{"json/1":7},"evidence":"a receipt","by":"alice"}}}}"#,
        ),
        (
            received(Letter::Waive { step: 1, reason: "we pay".to_owned(), by: by() }),
            r#"{"received":{"id":"00000000-0000-0000-0000-000000000009","letter":{"waive":{"step":1,"reason":"we pay","by":"alice"}}}}"#,
        ),
        (
            Record::Compensating(Box::new(Cause::Refused { step: 1, refused: refused() })),
            r#"{"compensating":{"refused":{"step":1,"refused":{"error":{"json/1":{}},"message":"no"}}}}"#,
        ),
        (Record::Compensating(Box::new(Cause::Deadline)), r#"{"compensating":"deadline"}"#),
        (
            Record::Parked(Box::new(ParkReason::Exhausted { step: 1, why: Doubt::HostLost })),
            r#"{"parked":{"exhausted":{"step":1,"why":"host_lost"}}}"#,
        ),
        (
            finished(Finish::Completed(value("7"))),
            r#"{"finished":{"finish":{"completed":{"json/1":7}},"residual":[{"step":0,"reason":"sent"}],"late_until":5}}"#,
        ),
        (
            finished(Finish::Killed { reason: "a test".to_owned() }),
            r#"{"finished":{"finish":{"killed":{"reason":"a test"}},"residual":[{"step":0,"reason":"sent"}],"late_until":5}}"#,
        ),
    ]
}

#[test]
fn the_format_of_records_is_what_it_was() {
    for (record, text) in all() {
        let group: Group = smallvec![record];
        let written = rows::json(&group).expect("it can be written");
        assert_eq!(written, format!("[{text}]"));
        let read: Group = serde_json::from_str(&written).expect("it can be read");
        assert_eq!(rows::json(&read).expect("it can be written"), written);
    }
}

#[test]
fn a_definition_reads_back_as_the_same() {
    use crate::kernel::{Backoff, Definition, Host, Jitter, Kind, OnExhausted, Retry, Step};
    let retry =
        Retry { max: 2, backoff: Backoff::Constant, jitter: Jitter::None, ..Retry::DEFAULT };
    let step = Step {
        name: "charge".into(),
        host: Host::Api,
        stage: 0,
        group: Some("pay".into()),
        await_all: true,
        kind: Kind::NoUndo("sent".into()),
        conditional: true,
        ephemeral: false,
        inputs: vec![1],
        when_inputs: vec![],
        undo_inputs: vec![2],
        probe_inputs: vec![],
        at_most_once: true,
        probe: true,
        on_exhausted: OnExhausted::Park,
        retry,
        timeout: Duration::from_millis(1_500),
    };
    let definition = Definition {
        task: "order".into(),
        queue: "orders".into(),
        steps: vec![step],
        timeout: Some(Duration::from_secs(60)),
        cancellable: true,
    };
    let text = serde_json::to_string(&definition).expect("it can be written");
    let read: Definition = serde_json::from_str(&text).expect("it can be read");
    assert_eq!((read.hash(), &read), (definition.hash(), &definition));
}
