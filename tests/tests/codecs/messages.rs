//! Values that are `prost` messages: they are Protobuf in every journal, whatever the codec is.

use std::time::Duration;

use distributed_task::{
    OperatorAnswer, OutcomeError, SubmitError, WhyParked,
    codec::{CodecError, Json, MessagePack, encode, message, read_message},
    kernel::{Encoded, Value},
    prelude::*,
};

use crate::process::{Process, writers};

/// Nothing that serde knows.
#[derive(Clone, PartialEq, prost::Message)]
struct Order {
    #[prost(string, tag = "1")]
    to: String,
    #[prost(btree_map = "string, sint64", tag = "2")]
    amounts: std::collections::BTreeMap<String, i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Hold {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, optional, tag = "2")]
    order: Option<Order>,
}

/// `Hold` in the next release.
#[derive(Clone, PartialEq, prost::Message)]
struct LongerHold {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, optional, tag = "2")]
    order: Option<Order>,
    #[prost(double, tag = "3")]
    weight: f64,
}

/// The second step ends only in the second process.
#[distributed_task(name = "ship", request = Order, response = Hold, protobuf)]
struct Ship {
    process: usize,
}

#[steps]
impl Ship {
    #[step(protobuf, compensate = release)]
    async fn hold(&self, request: &Order) -> Hold {
        Hold { id: u64::MAX, order: Some(request.clone()) }
    }

    async fn release(&self, hold: Outcome<&Hold>) {
        assert!(matches!(hold, Outcome::Done(Hold { id: u64::MAX, .. })));
    }

    #[step(read_only, on_exhausted = "park", retry(max = 0))]
    async fn count(&self, hold: &Hold) -> StepResult<usize> {
        if self.process == 1 {
            std::future::pending::<()>().await;
        }
        let order = hold.order.as_ref().or_refuse_as("there is no order")?;
        match &*order.to {
            "nowhere" => Err(StepError::refuse(Refusal::new("nowhere", "not on the map"))),
            _ => Ok(order.amounts.len()),
        }
    }

    #[step(read_only, protobuf, on_exhausted = "park", retry(max = 0))]
    async fn check(&self, hold: &Hold, count: &usize) -> StepResult<Hold> {
        match count {
            0 => Err("there is nothing in it")?,
            _ => Ok(hold.clone()),
        }
    }

    #[response]
    fn respond(&self, check: &Hold) -> Hold {
        check.clone()
    }
}

trait OrRefuseAs<T> {
    fn or_refuse_as(self, why: &str) -> StepResult<T>;
}

impl<T> OrRefuseAs<T> for Option<T> {
    fn or_refuse_as(self, why: &str) -> StepResult<T> {
        self.ok_or_else(|| StepError::refuse(Refusal::new("no_order", why)))
    }
}

fn order(to: &str, amounts: &[(&str, i64)]) -> Order {
    let amounts = amounts.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect();
    Order { to: to.into(), amounts }
}

fn start(path: &std::path::Path, process: usize) -> Process<Ship> {
    let builder = || Ship::builder().process(process).use_in_process_mode();
    Process::start(path, builder, |builder| builder.override_codec(MessagePack))
}

/// Two processes, of which the first is left in the second step.
fn shipped(order: Order) -> (Result<SagaOutcome<Ship>, OutcomeError>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ships.db");
    let first = start(&path, 1);
    let saga = first.run(async {
        let saga = first.task.submit(order).await.expect("it is taken");
        tokio::time::sleep(Duration::from_secs(60)).await;
        saga.id()
    });
    first.leave();
    let second = start(&path, 2);
    let outcome = second.outcome(saga);
    second.leave();
    (outcome, writers(&path))
}

