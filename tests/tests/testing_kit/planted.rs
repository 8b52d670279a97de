//! Planted bugs: each passes an ordinary test, and is found by the matrix, which says what is wrong.

use std::sync::Mutex;

use distributed_task::{
    builder::TaskBuilder,
    prelude::*,
    testing::{CrashFailure, EffectLedger, TestHost, crash_matrix},
};

/// What is wrong with the saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// The refund pays back each time it is asked to.
    RefundsAgain,
    /// The card is charged each time.
    ChargesAgain,
    /// What is put back is still reserved.
    ForgetsThePart,
    /// What nobody knows of did not happen.
    UnknownIsNothing,
    /// What nobody knows of is an error.
    UnknownIsRefused,
    /// A repetition is refused, as if the first one had not been there.
    RefusesARepetition,
    /// It asks a dead process.
    RemembersInTheProcess,
    /// The answer names the attempt.
    AnswersTheAttempt,
}

#[distributed_task(request = i64, response = String)]
struct Buy {
    shop: EffectLedger,
    bug: Bug,
    seen: Mutex<Option<i64>>,
}

#[steps]
impl Buy {
    #[step(compensate = put_back)]
    async fn reserve(&self, cx: &StepContext, request: &i64) {
        *self.seen.lock().expect("nobody panics") = Some(*request);
        self.shop.once(cx.idempotency_key(), "stock", -1);
        self.shop.once(cx.idempotency_key(), "reserved", 1);
    }

    async fn put_back(&self, cx: &UndoContext) {
        if self.bug == Bug::ForgetsThePart {
            if self.shop.stands(&cx.step_key()) && !self.shop.stands(&cx.idempotency_key()) {
                self.shop.once(cx.idempotency_key(), "stock", 1);
            }
            return;
        }
        self.shop.take_back(cx.step_key());
    }

    #[step(compensate = refund)]
    async fn charge(&self, cx: &StepContext, request: &i64) -> StepResult<i64> {
        let key = cx.idempotency_key();
        if self.bug == Bug::RemembersInTheProcess {
            let seen = *self.seen.lock().expect("nobody panics");
            seen.ok_or_else(|| Refusal::new("lost", "nobody remembers the amount"))?;
        }
        if self.bug == Bug::ChargesAgain {
            self.shop.add(key, "card", *request);
            return Ok(*request);
        }
        if !self.shop.once(key, "card", *request) && self.bug == Bug::RefusesARepetition {
            Err(Refusal::new("again", "this was charged before"))?;
        }
        Ok(match self.bug {
            Bug::AnswersTheAttempt => cx.attempt().into(),
            _ => *request,
        })
    }

    async fn refund(
        &self,
        cx: &UndoContext,
        charge: Outcome<&i64>,
        request: &i64,
    ) -> StepResult<()> {
        match (self.bug, charge) {
            (Bug::UnknownIsNothing, Outcome::Unknown) => Ok(()),
            (Bug::UnknownIsRefused, Outcome::Unknown) => {
                Err(Refusal::new("unknown", "there is no receipt"))?
            }
            (Bug::ChargesAgain, _) => {
                if self.shop.stands(&cx.step_key()) {
                    self.shop.once(cx.idempotency_key(), "card", -request);
                }
                Ok(())
            }
            (Bug::RefundsAgain, _) => {
                if self.shop.stands(&cx.step_key()) {
                    self.shop.add(cx.idempotency_key(), "card", -request);
                }
                Ok(())
            }
            _ => {
                self.shop.take_back(cx.step_key());
                Ok(())
            }
        }
    }

    #[step(compensate = call_back)]
    async fn ship(&self, cx: &StepContext) {
        self.shop.once(cx.idempotency_key(), "parcels", 1);
    }

    async fn call_back(&self, cx: &UndoContext) {
        self.shop.take_back(cx.step_key());
    }

    #[response]
    fn respond(&self, charge: &i64) -> String {
        format!("{charge} paid")
    }
}

fn buy(bug: Bug) -> impl Fn(EffectLedger) -> TaskBuilder<Buy> + Send + Sync + 'static {
    move |ledger| Buy::builder().shop(ledger).bug(bug).seen(Mutex::default()).use_in_process_mode()
}

/// What the matrix says of a bug that two ordinary tests do not find.
async fn found(bug: Bug) -> CrashFailure {
    let test = TestHost::new(buy(bug));
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Completed(_))));
    let balances = test.ledger().balances();
    assert_eq!((balances["card"], balances["stock"], balances["parcels"]), (1200, -1, 1));
    let test = TestHost::new(buy(bug)).refuse("ship", Refusal::new("no", "no carrier"));
    assert!(matches!(test.run(1200).await, Ok(SagaOutcome::Compensated { .. })));
    assert_eq!((test.ledger().balance("card"), test.ledger().balance("stock")), (0, 0));
    let matrix = crash_matrix::<Buy>(1200).task(buy(bug));
    matrix.try_check().await.expect_err("it is found")
}

