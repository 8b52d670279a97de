//! The clocks keep their contract.

use std::sync::Arc;

use distributed_task::{
    clock::{SystemClock, TokioClock},
    conformance::{self, clock::Subject},
    kernel::Timestamp,
};

#[tokio::test]
async fn the_clock_of_the_machine_keeps_the_contract() {
    conformance::clock::run(async || Subject {
        clock: Arc::new(SystemClock::default()),
        // Nothing moves this clock but time itself.
        advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_the_runtime_keeps_the_contract_while_time_is_paused() {
    conformance::clock::run(async || Subject {
        clock: Arc::new(TokioClock::starting_at(Timestamp(1_000_000))),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_of_the_runtime_keeps_the_contract_while_time_flows() {
    conformance::clock::run(async || Subject {
        clock: Arc::new(TokioClock::starting_at(Timestamp(0))),
        advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
    })
    .await;
}
