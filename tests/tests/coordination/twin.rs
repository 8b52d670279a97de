//! The store in memory and the one in Redis are twins: the same calls, drawn at random, have the same
//! answers. `TWIN_SEED=7` draws others.

use std::{collections::BTreeMap, time::Duration};

use distributed_task::{
    backend::memory::MemoryLeases,
    kernel::Fence,
    lease::{
        Acquired, Beat, CandidateStore, Grant, HeldName, LeaseAdmin, LeaseError, LeaseStore,
        LockStore, Owner, Renewed, RunEnd, RunStore, Share, Turn, Want,
    },
};
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use crate::{
    chance::{Chance, number},
    world::{World, hands_on, pass},
};

/// Does not run out.
const LONG: Duration = Duration::from_secs(600);
/// Runs out before the next call, and so does a place in line.
const SHORT: Duration = Duration::from_millis(20);
/// How many hear of one name.
const OWNERS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Call {
    Turn { owner: usize, share: Share, goes_first: bool, lease: Duration, stay: Duration },
    Try { owner: usize, lease: Duration },
    Renew { owner: usize },
    Release { owner: usize },
    HandOver { from: usize, to: usize },
    Downgrade { owner: usize },
    Inspect,
    Begin { owner: usize, lease: Duration },
    End { owner: usize, how: RunEnd },
    Force { is_last: bool },
    ForceReader { owner: usize },
    Held,
    Beat { owner: usize, is_healthy: bool, interval: Duration },
    Leave { owner: usize },
    Candidates,
}

fn draw(chance: &mut Chance) -> Call {
    let owner = usize::try_from(chance.below(OWNERS as u64)).expect("there are few");
    // Each wants it in one way.
    let share = if owner.is_multiple_of(2) { Share::Alone } else { Share::Shared };
    let lasting = |chance: &mut Chance| if chance.one_in(20) { SHORT } else { LONG };
    match chance.below(27) {
        0..6 => {
            let lease = lasting(chance);
            let stay = if chance.one_in(4) { Duration::ZERO } else { lasting(chance) };
            let goes_first = chance.one_in(2);
            Call::Turn { owner, share, goes_first, lease, stay }
        }
        6..8 => Call::Try { owner: owner / 2 * 2, lease: lasting(chance) },
        8..10 => Call::Renew { owner },
        10..12 => Call::Release { owner },
        12 => Call::HandOver { from: owner, to: (owner + 2) % OWNERS },
        13..15 => Call::Downgrade { owner },
        15..17 => Call::Begin { owner: owner / 2 * 2, lease: lasting(chance) },
        17 => {
            let how = if chance.one_in(2) { RunEnd::Ended } else { RunEnd::NotBegun };
            Call::End { owner: owner / 2 * 2, how }
        }
        18 => Call::Force { is_last: !chance.one_in(4) },
        19 => Call::ForceReader { owner },
        20..22 => Call::Held,
        22 => {
            let (is_healthy, interval) = (chance.one_in(2), lasting(chance) / 2);
            Call::Beat { owner, is_healthy, interval }
        }
        23 => Call::Leave { owner },
        24..26 => Call::Candidates,
        _ => Call::Inspect,
    }
}

/// Some time passes after what runs out.
fn runs_out(call: Call) -> bool {
    match call {
        Call::Turn { lease, stay, .. } => lease == SHORT || stay == SHORT,
        Call::Try { lease, .. } | Call::Begin { lease, .. } => lease == SHORT,
        Call::Beat { interval, .. } => interval < SHORT,
        _ => false,
    }
}

/// One store, as its answers look to somebody who does not know its owners and its clock.
struct Twin {
    store: Box<dyn LockStore>,
    owners: [Owner; OWNERS],
    /// By their order of appearance.
    fences: BTreeMap<Fence, usize>,
}

impl Twin {
    fn new(store: Box<dyn LockStore>) -> Self {
        Self { store, owners: std::array::from_fn(|_| Owner::draw()), fences: BTreeMap::new() }
    }

    fn owner(&self, owner: &Owner) -> usize {
        self.owners.iter().position(|known| known == owner).expect("it is one of these")
    }

