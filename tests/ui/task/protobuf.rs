//! `protobuf` is said of a request or a response.

use distributed_task::prelude::*;

#[distributed_task(protobuf)]
struct Neither;

#[steps]
impl Neither {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(request = String, protobuf(request))]
struct Listed;

#[steps]
impl Listed {
    #[step(read_only)]
    fn look(&self) {}
}

#[distributed_task(request = String, codec = "protobuf")]
struct Named;

#[steps]
impl Named {
    #[step(read_only)]
    fn look(&self) {}
}

fn main() {}
