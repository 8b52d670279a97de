#[distributed_task(request = Order, error = ShipError, crate = sagas)]
pub(crate) struct ShipOrder;

#[steps(crate = sagas)]
impl ShipOrder {
    #[step(read_only, group = "checks", await_all)]
    async fn stock(&self, request: &Order) -> Vec<Place> {
        places(request).await
    }

    #[step(compensate = release, group = "checks", timeout = "30s")]
    async fn hold(&self, cx: &StepContext, request: &Order) -> StepResult<Hold, ShipError> {
        bank(cx).hold(request).await
    }

    async fn release(&self, hold: Outcome<&Hold>) -> StepResult<(), ShipError> {
        bank(cx).release(hold).await
    }

    #[step(no_undo = "the customer has read it", when = is_late)]
    async fn warn(&self, request: &Order, stock: &[Place]) -> StepResult<Mail, ShipError> {
        mail(request, stock).await
    }

    fn is_late(&self, stock: &[Place]) -> bool {
        stock.is_empty()
    }

    #[step(pivot)]
    async fn charge(&self, hold: &Hold) -> StepResult<Receipt, ShipError> {
        bank(cx).charge(hold).await
    }

    #[step(retriable)]
    fn print_label(&self, charge: &Receipt, warn: Option<&Mail>) {
        label(charge, warn)
    }
}
