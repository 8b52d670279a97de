//! The processes: Redis, and hosts that reach it through networks of their own.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use distributed_task_test_servers::{Proxy, RedisOptions, RedisServer};

use crate::scene::{Scene, program};

/// Takes orders.
pub(crate) const API: usize = 0;
pub(crate) const WORKERS: std::ops::RangeInclusive<usize> = 1..=3;

/// How long a host is away before it is started again.
const AWAY: Duration = Duration::from_millis(300);

pub(crate) struct Shop {
    pub(crate) scene: Scene,
    pub(crate) redis: RedisServer,
    pub(crate) hosts: Vec<Host>,
    pub(crate) setting: Setting,
}

/// How the hosts of a shop are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// How long one may be silent before others go on with its orders.
    pub(crate) lease: Duration,
    pub(crate) workers: usize,
    /// How long the answers of the world take, in milliseconds.
    pub(crate) slow: u64,
    pub(crate) partitions: usize,
}

/// A process, which is started again when it ends.
pub(crate) struct Host {
    name: String,
    pub(crate) proxy: Proxy,
    child: Child,
    ended: Option<Instant>,
    /// So often it ended by itself, because it could not start.
    pub(crate) failed_starts: usize,
    command: [String; 2],
    log: PathBuf,
}

impl Shop {
    pub(crate) fn open(setting: Setting) -> Self {
        let scene = Scene::new();
        scene.good(&["world", "stock", "tea", "100000000"]);
        let redis = RedisServer::start(RedisOptions::default());
        let mut shop = Self { scene, redis, hosts: Vec::new(), setting };
        (0..=setting.workers).for_each(|_| shop.add_host());
        shop.wait_until_all_work();
        shop
    }

    /// The first one takes orders, the others work.
    pub(crate) fn add_host(&mut self) {
        let n = self.hosts.len();
        let verb = if n == API { "api" } else { "worker" };
        let proxy = Proxy::start(&format!("127.0.0.1:{}", self.redis.port()));
        let log = self.scene.at(&format!("{n}.log"));
        let command = [verb.to_owned(), self.redis.url_at(proxy.port())];
        let child = start(&self.scene, &command, self.setting, &log);
        let name = format!("{verb} {n}");
        self.hosts.push(Host { name, proxy, child, ended: None, failed_starts: 0, command, log });
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.scene.at("shop/socket")
    }

    /// Every host says so, and stays.
    pub(crate) fn wait_until_all_work(&mut self) {
        let begun = Instant::now();
        loop {
            self.start_again();
            let says = |host: &Host| host.ended.is_none() && host.log().contains("order: working");
            if self.hosts.iter().all(says) {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "a host does not start: {}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts what has ended a while ago.
    pub(crate) fn start_again(&mut self) {
        for host in &mut self.hosts {
            match host.ended {
                None => {
                    if let Ok(Some(_)) = host.child.try_wait() {
                        host.ended = Some(Instant::now());
                        host.failed_starts += 1;
                    }
                }
                Some(ended) if ended.elapsed() >= AWAY => {
                    host.child = start(&self.scene, &host.command, self.setting, &host.log);
                    host.ended = None;
                }
                Some(_) => {}
            }
        }
    }

    /// Tells all hosts to stop, and waits until they have. Answers what they did not do well.
    pub(crate) fn close(&mut self) -> Vec<String> {
        self.hosts.iter().for_each(|host| host.signal("TERM"));
        let mut wrong = Vec::new();
        for host in &mut self.hosts {
            let begun = Instant::now();
            let status = loop {
                match host.child.try_wait().expect("it is ours") {
                    Some(status) => break Some(status),
                    None if begun.elapsed() > Duration::from_secs(20) => break None,
                    None => std::thread::sleep(Duration::from_millis(10)),
                }
            };
            match status {
                Some(status) if status.success() => {}
                Some(status) => wrong.push(format!("{} was told to stop: {status}", host.name)),
                None => wrong.push(format!("{} was told to stop, and does not", host.name)),
            }
        }
        wrong
    }

    /// The last that each host said.
    pub(crate) fn logs(&self) -> String {
        let log = |host: &Host| {
            let log = host.log();
            let lines: Vec<_> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(40)..];
            format!("--- {}\n{}\n", host.name, last.join("\n"))
        };
        self.hosts.iter().map(log).collect()
    }
}

impl Host {
    pub(crate) fn kill(&mut self) {
        if self.ended.is_none() {
            // It may have ended by itself.
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.ended = Some(Instant::now());
        }
    }

    /// Sends a signal to a process that has not been waited for, so that the id is its own.
    pub(crate) fn signal(&self, signal: &str) {
        if self.ended.is_none() {
            let id = self.child.id().to_string();
            let sent = Command::new("kill").args(["-s", signal, &id]).status();
            assert!(sent.is_ok_and(|status| status.success()), "SIG{signal} was not sent");
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(scene: &Scene, [verb, url]: &[String; 2], setting: Setting, log: &PathBuf) -> Child {
    let lease = format!("{}ms", setting.lease.as_millis());
    let slow = format!("{}ms", setting.slow);
    let mut command = match cfg!(target_os = "linux") {
        // The kernel ends it when the test is aborted, which drops nothing.
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL"]).arg(program());
            command
        }
        false => Command::new(program()),
    };
    let said = File::create(log).expect("there is room");
    command
        .args([verb, "--redis", url, "--lease", &lease, "--far", "40ms", "--slow", &slow])
        .args(["--partitions", &setting.partitions.to_string()])
        .current_dir(scene.at(""))
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("it is open"))
        .stderr(said)
        .spawn()
        .expect("it starts")
}
