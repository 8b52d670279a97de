#[distributed_task(request = Order, response = Receipt, timeout = "1h", durability = "process")]
pub struct PayOut {
    bank: Bank,
}

#[steps]
impl PayOut {
    #[step(compensate = release, probe = find_holds, on_exhausted = "park", was = "reserve")]
    async fn hold(&self, cx: &StepContext, request: &Order) -> PartialResult<Vec<Hold>> {
        self.bank.hold_each(cx.idempotency_key(), request).await
    }

    async fn release(&self, cx: &UndoContext, hold: Outcome<&Vec<Hold>>) -> StepResult<()> {
        self.bank.release(cx.step_key(), hold.value()).await
    }

    async fn find_holds(&self, cx: &ProbeContext) -> StepResult<Probe<Vec<Hold>>> {
        self.bank.find_holds(cx.step_key()).await
    }

    #[step(pivot, at_most_once, probe = find_payment, timeout = "30s")]
    async fn pay(&self, cx: &StepContext, hold: &[Hold]) -> StepResult<Receipt> {
        self.bank.pay(cx.idempotency_key(), hold).await
    }

    fn find_payment(&self, cx: &ProbeContext, hold: &[Hold]) -> Probe<Receipt> {
        self.bank.find_payment(cx.step_key(), hold)
    }

    #[response]
    fn respond(&self, pay: &Receipt) -> Receipt {
        pay.clone()
    }
}