    fn admin(&self) -> &dyn LeaseAdmin {
        self.store.admin().expect("it tells who has what")
    }

    fn candidates(&self) -> &dyn CandidateStore {
        self.store.candidates().expect("it knows who stands")
    }

    /// A fence that is new is above all before it.
    fn alone(&mut self, fence: Fence) -> usize {
        let (last, next) = (self.fences.last_key_value(), self.fences.len());
        match self.fences.get(&fence) {
            Some(known) => *known,
            None => {
                assert!(
                    last.is_none_or(|(last, _)| *last < fence),
                    "{fence:?} came after {last:?}"
                );
                self.fences.insert(fence, next);
                next
            }
        }
    }

    async fn answer(&mut self, name: &str, call: Call) -> Result<String, LeaseError> {
        let roughly = |left: Option<Duration>| left.map(|left| left > LONG / 2);
        Ok(match call {
            Call::Turn { owner, share, goes_first, lease, stay } => {
                let owner = &self.owners[owner];
                let want = Want { name, owner, share, goes_first, lease, stay };
                match self.store.acquire_in_turn(want).await? {
                    Turn::Granted(grant) if share == Share::Alone => {
                        let left = roughly(Some(grant.left));
                        format!("alone, fence {}, {left:?}", self.alone(grant.fence))
                    }
                    Turn::Granted(grant) => format!("shared, {:?}", roughly(Some(grant.left))),
                    Turn::Waiting(waiting) => {
                        let holder = waiting.holder.map(|holder| self.owner(&holder));
                        let again = roughly(waiting.retry_after);
                        // Who died further back may be counted.
                        let is_first = waiting.ahead == 0;
                        format!("behind {holder:?}, first: {is_first}, {again:?}")
                    }
                }
            }
            Call::Try { owner, lease } => {
                match self.store.try_acquire(name, &self.owners[owner], lease).await? {
                    Acquired::Granted(grant) => format!("fence {}", self.alone(grant.fence)),
                    Acquired::Busy(busy) => {
                        let holder = busy.holder.map(|holder| self.owner(&holder));
                        format!("busy: {holder:?}, {:?}", roughly(busy.retry_after))
                    }
                }
            }
            Call::Begin { owner, lease } => {
                let (runs, owner) = (self.store.runs().expect("it counts"), &self.owners[owner]);
                match runs.begin_run(name, owner, lease, Duration::ZERO).await? {
                    Turn::Granted(Grant { fence, attempt, .. }) => {
                        format!("fence {}, attempt {attempt:?}", self.alone(fence))
                    }
                    Turn::Waiting(_) => "busy".to_owned(),
                }
            }
            Call::End { owner, how } => {
                let runs = self.store.runs().expect("it counts");
                format!("{:?}", runs.end_run(name, &self.owners[owner], how).await?)
            }
            Call::Force { is_last } => {
                let last = self.fences.last_key_value().map(|(fence, _)| *fence);
                let fence = last.filter(|_| is_last).unwrap_or(Fence(1));
                let forced = self.admin().force_release(name, fence, "ops").await?;
                format!("from {:?}", forced.map(|owner| self.owner(&owner)))
            }
            Call::ForceReader { owner } => {
                let (admin, owner) = (self.admin(), &self.owners[owner]);
                format!("{}", admin.force_release_reader(name, owner, "ops").await?)
            }
            Call::Held => {
                let readers = self.admin().readers(name).await?;
                let mut readers: Vec<_> =
                    readers.iter().map(|reader| self.owner(&reader.owner)).collect();
                readers.sort_unstable();
                let all: Vec<HeldName> = self.admin().names().try_collect().await?;
                let held = all.into_iter().find(|held| held.name == name);
                let held =
                    held.map(|held| (held.holder.map(|it| self.owner(&it.owner)), held.readers));
                format!("{held:?}, {readers:?}")
            }
            Call::Beat { owner, is_healthy, interval } => {
                let candidate = format!("candidate-{owner}");
                let (owner, metadata) = (Some(&self.owners[owner]), BTreeMap::new());
                let (candidate, metadata) = (&*candidate, &metadata);
                let health_score = if is_healthy { 1.0 } else { 0.25 };
                let beat =
                    Beat { name, candidate, owner, is_healthy, health_score, metadata, interval };
                let live = self.candidates().beat(beat).await?;
                format!("{} live, {:?}", live.candidates, roughly(Some(live.next_gone)))
            }
            Call::Leave { owner } => {
                self.candidates().leave(name, &format!("candidate-{owner}")).await?;
                "left".to_owned()
            }
            Call::Candidates => {
                let all = self.candidates().list(name).await?;
                let all: Vec<_> = all
                    .into_iter()
                    .map(|it| (it.candidate, it.is_leader, it.is_healthy, it.health_score))
                    .collect();
                format!("{all:?}")
            }
            Call::Renew { owner } => {
                format!("{:?}", self.store.try_renew(name, &self.owners[owner], LONG).await?)
            }
            Call::Release { owner } => {
                format!("{:?}", self.store.release(name, &self.owners[owner]).await?)
            }
            Call::HandOver { from, to } => {
                let (from, to) = (&self.owners[from], &self.owners[to]);
                match self.store.hand_over(name, from, to, LONG).await? {
                    Some(grant) => format!("fence {}", self.alone(grant.fence)),
                    None => "nothing".to_owned(),
                }
            }
            Call::Downgrade { owner } => {
                format!("{:?}", self.store.downgrade(name, &self.owners[owner], LONG).await?)
            }
            Call::Inspect => match self.store.inspect(name).await? {
                Some(tenure) => {
                    let (owner, left) = (self.owner(&tenure.owner), roughly(tenure.expires_in));
                    format!("{owner}, fence {}, {left:?}", self.alone(tenure.fence))
                }
                None => "nobody".to_owned(),
            },
        })
    }
}