/// What is broken at a point.
#[track_caller]
fn says(failure: &CrashFailure, point: &str, broken: &[&str]) {
    assert_eq!(failure.broken(point), broken, "{failure}");
}

#[tokio::test]
async fn without_a_bug_nothing_is_found() {
    crash_matrix::<Buy>(1200).task(buy(Bug::None)).check().await;
}

#[tokio::test]
async fn inv6_an_undo_that_is_not_idempotent() {
    let failure = found(Bug::RefundsAgain).await;
    let points: Vec<_> = failure.points().collect();
    // Where its process dies before it is written that it is undone, and where it runs twice.
    assert_eq!(points, ["buy/charge.lost:4:before", "buy/ship.lost:6:before", "buy/ship.twice"]);
    let twice = "INV6: `card` stands at -1200, and stood at 0 before the saga, which went back: \
                 `charge` +1200, undo of `charge` -1200, undo of `charge` -1200";
    for point in points {
        says(&failure, point, &[twice]);
    }
}

#[tokio::test]
async fn inv3_a_step_that_is_not_idempotent() {
    let failure = found(Bug::ChargesAgain).await;
    let twice = "INV3: `card` stands at 2400, and at 1200 when nothing goes wrong: \
                 `charge` +1200, `charge` +1200";
    says(&failure, "buy/plain:3:before", &[twice]);
    says(&failure, "buy/twice", &[twice]);
    let once = "INV6: `card` stands at 1200, and stood at 0 before the saga, which went back: \
                `charge` +1200, `charge` +1200, undo of `charge` -1200";
    says(&failure, "buy/ship.lost:3:before", &[once]);
    assert_eq!(failure.points().count(), 5, "{failure}");
}

#[tokio::test]
async fn inv6_an_undo_that_forgets_a_part() {
    let failure = found(Bug::ForgetsThePart).await;
    let forgot = "INV6: `reserved` stands at 1, and stood at 0 before the saga, which went back: \
                  `reserve` +1";
    // Every way back, and nothing is swept that fails without a crash.
    let ways = ["reserve.lost", "charge.lost", "charge.fails", "charge.refused"];
    let more = ["ship.lost", "ship.fails", "ship.refused", "ship.twice"];
    let points: Vec<_> = ways.iter().chain(&more).map(|way| format!("buy/{way}")).collect();
    assert!(failure.points().eq(points.iter()), "{failure}");
    says(&failure, "buy/ship.refused", &[forgot]);
}

#[tokio::test]
async fn inv6_an_undo_that_takes_unknown_for_nothing() {
    let failure = found(Bug::UnknownIsNothing).await;
    assert!(failure.points().eq(["buy/charge.lost"]), "{failure}");
    let stands = "INV6: `card` stands at 1200, and stood at 0 before the saga, which went back: \
                  `charge` +1200";
    says(&failure, "buy/charge.lost", &[stands]);
}

#[tokio::test]
async fn inv14_an_undo_that_gives_up_on_unknown() {
    let failure = found(Bug::UnknownIsRefused).await;
    assert!(failure.points().eq(["buy/charge.lost", "buy/charge.fails"]), "{failure}");
    let stuck = "INV14: it should be undone, and is waiting for an operator: charge: undo ended, \
                 generation 0, attempt 1: refused: there is no receipt (unknown)";
    says(&failure, "buy/charge.fails", &[stuck]);
}

#[tokio::test]
async fn inv14_a_step_that_refuses_a_repetition() {
    let failure = found(Bug::RefusesARepetition).await;
    let undone = "INV14: it should be completed, and is undone: goes back: `charge` refused: this \
                  was charged before (again)";
    let stands = "INV6: `card` stands at 1200, and stood at 0 before the saga, which went back: \
                  `charge` +1200";
    says(&failure, "buy/plain:3:before", &[undone, stands]);
    says(&failure, "buy/twice", &[undone, stands]);
    says(&failure, "buy/ship.lost:3:before", &[stands]);
}

#[tokio::test]
async fn inv14_a_step_that_asks_a_dead_process() {
    let failure = found(Bug::RemembersInTheProcess).await;
    let undone = "INV14: it should be completed, and is undone: goes back: `charge` refused: \
                  nobody remembers the amount (lost)";
    says(&failure, "buy/plain:2:after", &[undone]);
    let stands = "INV6: `card` stands at 1200, and stood at 0 before the saga, which went back: \
                  `charge` +1200";
    // It had charged the card before it died, and says now that it did not.
    says(&failure, "buy/plain:3:before", &[undone, stands]);
    says(&failure, "buy/ship.lost:3:before", &[stands]);
    assert_eq!(failure.points().count(), 3, "{failure}");
}

