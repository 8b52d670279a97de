//! `create-zip worker`: does the steps of what `create-zip submit` starts, until it is told to stop.

use std::time::Duration;

use crate::{
    cli::Labour,
    pack::{End, Failure},
    say::say,
    servers::Unusable,
    signals::Stop,
    task::{BUCKETS, CreateZipFromFiles},
};

/// For the steps that run when it is told to stop. Whoever has no patience says so once more.
const LIMIT: Duration = Duration::from_secs(600);

/// How often to look for what is left in the buckets. It is removed at the second look.
const LOOK: Duration = Duration::from_secs(1800);

/// Works until it is told to stop.
pub(crate) async fn work(labour: Labour) -> Result<End, Failure> {
    let worker = CreateZipFromFiles::builder()
        .compression(labour.level)
        .use_distributed_mode(|_| labour.servers.distributed)
        .concurrency(labour.jobs)
        .build_worker()
        .await
        .map_err(Unusable::from)?;

    let (mut stop, mut again) = (Stop::new()?, Stop::new()?);
    // Files whose saga went back without them, and uploads that were never finished.
    for bucket in BUCKETS {
        tokio::spawn(worker.sweep_files(bucket)?.every(LOOK));
    }
    say(&format!("ready: packs {} at a time", labour.jobs));
    let told = async {
        stop.wanted().await;
        say("stopping: finishes the steps that run, and gives the rest back");
    };
    tokio::select! {
        report = worker.run_until(told, LIMIT) => {
            if !report.in_time {
                say("a step took too long: another worker does it again");
            }
            Ok(End::Stopped { status: 0 })
        }
        status = again.insisted_on() => {
            let left = "another worker does again what ran here".to_owned();
            Ok(End::Abandoned { status, left })
        }
    }
}
