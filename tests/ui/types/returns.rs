//! A method fails with the declared error of its task, and the response has the declared type.

use std::io;

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
    fn print(&self) -> Result<u32, io::Error> {
        Ok(1)
    }

    #[step(read_only, ephemeral)]
    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    #[step(compensate = release)]
    async fn hold(&self, print: &u32) -> Result<u32, String> {
        Ok(*print)
    }

    fn release(&self, hold: Outcome<&u32>) -> StepResult<()> {
        let _ = hold;
        Ok(())
    }

    #[file_upload_step(bucket = "labels")]
    fn label(&self) -> StepResult<SourceFile> {
        Ok(SourceFile::path("label"))
    }

    #[step(read_only)]
    fn right(&self) -> StepResult<u32, ShipError> {
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
