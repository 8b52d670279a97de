//! Where faults are: a server, a proxy, one process behind it that has a name, and another one with a way
//! of its own that waits for the name.

use std::time::Duration;

use distributed_task::{
    backend::redis::RedisLeases,
    coordination::{Coordination, Lease, LossCause, OnUnreachable},
};
use distributed_task_test_servers::{Appends, Proxy, RedisOptions, RedisServer};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    control::Control,
    history::{Finding, History},
    witness::{Register, Witness},
    world::NAME,
};

/// Where the lease is in the server.
pub const KEY: &str = "distributed-task:{nightly-report}:l";

pub struct Site {
    pub server: RedisServer,
    pub proxy: Proxy,
    pub one: Coordination,
    pub two: Coordination,
    pub history: History,
    pub control: Control,
    pub register: Register,
    _folder: tempfile::TempDir,
}

/// A process behind a proxy.
pub async fn behind(server: &RedisServer, proxy: &Proxy) -> Coordination {
    let leases = RedisLeases::builder(server.url_at(proxy.port()));
    Coordination::open(leases.open()).await.expect("the server is there")
}

pub fn proxy_of(server: &RedisServer) -> Proxy {
    Proxy::start(&format!("127.0.0.1:{}", server.port()))
}

/// What most have whom a test is not about: a machine that is busy takes nothing away from them.
pub const PATIENT: OnUnreachable = OnUnreachable::LoseAfter(Duration::from_secs(3600));

/// By how much less than its lease a holder counts on.
pub fn margin(lease: Duration) -> u64 {
    let margin = lease / 100 + Duration::from_millis(2);
    u64::try_from(margin.as_micros()).expect("it is short")
}

/// Who waits asks often.
pub const RETRY: Duration = Duration::from_millis(30);

pub fn wanted(process: &Coordination, lease: Duration, what: OnUnreachable) -> Lease {
    process.lease(NAME).ttl(lease).on_unreachable(what).retry_delay(RETRY)
}

pub const fn micros(time: u64) -> Duration {
    Duration::from_micros(time)
}

impl Site {
    pub async fn new() -> Self {
        Self::with(Appends::No).await
    }

    pub async fn with(appends: Appends) -> Self {
        Self::on(RedisServer::start(RedisOptions { appends, ..Default::default() })).await
    }

    pub async fn on(server: RedisServer) -> Self {
        let proxy = proxy_of(&server);
        let one = behind(&server, &proxy).await;
        let two = RedisLeases::builder(server.url());
        let two = Coordination::open(two.open()).await.expect("the server is there");
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let register = Register::at(&folder.path().join("register"));
        let (history, control) = (History::new(), Control::start());
        // The server knows all scripts before anything goes wrong.
        let known = history.take(&two.lease("known")).await;
        known.guard.renew().await.expect("it is held");
        known.release().await;
        Self { server, proxy, one, two, history, control, register, _folder: folder }
    }

    /// The first process has the name.
    pub async fn held(&self, lease: Duration, what: OnUnreachable) -> Witness {
        let held = self.history.take(&wanted(&self.one, lease, what)).await;
        assert!(held.write(&self.register));
        held
    }

    /// The second one waits for it.
    pub fn waiting(&self, lease: Duration) -> JoinHandle<Witness> {
        let (history, wanted) = (self.history.clone(), wanted(&self.two, lease, PATIENT));
        tokio::spawn(async move { history.acquire(&wanted).await })
    }

    /// Watches it until it is lost. Answers why, and when its holder was told.
    pub async fn told(&self, held: &Witness) -> (LossCause, u64) {
        let told = async {
            let lost = held.guard.lost().await;
            (lost.cause, self.history.now())
        };
        let both = async { tokio::join!(held.watch(), told) };
        let (seen, (cause, at)) = timeout(Duration::from_secs(30), both).await.expect("it is lost");
        assert_eq!(seen.cause, cause);
        (cause, at)
    }

    /// The rest of every story with a loss: the other one gets it in time, and writes; the first one has
    /// lost it for ever, also when everything is well again, and its writes are refused.
    pub async fn handed_over(&self, lost: Witness, free_by: u64, waiting: JoinHandle<Witness>) {
        let next = timeout(Duration::from_secs(30), waiting).await.expect("it is free by now");
        let next = next.expect("nothing panics");
        let late = next.granted.saturating_sub(free_by);
        self.control.within("it is somebody's", micros(late), RETRY * 2);
        assert!(next.write(&self.register));
        assert!(!lost.write(&self.register), "its fence is lower");
        self.proxy.heal();
        next.renewed().await;
        lost.check().expect_err("it was lost");
        lost.release().await;
        next.renewed().await;
        next.release().await;
        assert_eq!(crate::history::falls(&self.register.accepted()), []);
    }

    /// Nobody saw what cannot be.
    #[track_caller]
    pub fn nothing_is_wrong(&self) {
        assert_eq!(self.history.findings(), [] as [Finding; 0], "{}", self.history);
    }

    /// Two had the name, which is what the fault breaks, for no longer than this. Nothing else is wrong.
    #[track_caller]
    pub fn only_short_overlaps(&self, bound: Duration) {
        let found = self.history.findings();
        for finding in &found {
            let Finding::Overlap { used, .. } = finding else {
                panic!("{finding:?}{}", self.history)
            };
            self.control.within("two had it", *used, bound);
        }
        assert!(!found.is_empty(), "the fault took nothing away{}", self.history);
    }
}
