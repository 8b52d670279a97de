//! A step fails with the declared error of its task, and the response has the declared type.

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShipError;

impl std::fmt::Display for ShipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no")
    }
}

#[distributed_task(response = u32, error = ShipError)]
struct Errors;

#[steps]
impl Errors {
    #[step(read_only)]
    async fn charge(&self) -> StepResult<u32> {
        Ok(1)
    }

    #[step(read_only)]
    fn print(&self) -> Result<u32, std::io::Error> {
        Ok(1)
    }

    #[step(read_only)]
    fn last(&self) -> String {
        String::new()
    }
}

#[distributed_task(response = u32)]
struct Other;

#[steps]
impl Other {
    #[step(read_only)]
    fn look(&self) {}

    #[response]
    fn respond(&self) -> u64 {
        1
    }
}

fn main() {}
