//! The clocks keep their contract.

use std::sync::Arc;

use distributed_task::{
    clock::{BootClock, Clock, SystemClock, TokioClock, WakefulClock},
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

#[tokio::test(start_paused = true)]
async fn the_clock_that_goes_on_in_sleep_keeps_the_contract_while_time_is_paused() {
    conformance::clock::run(async || Subject {
        clock: Arc::new(WakefulClock::starting_at(Timestamp(1_000_000))),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clocks_that_go_on_in_sleep_keep_the_contract_while_time_flows() {
    let clocks: [Arc<dyn Clock>; 2] =
        [Arc::new(BootClock::default()), Arc::new(WakefulClock::starting_at(Timestamp(0)))];
    for clock in clocks {
        conformance::clock::run(async || Subject {
            clock: Arc::clone(&clock),
            advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
        })
        .await;
    }
}
