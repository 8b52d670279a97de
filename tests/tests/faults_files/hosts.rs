//! The processes, and their ways to the servers.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::pack::Place;

/// How long a process is away before it is started again.
pub(crate) const AWAY: Duration = Duration::from_millis(300);

/// A process, which is started again when it ends. Others may kill it at any time.
pub(crate) struct Host {
    pub(crate) name: String,
    verb: &'static str,
    place: Place,
    folder: PathBuf,
    process: Mutex<Process>,
}

struct Process {
    child: Child,
    /// While it is open the process works.
    stdin: Option<ChildStdin>,
    ended: Option<Instant>,
    /// So often it ended by itself.
    failed: usize,
}

impl Host {
    pub(crate) fn start(verb: &'static str, number: usize, place: &Place, folder: &Path) -> Self {
        let name = format!("{verb} {number}");
        let child = launch(verb, &name, place, folder);
        let process = Mutex::new(Process { child, stdin: None, ended: None, failed: 0 });
        let host = Self { name, verb, place: place.clone(), folder: folder.to_owned(), process };
        host.lock().hold_open();
        host
    }

    fn lock(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn kill(&self) {
        let mut process = self.lock();
        if process.ended.is_none() {
            // It may have ended by itself.
            let _ = process.child.kill();
            let _ = process.child.wait();
            process.ended = Some(Instant::now());
        }
    }

    /// Sends a signal to a process that has not been waited for, so that the id is its own.
    pub(crate) fn signal(&self, signal: &str) {
        let process = self.lock();
        if process.ended.is_none() {
            let id = process.child.id().to_string();
            let sent = Command::new("kill").args(["-s", signal, &id]).status();
            assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} was not sent");
        }
    }

    /// Starts it if it has ended a while ago, and answers whether it runs.
    pub(crate) fn start_again(&self) -> bool {
        let mut process = self.lock();
        match process.ended {
            None => {
                if let Ok(Some(_)) = process.child.try_wait() {
                    process.ended = Some(Instant::now());
                    process.failed += 1;
                }
            }
            Some(ended) if ended.elapsed() >= AWAY => {
                process.child = launch(self.verb, &self.name, &self.place, &self.folder);
                process.hold_open();
                process.ended = None;
            }
            Some(_) => {}
        }
        process.ended.is_none()
    }

    /// Its ends, for the one who talks with it; once for each time that it is started.
    pub(crate) fn take_ends(&self) -> Option<(ChildStdin, ChildStdout)> {
        let mut process = self.lock();
        Some((process.stdin.take()?, process.child.stdout.take()?))
    }

    pub(crate) fn is_working(&self) -> bool {
        self.start_again() && self.log().contains("pack: working")
    }

    /// Has it end, and answers what it did not do well.
    pub(crate) fn close(&self) -> Option<String> {
        let mut process = self.lock();
        process.stdin = None;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            match process.child.try_wait().expect("it is ours") {
                Some(status) if status.success() => return None,
                Some(status) => return Some(format!("{} was told to stop: {status}", self.name)),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Some(format!("{} was told to stop, and does not", self.name))
    }

    /// So often it ended by itself.
    pub(crate) fn failed(&self) -> usize {
        self.lock().failed
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(log(&self.folder, &self.name)).unwrap_or_default()
    }
}

impl Process {
    fn hold_open(&mut self) {
        self.stdin = self.child.stdin.take();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

fn launch(verb: &str, name: &str, place: &Place, folder: &Path) -> Child {
    let program = env!("CARGO_BIN_EXE_pack");
    let mut command = match cfg!(target_os = "linux") {
        // The kernel ends it when the test is aborted, which drops nothing.
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", program]);
            command
        }
        false => Command::new(program),
    };
    command
        .arg(verb)
        .envs(place.variables())
        .env("TMPDIR", folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(log(folder, name)).expect("there is room"))
        .spawn()
        .expect("it starts")
}
