//! The context has a name and one type for steps, another for undos; an undo asks for its step.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(compensate = release)]
    fn hold(&self, _ctx: &StepContext) -> u32 {
        1
    }

    #[step(compensate = refund)]
    fn charge(&self, _cx: &UndoContext) -> u32 {
        1
    }

    #[step(compensate = forget, when = large)]
    fn print(&self, _context: &distributed_task::UndoContext) -> u32 {
        1
    }

    fn release(&self, _cx: &StepContext, _hold: Outcome<u32>) {}

    fn refund(&self, _undo: &UndoContext, _outcome: Outcome<&u32>) {}

    fn forget(&self, _context: &StepContext) {}

    fn large(&self, _ctx: &StepContext) -> bool {
        true
    }

    #[response]
    fn respond(&self) {}
}

fn main() {}
