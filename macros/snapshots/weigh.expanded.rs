struct Weigh;
/// The message that tells a worker about a saga of [`Weigh`].
#[allow(dead_code)]
type WeighWorkerMessage = ::distributed_task::__private::v1::WorkerMessage<Weigh>;
/// Starts and finds the sagas of [`Weigh`].
#[allow(dead_code)]
type WeighOrchestrator = ::distributed_task::__private::v1::Task<Weigh>;
/// One saga of [`Weigh`].
#[allow(dead_code)]
type WeighHandle = ::distributed_task::__private::v1::SagaHandle<Weigh>;
/// How a saga of [`Weigh`] ended.
#[allow(dead_code)]
type WeighOutcome = ::distributed_task::__private::v1::SagaOutcome<Weigh>;
#[allow(dead_code)]
impl Weigh {
    /// The queue that its workers listen to.
    const WORKER_QUEUE: &'static str = "weigh";
    /// Takes the dependencies, and then the mode.
    fn builder() -> WeighBuilder {
        WeighBuilder {}
    }
}
/// Builds a [`Weigh`]: one setter for each dependency, in any order.
#[must_use]
struct WeighBuilder {}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    impl dt::TaskDefinition for Weigh {
        type Values = dt::Protobuf;
        type Request = Parcel;
        type Response = Weight;
        type Error = dt::Refusal;
        const TASK: dt::TaskRow = dt::task("weigh")
            .singleton("scales")
            .hold_at_least(dt::mins(10));
    }
    impl dt::IntoTask for WeighBuilder {
        type Task = Weigh;
        fn into_task(self) -> Weigh {
            Weigh {}
        }
    }
    #[allow(dead_code)]
    impl WeighBuilder {
        /// Everything in this process, nothing to install.
        fn use_in_process_mode(self) -> dt::TaskBuilder<Weigh>
        where
            Self: dt::IntoTask<Task = Weigh>,
        {
            dt::use_in_process_mode(self)
        }
        /// As many processes, which share what `with` says.
        fn use_distributed_mode(
            self,
            with: impl dt::FnOnce(dt::Distributed) -> dt::Distributed,
        ) -> dt::TaskBuilder<Weigh>
        where
            Self: dt::IntoTask<Task = Weigh>,
        {
            dt::use_distributed_mode(self, with)
        }
        /// Starts the task in the mode that it declares.
        fn build(self) -> dt::Building<Weigh>
        where
            Self: dt::IntoTask<Task = Weigh>,
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
impl Weigh {
    async fn load(&self, request: &Parcel) -> PartialResult<Load> {}
    async fn unload(&self, load: Outcome<&Load>) -> StepResult<()> {}
    fn count(&self, load: &Load) -> usize {}
    fn weigh(&self, load: &Load) -> Weight {}
}
const _: () = {
    use ::distributed_task::__private::v1 as dt;
    type This = dt::Checked<Weigh, { dt::is_task::<Weigh>() }>;
    impl dt::TaskSteps for Weigh
    where
        This: dt::TaskDefinition,
    {
        const STEPS: dt::Table<Self> = &[
            &dt::compensable("load")
                .protobuf(|c: dt::Call<This, Load>| dt::protobuf_partial_future(async move {
                    let request: &Parcel = c.request();
                    Self::load(&c.task, request).await
                }))
                .undo(|c| dt::future(async move {
                    let load: Outcome<&Load> = c.outcome::<Load>();
                    Self::unload(&c.task, load).await
                })),
            &dt::read_only("count")
                .run(|c: dt::Call<This, usize>| dt::blocking(move || {
                    let load: &Load = c.step::<Load>(0);
                    dt::Ok(Self::count(&c.task, load))
                }))
                .reads(dt::READS.run(&[0])),
            &dt::read_only("weigh")
                .protobuf(|c: dt::Call<This, Weight>| dt::protobuf_blocking(move || {
                    let load: &Load = c.step::<Load>(0);
                    dt::Ok(Self::weigh(&c.task, load))
                }))
                .reads(dt::READS.run(&[0])),
        ];
        const RESPONSE: dt::Response<Self> = |c| dt::last::<Self>(c.step::<Weight>(2));
        const RESPONSE_READS: dt::Reads = &[2];
    }
    const _: () = dt::path_fits::<This>();
};
