//! `protobuf` is said of outputs that are written, and is said of nothing more.

use distributed_task::prelude::*;

#[distributed_task]
struct ShipOrder;

#[steps]
impl ShipOrder {
    #[file_upload_step(bucket = "orders", protobuf)]
    fn scan(&self) -> SourceFile {
        SourceFile::bytes("order", "")
    }

    #[step(read_only, ephemeral, protobuf)]
    fn open(&self) -> u32 {
        7
    }

    #[step(read_only, protobuf = "Hold")]
    fn hold(&self) -> u32 {
        7
    }

    #[step(read_only, codec = "protobuf")]
    fn charge(&self) -> u32 {
        7
    }

    #[response(protobuf)]
    fn respond(&self) {}
}

fn main() {}
