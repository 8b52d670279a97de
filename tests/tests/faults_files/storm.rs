//! How the S3 server misbehaves, and whose upload is to be met half way.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, mpsc},
};

use distributed_task_test_servers::Proxy;
use distributed_task_tests::s3::{Fault, Request, S3Server};

use crate::{chance::Chance, crowd::customer_of, pack::BUCKETS};

/// What becomes of some of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// `503`: it has too much to do.
    Busy,
    /// `403`: somebody takes the rights away, and gives them back.
    Forbidden,
    /// They are not done, and the connection is closed.
    Dropped,
    /// They are done, and the connection is closed instead of an answer.
    Unanswered,
    /// The same, and they are done some time later.
    Late,
    /// Neither done nor answered.
    Silent,
    /// The answers stop in the middle.
    Torn,
    /// One or the other.
    Anything,
}

const ALL: [Weather; 7] = [
    Weather::Busy,
    Weather::Forbidden,
    Weather::Dropped,
    Weather::Unanswered,
    Weather::Late,
    Weather::Silent,
    Weather::Torn,
];

impl Weather {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        ALL.get(chance.below(9) as usize).copied().unwrap_or(Self::Anything)
    }

    fn fault(self, chance: &mut Chance) -> Fault {
        match self {
            Self::Busy => Fault::Status(503),
            Self::Forbidden => Fault::Status(403),
            Self::Dropped => Fault::Drop,
            Self::Unanswered => Fault::LoseReply,
            Self::Late => Fault::Late(chance.millis(2_500)),
            Self::Silent => Fault::Hang,
            Self::Torn => Fault::Cut(chance.below(300) as usize),
            Self::Anything => ALL[chance.below(7) as usize].fault(chance),
        }
    }
}

/// An S3 server, the way to it, and what happens there.
pub(crate) struct Storm {
    pub(crate) server: S3Server,
    pub(crate) proxy: Proxy,
    sky: Arc<Mutex<Sky>>,
    /// Whose upload has begun that was to be met.
    pub(crate) met: mpsc::Receiver<usize>,
}

struct Sky {
    weather: Option<Weather>,
    chance: Chance,
    /// Somebody's upload is to be met half way.
    wanted: bool,
    hits: usize,
    /// What was done later than it was answered, `bucket/key` each.
    late: BTreeSet<String>,
}

impl Storm {
    pub(crate) fn start(seed: u64) -> Self {
        let server = S3Server::start();
        let address = server.endpoint();
        let proxy = Proxy::start(address.trim_start_matches("http://"));
        let chance = Chance::new(!seed);
        let sky = Arc::new(Mutex::new(Sky {
            weather: None,
            chance,
            wanted: false,
            hits: 0,
            late: BTreeSet::new(),
        }));
        let (meets, met) = mpsc::channel();
        let shared = Arc::clone(&sky);
        server.fault(move |request| {
            let mut sky = shared.lock().expect("nobody panics under it");
            if sky.wanted
                && let Some(customer) = half_way(request)
            {
                sky.wanted = false;
                // The test may be over.
                let _ = meets.send(customer);
                // It takes effect or not; its sender does not hear of it.
                return if sky.chance.one_in(2) { Fault::LoseReply } else { Fault::Hang };
            }
            let is_hit = sky.chance.one_in(2);
            match sky.weather {
                Some(weather) if is_hit => {
                    sky.hits += 1;
                    let fault = weather.fault(&mut sky.chance);
                    if matches!(fault, Fault::Late(_)) {
                        sky.late.insert(request.path.trim_start_matches('/').to_owned());
                    }
                    fault
                }
                _ => Fault::None,
            }
        });
        Self { server, proxy, sky, met }
    }

    /// The way that processes take.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    pub(crate) fn set(&self, weather: Option<Weather>) {
        self.sky.lock().expect("nobody panics under it").weather = weather;
    }

    /// Has the next upload of a submitter that is half done be met.
    pub(crate) fn want_somebody(&self) {
        self.sky.lock().expect("nobody panics under it").wanted = true;
    }

    /// Nobody is wanted any more, and everything is well.
    pub(crate) fn calm(&self) {
        let mut sky = self.sky.lock().expect("nobody panics under it");
        (sky.weather, sky.wanted) = (None, false);
    }

    /// What was done later than it was answered.
    pub(crate) fn late(&self) -> BTreeSet<String> {
        self.sky.lock().expect("nobody panics under it").late.clone()
    }

    /// So many requests were hit.
    pub(crate) fn hits(&self) -> usize {
        self.sky.lock().expect("nobody panics under it").hits
    }
}

/// Whose upload it is, if something of it is there already: its second file, or a part of it.
fn half_way(request: &Request) -> Option<usize> {
    let name = request.path.rsplit('/').next()?;
    let is_later = name.starts_with("2-") || request.is_part() || request.is_complete();
    let is_upload = request.path.contains(BUCKETS[0]) && request.method == "PUT";
    let is_upload = is_upload || request.is_complete();
    if is_upload && is_later && !request.is_begin() { customer_of(&request.path) } else { None }
}
