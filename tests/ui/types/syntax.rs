//! What the compiler tells of half a signature is all that is told.

use distributed_task::prelude::*;

#[distributed_task]
struct NoType;

#[steps]
impl NoType {
    #[step(compensate = release)]
    fn hold(&self) -> u32 {
        1
    }

    fn release(&self, hold: ) {}

    #[step(read_only)]
    async fn look(&self, hold: &u32, cx: ) -> StepResult<u32> {
        Ok(self.twice(*hold))
    }

    fn twice(&self, n: u32) -> u32 {
        n * 2
    }

    #[response]
    fn respond(&self, look: &u32) {
        let _ = look;
    }
}

#[distributed_task]
struct NoOutput;

#[steps]
impl NoOutput {
    #[step(read_only)]
    fn look(&self) -> {
        self.twice(1)
    }

    fn twice(&self, n: u32) -> u32 {
        n * 2
    }

    #[response]
    fn respond(&self) {}
}

#[distributed_task]
struct NoBody;

#[steps]
impl NoBody {
    #[step(read_only)]
    fn look(&self) -> u32

    /// Makes the response.
    #[response]
    fn respond(&self) {}

    fn thrice(&self, n: u32) -> u32 {
        n * 3
    }
}

async fn run(no_type: NoTypeOrchestrator, no_output: NoOutputOrchestrator) {
    let saga = no_type.submit(()).await.unwrap();
    let _ = saga.outcome().await;
    let saga = no_output.submit(()).await.unwrap();
    let _ = saga.outcome().await;
    let _ = NoBody::builder().build().await;
    let _ = NoBody.thrice(2);
}

fn main() {
    let _ = run;
}
