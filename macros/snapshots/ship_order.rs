#[distributed_task(request = Order, error = ShipError, crate = sagas)]
pub(crate) struct ShipOrder;

#[steps(crate = sagas)]
impl ShipOrder {
    #[step(read_only, group = "checks", await_all)]
    async fn stock(&self, request: &Order) -> Vec<Place> {
        warehouse::places(request).await
    }

    #[step(compensate = release, group = "checks", timeout = "30s")]
    async fn hold(&self, cx: &StepContext, request: &Order) -> StepResult<Hold, ShipError> {
        bank::hold(cx.idempotency_key(), request).await
    }

    async fn release(&self, hold: Outcome<&Hold>) -> StepResult<(), ShipError> {
        bank::release(hold).await
    }

    #[step(no_undo = "the customer has read it", when = is_late)]
    async fn warn(&self, request: &Order, stock: &[Place]) -> StepResult<Mail, ShipError> {
        mail::warn(request, stock).await
    }

    fn is_late(&self, stock: &[Place]) -> bool {
        stock.is_empty()
    }

    #[step(pivot)]
    async fn charge(&self, hold: &Hold) -> StepResult<Receipt, ShipError> {
        bank::charge(hold).await
    }

    #[step(retriable)]
    fn print_label(&self, charge: &Receipt, warn: Option<&Mail>) {
        printer::label(charge, warn);
    }
}
