//! The codecs keep their contract.

use distributed_task::{
    codec::{Json, MessagePack},
    conformance,
};

#[test]
fn json_keeps_the_contract() {
    conformance::codec::run(&Json);
}

#[test]
fn message_pack_keeps_the_contract() {
    conformance::codec::run(&MessagePack);
}
