//! What is told of a name that is held: what its holder says, what kind of name it is, and in which process it is held.

use std::{collections::BTreeMap, time::Duration};

use distributed_task::{
    backend::memory::MemoryLeases,
    conformance::{self, lease::Subject},
    coordination::{Coordination, Lock, LossCause, NameKind, RenewError, SingletonRun},
    kernel::Fence,
    lease::{Beat, HeldName, LeaseAdmin, LeaseError, LeaseStore, Owner, Tenure},
};
use futures_util::{future::BoxFuture, stream::BoxStream};

use crate::world::{LEASE, NAME, World, hands_on, on_both, pass, until_waiting};

type Words = BTreeMap<String, String>;

fn words(doing: &str) -> Words {
    Words::from([("doing".to_owned(), doing.to_owned())])
}

fn lock(process: &Coordination) -> Lock {
    process.lock(NAME).lease(LEASE * 20)
}

/// Who has the only name that is held, as the monitor of this process says.
async fn seen(process: &Coordination) -> Tenure {
    let locks = process.monitor().active_locks().await.expect("it answers");
    let [HeldName { holder: Some(tenure), .. }] = &locks[..] else { panic!("{locks:?}") };
    tenure.clone()
}

on_both! {
    async fn what_a_holder_says_is_told_to_all_processes(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = lock(&one).acquire().await.expect("it is free");
        assert_eq!(seen(&two).await.metadata, Words::new());
        for page in 1..=3 {
            let said = words(&format!("page {page} of 3"));
            held.describe(said.clone()).await.expect("it is ours");
            let tenure = seen(&two).await;
            assert_eq!((tenure.fence, tenure.metadata), (held.fence(), said.clone()));
            let tenure = lock(&two).info().await.expect("it answers").expect("it is held");
            assert_eq!(tenure.metadata, said);
            // All processes of a test are one.
            assert_eq!(tenure.owner.drawn_in(), Some(Owner::process()));
        }
        let more = words(&"x".repeat(Beat::MAX_METADATA));
        let error = held.describe(more).await.expect_err("it is too much");
        let RenewError::Store(LeaseError::Refused { retryable: false, .. }) = error else {
            panic!("{error:?}")
        };
        held.renew().await.expect("it is ours yet");
        assert_eq!(seen(&two).await.metadata, words("page 3 of 3"));
        held.release().await;
        let _next = lock(&two).acquire().await.expect("it is free");
        assert_eq!(seen(&one).await.metadata, Words::new());
    }

    /// Who writes, and who runs a job, says it as well; who shares a name says nothing of it.
    async fn whoever_has_a_name_alone_says_what_it_does(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let catalogue = one.rw_lock("catalogue").lease(LEASE * 20);
        let writes = catalogue.write().await.expect("it is free");
        writes.describe(words("writes")).await.expect("it is ours");
        assert_eq!(seen(&two).await.metadata, words("writes"));
        let reads = writes.downgrade().await.expect("it is ours");
        let error = reads.describe(words("reads")).await.expect_err("it is shared");
        let RenewError::Store(LeaseError::Refused { retryable: false, .. }) = error else {
            panic!("{error:?}")
        };
        reads.check().expect("it is shared yet");
        reads.release().await;
        let report = one.singleton("report");
        let ran = report.run(async |run| {
            run.describe(words("runs")).await.expect("it is ours");
            seen(&two).await.metadata
        });
        let ran = ran.await.expect("it is free");
        assert!(matches!(&ran, SingletonRun::Done(told) if *told == words("runs")), "{ran:?}");
    }

    /// Who has lost it is told why, and says nothing of the next one's.
    async fn who_has_lost_it_says_nothing_any_more(world: World) {
        let (one, two) = (world.process().await, world.process().await);
        let held = lock(&one).acquire().await.expect("it is free");
        held.describe(words("hangs")).await.expect("it is ours");
        let monitor = two.monitor();
        let fence = held.fence();
        assert!(monitor.force_release(NAME, fence, "ops: it hangs").await.expect("it answers"));
        let next = lock(&two).acquire().await.expect("it is free");
        let error = held.describe(words("hangs yet")).await.expect_err("it was taken away");
        let RenewError::Lost(lost) = error else { panic!("{error:?}") };
        assert_eq!(lost.cause, LossCause::Forced);
        let tenure = seen(&one).await;
        assert_eq!((tenure.fence, tenure.metadata), (next.fence(), Words::new()));
    }

    async fn what_kind_of_name_it_is_is_told(world: World) {
        let process = world.process().await;
        let election = process.election("job-scheduler");
        let leads = election.campaign().await.expect("nobody else stands");
        let held = lock(&process).acquire().await.expect("it is free");
        let report = process.singleton("report");
        let run = report.run(async |_| {
            let locks = process.monitor().active_locks().await.expect("it answers");
            let kinds = locks.iter().map(|lock| NameKind::of(&lock.name));
            kinds.map(|(kind, name)| (kind, name.to_owned())).collect::<Vec<_>>()
        });
        let run = run.await.expect("it is free");
        let SingletonRun::Done(mut kinds) = run else { panic!("{run:?}") };
        kinds.sort_unstable();
        let wanted = [
            (NameKind::Election, "job-scheduler"),
            (NameKind::Singleton, "report"),
            (NameKind::Lock, NAME),
        ];
        assert_eq!(kinds, wanted.map(|(kind, name)| (kind, name.to_owned())));
        held.release().await;
        leads.resign().await;
    }
}

