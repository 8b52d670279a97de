//! What goes wrong, drawn by chance, and how it is made good again.

use std::time::Duration;

use distributed_task_test_servers::{Connections, Flow, Way};

use crate::{
    chance::Chance,
    shop::{API, Shop, WORKERS},
};

/// Which faults a story has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    Anything,
    /// Only workers that are killed.
    Kills,
    /// A server that is killed and forgets, and workers that are killed.
    Forgetful,
}

/// One fault. What lasts is made good after so long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// `SIGKILL`; the host is started again soon.
    Kill(usize),
    /// `SIGSTOP`, for longer than the lease.
    Stop(usize, Duration),
    /// Its connections are closed, or reset.
    Cut(usize, Cut),
    /// No new connections as well.
    Refuse(usize, Duration),
    /// Bytes do not come through, and nobody is told.
    Silence(usize, Quiet, Duration),
    /// Answers are late.
    Slow(usize, Duration),
    /// The server is killed, and started again on what it has appended.
    KillServer(Duration),
    /// `SIGSTOP` for the server.
    StopServer(Duration),
    /// It forgets all scripts.
    ForgetScripts,
    /// It closes all connections of this type.
    KillClients(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Close,
    Reset,
}

/// What is lost on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    Requests,
    Replies,
    All,
    /// Nothing is lost, but late.
    Held,
}

impl Fault {
    pub(crate) fn draw(chance: &mut Chance, mix: Mix, lease: Duration) -> Self {
        let host = match chance.one_in(5) && mix == Mix::Anything {
            true => API,
            false => WORKERS.start() + chance.below(3) as usize,
        };
        // Up to two and a half leases; what has to be longer than one is.
        let mut lasts = |least: u64| {
            let tenths = least + chance.below(25 - least);
            lease * u32::try_from(tenths).expect("it is small") / 10
        };
        let (some, long) = (lasts(1), lasts(12));
        match mix {
            Mix::Kills => return Self::Kill(host),
            Mix::Forgetful if chance.one_in(3) => return Self::KillServer(some),
            Mix::Forgetful => return Self::Kill(host),
            Mix::Anything => {}
        }
        match chance.below(20) {
            0..5 => Self::Kill(host),
            5..8 => Self::Stop(host, long),
            8 => Self::Cut(host, if chance.one_in(2) { Cut::Close } else { Cut::Reset }),
            9..11 => Self::Refuse(host, some),
            11..14 => {
                let quiet = [Quiet::Requests, Quiet::Replies, Quiet::All, Quiet::Held];
                Self::Silence(host, quiet[chance.below(4) as usize], some)
            }
            14 => Self::Slow(host, some),
            15 => Self::KillServer(some),
            16 => Self::StopServer(some),
            17 => Self::ForgetScripts,
            18 => Self::KillClients("normal"),
            _ => Self::KillClients("pubsub"),
        }
    }

    /// How long it lasts, if it does not end by itself.
    pub(crate) fn lasts(self) -> Option<Duration> {
        match self {
            Self::Stop(_, lasts)
            | Self::Refuse(_, lasts)
            | Self::Silence(_, _, lasts)
            | Self::Slow(_, lasts)
            | Self::KillServer(lasts)
            | Self::StopServer(lasts) => Some(lasts),
            _ => None,
        }
    }

    /// Whether the server answers nobody.
    pub(crate) fn is_of_server(self) -> bool {
        matches!(self, Self::KillServer(_) | Self::StopServer(_))
    }

    pub(crate) fn begin(self, shop: &mut Shop) {
        let all = Connections::All;
        match self {
            Self::Kill(host) => shop.hosts[host].kill(),
            Self::Stop(host, _) => shop.hosts[host].signal("STOP"),
            Self::Cut(host, Cut::Close) => shop.hosts[host].proxy.cut(),
            Self::Cut(host, Cut::Reset) => shop.hosts[host].proxy.reset(),
            Self::Refuse(host, _) => {
                shop.hosts[host].proxy.refuse(true);
                shop.hosts[host].proxy.cut();
            }
            Self::Silence(host, quiet, _) => {
                let (way, flow) = match quiet {
                    Quiet::Requests => (Way::In, Flow::Drop),
                    Quiet::Replies => (Way::Out, Flow::Drop),
                    Quiet::All => (Way::Both, Flow::Drop),
                    Quiet::Held => (Way::Both, Flow::Hold),
                };
                shop.hosts[host].proxy.set(all, way, flow);
            }
            Self::Slow(host, _) => {
                let late = Flow::Delay(Duration::from_millis(150));
                shop.hosts[host].proxy.set(all, Way::Out, late);
            }
            Self::KillServer(_) => shop.redis.kill(),
            Self::StopServer(_) => shop.redis.pause(),
            Self::ForgetScripts => _ = shop.redis.cli(&["SCRIPT", "FLUSH"]),
            Self::KillClients(kind) => _ = shop.redis.cli(&["CLIENT", "KILL", "TYPE", kind]),
        }
    }

    pub(crate) fn heal(self, shop: &mut Shop) {
        match self {
            Self::Stop(host, _) => shop.hosts[host].signal("CONT"),
            Self::Refuse(host, _) | Self::Silence(host, ..) | Self::Slow(host, _) => {
                shop.hosts[host].proxy.heal();
            }
            Self::KillServer(_) => shop.redis.restart(),
            Self::StopServer(_) => shop.redis.resume(),
            Self::Kill(_) | Self::Cut(..) | Self::ForgetScripts | Self::KillClients(_) => {}
        }
    }
}
