pub(crate) struct ShipOrder;
/// The message that tells a worker about a saga of [`ShipOrder`].
#[allow(dead_code)]
pub(crate) type ShipOrderWorkerMessage = sagas::__private::v1::WorkerMessage<ShipOrder>;
/// Starts and finds the sagas of [`ShipOrder`].
#[allow(dead_code)]
pub(crate) type ShipOrderOrchestrator = sagas::__private::v1::Task<ShipOrder>;
/// One saga of [`ShipOrder`].
#[allow(dead_code)]
pub(crate) type ShipOrderHandle = sagas::__private::v1::SagaHandle<ShipOrder>;
/// How a saga of [`ShipOrder`] ended.
#[allow(dead_code)]
pub(crate) type ShipOrderOutcome = sagas::__private::v1::SagaOutcome<ShipOrder>;
#[allow(dead_code)]
impl ShipOrder {
    /// The queue that its workers listen to.
    pub(crate) const WORKER_QUEUE: &'static str = "ship-order";
    /// Takes the dependencies, and then the mode.
    pub(crate) fn builder() -> ShipOrderBuilder {
        ShipOrderBuilder {}
    }
}
/// Builds a [`ShipOrder`]: one setter for each dependency, in any order.
#[must_use]
pub(crate) struct ShipOrderBuilder {}
const _: () = {
    use sagas::__private::v1 as dt;
    impl dt::TaskDefinition for ShipOrder {
        type Values = dt::Serde;
        type Request = Order;
        type Response = ();
        type Error = ShipError;
        const TASK: dt::TaskRow = dt::task("ship-order");
    }
    impl dt::IntoTask for ShipOrderBuilder {
        type Task = ShipOrder;
        fn into_task(self) -> ShipOrder {
            ShipOrder {}
        }
    }
    #[allow(dead_code)]
    impl ShipOrderBuilder {
        /// Everything in this process, nothing to install.
        pub(crate) fn use_in_process_mode(self) -> dt::TaskBuilder<ShipOrder>
        where
            Self: dt::IntoTask<Task = ShipOrder>,
        {
            dt::use_in_process_mode(self)
        }
        /// As many processes, which share what `with` says.
        pub(crate) fn use_distributed_mode(
            self,
            with: impl dt::FnOnce(dt::Distributed) -> dt::Distributed,
        ) -> dt::TaskBuilder<ShipOrder>
        where
            Self: dt::IntoTask<Task = ShipOrder>,
        {
            dt::use_distributed_mode(self, with)
        }
        /// Starts the task in the mode that it declares.
        pub(crate) fn build(self) -> dt::Building<ShipOrder>
        where
            Self: dt::IntoTask<Task = ShipOrder>,
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
impl ShipOrder {
    async fn stock(&self, request: &Order) -> Vec<Place> {
        warehouse::places(request).await
    }
    async fn hold(
        &self,
        cx: &StepContext,
        request: &Order,
    ) -> StepResult<Hold, ShipError> {
        bank::hold(cx.idempotency_key(), request).await
    }
    async fn release(&self, hold: Outcome<&Hold>) -> StepResult<(), ShipError> {
        bank::release(hold).await
    }
    async fn warn(
        &self,
        request: &Order,
        stock: &[Place],
    ) -> StepResult<Mail, ShipError> {
        mail::warn(request, stock).await
    }
    fn is_late(&self, stock: &[Place]) -> bool {
        stock.is_empty()
    }
    async fn charge(&self, hold: &Hold) -> StepResult<Receipt, ShipError> {
        bank::charge(hold).await
    }
    fn print_label(&self, charge: &Receipt, warn: Option<&Mail>) {
        printer::label(charge, warn);
    }
}
const _: () = {
    use sagas::__private::v1 as dt;
    type This = dt::Checked<ShipOrder, { dt::is_task::<ShipOrder>() }>;
    impl dt::TaskSteps for ShipOrder
    where
        This: dt::TaskDefinition,
    {
        const STEPS: dt::Table<Self> = &[
            &dt::read_only("stock")
                .run(|c: dt::Call<This, Vec<Place>>| dt::future(async move {
                    let request: &Order = c.request();
                    dt::Ok(Self::stock(&c.task, request).await)
                }))
                .group("checks")
                .await_all(),
            &dt::compensable("hold")
                .run(|c: dt::Call<This, Hold>| dt::future(async move {
                    let request: &Order = c.request();
                    Self::hold(&c.task, &c.cx, request).await
                }))
                .undo(|c| dt::future(async move {
                    let hold: Outcome<&Hold> = c.outcome::<Hold>();
                    Self::release(&c.task, hold).await
                }))
                .group("checks")
                .timeout(dt::secs(30)),
            &dt::no_undo("warn", "the customer has read it")
                .run(|c: dt::Call<This, Mail>| dt::future(async move {
                    let request: &Order = c.request();
                    let stock: &[Place] = c.step::<Vec<Place>>(0);
                    Self::warn(&c.task, request, stock).await
                }))
                .reads(dt::READS.run(&[0]).when(&[0]))
                .when(|c| {
                    let stock: &[Place] = c.step::<Vec<Place>>(0);
                    Self::is_late(c.task, stock)
                }),
            &dt::pivot("charge")
                .run(|c: dt::Call<This, Receipt>| dt::future(async move {
                    let hold: &Hold = c.step::<Hold>(1);
                    Self::charge(&c.task, hold).await
                }))
                .reads(dt::READS.run(&[1])),
            &dt::retriable("print_label")
                .run(|c: dt::Call<This, ()>| dt::blocking(move || {
                    let charge: &Receipt = c.step::<Receipt>(3);
                    let warn: Option<&Mail> = c.maybe::<Mail>(2);
                    dt::Ok(Self::print_label(&c.task, charge, warn))
                }))
                .reads(dt::READS.run(&[2, 3])),
        ];
        const RESPONSE: dt::Response<Self> = |c| dt::last::<Self>(c.step::<()>(4));
        const RESPONSE_READS: dt::Reads = &[4];
    }
    const _: () = dt::attempt_fits::<This>(1);
    const _: () = dt::tries_fit::<This>(1);
    const _: () = dt::path_fits::<This>();
};
