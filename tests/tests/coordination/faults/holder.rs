//! A process of its own that wants the name, which a test may kill or stop.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use distributed_task_test_servers::wait_until;
use distributed_task_tests::leases::{history::History, holder::Orders};

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
        let orders = serde_json::to_string(orders).expect("they are plain data");
        // The kernel ends it when the test is aborted, which drops nothing.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args([env!("CARGO_BIN_EXE_lease-holder"), &orders])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let history = history.clone();
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                history.note(serde_json::from_str(&line).expect("it says what it sees"));
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
