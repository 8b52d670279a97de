//! The point of no return: one, alone, what can be undone before it, what must succeed after it.

use distributed_task::prelude::*;

#[distributed_task]
struct NoPivot;

#[steps]
impl NoPivot {
    #[step(retriable)]
    fn tell(&self) {}
}

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[step(retriable)]
    fn early(&self) {}

    #[step(pivot, group = "last")]
    fn charge(&self) {}

    #[step(read_only, group = "last")]
    fn beside(&self) {}

    #[step(pivot)]
    fn again(&self) {}

    #[step(compensate = undo)]
    fn too_late(&self) {}

    #[step(no_undo = "it is small")]
    fn remains(&self) {}

    #[file_upload_step(bucket = "labels")]
    fn upload(&self) -> SourceFile {
        SourceFile::path("label")
    }

    fn undo(&self) {}
}

#[distributed_task]
struct Contradicts;

#[steps]
impl Contradicts {
    #[step(read_only, pivot)]
    fn either(&self) {}

    #[step(compensate = undo)]
    fn before_or_after(&self) {}

    #[step(retriable)]
    fn after(&self) {}

    fn undo(&self) {}
}

fn main() {}