/// Those of one process hand it over without giving it back: who came first, of another one, waits on.
#[tokio::test(start_paused = true)]
async fn what_was_said_is_not_handed_over() {
    let world = World::Memory(MemoryLeases::new());
    let (process, other) = (world.process().await, world.process().await);
    let first = lock(&process).acquire().await.expect("it is free");
    first.describe(words("the first")).await.expect("it is ours");
    let waits = |process| {
        let wanted = lock(process);
        tokio::spawn(async move { wanted.acquire().await })
    };
    let late = waits(&other);
    until_waiting(&lock(&world.process().await), 1).await;
    let waiting = waits(&process);
    while process.monitor().contention()[0].wanted == 0 {
        pass(LEASE / 60).await;
    }
    let before = seen(&other).await;
    assert_eq!(before.metadata, words("the first"));
    drop(first);
    let second = waiting.await.expect("nothing panics").expect("its turn comes");
    assert!(!late.is_finished(), "it was not handed over");
    let after = seen(&other).await;
    assert_eq!((after.fence, after.metadata), (second.fence(), Words::new()));
    assert!(before.fence < after.fence);
    second.describe(words("the second")).await.expect("it is ours");
    assert_eq!(seen(&other).await.metadata, words("the second"));
    late.abort();
}

/// Says that it keeps whatever it is told.
struct Boastful {
    store: MemoryLeases,
}

impl LeaseStore for Boastful {
    hands_on!(store: safety try_acquire try_renew release inspect);

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        Some(self)
    }
}

impl LeaseAdmin for Boastful {
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>> {
        self.store.names()
    }

    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>> {
        self.store.force_release(name, fence, why)
    }

    fn describe<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        metadata: &'a Words,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        match Beat::check_metadata(metadata) {
            Ok(()) => self.store.describe(name, owner, metadata),
            Err(_) => Box::pin(async { Ok(true) }),
        }
    }
}

#[tokio::test(start_paused = true)]
#[should_panic = "broken rule: more than is kept is refused"]
async fn a_store_that_keeps_less_than_it_says_breaks_the_contract() {
    conformance::admin::run(async || Subject {
        store: Boastful { store: MemoryLeases::new() },
        lease: LEASE,
        pass: Box::new(|time: Duration| Box::pin(tokio::time::sleep(time))),
    })
    .await;
}
