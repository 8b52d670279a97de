//! A process that leads, or stands by, until it is told to stop.

use std::{convert::Infallible, time::Duration};

use clap::Args;
use distributed_task::coordination::LeadershipContext;

use crate::{
    program::{Failure, tell, tell_err},
    redis::Redis,
};

#[derive(Args)]
pub(crate) struct Standing {
    /// What this process is called
    #[arg(long, default_value = "web-1")]
    pub(crate) id: String,
    #[command(flatten)]
    redis: Redis,
    /// After how many seconds another one leads if the leader dies
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lease: u64,
}

impl Standing {
    /// Does the work wherever this process leads, again and again, until ^C. The others are told what it
    /// `says` of itself.
    pub(crate) async fn lead(
        &self,
        election: &str,
        says: &[(&str, &str)],
        mut work: impl AsyncFnMut(LeadershipContext) -> Result<Infallible, Failure>,
    ) -> Result<(), Failure> {
        let Self { id, redis, .. } = self;
        let (coordination, lease) = (redis.open().await?, Duration::from_secs(self.lease));
        let election = coordination
            .election(election)
            .candidate_id(id)
            .lease_duration(lease)
            .grace_period(lease / 4)
            .retry_interval(lease / 8);
        let election = says.iter().fold(election, |with, (what, it)| with.metadata(*what, *it));
        tell(&format!("{id} stands"));
        let mut stand = async || -> Result<Infallible, Failure> {
            loop {
                let done = election.run_elected(async |leader| {
                    tell(&format!("{id} leads"));
                    work(leader).await
                });
                let Err(why) = done.await?;
                tell_err(&format!("{id} leads no more: {why}"));
                tokio::time::sleep(lease / 8).await;
            }
        };
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => stopped?,
            ended = stand() => match ended? {},
        }
        // Somebody else leads at once, and not when the lease is over.
        coordination.shutdown(lease).await;
        Ok(())
    }
}
