//! Being told to stop.

use std::time::Duration;

use tokio::time::timeout;

#[cfg(unix)]
pub(crate) use unix::Stop;

/// Signals so soon after another are no second wish: `timeout` sends each of them twice.
const ONE_WISH: Duration = Duration::from_millis(500);

impl Stop {
    /// Waits until it is wanted a second time, and answers the exit status.
    pub(crate) async fn insisted_on(&mut self) -> u8 {
        self.wanted().await;
        let same = async {
            loop {
                self.wanted().await;
            }
        };
        let _: Result<(), _> = timeout(ONE_WISH, same).await;
        self.wanted().await
    }
}

#[cfg(unix)]
mod unix {
    use std::{fs, future::poll_fn, io, task::Poll};

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// A file grew beyond the limit of the process. 25 on every system but on MIPS.
    const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

    /// Hears, from its making on, when the user or the system wants the program to end.
    pub(crate) struct Stop {
        /// Each with the exit status that shells expect after it.
        heeded: Vec<(Signal, u8)>,
        /// Caught only for the write to fail, like that on a full disk, instead of ending us here.
        _too_large: Signal,
    }

    impl Stop {
        pub(crate) fn new() -> io::Result<Self> {
            let ignored = ignored();
            let heeded = [
                (SignalKind::hangup(), 129),
                (SignalKind::interrupt(), 130),
                (SignalKind::quit(), 131),
                (SignalKind::terminate(), 143),
            ];
            let heeded = heeded
                .into_iter()
                .filter(|(kind, _)| ignored & (1 << (kind.as_raw_value() - 1)) == 0)
                .map(|(kind, status)| Ok((signal(kind)?, status)))
                .collect::<io::Result<_>>()?;
            Ok(Self { heeded, _too_large: signal(FILE_TOO_LARGE)? })
        }

        /// Waits for it, and answers the exit status that shells expect. Cancel safe.
        pub(crate) async fn wanted(&mut self) -> u8 {
            poll_fn(|cx| {
                let mut heeded = self.heeded.iter_mut();
                let heard = heeded.find_map(|(signal, status)| {
                    signal.poll_recv(cx).is_ready().then_some(*status)
                });
                heard.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    /// The signals that whoever started us wants to be ignored, as `nohup` does: heeding those
    /// would undo it. Systems without this file do not say.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}

#[cfg(not(unix))]
pub(crate) struct Stop;

#[cfg(not(unix))]
impl Stop {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for it, and answers the exit status that shells expect. Cancel safe.
    pub(crate) async fn wanted(&mut self) -> u8 {
        match tokio::signal::ctrl_c().await {
            Ok(()) => 130,
            Err(_) => std::future::pending().await,
        }
    }
}
