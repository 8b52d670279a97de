//! What a probe may read, and what it is.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(read_only, ephemeral)]
    async fn print(&self) -> u32 {
        1
    }

    #[step(compensate = release, probe = ask)]
    async fn hold(&self, print: &u32) -> u32 {
        *print
    }

    async fn ask(&self, print: &u32, hold: &u32, later: &u32) -> StepResult<Probe<u32>> {
        Ok(Probe::Happened(*print + hold + later))
    }

    async fn release(&self) {}

    #[step(compensate = release, probe = asked)]
    async fn later(&self) -> u32 {
        1
    }

    #[step(compensate = release, probe = tell)]
    async fn send(&self, cx: &StepContext) -> u32 {
        cx.attempt()
    }

    async fn tell(&self, cx: &StepContext) {
        let _ = cx;
    }

    #[step(no_undo = "it is read", probe = send)]
    async fn of_a_step(&self) {}

    #[step(pivot, probe = is_paid)]
    fn pay(&self) -> u32 {
        1
    }

    fn is_paid(&self, context: &ProbeContext, send: Outcome<&u32>) -> StepResult<bool> {
        let _ = (context, send);
        Ok(true)
    }

    #[step(retriable, probe = is_told)]
    fn mail(&self) -> u32 {
        1
    }

    fn is_told(&self, cx: ProbeContext, pya: &u32) -> Probe<u32> {
        let _ = (cx, pya);
        Probe::DidNot
    }
}

fn main() {}
