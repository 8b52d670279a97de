//! What is over goes, and its room is used again. `SAGAS=1000000 cargo test --release ..` looks at as
//! many.

use std::{env, fs, path::Path, sync::Arc, time::Duration};

use distributed_task::{
    StatusError, backend::sqlite::SqliteJournal, journal::Durability, kernel::SagaId, prelude::*,
};
use futures_util::future::join_all;
use tokio::time::sleep;

/// Rounds; what ended more than two of them ago is forgotten.
const ROUNDS: usize = 12;

#[distributed_task(request = u32, response = u32)]
struct Square;

#[steps]
impl Square {
    #[step(read_only)]
    async fn square(&self, request: &u32) -> u32 {
        request * request
    }
}

async fn squares(task: &Task<Square>, sagas: usize) -> Vec<SagaId> {
    let one = async |_| {
        let saga = task.submit(7).await.expect("it is taken");
        saga.outcome().await.expect("it ends");
        saga.id()
    };
    let mut ids = Vec::new();
    while ids.len() < sagas {
        ids.extend(join_all((0..64.min(sagas - ids.len())).map(one)).await);
    }
    ids
}

/// Bytes of the journal with its `-wal`.
fn size(path: &Path) -> u64 {
    let files = [path.to_owned(), path.with_extension("db-wal")];
    files.iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum()
}

#[tokio::test(start_paused = true)]
#[allow(clippy::print_stderr, reason = "the sizes are for whoever asks for them")]
async fn what_is_over_is_kept_for_its_time_and_the_file_does_not_grow_beyond_that() {
    let sagas = env::var("SAGAS").map_or(24_000, |sagas| sagas.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::builder(&path).retain(Duration::from_secs(60));
    let journal = journal.durability(Durability::Process).open().expect("it is new");
    let task = Square::builder().use_in_process_mode().override_journal(Arc::new(journal));
    let task = task.build().await.expect("a task");
    let (mut sizes, mut ended) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ids = squares(&task, sagas / ROUNDS).await;
        ended.push(*ids.last().expect("there are some"));
        if let [.., earlier, _] = ended[..] {
            assert!(task.handle(earlier).await.is_ok(), "it is young");
        }
        if let [.., old, _, _, _] = ended[..] {
            let gone = task.handle(old).await;
            assert!(matches!(gone, Err(StatusError::NoSuch { .. })), "its time is over");
        }
        sizes.push(size(&path));
        sleep(Duration::from_secs(25)).await;
    }
    eprintln!("bytes after each {} sagas: {sizes:?}", sagas / ROUNDS);
    let grown = sizes[ROUNDS - 1] as f64 / sizes[ROUNDS / 2] as f64;
    assert!(grown < 1.2, "{sizes:?}");
    // And it did grow at first: what is young takes room.
    assert!(sizes[0] * 2 < sizes[ROUNDS - 1], "{sizes:?}");
}
