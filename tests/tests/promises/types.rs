//! Two releases of a task in one process, on one journal, whose steps have the same names and other
//! types. Nothing was encoded, and still the newer one gets what it would get between two processes:
//! the value, if it can be read as the new type, and else a parked saga (E2, D2), never an undo.

use std::{sync::Arc, time::Duration};

use distributed_task::{
    OperatorAnswer, OutcomeError, SagaStatus, WhyParked, backend::memory::MemoryJournal, prelude::*,
};
use tokio::time::{sleep, timeout};

use crate::log::Log;

/// What `pay` returns, in the one release or the other.
pub trait Paid: std::fmt::Display {
    fn of(amount: u32) -> Self;
}

impl Paid for u32 {
    fn of(amount: u32) -> Self {
        amount
    }
}

impl Paid for u64 {
    fn of(amount: u32) -> Self {
        amount.into()
    }
}

/// An amount in words.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Text(String);

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Paid for Text {
    fn of(amount: u32) -> Self {
        Self(amount.to_string())
    }
}

/// A task whose `pay` returns `Pay`, and whose other steps read it in one place.
macro_rules! release {
    ($name:ident, $pay:ty, { $($items:tt)* }) => {
        pub mod $name {
            use super::super::*;

            type Pay = $pay;

            #[distributed_task(name = "grow", request = u32, response = String)]
            pub(crate) struct Grow {
                closed: bool,
                log: Log,
            }

            #[steps]
            impl Grow {
                #[step(compensate = undo_pay)]
                async fn pay(&self, request: &u32) -> Pay {
                    Pay::of(*request)
                }

                async fn undo_pay(&self, pay: Outcome<&Pay>) {
                    self.log.note(format!("refund {pay:?}"));
                }

                #[step(read_only, retry(max = 9, delay = "1h", max_delay = "1h", jitter = "none"))]
                async fn wait(&self) -> StepResult<()> {
                    if self.closed {
                        Err("closed")?;
                    }
                    Ok(())
                }

                $($items)*
            }
        }
    };
}

/// Three releases that read what was paid in one place.
macro_rules! place {
    ($place:ident, $items:tt) => {
        mod $place {
            release!(first, u32, $items);
            release!(wide, u64, $items);
            release!(text, Text, $items);
        }
    };
}

place!(step, {
    #[step(read_only)]
    async fn deliver(&self, pay: &Pay) -> String {
        format!("for {pay}")
    }
});

place!(condition, {
    fn is_much(&self, pay: &Pay) -> bool {
        pay.to_string().len() > 3
    }

    #[step(read_only, when = is_much)]
    async fn deliver(&self) {}

    #[response]
    fn respond(&self, deliver: Option<&()>) -> String {
        format!("for {}", if deliver.is_none() { "5" } else { "much" })
    }
});

place!(response, {
    #[response]
    fn respond(&self, pay: &Pay) -> String {
        format!("for {pay}")
    }
});

place!(probe, {
    #[step(no_undo = "it is on its way", at_most_once, probe = find)]
    async fn deliver(&self) -> StepResult<String> {
        Err("the line is dead")?
    }

    async fn find(&self, pay: &Pay) -> Probe<String> {
        Probe::Happened(format!("for {pay}"))
    }
});

place!(undo, {
    #[step(read_only)]
    async fn deliver(&self) -> StepResult<String> {
        Err(StepError::refuse(Refusal::new("van", "no van")))
    }
});

place!(other_undo, {
    #[step(compensate = undo_pack)]
    async fn pack(&self) {}

    async fn undo_pack(&self, pay: &Pay) {
        self.log.note(format!("unpack what cost {pay}"));
    }

    #[step(read_only)]
    async fn deliver(&self) -> StepResult<String> {
        Err(StepError::refuse(Refusal::new("van", "no van")))
    }
});

/// `pay` is called `charge` now, and is a text.
mod renamed {
    pub mod text {
        use super::super::*;

        #[distributed_task(name = "grow", request = u32, response = String)]
        pub(crate) struct Grow {
            closed: bool,
            log: Log,
        }

        #[steps]
        impl Grow {
            #[step(compensate = undo_charge, was = "pay")]
            async fn charge(&self, request: &u32) -> Text {
                Text::of(*request)
            }

