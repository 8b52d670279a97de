//! One Redis of a test's own.

use std::{path::Path, process::Command, time::Instant};

use tempfile::TempDir;

use crate::program::{PATIENCE, Program, advice, free_port, wait_until};

const PACKAGE: &str = "redis-server and redis-tools";

/// What is appended to the log of the server, and when it is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Appends {
    /// Nothing: a restart finds nothing.
    No,
    /// Everything, on the disk within a second.
    EverySecond,
    /// Everything, on the disk before the answer.
    #[default]
    Always,
}

/// How a [`RedisServer`] is started.
///
/// ```
/// use distributed_task_test_servers::{RedisOptions, RedisServer};
///
/// let server = RedisServer::start(RedisOptions { password: Some("secret"), ..Default::default() });
/// assert_eq!(server.cli(&["PING"]), "PONG");
/// assert!(server.url().starts_with("redis://:secret@127.0.0.1:"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// What survives a restart.
    pub appends: Appends,
    /// What clients have to show.
    pub password: Option<&'static str>,
    /// `maxmemory-policy`; the server's own default is `noeviction`.
    pub policy: Option<&'static str>,
    /// `maxmemory`, `4mb` say.
    pub memory: Option<&'static str>,
    /// Further arguments, `--cluster-enabled yes` say.
    pub more: Vec<String>,
}

/// A running server: killed when it is dropped, and when the test dies before that.
///
/// ```
/// use distributed_task_test_servers::{RedisOptions, RedisServer};
///
/// let mut server = RedisServer::start(RedisOptions::default());
/// server.cli(&["SET", "k", "v"]);
/// server.kill();
/// server.restart();
/// assert_eq!(server.cli(&["GET", "k"]), "v", "it was on the disk");
/// ```
pub struct RedisServer {
    options: RedisOptions,
    port: u16,
    folder: TempDir,
    program: Program,
}

impl RedisServer {
    /// Starts one, and waits until it answers.
    pub fn start(options: RedisOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let program = Self::launch(&options, port, folder.path());
        let mut server = Self { options, port, folder, program };
        let start = Instant::now();
        // It ends at once where somebody else took the port in the meantime.
        while !server.answers() {
            assert!(start.elapsed() < PATIENCE, "redis-server ends at once: {}", server.log());
            server.port = free_port();
            server.launch_again();
        }
        server
    }

    fn launch(options: &RedisOptions, port: u16, folder: &Path) -> Program {
        let port = port.to_string();
        let folder = folder.to_str().expect("it is text");
        let mut args = vec!["--port", &port, "--bind", "127.0.0.1", "--dir", folder];
        args.extend(["--save", "", "--logfile", "log", "--repl-diskless-sync-delay", "0"]);
        args.extend(match options.appends {
            Appends::No => ["--appendonly", "no"].as_slice(),
            Appends::EverySecond => &["--appendonly", "yes", "--appendfsync", "everysec"],
            Appends::Always => &["--appendonly", "yes", "--appendfsync", "always"],
        });
        for (name, value) in [
            ("--requirepass", options.password),
            ("--masterauth", options.password),
            ("--maxmemory-policy", options.policy),
            ("--maxmemory", options.memory),
        ] {
            args.extend(value.into_iter().flat_map(|value| [name, value]));
        }
        args.extend(options.more.iter().map(String::as_str));
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        Program::start("redis-server", PACKAGE, &args)
    }

    /// Waits until it answers, or has ended.
    fn answers(&mut self) -> bool {
        let mut runs = true;
        wait_until("redis-server answers", || {
            runs = self.program.is_running();
            !runs || self.try_cli(&["PING"]).trim() == "PONG"
        });
        runs
    }

    /// Where it is, with the password.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same with another port, for a way through a [`Proxy`](crate::Proxy).
    pub fn url_at(&self, port: u16) -> String {
        let password = self.options.password.map(|password| format!(":{password}@"));
        format!("redis://{}127.0.0.1:{port}/", password.unwrap_or_default())
    }

    /// The port, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it with `SIGKILL`: what it has not written is lost.
    pub fn kill(&mut self) {
        self.program.kill();
    }

    /// Starts it again with the same port and folder, and waits until it answers.
    pub fn restart(&mut self) {
        self.launch_again();
        assert!(self.answers(), "redis-server does not come back: {}", self.log());
    }

    /// Starts it again with the same port and folder, and waits for nothing.
    pub fn launch_again(&mut self) {
        self.kill();
        self.program = Self::launch(&self.options, self.port, self.folder.path());
    }

    /// Stops it with `SIGSTOP`: connections stay, and nobody answers.
    pub fn pause(&self) {
        self.program.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.program.signal("CONT");
    }

    /// Asks it with `redis-cli`: what is printed, without the line's end.
    pub fn cli(&self, args: &[&str]) -> String {
        self.try_cli(args).trim_end_matches('\n').to_owned()
    }

    fn try_cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]).args(args);
        if let Some(password) = self.options.password {
            command.env("REDISCLI_AUTH", password);
        }
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("redis-cli: {error}: {}", advice(PACKAGE)));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
