//! A process that wants a name, for the tests of faults: `lease-holder ORDERS`, in JSON. It prints what it
//! sees, line by line.
#![allow(clippy::print_stderr)] // it has nothing else to say it with

use std::{env, process::ExitCode};

use distributed_task_tests::leases::holder::Orders;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(orders) = env::args().nth(1) else {
        eprintln!("lease-holder: what shall it do? Name it, in JSON");
        return ExitCode::from(2);
    };
    let done = match serde_json::from_str::<Orders>(&orders) {
        Ok(orders) => orders.carry_out().await.map_err(|why| why.to_string()),
        Err(why) => Err(why.to_string()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("lease-holder: {why}");
            ExitCode::from(2)
        }
    }
}
