//! What goes wrong, drawn by chance, and how it is made good again.

use std::time::Duration;

use distributed_task_test_servers::{Connections, Flow, Way};

use crate::{chance::Chance, storm::Weather, story::Cast};

/// Which faults a story has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    Anything,
    /// Only submitters that are killed half way through an upload.
    DyingSubmitters,
}

/// One fault. What lasts is made good after so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// `SIGKILL` for a worker; it is started again soon.
    KillWorker(usize),
    /// `SIGSTOP`, for longer than the lease.
    StopWorker(usize, Duration),
    /// A submitter is killed half way through an upload.
    KillSubmitter,
    /// It is stopped there for longer than the lease.
    StopSubmitter(Duration),
    /// What is on the way between a worker and Redis is lost.
    Silence(usize, Duration),
    /// What S3 does with half of the requests.
    Weather(Weather, Duration),
    /// S3 answers late, and takes little at a time.
    Slow(Duration),
    /// Connections to S3 are reset.
    Cut,
    /// S3 is away.
    Away(Duration),
}

impl Fault {
    pub(crate) fn draw(chance: &mut Chance, mix: Mix, workers: usize, lease: Duration) -> Self {
        let worker = chance.below(workers as u64) as usize;
        // Up to two and a half leases; what has to be longer than one is.
        let mut lasts = |least: u64| {
            let tenths = least + chance.below(25 - least);
            lease * u32::try_from(tenths).expect("it is small") / 10
        };
        let (some, long) = (lasts(3), lasts(14));
        if mix == Mix::DyingSubmitters {
            return Self::KillSubmitter;
        }
        match chance.below(20) {
            0..5 => Self::KillWorker(worker),
            5..8 => Self::StopWorker(worker, long),
            8..10 => Self::KillSubmitter,
            10 => Self::StopSubmitter(long),
            11 => Self::Silence(worker, some),
            12..17 => Self::Weather(Weather::draw(chance), some),
            17 => Self::Slow(some),
            18 => Self::Cut,
            _ => Self::Away(some),
        }
    }

    /// How long it lasts, if it does not end by itself.
    pub(crate) fn lasts(self) -> Option<Duration> {
        match self {
            Self::StopWorker(_, lasts)
            | Self::Silence(_, lasts)
            | Self::Weather(_, lasts)
            | Self::Slow(lasts)
            | Self::Away(lasts) => Some(lasts),
            // A stopped submitter goes on when it was found, and its time is over.
            _ => None,
        }
    }

    pub(crate) fn begin(self, cast: &Cast) {
        match self {
            Self::KillWorker(worker) => cast.workers[worker].kill(),
            Self::StopWorker(worker, _) => cast.workers[worker].signal("STOP"),
            Self::KillSubmitter | Self::StopSubmitter(_) => cast.storm.want_somebody(),
            Self::Silence(worker, _) => {
                if let Some(proxy) = cast.proxies.get(worker) {
                    proxy.set(Connections::All, Way::Both, Flow::Drop);
                }
            }
            Self::Weather(weather, _) => cast.storm.set(Some(weather)),
            Self::Slow(_) => {
                cast.storm.proxy.set(Connections::All, Way::In, Flow::Rate(2 << 20));
                let late = Flow::Delay(Duration::from_millis(200));
                cast.storm.proxy.set(Connections::All, Way::Out, late);
            }
            Self::Cut => cast.storm.proxy.reset(),
            Self::Away(_) => {
                cast.storm.proxy.refuse(true);
                cast.storm.proxy.cut();
            }
        }
    }

    pub(crate) fn heal(self, cast: &Cast) {
        match self {
            Self::StopWorker(worker, _) => cast.workers[worker].signal("CONT"),
            Self::Silence(worker, _) => {
                if let Some(proxy) = cast.proxies.get(worker) {
                    proxy.heal();
                }
            }
            Self::Weather(..) => cast.storm.set(None),
            Self::Slow(_) | Self::Away(_) => cast.storm.proxy.heal(),
            _ => {}
        }
    }
}
