//! Mistakes that lease stores, and those who use them, are known for: each is found, by the rules of the
//! contract or by the history of a story with faults.

use std::{panic::AssertUnwindSafe, time::Duration};

use distributed_task::{
    backend::memory::MemoryLeases,
    clock::TokioClock,
    conformance::{self, lease::Subject},
    coordination::{Coordination, Lease, OnUnreachable},
    kernel::{Fence, Timestamp},
    lease::{Acquired, LeaseError, LeaseStore, Owner, Released, Renewed, Safety, Tenure},
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    history::{Finding, History},
    witness::LOOKS,
    world::NAME,
};

const LEASE: Duration = Duration::from_millis(900);
/// Of all tenures, by mistake.
const FENCE: Fence = Fence(7);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mistake {
    No,
    GrantsWhatIsHeld,
    KeepsTheFence,
    /// What is left of a grant is counted from the answer, and not from the question.
    CountsFromTheAnswer,
    RenewsWithoutLooking,
    BringsBackWhatIsOver,
    IgnoresTheAnswerToARenewal,
    /// No answer is taken for a good one.
    IgnoresSilence,
    FreesWithoutLooking,
}

/// A way to a store, with a mistake at its end.
#[derive(Clone)]
struct Mistaken {
    mistake: Mistake,
    store: MemoryLeases,
    road: Road,
}

/// What is on its way waits while it is closed, and answers are late.
#[derive(Clone)]
struct Road {
    is_open: watch::Receiver<bool>,
    late: Duration,
}

impl Mistaken {
    async fn holder(&self, name: &str) -> Option<Owner> {
        self.store.inspect(name).await.expect("memory answers").map(|tenure| tenure.owner)
    }

    async fn on_the_road<T>(&self, call: impl Future<Output = T>) -> T {
        let mut is_open = self.road.is_open.clone();
        is_open.wait_for(|is_open| *is_open).await.expect("the story lasts");
        let answer = call.await;
        sleep(self.road.late).await;
        answer
    }

    async fn acquires(&self, name: &str, owner: &Owner, lease: Duration) -> Acquired {
        if self.mistake == Mistake::GrantsWhatIsHeld
            && let Some(holder) = self.holder(name).await
        {
            self.store.release(name, &holder).await.expect("memory answers");
        }
        self.store.try_acquire(name, owner, lease).await.expect("memory answers")
    }

    async fn renews(&self, name: &str, owner: &Owner, lease: Duration) -> Renewed {
        let holder = match self.mistake {
            Mistake::RenewsWithoutLooking => self.holder(name).await,
            _ => None,
        };
        let owner = holder.as_ref().unwrap_or(owner);
        let renewed = self.store.try_renew(name, owner, lease).await.expect("memory answers");
        match (renewed, self.mistake) {
            (Renewed::NotOwner, Mistake::IgnoresTheAnswerToARenewal) => Renewed::Renewed,
            (Renewed::NotOwner, Mistake::BringsBackWhatIsOver) => {
                match self.acquires(name, owner, lease).await {
                    Acquired::Granted(_) => Renewed::Renewed,
                    Acquired::Busy(_) => Renewed::NotOwner,
                }
            }
            (renewed, _) => renewed,
        }
    }

    async fn frees(&self, name: &str, owner: &Owner) -> Released {
        let holder = match self.mistake {
            Mistake::FreesWithoutLooking => self.holder(name).await,
            _ => None,
        };
        let owner = holder.as_ref().unwrap_or(owner);
        self.store.release(name, owner).await.expect("memory answers")
    }
}

impl LeaseStore for Mistaken {
    fn safety(&self) -> Safety {
        self.store.safety()
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        async move {
            let asked = Instant::now();
            let mut acquired = self.on_the_road(self.acquires(name, owner, lease)).await;
            if let Acquired::Granted(grant) = &mut acquired {
                match self.mistake {
                    Mistake::CountsFromTheAnswer => grant.left += asked.elapsed(),
                    Mistake::KeepsTheFence => grant.fence = FENCE,
                    _ => {}
                }
            }
            Ok(acquired)
        }
        .boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            let renewing = self.on_the_road(self.renews(name, owner, lease));
            match self.mistake {
                Mistake::IgnoresSilence => {
                    Ok(timeout(lease / 36, renewing).await.unwrap_or(Renewed::Renewed))
                }
                _ => Ok(renewing.await),
            }
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        self.on_the_road(self.frees(name, owner)).map(Ok).boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        async move {
            let mut tenure = self.store.inspect(name).await?;
            if let (Some(tenure), Mistake::KeepsTheFence) = (&mut tenure, self.mistake) {
                tenure.fence = FENCE;
            }
            Ok(tenure)
        }
        .boxed()
    }
}

/// Three processes, the first of which has a road of its own.
struct World {
    history: History,
    store: MemoryLeases,
    road: watch::Sender<bool>,
    first: Coordination,
    others: Coordination,
}

impl World {
    fn new(mistake: Mistake, late: Duration) -> Self {
        let (store, road) = (MemoryLeases::new(), watch::Sender::new(true));
        let way = |is_open, late| {
            let (store, road) = (store.clone(), Road { is_open, late });
            Coordination::on_this_runtime(Mistaken { mistake, store, road })
        };
        let first = way(road.subscribe(), late);
        let others = way(watch::Sender::new(true).subscribe(), Duration::ZERO);
        let history = History::on(TokioClock::starting_at(Timestamp(1)));
        Self { history, store, road, first, others }
    }

