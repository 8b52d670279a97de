//! Everything that can be said of attempts of which nobody knows.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32, durability = "volatile", timeout = "1h")]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, ephemeral)]
    async fn open(&self) -> u32 {
        1
    }

    #[step(compensate = release, probe = is_held, on_exhausted = "park", was = "reserve")]
    async fn hold(&self, open: &u32, request: &u32) -> PartialResult<u32> {
        match open + request {
            0 => Err(PartialError::partial(1, Refusal::new("half", "one of two")))?,
            1 => Err(PartialError::refuse(Refusal::new("none", "none of two")))?,
            2 => Err("not now")?,
            sum => Ok(sum),
        }
    }

    async fn is_held(&self, cx: &ProbeContext, request: &u32) -> StepResult<Probe<u32>> {
        match (cx.attempt(), cx.step_key().len()) {
            (1, 0) => Err("not now")?,
            (2, _) => Ok(Probe::CannotTell),
            (3, _) => Ok(Probe::DidNot),
            _ => Ok(Probe::Happened(*request)),
        }
    }

    async fn release(&self, hold: Outcome<&u32>) -> StepResult<()> {
        match hold {
            Outcome::Done(_) | Outcome::Partial(_) | Outcome::Unknown => Ok(()),
            _ => Ok(()),
        }
    }

    #[step(no_undo = "the customer has read it", at_most_once, on_exhausted = "compensate")]
    async fn warn(&self) {}

    #[step(pivot, at_most_once, probe = is_charged)]
    async fn charge(&self, hold: &u32) -> StepResult<u32> {
        Ok(*hold)
    }

    fn is_charged(&self, hold: &u32) -> Probe<u32> {
        Probe::Happened(*hold)
    }

    #[step(retriable, probe = is_told, was("shout", "whisper"))]
    fn tell(&self, charge: &u32) -> u32 {
        *charge
    }

    fn is_told(&self) -> Probe<u32> {
        Probe::DidNot
    }
}

fn main() {
    let _ = ShipOrder::builder().use_in_process_mode();
}
