//! What a process of its own does that wants a name: `lease-holder ORDERS`, in JSON.

use std::{path::PathBuf, thread, time::Duration};

use distributed_task::{
    backend::redis::{RedisLeases, RedisOpenError},
    coordination::{Coordination, LeaseGuard, OnBusy},
};
use serde::{Deserialize, Serialize};

use super::{
    history::{Event, History, What},
    witness::{LOOKS, Register},
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Orders {
    pub url: String,
    pub name: String,
    pub lease: Duration,
    pub retry_delay: Duration,
    pub register: PathBuf,
    /// The process is to be stopped between a look at its lease and a write, which it makes when it finds
    /// this file. It ends after that.
    pub go_on: Option<PathBuf>,
    /// It stands in the election of that name instead, and says so as often.
    pub beats: Option<Duration>,
    /// It stands in so many elections instead, called by that name and a number, and leads what it can.
    pub elections: Option<usize>,
    /// It runs the job of that name instead, when it is its turn, until it is killed.
    pub is_job: bool,
}

/// What one of several elections is called.
pub fn election(name: &str, number: usize) -> String {
    format!("{name}-{number}")
}

impl Orders {
    /// Does what they say, and prints what it sees.
    ///
    /// # Errors
    /// When the server does not answer.
    ///
    /// # Panics
    /// When what it sees cannot be.
    pub async fn carry_out(&self) -> Result<(), RedisOpenError> {
        let process = Coordination::open(RedisLeases::builder(&self.url).open()).await?;
        if let Some(beats) = self.beats {
            let election = process.election(&self.name).lease_duration(self.lease);
            let _stands = election.heartbeat_interval(beats).start().expect("it may stand");
            // Until it is killed.
            std::future::pending::<()>().await;
        }
        if let Some(elections) = self.elections {
            let stand = |number| {
                let election = process.election(election(&self.name, number));
                let election = election.candidate_id("killed").lease_duration(self.lease);
                election.retry_interval(self.retry_delay).start().expect("it may stand")
            };
            let _stands: Vec<_> = (0..elections).map(stand).collect();
            // Until it is killed.
            std::future::pending::<()>().await;
        }
        if self.is_job {
            let job = process.singleton(&self.name).lease(self.lease);
            let history = History::spoken();
            let run = async |held: &LeaseGuard| {
                let (fence, attempt) = (held.fence().0, held.attempt());
                let (name, tenure) = (self.name.clone(), format!("run {fence}"));
                let (at, what) = (history.now(), What::Began { attempt });
                history.note(Event { name, tenure, fence, is_shared: false, at, what });
                std::future::pending::<()>().await;
            };
            let ran = job.on_busy(OnBusy::Wait(Duration::from_secs(60))).run(run).await;
            panic!("nothing ends it: {ran:?}");
        }
        let (history, register) = (History::spoken(), Register::at(&self.register));
        let lease = process.lease(&self.name).ttl(self.lease).retry_delay(self.retry_delay);
        loop {
            let held = history.acquire(&lease).await;
            if let Some(file) = &self.go_on {
                held.write(&register);
                held.renewed().await;
                held.says_that_it_stops();
                // Also the first look after it was stopped is this one.
                while !file.exists() {
                    thread::sleep(LOOKS);
                }
                held.write(&register);
                // It may be lost.
                let _ = held.check();
                held.release().await;
                return Ok(());
            }
            while held.check().is_ok() {
                held.write(&register);
                tokio::time::sleep(LOOKS).await;
            }
            held.release().await;
        }
    }
}
