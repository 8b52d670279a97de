//! A probe answers with what its step returns.

use distributed_task::prelude::*;

#[distributed_task(request = u32, response = u32)]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(compensate = release, probe = ask)]
    async fn hold(&self) -> u32 {
        1
    }

    async fn ask(&self) -> StepResult<Probe<String>> {
        Ok(Probe::DidNot)
    }

    async fn release(&self) {}

    #[step(compensate = release, probe = guess)]
    async fn send(&self) -> u32 {
        1
    }

    async fn guess(&self, cx: &ProbeContext) -> Probe<u32> {
        let _ = cx;
        Probe::CannotTell
    }

    #[step(compensate = release, probe = know)]
    fn tell(&self) -> StepResult<u32> {
        Ok(1)
    }

    fn know(&self) -> Probe<u64> {
        Probe::CannotTell
    }

    #[step(compensate = release, probe = fail)]
    fn last(&self) -> StepResult<u32> {
        Ok(1)
    }

    fn fail(&self) -> Result<Probe<u32>, String> {
        Ok(Probe::CannotTell)
    }
}

struct Label;

/// What the journal does not take is told where the step gives it, and not of its probe as well.
#[distributed_task]
struct OneMistake;

#[steps]
impl OneMistake {
    #[step(compensate = tear, probe = is_printed)]
    async fn print(&self) -> StepResult<Label> {
        Ok(Label)
    }

    async fn is_printed(&self) -> StepResult<Probe<Label>> {
        Ok(Probe::Happened(Label))
    }

    async fn tear(&self) {}

    #[step(no_undo = "it is read", probe = is_sent)]
    fn send(&self) -> Label {
        Label
    }

    fn is_sent(&self) -> Probe<Label> {
        Probe::DidNot
    }

    #[response]
    fn respond(&self) {}
}

fn main() {}