/// The first answer in which they differ.
async fn differ(
    seed: u64,
    calls: usize,
    one: Box<dyn LockStore>,
    other: Box<dyn LockStore>,
) -> Option<String> {
    let name = format!("name-{seed}");
    let mut chance = Chance::new(seed);
    let (mut twin, mut other_twin) = (Twin::new(one), Twin::new(other));
    let mut story = Vec::new();
    for _ in 0..calls {
        let call = draw(&mut chance);
        let one = twin.answer(&name, call).await.expect("it answers");
        let other = other_twin.answer(&name, call).await.expect("it answers");
        story.push(format!("{call:?}: {one}"));
        if one != other {
            return Some(format!(
                "seed {seed}: {other} from the second, after\n{}",
                story.join("\n")
            ));
        }
        if runs_out(call) {
            pass(SHORT * 3).await;
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_and_redis_give_the_same_answers() {
    let (world, first) = (World::redis(), number("TWIN_SEED", 1));
    let found: Vec<String> = stream::iter(first..first + 200)
        .map(async |seed| {
            differ(seed, 60, Box::new(MemoryLeases::new()), world.store().await).await
        })
        .buffer_unordered(20)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(found.is_empty(), "{} of 200 differ: {}", found.len(), found[0]);
}

/// A store in which who passes on what it shares is not heard.
struct Deaf(MemoryLeases);

impl LeaseStore for Deaf {
    hands_on!(0: safety try_acquire try_renew release inspect);

    fn runs(&self) -> Option<&dyn RunStore> {
        self.0.runs()
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        self.0.admin()
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        self.0.candidates()
    }
}

impl LockStore for Deaf {
    hands_on!(0: acquire_in_turn hand_over wakes);

    fn downgrade<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.0.try_renew(name, owner, lease)
    }
}

/// The control.
#[tokio::test(start_paused = true)]
async fn twins_that_are_none_are_found() {
    let memory = || Box::new(MemoryLeases::new());
    let mut found = 0;
    for seed in 1..20 {
        assert_eq!(differ(seed, 60, memory(), memory()).await, None);
        found += usize::from(differ(seed, 60, memory(), Box::new(Deaf(*memory()))).await.is_some());
    }
    assert!(found > 0);
}
