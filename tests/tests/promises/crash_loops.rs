//! A saga that kills its hosts is parked, whatever it was told before (R3, R4).

use std::{sync::Arc, time::Duration};

use distributed_task::{
    SagaFilter,
    backend::memory::MemoryJournal,
    journal::{ClaimFrom, Journal, SeatId, Signal, Signals},
    kernel::{DefinitionHash, SagaId, SagaStatus},
    prelude::*,
};
use tokio::time::sleep;

use crate::log::Log;

const LEASE: Duration = Duration::from_secs(10);

#[distributed_task(request = (), response = (), cancellable)]
struct Sale {
    log: Log,
}

#[steps]
impl Sale {
    #[step(compensate = release)]
    async fn hold(&self) {}

    async fn release(&self) -> StepResult<()> {
        self.log.note("release");
        Ok(())
    }

    #[step(pivot, timeout = "10h")]
    async fn sell(&self) {
        self.log.note("sell");
        sleep(Duration::from_secs(3_600)).await;
    }

    #[response]
    fn respond(&self) {}
}

async fn sale(journal: &Arc<MemoryJournal>) -> (Task<Sale>, Log) {
    let log = Log::default();
    let builder = Sale::builder().log(log.clone()).use_in_process_mode();
    let task = builder.override_journal(Arc::clone(journal)).build().await;
    (task.expect("it builds"), log)
}

struct Deaf;

impl Signals for Deaf {
    fn signal(&self, _signal: Signal) {}
}

async fn definition(journal: &MemoryJournal, saga: SagaId) -> DefinitionHash {
    journal.read(saga, 0).await.expect("it answers").expect("known").definition
}

/// A host that claims whatever there is, and dies.
async fn dies(journal: &MemoryJournal, definition: DefinitionHash, name: u128) {
    let listener = journal.listen(Arc::new(Deaf)).await.expect("it answers");
    let seat = SeatId(uuid::Uuid::from_u128(name));
    journal.enter(seat, listener).await.expect("it enters");
    let from = [definition];
    journal.claim(seat, ClaimFrom::Definitions(&from), 1_000).await.expect("it claims");
    sleep(LEASE + Duration::from_secs(1)).await;
    journal.reap(seat).await.expect("it is dead");
}

#[tokio::test(start_paused = true)]
async fn r3_a_cancel_that_waits_for_the_pivot_does_not_hide_a_crash_loop() {
    for cancelled in [false, true] {
        let journal = Arc::new(MemoryJournal::builder().lease(LEASE).build());
        let (task, _) = sale(&journal).await;
        let saga = task.submit(()).await.expect("submitted").id();
        sleep(Duration::from_secs(5)).await;
        if cancelled {
            task.handle(saga).await.expect("it is there").cancel().await.expect("it is recorded");
        }
        task.shutdown(Duration::ZERO).await;
        let definition = definition(&journal, saga).await;
        for name in 1..=20 {
            dies(&journal, definition, name).await;
        }
        let (task, log) = sale(&journal).await;
        sleep(Duration::from_secs(60)).await;
        let status = task.handle(saga).await.expect("it is there").status().await;
        assert_eq!(status.expect("it is known"), SagaStatus::Parked, "cancelled: {cancelled}");
        assert_eq!(log.entries(), Vec::<String>::new());
    }
}

/// Nothing kills a host, but these were under way when two were killed.
#[distributed_task(request = (), response = ())]
struct Bystander;

#[steps]
impl Bystander {
    #[step(read_only)]
    async fn look(&self) {
        sleep(Duration::from_millis(30)).await;
    }

    #[step(read_only)]
    async fn look_again(&self) {}

    #[response]
    fn respond(&self) {}
}

#[tokio::test(start_paused = true)]
async fn r3_a_crowd_that_saw_two_hosts_die_is_taken_up_one_after_the_other_without_idle_time() {
    const CROWD: usize = 100;
    let journal = Arc::new(MemoryJournal::builder().lease(LEASE).capacity(CROWD).build());
    let host = || {
        let builder = Bystander::builder().use_in_process_mode();
        builder.override_journal(Arc::clone(&journal)).build()
    };
    let task = host().await.expect("it builds");
    let mut last = None;
    for _ in 0..CROWD {
        last = Some(task.submit(()).await.expect("submitted").id());
    }
    task.shutdown(Duration::ZERO).await;
    let definition = definition(&journal, last.expect("there is one")).await;
    for name in 1..=2 {
        dies(&journal, definition, name).await;
    }

    let task = host().await.expect("it builds");
    // Each needs the one slot for 30 ms.
    sleep(Duration::from_secs(10)).await;
    let operator = task.operator("test");
    let mut done = operator.list(SagaFilter::all().with_status(SagaStatus::Completed));
    let mut count = 0;
    while let Some(row) = done.next().await {
        row.expect("it answers");
        count += 1;
    }
    assert_eq!(count, CROWD);
}
