//! The log is folded into rows while sagas go on, and nobody notices.

use std::time::Duration;

use distributed_task::kernel::{SagaId, SagaStatus};
use tokio::time::sleep;

use crate::orders::{Outside, Process};

/// Large enough that a few of them fill the log.
const LARGE: usize = 200_000;

fn orders(process: &Process, letters: &[&str]) -> Vec<SagaId> {
    let large = |letter: &&str| process.order(&format!("{letter}{}", "x".repeat(LARGE)));
    letters.iter().map(large).collect()
}

/// Where each saga is, and how many events it has seen.
fn seen(process: &Process, sagas: &[SagaId]) -> Vec<(SagaStatus, usize)> {
    process.runtime.block_on(async {
        let mut seen = Vec::new();
        for saga in sagas {
            let saga = process.orders.handle(*saga).await.expect("it is there");
            let events = saga.history().await.expect("it can be read").len();
            seen.push((saga.status().await.expect("it is known"), events));
        }
        seen
    })
}

#[test]
fn what_is_in_rows_and_what_is_in_the_log_are_one_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let outside = Outside::default();
    let mut sagas = Vec::new();
    let mut earlier = Vec::new();
    for round in 0..3 {
        let process = Process::start(&path, &outside);
        let now = seen(&process, &sagas);
        assert_eq!(now.len(), earlier.len());
        for (saga, (now, then)) in sagas.iter().zip(now.iter().zip(&earlier)) {
            let (now, then): (&(SagaStatus, usize), &(SagaStatus, usize)) = (now, then);
            // What was at rest is as it was; what was not goes on from there.
            let is_at_rest = matches!(then.0, SagaStatus::Completed | SagaStatus::Parked);
            assert!(if is_at_rest { now == then } else { now.1 >= then.1 }, "{saga}: {now:?}");
        }
        sagas.extend(orders(&process, &["", "h", "", "r", "", "p", "", "", "", "", ""]));
        process.runtime.block_on(async { sleep(Duration::from_secs(2 * 3600)).await });
        earlier = seen(&process, &sagas);
        let completed = earlier.iter().filter(|(status, _)| *status == SagaStatus::Completed);
        // All but the one that hangs, and hangs again, and the one that fails twice.
        assert_eq!(completed.count(), 9 * (round + 1), "{earlier:?}");
        process.kill();
        let file = rusqlite::Connection::open(&path).expect("nobody has it open");
        let count = |table: &str| -> i64 {
            let query = format!("SELECT count(*) FROM {table}");
            file.query_row(&query, [], |row| row.get(0)).expect("it can be counted")
        };
        assert!(count("saga") > 5 && count("log") > 0, "it is in both places");
        assert!(count("log") < 40, "the log is emptied");
    }
}
