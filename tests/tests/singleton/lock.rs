//! What such a task asks of a lock service.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use distributed_task::{
    BuildError,
    backend::{
        memory::{MemoryJournal, MemoryLeases},
        redis::RedisJournal,
    },
    coordination::Coordination,
    lease::{LeaseError, LeaseStore as _, Owner},
    lock::{DistributedLock, HeldByOwner, HeldLock, LockByOwner as _, Tried},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::future::BoxFuture;
use tokio::time::sleep;

use crate::{
    line::Line,
    world::{Desk, LEASE, report},
};

/// A library that knows no owners.
struct Plain;

impl DistributedLock for Plain {
    fn try_acquire<'a>(
        &'a self,
        _: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<Option<Box<dyn HeldLock>>, LeaseError>> {
        Box::pin(async { Ok(None) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_lock_that_knows_owners_is_not_built() {
    let desk = Desk::new(MemoryLeases::new());
    let plain = report(&desk).override_lock(Plain).build().await;
    let plain = plain.expect_err("nobody could go on with a tenure").to_string();
    assert!(plain.contains("`DistributedLock::by_owner`"), "{plain}");
    let nowhere = report(&desk)
        .use_distributed_mode(|with| with)
        .override_journal(MemoryJournal::new())
        .build()
        .await;
    let nowhere = nowhere.expect_err("there is no lock");
    assert!(matches!(nowhere, BuildError::Singleton { singleton: "report", .. }));
    assert!(nowhere.to_string().contains("say `.redis(..)`"), "{nowhere}");
}

/// In process, but over a journal that other processes see: they would not see a lock in memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_is_shared_wants_a_lock_that_is() {
    let server = RedisServer::start(RedisOptions { appends: Appends::No, ..Default::default() });
    let open = async || RedisJournal::builder(server.url()).open().await.expect("it is there");
    let desk = Desk::new(MemoryLeases::new());
    let alone = report(&desk).use_in_process_mode().override_journal(open().await).build().await;
    let alone = alone.expect_err("its lock would be nobody else's");
    assert!(matches!(alone, BuildError::Singleton { singleton: "report", .. }));
    assert!(alone.to_string().contains("call `.override_lock(..)`"), "{alone}");
    let journal = open().await;
    let locks = Coordination::new(journal.leases());
    let shared = report(&desk).use_in_process_mode().override_lock(locks);
    shared.override_journal(journal).build().await.expect("it is shared");
}

/// Takes a turn as a saga does.
async fn taken(process: &Coordination, owner: &Owner) -> Box<dyn HeldByOwner> {
    let taken = process.try_acquire_as(LEASE, owner, Duration::from_secs(30)).await;
    match taken.expect("memory answers") {
        Tried::Held(held) => held,
        Tried::Busy { holder } => panic!("{holder:?} has it"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_process_lost_it_does_not_take_from_the_one_that_goes_on() {
    let (leases, is_cut) = (MemoryLeases::new(), Arc::new(AtomicBool::new(false)));
    let first = Coordination::on_this_runtime(Line::new(leases.clone(), &is_cut));
    let next = Coordination::on_this_runtime(leases.clone());
    let saga = Owner::from("saga:one".to_owned());
    let lost = taken(&first, &saga).await;
    is_cut.store(true, Ordering::SeqCst);
    let held = taken(&next, &saga).await;
    lost.lost().await;
    lost.leave();
    is_cut.store(false, Ordering::SeqCst);
    sleep(Duration::from_secs(120)).await;
    held.check().expect("it is the same saga, elsewhere");
    let tenure = leases.inspect(LEASE).await.expect("memory answers");
    assert_eq!(tenure.map(|tenure| tenure.owner), Some(saga));
}
