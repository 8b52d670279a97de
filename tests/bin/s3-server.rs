//! The S3 server of the tests, for trying things out: `s3-server 127.0.0.1:9000`.
//!
//! The keys are `S3_ACCESS_KEY` and `S3_SECRET_KEY` of the environment. Objects are in memory, and go
//! with it.
#![allow(clippy::print_stderr)] // it has nothing else to say it with

use std::{env, process::ExitCode, thread};

use distributed_task_tests::s3::S3Server;

fn main() -> ExitCode {
    let variable = |name| env::var(name).map_err(|_| format!("set {name} in the environment"));
    let start = || {
        let address = env::args().nth(1).ok_or("name an address, such as 127.0.0.1:9000")?;
        let keys = (variable("S3_ACCESS_KEY")?, variable("S3_SECRET_KEY")?);
        let parsed = address.parse().map_err(|why| format!("`{address}`: {why}"))?;
        let server = S3Server::start_at(parsed, (&keys.0, &keys.1));
        server.map_err(|why| format!("`{address}`: {why}"))
    };
    match start() {
        Ok(server) => {
            eprintln!("s3-server: ready at {}", server.endpoint());
            loop {
                thread::park();
            }
        }
        Err(why) => {
            eprintln!("s3-server: {why}");
            ExitCode::from(2)
        }
    }
}
