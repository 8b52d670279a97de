//! Attempts of which nobody knows: what may be said of them, and where.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(no_undo = "it is read", at_most_once, retry(max = 1))]
    async fn warn(&self) {}

    #[step(read_only, ephemeral, at_most_once, on_exhausted = "park")]
    async fn print(&self) {}

    #[step(read_only, probe = ask)]
    async fn look(&self) {}

    #[step(read_only, ephemeral, probe = ask)]
    async fn open(&self) {}

    #[step(read_only, at_most_once)]
    async fn read(&self) {}

    async fn ask(&self) -> StepResult<Probe<()>> {
        Ok(Probe::DidNot)
    }

    #[step(compensate = release, on_exhausted = "wait")]
    async fn hold(&self) {}

    async fn release(&self) {}

    #[step(no_undo = "it is read", probe = "ask", on_exhausted = park)]
    async fn quoted(&self) {}

    #[file_upload_step(bucket = "labels", at_most_once, probe = ask)]
    async fn label(&self) -> SourceFile {
        SourceFile::bytes("label", "label")
    }

    #[step(pivot, at_most_once, on_exhausted = "park")]
    async fn charge(&self) {}

    #[step(retriable, at_most_once)]
    async fn mail(&self) {}

    #[step(retriable, at_most_once, probe = ask)]
    async fn ask_of_mail(&self) {}

    #[step(retriable, on_exhausted = "compensate")]
    async fn tell(&self) -> u32 {
        1
    }
}

#[distributed_task(request = u32, response = u32)]
struct Sell;

#[steps]
impl Sell {
    #[step(pivot, on_exhausted = "compensate")]
    async fn charge(&self) -> u32 {
        1
    }

    #[step(read_only, on_exhausted = "park")]
    async fn tell(&self) {}

    #[file_upload_step(bucket = "labels", retriable, on_exhausted = "park")]
    async fn label(&self) -> SourceFile {
        SourceFile::bytes("label", "label")
    }

    #[response]
    fn respond(&self) -> u32 {
        1
    }
}

#[distributed_task]
struct Asked;

#[steps]
impl Asked {
    #[step(pivot, probe = is_charged, on_exhausted = "compensate")]
    async fn charge(&self) {}

    async fn is_charged(&self) -> Probe<()> {
        Probe::DidNot
    }
}

fn main() {}
