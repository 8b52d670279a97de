//! What a probe answers.

/// Whether a step happened, as its probe sees it (E3).
///
/// A step that timed out, panicked, or lost its host may have happened or not. A probe looks:
/// `probe = method` on the step names a method that returns this, or a
/// [`StepResult`](crate::StepResult) of it. It is asked before the step is run again and before it
/// is undone. There is no fourth answer; a probe that fails is asked again, and in the end counts as
/// [`CannotTell`](Self::CannotTell).
///
/// ```
/// use distributed_task::prelude::*;
/// # use std::{collections::HashMap, sync::Mutex};
///
/// # #[derive(Default)]
/// # struct Bank(Mutex<HashMap<String, u64>>);
/// # impl Bank {
/// #     async fn charge(&self, key: String, amount: u64) -> std::io::Result<u64> {
/// #         self.0.lock().expect("nobody panics").insert(key, amount);
/// #         Err(std::io::Error::other("the line is dead"))
/// #     }
/// #     async fn find(&self, key: &str) -> std::io::Result<Option<u64>> {
/// #         Ok(self.0.lock().expect("nobody panics").get(key).copied())
/// #     }
/// # }
/// #[distributed_task(request = u64, response = u64)]
/// struct Charge {
///     bank: Bank,
/// }
///
/// #[steps]
/// impl Charge {
///     #[step(pivot, at_most_once, probe = find_charge)]
///     async fn charge(&self, cx: &StepContext, request: &u64) -> StepResult<u64> {
///         Ok(self.bank.charge(cx.idempotency_key(), *request).await?)
///     }
///
///     async fn find_charge(&self, cx: &ProbeContext) -> StepResult<Probe<u64>> {
///         Ok(match self.bank.find(&cx.step_key()).await? {
///             Some(amount) => Probe::Happened(amount),
///             None => Probe::DidNot,
///         })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let charges = Charge::builder().bank(Bank::default()).use_in_process_mode().build().await?;
/// // The line died after the money had gone, so the attempt failed; the probe found the charge.
/// let outcome = charges.submit(40).await?.outcome().await?;
/// assert!(matches!(outcome, SagaOutcome::Completed(40)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe<T> {
    /// An attempt of the step happened, and this is what it returned, or would have.
    Happened(T),
    /// No attempt had an effect, and none will: none is on its way any more.
    DidNot,
    /// Nobody can say.
    CannotTell,
}
