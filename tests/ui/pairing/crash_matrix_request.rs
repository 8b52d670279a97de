//! A crash matrix of a request that cannot be asked for again.

use distributed_task::{prelude::*, testing::crash_matrix};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Number(u32);

#[derive(Default)]
#[distributed_task(request = Number, response = u32)]
struct Double;

#[steps]
impl Double {
    #[step(read_only)]
    async fn double(&self, request: &Number) -> u32 {
        request.0 * 2
    }
}

async fn check() {
    crash_matrix::<Double>(Number(1)).check().await;
}

fn main() {
    let _ = check();
}