            async fn undo_charge(&self) {
                self.log.note("refund");
            }

            #[step(read_only)]
            async fn wait(&self) {
                assert!(!self.closed);
            }

            #[step(read_only)]
            async fn deliver(&self, charge: &Text) -> String {
                format!("for {charge}")
            }
        }
    }
}

macro_rules! build {
    ($place:ident :: $release:ident, $journal:expr, $log:expr, closed: $closed:expr) => {
        $place::$release::Grow::builder()
            .closed($closed)
            .log($log.clone())
            .use_in_process_mode()
            .override_journal(Arc::clone(&$journal))
            .build()
            .await
            .expect("it builds")
    };
}

/// A saga of the first release that has paid and waits, and whose host has left.
macro_rules! paid {
    ($place:ident, $journal:expr, $log:expr) => {{
        let first = build!($place::first, $journal, $log, closed: true);
        let saga = first.submit(5).await.expect("submitted");
        sleep(Duration::from_secs(60)).await;
        assert!(first.shutdown(Duration::from_secs(1)).await.in_time);
        saga.id()
    }};
}

/// The answer of a saga, or what became of it.
macro_rules! outcome {
    ($saga:expr) => {
        match timeout(Duration::from_secs(7200), $saga.outcome()).await.expect("it ends") {
            Ok(SagaOutcome::Completed(response)) => Ok(response.to_string()),
            Ok(other) => Ok(format!("{other:?}")),
            Err(error) => Err(error),
        }
    };
}

/// Another release takes over: what it makes of the saga, and what was undone.
macro_rules! taken_over {
    ($began:ident, $place:ident :: $release:ident) => {{
        let (journal, log) = (Arc::new(MemoryJournal::new()), Log::default());
        let id = paid!($began, journal, log);
        let next = build!($place::$release, journal, log, closed: false);
        let saga = next.handle(id).await.expect("the journal has it");
        (outcome!(saga), log.entries())
    }};
}

