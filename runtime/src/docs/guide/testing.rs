//! Testing a saga: an ordinary test, a scripted one, and a crash around every write.
//!
//! The kit is in [`testing`](crate::testing), behind the feature `testing`: say
//! `distributed-task = { .., features = ["testing"] }` under `[dev-dependencies]`.
//!
//! # A fake and its ledger
//!
//! A saga calls services, and what it leaves there is what a test has to look at. A fake writes that
//! to an [`EffectLedger`](crate::testing::EffectLedger): which account, by how much, under which key.
//! [`once`](crate::testing::EffectLedger::once) is a service that knows a repeated call by its key,
//! [`add`](crate::testing::EffectLedger::add) one that does not.
//!
//! Here is a shop with a mistake in it.
//!
//! ```
//! use distributed_task::{prelude::*, testing::{EffectLedger, TestHost, crash_matrix}};
//!
//! /// A payment service: it knows a charge by its key, and pays back whatever it is asked to.
//! #[derive(Clone, Default)]
//! struct FakeCards(EffectLedger);
//!
//! impl FakeCards {
//!     fn charge(&self, key: String, cents: i64) {
//!         self.0.once(key, "card", cents);
//!     }
//!
//!     fn was_charged(&self, key: &str) -> bool {
//!         self.0.stands(key)
//!     }
//!
//!     fn pay_back(&self, key: String, cents: i64) {
//!         self.0.add(key, "card", -cents);
//!     }
//! }
//!
//! #[derive(Default)]
//! #[distributed_task(request = i64, response = ())]
//! struct Order {
//!     cards: FakeCards,
//! }
//!
//! #[steps]
//! impl Order {
//!     #[step(compensate = refund)]
//!     async fn charge(&self, cx: &StepContext, request: &i64) {
//!         self.cards.charge(cx.idempotency_key(), *request);
//!     }
//!
//!     async fn refund(&self, cx: &UndoContext, request: &i64) {
//!         // Nobody may know whether it happened: the service does.
//!         if self.cards.was_charged(&cx.step_key()) {
//!             self.cards.pay_back(cx.idempotency_key(), *request);
//!         }
//!     }
//!
//!     #[step(no_undo = "the carrier is told by letter")]
//!     async fn ship(&self) -> StepResult<()> {
//!         Ok(())
//!     }
//!
//!     #[response]
//!     fn respond(&self) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An ordinary test: the carrier refuses, and the customer has their money back.
//! let order = |ledger| Order::builder().cards(FakeCards(ledger)).use_in_process_mode();
//! let test = TestHost::new(order).refuse("ship", Refusal::new("full", "no room on the van"));
//! assert!(matches!(test.run(1200).await?, SagaOutcome::Compensated { .. }));
//! assert_eq!(test.ledger().balance("card"), 0);
//!
//! // A crash around every write, in one line; `check` would panic with the same words.
//! let failure = crash_matrix::<Order>(1200).try_check().await.expect_err("it is found");
//! let point = failure.points().next().expect("there is one");
//! assert_eq!(point, "order/charge.lost:3:before");
//! assert_eq!(
//!     failure.broken(point),
//!     ["INV6: `card` stands at -1200, and stood at 0 before the saga, which went back: `charge` \
//!       +1200, undo of `charge` -1200, undo of `charge` -1200"],
//! );
//! assert!(failure.replay().starts_with("CRASH_POINT=\"order/charge.lost:3:before\" cargo test"));
//! assert!(failure.to_string().starts_with("crash matrix of `order`: 3 of 48 runs failed."));
//! # Ok(())
//! # }
//! ```
//!
//! The ordinary test is right: the money is back. It is back twice when a process dies between the
//! refund and the write that says so. Whoever takes over cannot know that it was paid, and asks
//! again: an undo runs at least once (C10). The failure goes on with the records, the ledger, and
//! the line that runs just this again:
//!
//! ```text
//! crash matrix of `order`: 3 of 48 runs failed. To run the first again:
//!
//!   CRASH_POINT="order/charge.lost:3:before" cargo test orders::every_crash
//!
//! at: `charge` runs, and its answer is lost for good
//!     write 3 of 3: the process dies before it
//!       charge: undo ended, generation 0, attempt 1: done
//!       finished: undone, for `charge` failed: failed by the test; not settled
//! broken:
//!   INV6: `card` stands at -1200, and stood at 0 before the saga, which went back: ..
//! records:
//!     0     0.000 s  fence 0  started
//!     1     0.000 s  fence 0  charge: step intended, generation 0
//!     ..
//! ```
//!
//! # The fix
//!
//! The undo has a key of its own, which is the same each time: a service that keeps keys pays back
//! once. Better still is one that takes a charge back by the key of that charge, and refuses it when
//! it comes later: see [`undo`](super::undo).
//!
//! ```
//! # use distributed_task::{prelude::*, testing::{EffectLedger, crash_matrix}};
//! # #[derive(Clone, Default)]
//! # struct FakeCards(EffectLedger);
//! impl FakeCards {
//! #   fn charge(&self, key: String, cents: i64) {
//! #       self.0.once(key, "card", cents);
//! #   }
//!     fn take_back(&self, charged_under: String) {
//!         self.0.take_back(charged_under);
//!     }
//! }
//! # #[derive(Default)]
//! # #[distributed_task(request = i64, response = ())]
//! # struct Order {
//! #     cards: FakeCards,
//! # }
//!
//! #[steps]
//! impl Order {
//! #   #[step(compensate = refund)]
//! #   async fn charge(&self, cx: &StepContext, request: &i64) {
//! #       self.cards.charge(cx.idempotency_key(), *request);
//! #   }
//!     async fn refund(&self, cx: &UndoContext) {
//!         self.cards.take_back(cx.step_key());
//!     }
//! #   #[step(no_undo = "the carrier is told by letter")]
//! #   async fn ship(&self) -> StepResult<()> {
//! #       Ok(())
//! #   }
//! #   #[response]
//! #   fn respond(&self) {}
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let report = crash_matrix::<Order>(1200).check().await;
//! assert_eq!((report.writes, report.runs), (3, 48));
//! # }
//! ```
//!
//! # What else a test can do
//!
//! - [`TestHost`](crate::testing::TestHost) runs one saga as you script it: `fail_once`, `hang`,
//!   `panic`, `refuse`, and the same behind the effect: `lose_answer`, `hang_after`. Its clock skips
//!   time: an hour of back-off takes no time in a plain `#[tokio::test]`. It can be advanced, and
//!   restarted.
//! - The same scripts work in a matrix: a saga that fails twice, and dies around every write.
//! - What a fake remembers besides its effects it keeps in the ledger, by
//!   [`state`](crate::testing::EffectLedger::state): a matrix puts the task together again for each
//!   process, and whatever the task kept in its own fields is gone, as in production.
//! - [`CrashMatrix`](crate::testing::CrashMatrix) lists what is checked, rule by rule, what a
//!   crash may change, and what it does not find.
