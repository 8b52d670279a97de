//! A method that attributes name has one role.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(compensate = release, probe = release)]
    async fn hold(&self) -> u32 {
        1
    }

    async fn release(&self, hold: Outcome<&u32>) {
        let _ = hold;
    }

    #[step(compensate = unpack, when = unpack)]
    async fn pack(&self) -> u32 {
        1
    }

    async fn unpack(&self, cx: &UndoContext) -> StepResult<()> {
        let _ = cx;
        Ok(())
    }

    #[step(no_undo = "it is read", probe = is_told, when = is_told)]
    async fn tell(&self) -> u32 {
        1
    }

    async fn is_told(&self, cx: &ProbeContext) -> Probe<u32> {
        let _ = cx;
        Probe::DidNot
    }

    #[step(compensate = undo)]
    async fn charge(&self) {}

    #[step(compensate = undo)]
    async fn charge_more(&self) {}

    #[step(no_undo = "it is read", when = undo)]
    async fn tell_more(&self) {}

    async fn undo(&self) {}

    #[response]
    fn respond(&self) -> u32 {
        1
    }
}

fn main() {}
