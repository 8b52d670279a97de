//! One Redis of a test's own.

use std::{
    path::Path,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tempfile::TempDir;

use crate::{
    clock,
    program::{PATIENCE, Program, advice, free_port, wait_until},
};

pub(crate) const PACKAGE: &str = "redis-server and redis-tools";

/// In the server's folder, which is where it runs.
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

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
    /// Whether there is a second port, for TLS.
    pub tls: bool,
    /// Whether it has a clock that a test [sets](RedisServer::set_clock). Linux has such clocks.
    pub own_clock: bool,
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
    tls_port: u16,
    folder: TempDir,
    program: Program,
}

impl RedisServer {
    /// Starts one, and waits until it answers.
    pub fn start(options: RedisOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        if options.tls {
            certify(folder.path());
        }
        let (port, tls_port) = (free_port(), free_port());
        let program = Self::launch(&options, port, tls_port, folder.path());
        let mut server = Self { options, port, tls_port, folder, program };
        let start = Instant::now();
        // It ends at once where somebody else took the port in the meantime.
        while !server.answers() {
            assert!(start.elapsed() < PATIENCE, "redis-server ends at once: {}", server.log());
            (server.port, server.tls_port) = (free_port(), free_port());
            server.launch_again();
        }
        server
    }

    fn launch(options: &RedisOptions, port: u16, tls_port: u16, folder: &Path) -> Program {
        let (port, tls_port) = (port.to_string(), tls_port.to_string());
        let path = folder;
        let folder = path.to_str().expect("it is text");
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
        if options.tls {
            args.extend(["--tls-port", &tls_port, "--tls-auth-clients", "no"]);
            args.extend(["--tls-cert-file", CERTIFICATE, "--tls-key-file", KEY]);
            args.extend(["--tls-ca-cert-file", CERTIFICATE]);
        }
        args.extend(options.more.iter().map(String::as_str));
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        let variables = if options.own_clock { clock::of(path) } else { Vec::new() };
        Program::start_in(variables, "redis-server", PACKAGE, &args)
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

    /// Where it is over TLS, and with which certificates it is believed.
    pub fn tls_url(&self) -> String {
        assert!(self.options.tls, "start it with `tls: true`");
        let file = self.folder.path().join(CERTIFICATE);
        let password = self.options.password.map(|password| format!(":{password}@"));
        let password = password.unwrap_or_default();
        format!("rediss://{password}localhost:{}/?authorities={}", self.tls_port, file.display())
    }

    /// The port, of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it with `SIGKILL`: what it has not written is lost.
    pub fn kill(&mut self) {
        self.program.kill();
        if self.options.own_clock {
            clock::remove(self.program.id());
        }
    }

    /// Starts it again with the same port and folder, and waits until it answers.
    pub fn restart(&mut self) {
        self.launch_again();
        assert!(self.answers(), "redis-server does not come back: {}", self.log());
    }

    /// Starts it again with the same port and folder, and waits for nothing.
    pub fn launch_again(&mut self) {
        self.kill();
        self.program = Self::launch(&self.options, self.port, self.tls_port, self.folder.path());
    }

    /// Stops it with `SIGSTOP`: connections stay, and nobody answers.
    pub fn pause(&self) {
        self.program.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.program.signal("CONT");
    }

    /// Sets its clock, so many seconds ahead of the machine's, or behind, and waits until it tells that time. What
    /// it has an end for ends by this clock.
    ///
    /// ```
    /// # #[cfg(target_os = "linux")] {
    /// use distributed_task_test_servers::{RedisOptions, RedisServer};
    ///
    /// let server = RedisServer::start(RedisOptions { own_clock: true, ..Default::default() });
    /// server.cli(&["SET", "k", "v", "EX", "60"]);
    /// server.set_clock(3600);
    /// assert_eq!(server.cli(&["EXISTS", "k"]), "0");
    /// # }
    /// ```
    pub fn set_clock(&self, ahead: i64) {
        assert!(self.options.own_clock, "start it with `own_clock: true`");
        clock::set(self.folder.path(), ahead);
        wait_until("it tells the time that was set", || {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
            let told = self.cli(&["TIME"]);
            let told = told.lines().next().and_then(|seconds| seconds.parse::<u64>().ok());
            told.is_some_and(|told| told.abs_diff(now.saturating_add_signed(ahead)) <= 2)
        });
    }

    /// Asks it with `redis-cli`: what is printed, without the line's end.
    pub fn cli(&self, args: &[&str]) -> String {
        self.try_cli(args).trim_end_matches('\n').to_owned()
    }

    fn try_cli(&self, args: &[&str]) -> String {
        redis_cli(self.port, self.options.password, args)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What `redis-cli` prints.
pub(crate) fn redis_cli(port: u16, password: Option<&str>, args: &[&str]) -> String {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(args);
    if let Some(password) = password {
        command.env("REDISCLI_AUTH", password);
    }
    let output =
        command.output().unwrap_or_else(|error| panic!("redis-cli: {error}: {}", advice(PACKAGE)));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a certificate that vouches for itself.
fn certify(folder: &Path) {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-out", CERTIFICATE])
        .args(["-keyout", KEY, "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output()
        .unwrap_or_else(|error| panic!("openssl: {error}: {}", advice("openssl")));
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
