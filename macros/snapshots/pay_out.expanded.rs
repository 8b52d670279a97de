pub struct PayOut {
    bank: Bank,
}
/// The message that tells a worker about a saga of [`PayOut`].
#[allow(dead_code)]
pub type PayOutWorkerMessage = ::distributed_task::__private::v1::WorkerMessage<PayOut>;
/// Starts and finds the sagas of [`PayOut`].
#[allow(dead_code)]
pub type PayOutOrchestrator = ::distributed_task::__private::v1::Task<PayOut>;
/// One saga of [`PayOut`].
#[allow(dead_code)]
pub type PayOutHandle = ::distributed_task::__private::v1::SagaHandle<PayOut>;
/// How a saga of [`PayOut`] ended.
#[allow(dead_code)]
pub type PayOutOutcome = ::distributed_task::__private::v1::SagaOutcome<PayOut>;
#[allow(dead_code)]
impl PayOut {
    /// The queue that its workers listen to.
    pub const WORKER_QUEUE: &'static str = "pay-out";
    /// Takes the dependencies, and then the mode.
    pub fn builder() -> PayOutBuilder {
        PayOutBuilder {
            bank: pay_out_builder::bank::Unset,
        }
    }
}
/// Builds a [`PayOut`]: one setter for each dependency, in any order.
#[must_use]
pub struct PayOutBuilder<BankState = pay_out_builder::bank> {
    bank: BankState,
}
#[doc(hidden)]
#[allow(non_camel_case_types, unreachable_pub)]
mod pay_out_builder {
    pub enum bank {
        Unset,
    }
}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    impl dt::TaskDefinition for PayOut {
        type Values = dt::Serde;
        type Request = Order;
        type Response = Receipt;
        type Error = dt::Refusal;
        const TASK: dt::TaskRow = dt::task("pay-out")
            .timeout(dt::hours(1))
            .durability(dt::Durability::Process)
            .with::<Bank>();
    }
    #[allow(dead_code)]
    impl<BankState> PayOutBuilder<BankState> {
        /// Sets the dependency `bank`.
        pub fn bank(self, bank: Bank) -> PayOutBuilder<dt::Set<Bank>> {
            PayOutBuilder {
                bank: dt::Set(bank),
            }
        }
    }
    impl<BankState: dt::Dependency<Bank>> dt::IntoTask for PayOutBuilder<BankState> {
        type Task = PayOut;
        fn into_task(self) -> PayOut {
            PayOut {
                bank: dt::Dependency::take(self.bank),
            }
        }
    }
    #[allow(dead_code)]
    impl<BankState> PayOutBuilder<BankState> {
        /// Everything in this process, nothing to install.
        pub fn use_in_process_mode(self) -> dt::TaskBuilder<PayOut>
        where
            Self: dt::IntoTask<Task = PayOut>,
        {
            dt::use_in_process_mode(self)
        }
        /// As many processes, which share what `with` says.
        pub fn use_distributed_mode(
            self,
            with: impl dt::FnOnce(dt::Distributed) -> dt::Distributed,
        ) -> dt::TaskBuilder<PayOut>
        where
            Self: dt::IntoTask<Task = PayOut>,
        {
            dt::use_distributed_mode(self, with)
        }
        /// Starts the task in the mode that it declares.
        pub fn build(self) -> dt::Building<PayOut>
        where
            Self: dt::IntoTask<Task = PayOut>,
        {
            dt::build(self)
        }
    }
};
#[allow(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    clippy::unused_async,
    clippy::unused_self
)]
impl PayOut {
    async fn hold(&self, cx: &StepContext, request: &Order) -> PartialResult<Vec<Hold>> {
        self.bank.hold_each(cx.idempotency_key(), request).await
    }
    async fn release(
        &self,
        cx: &UndoContext,
        hold: Outcome<&Vec<Hold>>,
    ) -> StepResult<()> {
        self.bank.release(cx.step_key(), hold.value()).await
    }
    async fn find_holds(&self, cx: &ProbeContext) -> StepResult<Probe<Vec<Hold>>> {
        self.bank.find_holds(cx.step_key()).await
    }
    async fn pay(&self, cx: &StepContext, hold: &[Hold]) -> StepResult<Receipt> {
        self.bank.pay(cx.idempotency_key(), hold).await
    }
    fn find_payment(&self, cx: &ProbeContext, hold: &[Hold]) -> Probe<Receipt> {
        self.bank.find_payment(cx.step_key(), hold)
    }
    fn respond(&self, pay: &Receipt) -> Receipt {
        pay.clone()
    }
}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    type This = dt::Checked<PayOut, { dt::is_task::<PayOut>() }>;
    impl dt::TaskSteps for PayOut
    where
        This: dt::TaskDefinition,
    {
        const STEPS: dt::Table<Self> = &[
            &dt::compensable("hold")
                .run(|c: dt::Call<This, Vec<Hold>>| dt::partial_future(async move {
                    let request: &Order = c.request();
                    Self::hold(&c.task, &c.cx, request).await
                }))
                .undo(|c| dt::future(async move {
                    let hold: Outcome<&Vec<Hold>> = c.outcome::<Vec<Hold>>();
                    Self::release(&c.task, &c.cx, hold).await
                }))
                .probe(|c| dt::asked_future(async move {
                    Self::find_holds(&c.task, &c.cx).await
                }))
                .parks()
                .was(&["reserve"]),
            &dt::pivot("pay")
                .run(|c: dt::Call<This, Receipt>| dt::future(async move {
                    let hold: &[Hold] = c.step::<Vec<Hold>>(0);
                    Self::pay(&c.task, &c.cx, hold).await
                }))
                .probe(|c| dt::asked_blocking(move || {
                    let hold: &[Hold] = c.step::<Vec<Hold>>(0);
                    dt::Ok(Self::find_payment(&c.task, &c.cx, hold))
                }))
                .reads(dt::READS.run(&[0]).probe(&[0]))
                .at_most_once()
                .timeout(dt::secs(30)),
        ];
        const RESPONSE: dt::Response<Self> = |c| {
            let pay: &Receipt = c.step::<Receipt>(1);
            dt::respond::<Self>(Self::respond(c.task, pay))
        };
        const RESPONSE_READS: dt::Reads = &[1];
    }
    const _: () = dt::attempt_fits::<This>(1);
    const _: () = dt::path_fits::<This>();
};
