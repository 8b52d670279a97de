//! What the attribute of the struct gives to it, no item of the block can be called.

use distributed_task::prelude::*;

#[distributed_task]
struct Helper;

#[steps]
impl Helper {
    const WORKER_QUEUE: &'static str = "helpers";

    #[step(read_only)]
    fn look(&self) -> u32 {
        1
    }

    fn builder(&self) -> u32 {
        2
    }

    #[response]
    fn respond(&self, look: &u32) {
        let _ = look;
    }
}

#[distributed_task]
struct Step;

#[steps]
impl Step {
    #[step(no_undo = "what is built stays")]
    async fn builder(&self) -> StepResult<u32> {
        Ok(1)
    }

    #[step(read_only)]
    fn look(&self, builder: &u32) -> u32 {
        *builder
    }

    #[response]
    fn respond(&self, look: &u32) {
        let _ = look;
    }
}

fn main() {
    let _ = (Helper::WORKER_QUEUE, Helper::builder(), Step::builder().use_in_process_mode());
}
