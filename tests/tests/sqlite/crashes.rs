//! A crash before and after every write, with the journal in a file: the next process has nothing but
//! what is on the disk at that moment.

use std::{fs, path::Path, sync::Arc, time::Duration};

use distributed_task::{
    SagaFilter,
    backend::sqlite::SqliteJournal,
    kernel::{SagaId, SagaStatus},
    prelude::*,
    testing::{
        EffectLedger,
        parts::{Line, Side, Stop, Witness},
    },
};
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};

/// Sells something, or refuses at the end when there is nobody to bring it.
#[distributed_task(request = bool, response = u32)]
struct Sale {
    shop: EffectLedger,
}

#[steps]
impl Sale {
    #[step(compensate = put_back)]
    async fn take(&self, cx: &StepContext) -> u32 {
        self.shop.once(cx.idempotency_key(), "stock", -1);
        1
    }

    async fn put_back(&self, cx: &UndoContext) {
        self.shop.take_back(cx.step_key());
    }

    #[step(compensate = pay_back)]
    async fn charge(&self, cx: &StepContext, take: &u32) -> u32 {
        self.shop.once(cx.idempotency_key(), "card", 1200);
        take * 1200
    }

    async fn pay_back(&self, cx: &UndoContext) {
        self.shop.take_back(cx.step_key());
    }

    #[step(no_undo = "it is brought")]
    async fn bring(&self, request: &bool, charge: &u32) -> StepResult<u32> {
        match request {
            true => Ok(*charge),
            false => Err(Refusal::new("nobody", "nobody brings it"))?,
        }
    }
}

/// Nobody looks.
struct Blind;

impl Witness for Blind {
    fn appended(&self, _: SagaId, _: usize, _: Vec<String>) {}
    fn dead_call(&self, _: &str) {}
}

/// Whether the process came to its end, and how its saga ended, if there is one.
fn live(
    path: &Path,
    shop: &EffectLedger,
    request: Option<bool>,
    stop: Option<Stop>,
) -> (bool, Option<SagaStatus>) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (task, line, status) = runtime.block_on(async {
        let journal = SqliteJournal::open(path).expect("nobody else has it");
        let line = Arc::new(Line::new(Arc::new(journal), Arc::new(Blind), stop));
        let task = Sale::builder().shop(shop.clone()).use_in_process_mode();
        let task = task.override_journal(Arc::clone(&line)).build().await.expect("a task");
        if let Some(request) = request {
            let task = task.clone();
            tokio::spawn(async move { task.submit(request).await.map(|saga| saga.id()) });
        }
        // With time to write what was begun.
        let stopped = timeout(Duration::from_secs(3600), line.stopped()).await.is_ok();
        sleep(Duration::from_secs(1)).await;
        let status = match stopped {
            true => None,
            false => Some(ended(&task).await),
        };
        (task, line, status)
    });
    let files = [path.to_owned(), path.with_extension("db-wal")];
    let as_they_are = files.map(|file| (fs::read(&file).expect("it is there"), file));
    line.bury();
    drop((runtime, task, line));
    for (content, file) in as_they_are {
        fs::write(file, content).expect("it is put back");
    }
    (status.is_some(), status.flatten())
}

/// How the saga ended, if there is one.
async fn ended(task: &Task<Sale>) -> Option<SagaStatus> {
    let mut all = task.operator("test").list(SagaFilter::all());
    let saga = all.next().await?.expect("they can be listed");
    assert!(all.next().await.is_none(), "one saga became two");
    Some(saga.status)
}

/// One crash at that write, and another process; answers whether there was such a write.
fn story(request: bool, stop: Stop, recovers: bool) -> (bool, Option<SagaStatus>, EffectLedger) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, shop) = (folder.path().join("journal.db"), EffectLedger::new());
    let (is_over, status) = live(&path, &shop, Some(request), Some(stop));
    if is_over || !recovers {
        return (!is_over, status, shop);
    }
    let (_, status) = live(&path, &shop, None, None);
    (true, status, shop)
}

fn sweep(request: bool, end: SagaStatus, balance: [i64; 2]) -> u32 {
    for append in 1.. {
        for side in [Side::Before, Side::After] {
            let (was_there, status, shop) = story(request, Stop { append, side }, true);
            let at = format!("{side:?} write {append}: {status:?}, {shop}");
            let is_none = append == 1 && side == Side::Before;
            assert_eq!(status, (!is_none).then_some(end), "{at}");
            let expected = if is_none { [0, 0] } else { balance };
            assert_eq!([shop.balance("stock"), shop.balance("card")], expected, "{at}");
            if !was_there {
                return append - 1;
            }
        }
    }
    unreachable!("a saga ends")
}

#[test]
fn inv3_inv5_a_crash_around_every_write_completes_what_was_begun_once() {
    assert_eq!(sweep(true, SagaStatus::Completed, [-1, 1200]), 4);
}

#[test]
fn inv3_inv6_a_crash_around_every_write_leaves_nothing_of_what_went_back() {
    assert_eq!(sweep(false, SagaStatus::Compensated, [0, 0]), 6);
}

/// The control: nobody comes after the crash.
#[test]
fn without_another_process_something_is_left() {
    let stop = Stop { append: 4, side: Side::Before };
    let (_, status, shop) = story(false, stop, false);
    assert_eq!((status, shop.balance("card")), (None, 1200));
}