/// It is parked because of what `pay` returned, for this step, and nothing was undone.
fn is_parked((outcome, undone): (Result<String, OutcomeError>, Vec<String>), at: Option<&str>) {
    let error = outcome.expect_err("nobody reads a number as a text");
    let OutcomeError::Parked { reason: WhyParked::Undecodable { step, error }, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(step.as_deref(), at);
    assert!(error.starts_with("the output of `pay`: ") && error.contains("Text"), "{error}");
    assert_eq!(undone, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn e2_d2_a_live_output_that_newer_code_cannot_read_parks_the_saga_wherever_it_is_read() {
    is_parked(taken_over!(step, step::text), Some("deliver"));
    is_parked(taken_over!(condition, condition::text), Some("deliver"));
    is_parked(taken_over!(response, response::text), None);
    is_parked(taken_over!(probe, probe::text), Some("deliver"));
    is_parked(taken_over!(undo, undo::text), Some("pay"));
    is_parked(taken_over!(other_undo, other_undo::text), Some("pack"));
    is_parked(taken_over!(step, renamed::text), Some("deliver"));
}

#[tokio::test(start_paused = true)]
async fn v1_a_live_output_is_read_as_the_type_that_newer_code_has_for_it() {
    let went_well = |taken: (Result<String, OutcomeError>, Vec<String>)| {
        assert_eq!((taken.0.expect("an outcome"), taken.1), ("for 5".to_owned(), vec![]));
    };
    went_well(taken_over!(step, step::wide));
    went_well(taken_over!(condition, condition::wide));
    went_well(taken_over!(response, response::wide));
    went_well(taken_over!(probe, probe::wide));
    let (_, undone) = taken_over!(undo, undo::wide);
    assert_eq!(undone, ["refund Done(5)"]);
    let (_, undone) = taken_over!(other_undo, other_undo::wide);
    assert_eq!(undone, ["unpack what cost 5", "refund Done(5)"]);
}

/// A release comes that cannot read it, and then one that can: how it ends, and what was undone.
macro_rules! goes_on {
    ($place:ident, parked at $steps:expr) => {{
        let (journal, log) = (Arc::new(MemoryJournal::new()), Log::default());
        let id = paid!($place, journal, log);
        let wrong = build!($place::text, journal, log, closed: false);
        let saga = wrong.handle(id).await.expect("the journal has it");
        outcome!(saga).expect_err("parked");
        let mut parked = wrong.operator("alice").parked();
        let row = parked.next().await.expect("it is listed").expect("a row");
        assert_eq!((row.id, row.steps.join(" ")), (id, $steps.to_owned()));
        wrong.shutdown(Duration::from_secs(1)).await;

        let right = build!($place::wide, journal, log, closed: false);
        let answer = right.operator("alice").unpark(id).await.expect("answered");
        assert_eq!(answer, OperatorAnswer::Recorded);
        let saga = right.handle(id).await.expect("the journal has it");
        outcome!(saga).expect("an outcome");
        (saga.status().await.expect("it is known"), log.entries())
    }};
}

#[tokio::test(start_paused = true)]
async fn d3_what_newer_code_could_not_read_goes_on_when_code_comes_that_can() {
    let completed = (SagaStatus::Completed, vec![]);
    assert_eq!(goes_on!(step, parked at "deliver"), completed);
    assert_eq!(goes_on!(condition, parked at "deliver"), completed);
    assert_eq!(goes_on!(response, parked at ""), completed);
    assert_eq!(goes_on!(probe, parked at "deliver"), completed);
    let (status, undone) = goes_on!(undo, parked at "pay");
    assert_eq!((status, undone), (SagaStatus::Compensated, vec!["refund Done(5)".to_owned()]));
}

/// What is asked for, and what is answered, has another type in each release.
macro_rules! asks {
    ($name:ident, $type:ty) => {
        mod $name {
            use super::*;

            #[distributed_task(name = "echo", request = $type, response = $type)]
            pub struct Echo {
                closed: bool,
            }

            #[steps]
            impl Echo {
                #[step(read_only, retry(max = 9, delay = "1h", max_delay = "1h", jitter = "none"))]
                async fn echo(&self, request: &$type) -> StepResult<$type> {
                    if self.closed {
                        Err("closed")?;
                    }
                    Ok(request.clone())
                }
            }
        }
    };
}

asks!(number, u32);
asks!(wide_number, u64);
asks!(word, Text);

macro_rules! echo {
    ($release:ident, $journal:expr, closed: $closed:expr) => {{
        let builder = $release::Echo::builder().closed($closed).use_in_process_mode();
        builder.override_journal(Arc::clone(&$journal)).build().await.expect("it builds")
    }};
}

#[tokio::test(start_paused = true)]
async fn e2_a_live_request_of_another_type_is_read_or_parks_the_saga() {
    for is_wide in [true, false] {
        let journal = Arc::new(MemoryJournal::new());
        let first = echo!(number, journal, closed: true);
        let id = first.submit(5).await.expect("submitted").id();
        sleep(Duration::from_secs(60)).await;
        first.shutdown(Duration::from_secs(1)).await;
        if is_wide {
            let next = echo!(wide_number, journal, closed: false);
            let saga = next.handle(id).await.expect("the journal has it");
            let outcome = timeout(Duration::from_secs(7200), saga.outcome()).await;
            let outcome = outcome.expect("it ends");
            assert!(matches!(outcome, Ok(SagaOutcome::Completed(5))), "{outcome:?}");
        } else {
            let next = echo!(word, journal, closed: false);
            let saga = next.handle(id).await.expect("the journal has it");
            let error = outcome!(saga).expect_err("a number is no word");
            assert!(matches!(error, OutcomeError::Parked { .. }), "{error}");
            assert!(error.to_string().contains("the request: "), "{error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_response_of_another_type_is_read_or_told_as_unreadable() {
    let journal = Arc::new(MemoryJournal::new());
    let first = echo!(number, journal, closed: false);
    let id = first.submit(5).await.expect("submitted").id();
    sleep(Duration::from_secs(60)).await;
    let wide = echo!(wide_number, journal, closed: false).handle(id).await.expect("it is known");
    assert!(matches!(wide.outcome().await, Ok(SagaOutcome::Completed(5))));
    let word = echo!(word, journal, closed: false).handle(id).await.expect("it is known");
    let error = word.outcome().await.expect_err("a number is no word");
    assert!(matches!(error, OutcomeError::Undecodable { .. }), "{error}");
}
