//! A process of its own that wants the name: this program once more, with orders.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{Coordination, OnUnreachable},
};
use distributed_task_test_servers::wait_until;
use serde::{Deserialize, Serialize};

use super::site::wanted;
use crate::{
    history::History,
    witness::{LOOKS, Register},
};

/// Where a process finds what it shall do.
const ORDERS: &str = "LEASE_HOLDER";

#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    pub url: String,
    pub lease: Duration,
    pub register: PathBuf,
    /// The process is to be stopped between a look at its lease and a write, which it makes when it finds
    /// this file. It ends after that.
    pub go_on: Option<PathBuf>,
}

#[tokio::test]
#[ignore = "other tests start it, as a process with orders"]
async fn holder() {
    let orders = env::var(ORDERS).expect("other tests start it, with orders");
    let orders: Orders = serde_json::from_str(&orders).expect("they are ours");
    let leases = RedisLeases::builder(&orders.url);
    let process = Coordination::open(leases.open()).await.expect("the server is there");
    let (history, register) = (History::spoken(), Register::at(&orders.register));
    let lease = wanted(&process, orders.lease, OnUnreachable::default());
    loop {
        let held = history.acquire(&lease).await;
        if let Some(file) = &orders.go_on {
            held.write(&register);
            held.renewed().await;
            held.says_that_it_stops();
            wait_until("somebody stopped it, and lets it go on", || file.exists());
            held.write(&register);
            // It may be lost.
            let _ = held.check();
            held.release().await;
            return;
        }
        while held.check().is_ok() {
            held.write(&register);
            tokio::time::sleep(LOOKS).await;
        }
        held.release().await;
    }
}

fn signal(id: u32, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &id.to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} was not sent");
}

/// Such a process, whose events are part of a history. It ends with the test.
pub struct Holder {
    child: Child,
    reader: Option<JoinHandle<()>>,
}

impl Holder {
    pub fn start(orders: &Orders, history: &History) -> Self {
        let program = env::current_exe().expect("this program is a file");
        let orders = serde_json::to_string(orders).expect("they are plain data");
        // The kernel ends it when the test is aborted, which drops nothing.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program)
            .args(["faults::holder::holder", "--exact", "--ignored", "--nocapture"])
            .env(ORDERS, orders)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let history = history.clone();
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // What the test program says around it is no event.
                if let Ok(event) = serde_json::from_str(&line) {
                    history.note(event);
                }
            }
        });
        Self { child, reader: Some(reader) }
    }

    /// Stops it, and waits until it is.
    pub fn stop(&self) {
        signal(self.child.id(), "STOP");
        let file = format!("/proc/{}/stat", self.child.id());
        wait_until("it is stopped", || {
            let stat = std::fs::read_to_string(&file).expect("it lives");
            stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        });
    }

    pub fn resume(&self) {
        signal(self.child.id(), "CONT");
    }

    /// Ends it with `SIGKILL`. All that it said is in the history after this.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.wait_for_the_end();
    }

    pub fn wait_for_the_end(&mut self) {
        wait_until("it ends", || matches!(self.child.try_wait(), Ok(Some(_))));
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it only reads");
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
