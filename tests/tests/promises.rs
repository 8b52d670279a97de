//! What a task promises, seen through the public door.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use distributed_task::prelude::*;

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().expect("no test panics while it notes").push(what.into());
    }

    fn entries(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it notes").clone()
    }
}

#[distributed_task(request = u32, response = u32, cancellable)]
struct Trip {
    log: Log,
}

#[steps]
impl Trip {
    #[step(compensate = undo_flight)]
    async fn flight(&self, request: &u32) -> StepResult<u32> {
        self.log.note("flight");
        Ok(request + 1)
    }

    async fn undo_flight(&self, flight: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo flight {flight:?}"));
        Ok(())
    }

    #[step(compensate = undo_hotel)]
    async fn hotel(&self, flight: &u32) -> StepResult<u32> {
        self.log.note("hotel");
        if *flight == 99 {
            return Err(StepError::refuse(Refusal::new("full", "no room")));
        }
        Ok(flight + 1)
    }

    async fn undo_hotel(&self, hotel: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo hotel {hotel:?}"));
        Ok(())
    }

    #[step(compensate = undo_car, retry(max = 2, backoff = "constant", delay = "3s", jitter = "none"))]
    async fn car(&self, cx: &StepContext, hotel: &u32) -> StepResult<u32> {
        self.log.note(format!("car {}", cx.attempt()));
        if *hotel == 42 {
            Err("no car")?;
        }
        Ok(hotel + 1)
    }

    async fn undo_car(&self, car: Outcome<&u32>) -> StepResult<()> {
        self.log.note(format!("undo car {car:?}"));
        Ok(())
    }

    #[response]
    fn respond(&self, car: &u32) -> u32 {
        *car
    }
}

async fn trip() -> (Task<Trip>, Log) {
    let log = Log::default();
    let task = Trip::builder().log(log.clone()).use_in_process_mode().build().await;
    (task.expect("it builds"), log)
}

#[tokio::test(start_paused = true)]
async fn steps_run_in_order() {
    let (task, log) = trip().await;
    let saga = task.submit(1).await.expect("submitted");
    let outcome = saga.outcome().await.expect("an outcome");
    assert!(matches!(outcome, SagaOutcome::Completed(4)), "{outcome:?}");
    assert_eq!(log.entries(), ["flight", "hotel", "car 1"]);
    assert!(task.shutdown(Duration::from_secs(1)).await.in_time);
}

#[tokio::test(start_paused = true)]
async fn undo_runs_in_reverse() {
    let (task, log) = trip().await;
    let saga = task.submit(39).await.expect("submitted");
    let begun = tokio::time::Instant::now();
    let outcome = saga.outcome().await.expect("an outcome");
    println!("{outcome:?} {:?}", begun.elapsed());
    assert_eq!(log.entries(), Vec::<String>::new());
}
