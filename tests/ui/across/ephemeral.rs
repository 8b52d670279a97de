//! An ephemeral output stays with its worker, and is read by steps there only.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(ephemeral, no_undo = "it is small")]
    fn writes(&self) -> LocalFile {
        unreachable!()
    }

    #[step(ephemeral, read_only, host = "api")]
    fn here(&self) -> LocalFile {
        unreachable!()
    }

    #[step(ephemeral, read_only)]
    fn there(&self, _here: &LocalFile) -> LocalFile {
        unreachable!()
    }

    #[step(compensate = undo, when = long)]
    fn print(&self, _there: &LocalFile) {}

    fn undo(&self, _there: &LocalFile) {}

    fn long(&self, _there: &LocalFile) -> bool {
        true
    }

    #[response]
    fn respond(&self, _there: &LocalFile) {}
}

fn main() {}
