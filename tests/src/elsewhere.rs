//! A task in a library. The tests that depend on it have tasks of their own, and would not compile if
//! the two were taken for one.

use distributed_task::prelude::*;

/// Doubles a number.
#[distributed_task(request = u32, response = u32)]
pub struct Double;

#[steps]
impl Double {
    #[step(read_only)]
    async fn double(&self, request: &u32) -> u32 {
        request * 2
    }
}
