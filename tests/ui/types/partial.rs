//! A part of the work is an output like the whole, beside the declared error of the task.

use distributed_task::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ShipError;

impl std::fmt::Display for ShipError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no")
    }
}

struct Receipt;

type Half<T> = PartialResult<T, ShipError>;

#[distributed_task(error = ShipError)]
struct Parts;

#[steps]
impl Parts {
    #[step(no_undo = "it is sent")]
    fn invite(&self) -> PartialResult<u32> {
        Ok(1)
    }

    #[step(no_undo = "it is sent")]
    async fn pack(&self) -> PartialResult<Receipt, ShipError> {
        Ok(Receipt)
    }

    #[step(no_undo = "it is sent")]
    fn under_an_alias(&self) -> Half<u32> {
        Ok(1)
    }

    #[step(compensate = undo)]
    fn right(&self) -> Result<u32, PartialError<u32, ShipError>> {
        Err(PartialError::partial(1, ShipError))
    }

    fn undo(&self, right: Outcome<&u32>) {
        let _ = right;
    }

    #[response]
    fn respond(&self) {}
}

fn main() {}
