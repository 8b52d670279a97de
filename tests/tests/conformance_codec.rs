//! The codecs keep their contract.

use distributed_task::{codec::Json, conformance};

#[test]
fn json_keeps_the_contract() {
    conformance::codec::run(&Json);
}
