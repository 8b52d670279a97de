//! A primary, a replica, and three sentinels that watch them.

use std::{fs, time::Instant};

use tempfile::TempDir;

use crate::{
    RedisOptions, RedisServer,
    program::{PATIENCE, Program, free_port, wait_until},
    redis::{PACKAGE, redis_cli},
};

/// What the sentinels call the primary.
const NAME: &str = "tests";

/// A primary, a replica, and three sentinels that agree who is which.
///
/// ```
/// use distributed_task_test_servers::{RedisOptions, Sentinels};
///
/// let mut sentinels = Sentinels::start(RedisOptions::default());
/// let first = sentinels.primary_port();
/// sentinels.kill_primary();
/// assert_ne!(sentinels.wait_for_another(first), first, "the replica took over");
/// ```
pub struct Sentinels {
    servers: [RedisServer; 2],
    sentinels: Vec<Sentinel>,
    password: Option<&'static str>,
}

struct Sentinel {
    port: u16,
    program: Program,
    /// Sentinels write their configuration anew.
    _folder: TempDir,
}

impl Sentinels {
    /// Starts them, and waits until a fail-over would succeed. The replica has the same options.
    pub fn start(options: RedisOptions) -> Self {
        let primary = RedisServer::start(options.clone());
        let port = primary.port();
        let mut replica = options.clone();
        replica.more.extend(["--replicaof".to_owned(), "127.0.0.1".to_owned(), port.to_string()]);
        let replica = RedisServer::start(replica);
        wait_until("the replica has all data", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
        });
        let sentinels = (0..3).map(|_| Sentinel::start(port, options.password)).collect();
        let all = Self { servers: [primary, replica], sentinels, password: options.password };
        for sentinel in &all.sentinels {
            wait_until("the sentinels know each other and the replica", || {
                let quorum = sentinel.cli(&["SENTINEL", "CKQUORUM", NAME]);
                let known = sentinel.cli(&["SENTINEL", "MASTER", NAME]);
                let count = |name| known.lines().skip_while(|line| *line != name).nth(1);
                quorum.starts_with("OK")
                    && count("num-other-sentinels") == Some("2")
                    && count("num-slaves") == Some("1")
            });
        }
        all
    }

    /// Where they are, for a program that asks them for the primary.
    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        let password = self.password.map(|password| format!(":{password}@"));
        format!("redis+sentinel://{}{}/{NAME}", password.unwrap_or_default(), hosts.join(","))
    }

    /// The primary's port, as a sentinel that runs says.
    pub fn primary_port(&self) -> u16 {
        let said = self.sentinels.iter().find_map(|sentinel| {
            let said = sentinel.cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
            said.lines().nth(1)?.parse().ok()
        });
        said.expect("a sentinel answers")
    }

    /// Waits until the sentinels name another primary than `port`.
    pub fn wait_for_another(&self, port: u16) -> u16 {
        let mut now = port;
        wait_until("another one is the primary", || {
            now = self.primary_port();
            now != port
        });
        now
    }

    /// The server that the sentinels call the primary.
    pub fn primary(&mut self) -> &mut RedisServer {
        let port = self.primary_port();
        let found = self.servers.iter_mut().find(|server| server.port() == port);
        found.expect("the sentinels know no other servers")
    }

    /// The server that they call the replica.
    pub fn replica(&mut self) -> &mut RedisServer {
        let port = self.primary_port();
        let found = self.servers.iter_mut().find(|server| server.port() != port);
        found.expect("there are two")
    }

    /// Ends the primary with `SIGKILL`.
    pub fn kill_primary(&mut self) {
        self.primary().kill();
    }

    /// Has the sentinels make the replica the primary: `OK` if they began.
    pub fn failover(&self) -> String {
        self.sentinels[0].cli(&["SENTINEL", "FAILOVER", NAME])
    }

    /// Ends one of the sentinels with `SIGKILL`.
    pub fn kill_sentinel(&mut self, which: usize) {
        self.sentinels[which].program.kill();
    }
}

impl Sentinel {
    fn start(primary: u16, password: Option<&str>) -> Self {
        let start = Instant::now();
        loop {
            let folder = tempfile::tempdir().expect("a folder");
            let port = free_port();
            let file = folder.path().join("sentinel.conf");
            let mut text = format!(
                "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {primary} 2\n\
                 sentinel down-after-milliseconds {NAME} 500\nsentinel failover-timeout {NAME} 3000\n",
                folder.path().display()
            );
            if let Some(password) = password {
                text += &format!("sentinel auth-pass {NAME} {password}\n");
            }
            fs::write(&file, text).expect("it can be written");
            let file = file.to_str().expect("it is text").to_owned();
            let program = Program::start("redis-server", PACKAGE, &[file, "--sentinel".to_owned()]);
            let mut sentinel = Self { port, program, _folder: folder };
            let mut runs = true;
            wait_until("the sentinel answers", || {
                runs = sentinel.program.is_running();
                !runs || sentinel.cli(&["PING"]) == "PONG"
            });
            // It ends at once where somebody else took the port in the meantime.
            if runs {
                return sentinel;
            }
            assert!(start.elapsed() < PATIENCE, "sentinels end at once");
        }
    }

    fn cli(&self, args: &[&str]) -> String {
        redis_cli(self.port, None, args).trim_end().to_owned()
    }
}
