#[distributed_task(request = Parcel, response = Weight, singleton = "scales", hold_at_least = "10m", protobuf)]
struct Weigh;

#[steps]
impl Weigh {
    #[step(compensate = unload, protobuf)]
    async fn load(&self, request: &Parcel) -> PartialResult<Load> {}

    async fn unload(&self, load: Outcome<&Load>) -> StepResult<()> {}

    #[step(read_only)]
    fn count(&self, load: &Load) -> usize {}

    #[step(read_only, protobuf)]
    fn weigh(&self, load: &Load) -> Weight {}
}
