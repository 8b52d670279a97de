//! `create-zip worker`: does the steps of what `create-zip submit` starts, until it is told to stop.

use std::{convert::Infallible, time::Duration};

use distributed_task::{FileSweep, Swept};
use tokio::time::sleep;

use crate::{
    cli::Labour,
    pack::{End, Failure},
    say::{say, sentence},
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
    let sweeps = BUCKETS.map(|bucket| worker.sweep_files(bucket));
    let sweeps = sweeps.into_iter().collect::<Result<Vec<_>, _>>()?;
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
        never = sweep(sweeps) => match never {},
        status = again.insisted_on() => {
            let left = "another worker does again what ran here".to_owned();
            Ok(End::Abandoned { status, left })
        }
    }
}

/// Removes what nobody answers for any more: files whose saga went back without them, and uploads that
/// were never finished.
async fn sweep(mut sweeps: Vec<FileSweep>) -> Infallible {
    loop {
        for sweep in &mut sweeps {
            match sweep.look().await {
                Ok(Swept { deleted, aborted, .. })
                    if !deleted.is_empty() || !aborted.is_empty() =>
                {
                    say(&format!(
                        "removed {} files and {} unfinished uploads that nobody owns",
                        deleted.len(),
                        aborted.len()
                    ));
                }
                Ok(_) => {}
                // It is there at the next look as well.
                Err(why) => {
                    say(&format!("cannot look for files that nobody owns: {}", sentence(&why)))
                }
            }
        }
        sleep(LOOK).await;
    }
}