#[test]
fn messages_go_from_process_to_process_beside_values_of_serde() {
    let order = order("Oslo", &[("tea", 2), ("cups", -6)]);
    let (outcome, wrote) = shipped(order.clone());
    let Ok(SagaOutcome::Completed(hold)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(hold, Hold { id: u64::MAX, order: Some(order) });
    assert_eq!(wrote, ["1 msgpack/1", "4 protobuf/1"]);
}

#[test]
fn an_undo_sees_the_message_and_the_declared_error_is_that_of_serde() {
    let (outcome, wrote) = shipped(order("nowhere", &[]));
    let Ok(SagaOutcome::Compensated { cause, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(cause.to_string(), "step `count` refused: not on the map (nowhere)");
    assert!(wrote.contains(&"2 protobuf/1".to_owned()), "{wrote:?}");
}

#[test]
fn an_operator_says_the_message_that_a_step_would_have_returned() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = start(&folder.path().join("ships.db"), 2);
    let saga = process
        .run(async { process.task.submit(order("Rome", &[])).await.expect("it is taken").id() });
    let parked = process.outcome(saga).expect_err("nothing is in it");
    assert!(matches!(parked, OutcomeError::Parked { .. }), "{parked:?}");
    let alice = process.task.operator("alice");
    let said = process.run(alice.mark_done_with(saga, "check", "a hold", "by hand"));
    let error = said.expect_err("JSON is no message").to_string();
    assert!(error.contains("json/1") && error.contains("protobuf/1"), "{error}");
    let hold = Hold { id: 1, order: None };
    let said = process.run(alice.mark_done_with_message(saga, "check", &hold, "by hand"));
    assert_eq!(said.expect("it is one"), OperatorAnswer::Recorded);
    let outcome = process.outcome(saga);
    assert!(matches!(outcome, Ok(SagaOutcome::Completed(got)) if got == hold));
}

#[test]
fn i2_a_key_compares_messages_by_their_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = start(&folder.path().join("ships.db"), 2);
    process.run(async {
        let start = |order| process.task.submit_with_key("17", order);
        let first = start(order("Oslo", &[("a", 1), ("b", 2)])).await.expect("it is taken");
        let again = start(order("Oslo", &[("b", 2), ("a", 1)])).await.expect("it is the same");
        assert_eq!(again.id(), first.id());
        let other = start(order("Oslo", &[("a", 1)])).await.expect_err("it is another order");
        assert!(matches!(other, SubmitError::KeyReused { .. }), "{other:?}");
    });
}

/// The same task before its values were messages.
mod before {
    use super::*;

    #[distributed_task(name = "ship", request = u32, response = u32)]
    pub(super) struct Ship {
        pub(super) never: bool,
    }

    #[steps]
    impl Ship {
        #[step(read_only)]
        async fn hold(&self) -> u32 {
            if self.never {
                std::future::pending().await
            }
            7
        }
    }
}

mod after {
    use super::*;

    #[distributed_task(name = "ship", request = u32, response = u32, protobuf)]
    pub(super) struct Ship;

    #[steps]
    impl Ship {
        #[step(read_only, protobuf)]
        async fn hold(&self, request: &u32) -> u32 {
            *request
        }
    }
}

#[test]
fn a_value_that_became_a_message_parks_the_sagas_that_have_the_old_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ships.db");
    let builder = || before::Ship::builder().never(true).use_in_process_mode();
    let old = Process::start(&path, builder, |builder| builder);
    let saga = old.run(async {
        let saga = old.task.submit(7).await.expect("it is taken").id();
        tokio::time::sleep(Duration::from_secs(60)).await;
        saga
    });
    old.leave();
    let builder = || after::Ship::builder().use_in_process_mode();
    let new = Process::start(&path, builder, |builder| builder);
    let error = new.outcome(saga).expect_err("it is no message");
    let OutcomeError::Parked { reason: WhyParked::Undecodable { error, .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(error.contains("`json/1`, which is not protobuf/1"), "{error}");
}

#[test]
fn bytes_that_are_no_message_are_an_error() {
    let hold = Hold { id: 300, order: Some(order("Oslo", &[("tea", 2)])) };
    let whole = encode(&Json, &message(hold.clone())).expect("it is written");
    assert_eq!(read_message::<Hold>(&whole).expect("it is one"), hold);
    let longer = read_message::<LongerHold>(&whole).expect("a field is added");
    assert_eq!((longer.id, longer.weight), (300, 0.0));
    let nan = encode(&Json, &message(LongerHold { weight: f64::NAN, ..longer })).expect("written");
    assert!(read_message::<LongerHold>(&nan).expect("it is one").weight.is_nan());
    assert_eq!(read_message::<Hold>(&nan).expect("a field is passed over"), hold);

    let mut refused = 0;
    for length in 0..whole.bytes.len() {
        let cut = Encoded { bytes: whole.bytes.slice(..length), ..whole.clone() };
        match read_message::<Hold>(&cut) {
            // Between two fields it is a message, with less in it.
            Ok(less) => assert_ne!(less, hold),
            Err(CodecError::Decode { codec: "protobuf/1", .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refused > whole.bytes.len() / 2, "{refused} of {}", whole.bytes.len());
    let json = encode(&Json, &Value::journaled(7)).expect("it is written");
    assert!(matches!(read_message::<Hold>(&json), Err(CodecError::Unknown { .. })));
}