#[tokio::test]
async fn inv5_an_answer_that_is_another_one_each_time() {
    let failure = found(Bug::AnswersTheAttempt).await;
    let other = "INV5: it answers \"2 paid\", and \"1 paid\" when nothing goes wrong; when that is \
                 meant, say `.any_response()`";
    assert!(failure.points().eq(["buy/plain:2:after", "buy/plain:3:before"]), "{failure}");
    says(&failure, "buy/plain:2:after", &[other]);
    let matrix = crash_matrix::<Buy>(1200).task(buy(Bug::AnswersTheAttempt));
    matrix.any_response().check().await;
}

#[tokio::test]
async fn a_failure_says_where_what_and_how_to_run_it_again() {
    let text = found(Bug::RefundsAgain).await.to_string();
    let in_order = [
        "crash matrix of `buy`: 3 of ",
        "CRASH_POINT=\"buy/charge.lost:4:before\" cargo test \
         planted::a_failure_says_where_what_and_how_to_run_it_again",
        "at: `charge` runs, and its answer is lost for good",
        "write 4 of 5: the process dies before it",
        "charge: undo ended, generation 0, attempt 1: done",
        "reserve: undo intended, generation 0",
        "broken:\n  INV6: `card` stands at -1200",
        "records:",
        "  0     0.000 s  fence ",
        "  started",
        "goes back: `charge` failed: failed by the test",
        "ledger:",
        "undo of `charge`, attempt 2 under dt-",
        "card +1200 under dt-",
        "balance of card: -1200",
        "also buy/ship.lost:6:before: INV6: `card` stands at -1200",
        "also buy/ship.twice: INV6: `card` stands at -1200",
    ];
    let mut rest = &*text;
    for words in in_order {
        let at = rest.find(words).unwrap_or_else(|| panic!("`{words}` is missing:\n{text}"));
        rest = &rest[at + words.len()..];
    }
}

/// A card that is charged at most once, by code that tries again itself.
#[distributed_task(request = i64, response = (), durability = "process")]
struct Impatient {
    shop: EffectLedger,
    calls: u32,
}

#[steps]
impl Impatient {
    #[step(compensate = refund, at_most_once)]
    async fn charge(&self, cx: &StepContext, request: &i64) {
        for _ in 0..self.calls {
            self.shop.once(cx.idempotency_key(), "card", *request);
        }
    }

    async fn refund(&self, cx: &UndoContext) {
        self.shop.take_back(cx.step_key());
    }

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn e3_at_most_once_and_called_twice_by_its_own_code() {
    let impatient =
        |calls| move |shop| Impatient::builder().shop(shop).calls(calls).use_in_process_mode();
    crash_matrix::<Impatient>(5).task(impatient(1)).check().await;
    let failure = crash_matrix::<Impatient>(5).task(impatient(2)).try_check().await;
    let failure = failure.expect_err("it is found");
    assert!(failure.points().eq(["impatient/plain"]), "{failure}");
    let twice = "E3: `charge` is at most once, and its code called the outside 2 times: `card` +5 \
                 under one key";
    says(&failure, "impatient/plain", &[twice]);
    assert!(failure.to_string().contains("at: nothing is made to go wrong\n"), "{failure}");
}

/// Forgets to strike what its API host registered, and what it sent it believes not sent.
#[derive(Default)]
#[distributed_task(request = (), response = ())]
struct Forgetful {
    desk: EffectLedger,
}

#[steps]
impl Forgetful {
    #[step(host = "api", compensate = forget)]
    async fn register(&self, cx: &StepContext) {
        self.desk.once(cx.idempotency_key(), "letters", 1);
    }

    #[step(compensate = forget, probe = was_sent)]
    async fn send(&self, cx: &StepContext) {
        self.desk.add(cx.idempotency_key(), "sent", 1);
    }

    async fn was_sent(&self) -> StepResult<Probe<()>> {
        Ok(Probe::DidNot)
    }

    async fn forget(&self) {}

    #[response]
    fn respond(&self) {}
}

#[tokio::test]
async fn records_are_told_in_words() {
    for (point, words) in [
        ("forgetful/plain:2:before", "goes back: the host that began it died"),
        (
            "forgetful/plain:3:before",
            "send: probe ended, generation 0, attempt 1: it did not happen",
        ),
    ] {
        let failure = crash_matrix::<Forgetful>(()).at(point).try_check().await;
        let text = failure.expect_err("it is found").to_string();
        assert!(text.contains(words), "{text}");
        for debug in ["{ ", "Some(", "Timestamp", "Abandoned", "Parked("] {
            assert!(!text.contains(debug), "`{debug}`:\n{text}");
        }
    }
}