    fn wanted(process: &Coordination) -> Lease {
        process.lease(NAME).ttl(LEASE).retry_delay(LOOKS)
    }

    /// Has it for so long, or until it is lost.
    async fn has(&self, lease: Lease, lasts: Duration) {
        let held = self.history.acquire(&lease).await;
        // It may have had it for long enough.
        let _ = timeout(lasts, held.watch()).await;
        held.release().await;
    }

    /// The first one has it, and two others want it.
    async fn three_want_it(&self, first: Lease, meanwhile: impl Future<Output = ()>) {
        let other = || async {
            sleep(LOOKS).await;
            self.has(Self::wanted(&self.others), LEASE * 3).await;
        };
        tokio::join!(self.has(first, LEASE * 4), other(), other(), meanwhile);
    }
}

/// The answers come late to one that does not renew.
async fn late_answers(mistake: Mistake) -> Vec<Finding> {
    let world = World::new(mistake, LEASE / 2);
    let first = World::wanted(&world.first).without_renewal();
    world.three_want_it(first, async {}).await;
    world.history.findings()
}

/// Nothing comes through to the first one for a while, and what it asked is done then.
async fn outage(mistake: Mistake) -> Vec<Finding> {
    let world = World::new(mistake, Duration::ZERO);
    let meanwhile = async {
        sleep(LEASE).await;
        world.road.send_replace(false);
        sleep(LEASE * 5 / 4).await;
        world.road.send_replace(true);
    };
    world.three_want_it(World::wanted(&world.first), meanwhile).await;
    world.history.findings()
}

/// The answers to a patient one come late, and then nothing comes through any more.
async fn late_renewals(mistake: Mistake) -> Vec<Finding> {
    let world = World::new(mistake, LEASE / 4);
    let meanwhile = async {
        sleep(LEASE).await;
        world.road.send_replace(false);
        sleep(LEASE * 3).await;
        world.road.send_replace(true);
    };
    let patient = World::wanted(&world.first).on_unreachable(OnUnreachable::LoseAfter(LEASE * 10));
    world.three_want_it(patient, meanwhile).await;
    world.history.findings()
}

/// An operator takes it away from the first one, which may go on until its next renewal.
async fn taken_away(mistake: Mistake) -> Vec<Finding> {
    let world = World::new(mistake, Duration::ZERO);
    let meanwhile = async {
        sleep(LEASE).await;
        let tenure = world.store.inspect(NAME).await.expect("memory answers");
        let owner = tenure.expect("somebody has it").owner;
        world.store.release(NAME, &owner).await.expect("memory answers");
    };
    world.three_want_it(World::wanted(&world.first), meanwhile).await;
    let mut found = world.history.findings();
    found.retain(|finding| match finding {
        Finding::Overlap { used, .. } => *used > LEASE / 3,
        _ => true,
    });
    found
}

/// The first rule that is broken, if any.
async fn rule(mistake: Mistake) -> Option<String> {
    let suite = conformance::lease::run(async || Subject {
        store: Mistaken {
            mistake,
            store: MemoryLeases::new(),
            road: Road { is_open: watch::Sender::new(true).subscribe(), late: Duration::ZERO },
        },
        lease: LEASE,
        pass: Box::new(|time| Box::pin(sleep(time))),
    });
    let panic = AssertUnwindSafe(suite).catch_unwind().await.err()?;
    Some(panic.downcast().map_or_else(|_| String::new(), |text| *text))
}

#[tokio::test(start_paused = true)]
async fn every_mistake_is_found() {
    use Mistake::*;
    // The rule that is broken, and which stories find it: late answers, late renewals, an outage, and a
    // name that is taken away.
    let wanted = [
        (No, None, [false, false, false, false]),
        (GrantsWhatIsHeld, Some("of many who want"), [true, true, true, true]),
        (KeepsTheFence, Some("each tenure has a higher fence"), [true, true, true, true]),
        // No rule is about the way of an answer.
        (CountsFromTheAnswer, None, [true, false, false, false]),
        (RenewsWithoutLooking, Some("nobody renews"), [false, false, false, true]),
        // It keeps others out with what it is not known by, which only the rule minds.
        (BringsBackWhatIsOver, Some("never brought back"), [false, false, false, false]),
        (IgnoresTheAnswerToARenewal, Some("nobody renews"), [false, false, false, true]),
        (IgnoresSilence, None, [false, true, true, false]),
        (FreesWithoutLooking, Some("nobody frees"), [false, false, true, false]),
    ];
    let mut wrong = String::new();
    for (mistake, sentence, stories) in wanted {
        let broken = rule(mistake).await;
        let first = broken.as_deref().and_then(|text| text.lines().next());
        let found = [
            late_answers(mistake).await,
            late_renewals(mistake).await,
            outage(mistake).await,
            taken_away(mistake).await,
        ];
        let is_rule = match (first, sentence) {
            (Some(first), Some(sentence)) => first.contains(sentence),
            (first, sentence) => first.is_none() && sentence.is_none(),
        };
        if !is_rule || found.each_ref().map(|found| !found.is_empty()) != stories {
            wrong += &format!("{mistake:?}: {first:?}, {found:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
