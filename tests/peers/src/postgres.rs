//! One PostgreSQL of the program's own, in a folder of its own; ended when it is dropped, and by the
//! kernel when the program is.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use distributed_task_test_servers::wait_until;
use tempfile::TempDir;

/// It refuses to run as root: then it runs as this user and group.
const NOBODY: u32 = 65_534;

pub(crate) struct Postgres {
    folder: TempDir,
    port: u16,
    server: Child,
}

impl Postgres {
    /// With all defaults but `synchronous_commit`.
    pub(crate) fn start(synchronous_commit: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        let data = folder.path().join("data");
        let mut init = program("initdb");
        init.args(["-U", "peers", "-A", "trust", "-E", "UTF8", "--no-sync", "-D"]).arg(&data);
        let made = init.stdout(Stdio::null()).status();
        assert!(made.is_ok_and(|status| status.success()), "initdb fails");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let mut server = program("postgres");
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        server.args(["-c", "listen_addresses=127.0.0.1"]);
        server.args(["-c", &format!("unix_socket_directories={}", folder.path().display())]);
        server.args(["-c", &format!("synchronous_commit={synchronous_commit}")]);
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let postgres = Self { folder, port, server: server.expect("it starts") };
        wait_until("postgres answers", || {
            let port = postgres.port.to_string();
            let asked = program("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
            asked.is_ok_and(|status| status.success())
        });
        postgres
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://peers@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn version() -> String {
        let said = program("postgres").arg("--version").output().expect("it runs");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its fast shutdown. Where that fails the folder goes all the same.
        let id = self.server.id().to_string();
        let _ = Command::new("kill").args(["-s", "INT", &id]).status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(self.folder.path());
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

/// One of its programs, of the newest version that is installed. `setpriv` becomes the program.
fn program(name: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path()).max();
    let folder: PathBuf = newest.expect("install the system's package postgresql");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        let nobody = NOBODY.to_string();
        command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups"]);
    }
    command.arg(folder.join("bin").join(name)).current_dir("/");
    command
}
