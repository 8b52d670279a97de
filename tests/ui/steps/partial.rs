//! A part of the work needs somebody to take it back, or to say that it may remain.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only)]
    async fn look(&self) -> PartialResult<u32> {
        Ok(1)
    }

    #[file_upload_step(bucket = "labels")]
    async fn label(&self) -> PartialResult<SourceFile> {
        Ok(SourceFile::bytes("label", "label"))
    }

    #[step(compensate = unpack, probe = is_packed)]
    async fn pack(&self) -> PartialResult<u32> {
        Ok(1)
    }

    async fn unpack(&self) -> PartialResult<()> {
        Ok(())
    }

    async fn is_packed(&self) -> PartialResult<Probe<u32>> {
        Ok(Probe::DidNot)
    }

    #[step(no_undo = "it is read")]
    async fn of_what(&self) -> PartialResult {
        Ok(())
    }

    #[step(no_undo = "it is read")]
    fn of_what_else(&self) -> StepResult {
        self.of_what();
        Ok(1)
    }

    #[step(pivot)]
    async fn charge(&self) -> Result<u32, PartialError<u32>> {
        Ok(1)
    }

    #[step(retriable)]
    async fn tell(&self) -> PartialResult<u32> {
        Ok(1)
    }

    #[response]
    fn respond(&self) -> PartialResult<u32> {
        Ok(1)
    }
}

fn main() {}
