//! A crash matrix of a task that nobody puts together.

use distributed_task::{prelude::*, testing::crash_matrix};

#[distributed_task(request = u32, response = u32)]
struct Double {
    factor: u32,
}

#[steps]
impl Double {
    #[step(read_only)]
    async fn double(&self, request: &u32) -> u32 {
        request * self.factor
    }
}

async fn check() {
    crash_matrix::<Double>(1).check().await;
}

fn main() {
    let _ = check();
}
