//! Wall and CPU time of a batch of sagas.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use super::Contestant;

/// Time for one saga.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

/// A batch of so many sagas from that many tasks; each waits for the end of one before the next.
pub(crate) async fn batch(sagas: u32, submitters: u32, contestant: &impl Contestant) -> Cost {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let submit = |_| {
        let contestant = contestant.clone();
        tokio::spawn(async move {
            for _ in 0..sagas / submitters {
                contestant.saga().await;
            }
        })
    };
    let tasks: Vec<_> = (0..submitters).map(submit).collect();
    for task in tasks {
        task.await.expect("a submitter panicked");
    }
    Cost { wall: wall.elapsed() / sagas, cpu: cpu.elapsed() / sagas }
}

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
