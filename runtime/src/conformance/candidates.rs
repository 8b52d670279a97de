//! The contract of [`CandidateStore`], as checks. What it shares with other lease stores is in
//! [`lease`](super::lease).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    lease::{DeskOf, Subject},
    rule::{Failure, Rule, Verdict, check_all, ensure, ensure_eq, rules},
};
use crate::lease::{Acquired, Beat, CandidateStore, LeaseError, Live, LiveCandidate, Owner};

/// Checks every rule of the contract, each on a store that `make` makes for it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::memory::MemoryLeases,
///     conformance::{self, lease::Subject},
/// };
///
/// conformance::candidates::run(async || Subject {
///     store: MemoryLeases::new(),
///     lease: Duration::from_millis(200),
///     pass: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run<L: CandidateStore>(mut make: impl AsyncFnMut() -> Subject<L>) {
    check_all(RULES, async || make().await.on_a_desk(|store| store as Arc<dyn CandidateStore>))
        .await;
}

type Desk = DeskOf<dyn CandidateStore>;

const RULES: &[Rule<Desk>] = rules! {
    "who beats is live, and counts once" => counts,
    "who is silent for three intervals is gone, until it beats again" => silence,
    "each is live for as long as it says itself" => own_intervals,
    "a beat says when the first is gone that does not beat" => says_who_is_next,
    "nobody leads whom the lease does not name, and whom it names does" => one_leads,
    "who leads by a lease that is over does not lead" => nobody_leads_too_long,
    "what a candidate says is told as it was said, and when" => tells,
    "a beat replaces what was said before" => replaces,
    "of several that beat together each is answered for itself, in order" => beats_several,
    "who leaves is gone, and who is gone may leave" => leaves,
    "a candidate says 4 KiB and no more, and a score that is one" => limits,
    "candidates of one name are none of another, and every text is a name" => names_are_apart,
    "one who is looked for is found, and nobody else" => finds,
    "looking changes nothing" => looking_changes_nothing,
};

const NAME: &str = "job-scheduler";

impl Desk {
    /// What is live for as long as a lease lasts.
    fn beat<'a>(
        &self,
        candidate: &'a str,
        owner: Option<&'a Owner>,
        metadata: &'a BTreeMap<String, String>,
    ) -> Beat<'a> {
        let interval = self.lease / Beat::MISSED;
        let (is_healthy, health_score) = (true, 1.0);
        Beat { name: NAME, candidate, owner, is_healthy, health_score, metadata, interval }
    }

    /// It beats, and so many are live.
    async fn stands(&self, candidate: &str, live: u64) -> Result<Live, Failure> {
        let answer = self.store.beat(self.beat(candidate, None, &BTreeMap::new())).await?;
        self.in_time(ensure_eq(answer.candidates, live))?;
        Ok(answer)
    }

    async fn stands_as(&self, candidate: &str, owner: &Owner) -> Verdict {
        self.store.beat(self.beat(candidate, Some(owner), &BTreeMap::new())).await?;
        Ok(())
    }

    async fn list(&self) -> Result<Vec<LiveCandidate>, Failure> {
        Ok(self.store.list(NAME).await?)
    }

    /// Those are live, and no others.
    async fn are(&self, wanted: &[&str]) -> Verdict {
        let live = self.list().await?;
        let live: Vec<_> = live.iter().map(|one| one.candidate.as_str()).collect();
        self.in_time(ensure_eq(live, wanted.to_vec()))
    }

    async fn leads(&self, owner: &Owner) -> Verdict {
        match self.store.try_acquire(NAME, owner, self.lease).await? {
            Acquired::Granted(_) => Ok(()),
            Acquired::Busy(busy) => Err(format!("{busy:?} was answered").into()),
        }
    }

    /// This one leads, if any.
    async fn leader_is(&self, wanted: Option<&str>) -> Verdict {
        let all = self.list().await?;
        let leaders = all.iter().filter(|one| one.is_leader);
        let leaders: Vec<_> = leaders.map(|one| one.candidate.as_str()).collect();
        self.in_time(ensure_eq(leaders, wanted.into_iter().collect()))
    }
}

fn refused(answer: Result<Live, LeaseError>) -> Verdict {
    let refuses = matches!(&answer, Err(LeaseError::Refused { retryable: false, .. }));
    ensure(refuses, || format!("{answer:?} was answered"))
}

fn said(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn counts(desk: Desk) -> Verdict {
    for (candidate, live) in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("c", 3)] {
        desk.stands(candidate, live).await?;
    }
    desk.are(&["a", "b", "c"]).await
}

async fn silence(desk: Desk) -> Verdict {
    desk.stands("a", 1).await?;
    desk.stands("b", 2).await?;
    desk.some().await;
    desk.stands("a", 2).await?;
    desk.some().await;
    (desk.pass)(desk.lease / 8).await;
    // It is only now that somebody of them beats.
    desk.stands("c", 2).await?;
    desk.over().await;
    ensure_eq(desk.list().await?, vec![])?;
    let again = desk.store.beat(desk.beat("b", None, &BTreeMap::new())).await?;
    ensure_eq(again.candidates, 1)
}

async fn own_intervals(desk: Desk) -> Verdict {
    let none = BTreeMap::new();
    let slow = Beat { interval: desk.lease * 4, ..desk.beat("slow", None, &none) };
    desk.store.beat(slow).await?;
    desk.stands("fast", 2).await?;
    desk.over().await;
    let live = desk.list().await?;
    ensure_eq(live.len(), 1)?;
    ensure_eq(live[0].candidate.as_str(), "slow")?;
    // One that beats often does not drop one that does not.
    let live = desk.store.beat(desk.beat("fast", None, &none)).await?;
    ensure_eq(live.candidates, 2)
}

async fn says_who_is_next(desk: Desk) -> Verdict {
    let first = desk.stands("a", 1).await?;
    desk.about(Some(first.next_gone), desk.lease)?;
    desk.some().await;
    let second = desk.stands("b", 2).await?;
    desk.about(Some(second.next_gone), desk.lease / 2)?;
    let third = desk.stands("a", 2).await?;
    desk.about(Some(third.next_gone), desk.lease)
}

async fn one_leads(desk: Desk) -> Verdict {
    let (first, second) = (Owner::draw(), Owner::draw());
    desk.stands("observer", 1).await?;
    desk.stands_as("a", &first).await?;
    desk.stands_as("b", &second).await?;
    desk.leader_is(None).await?;
    desk.leads(&first).await?;
    desk.leader_is(Some("a")).await?;
    // Nobody beats in between.
    desk.store.release(NAME, &first).await?;
    desk.leader_is(None).await?;
    desk.leads(&second).await?;
    desk.leader_is(Some("b")).await?;
    // One that stands again is another owner.
    desk.stands_as("b", &Owner::draw()).await?;
    desk.leader_is(None).await
}

async fn nobody_leads_too_long(desk: Desk) -> Verdict {
    let (owner, none) = (Owner::draw(), BTreeMap::new());
    let beat = Beat { interval: desk.lease * 4, ..desk.beat("a", Some(&owner), &none) };
    desk.store.beat(beat).await?;
    desk.leads(&owner).await?;
    desk.leader_is(Some("a")).await?;
    desk.over().await;
    let live = desk.list().await?;
    ensure_eq(live.len(), 1)?;
    ensure(!live[0].is_leader, || "it leads by a lease that is over".into())
}

async fn tells(desk: Desk) -> Verdict {
    let metadata = said(&[
        ("region", "eu"),
        ("", "empty"),
        ("quote\"\\\n\0", "{\"json\": [1, 2]}"),
        ("名前", "ü\u{308} 🦀"),
    ]);
    let beat = desk.beat("web-1", None, &metadata);
    desk.store.beat(Beat { is_healthy: false, health_score: 0.1 + 0.2, ..beat }).await?;
    let before = desk.list().await?;
    desk.some().await;
    desk.store.beat(beat).await?;
    let after = desk.list().await?;
    let ([before], [after]) = (&before[..], &after[..]) else {
        return desk.in_time(Err(format!("{before:?} and {after:?} were answered").into()));
    };
    ensure_eq(before.candidate.as_str(), "web-1")?;
    ensure_eq((before.is_healthy, after.is_healthy), (false, true))?;
    ensure(before.health_score.to_bits() == (0.1_f64 + 0.2).to_bits(), || "another score".into())?;
    ensure_eq(&before.metadata, &metadata)?;
    let passed = after.last_seen.since(before.last_seen);
    ensure(passed >= desk.lease / 4, || format!("it was seen {passed:?} later"))
}

async fn replaces(desk: Desk) -> Verdict {
    let (first, second) = (said(&[("version", "1"), ("old", "yes")]), said(&[("version", "2")]));
    let owner = Owner::draw();
    desk.store.beat(desk.beat("a", Some(&owner), &first)).await?;
    desk.store.beat(desk.beat("a", None, &second)).await?;
    desk.leads(&owner).await?;
    let live = desk.list().await?;
    let [live] = &live[..] else { return desk.in_time(Err(format!("{live:?}").into())) };
    ensure_eq(&live.metadata, &second)?;
    ensure_eq(live.is_leader, false)
}

async fn beats_several(desk: Desk) -> Verdict {
    let (none, metadata) = (BTreeMap::new(), said(&[("region", "eu")]));
    let beats = [
        desk.beat("a", None, &none),
        Beat { health_score: f64::NAN, ..desk.beat("b", None, &none) },
        Beat { name: "mailer", ..desk.beat("c", None, &none) },
        desk.beat("d", None, &metadata),
    ];
    let mut answers = desk.store.beat_all(&beats).await?;
    let live: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|live| live.candidates)).collect();
    desk.in_time(ensure_eq(live, vec![Some(1), None, Some(1), Some(2)]))?;
    refused(answers.remove(1))?;
    desk.are(&["a", "d"]).await?;
    let found = desk.store.find(NAME, "d").await?.map(|found| found.metadata);
    desk.in_time(ensure_eq(found, Some(metadata)))?;
    let others = desk.store.list("mailer").await?;
    desk.in_time(ensure_eq(others.len(), 1))?;
    ensure(desk.store.beat_all(&[]).await?.is_empty(), || "nobody was asked for".into())
}

async fn leaves(desk: Desk) -> Verdict {
    desk.store.leave(NAME, "a").await?;
    desk.stands("a", 1).await?;
    desk.stands("b", 2).await?;
    desk.store.leave(NAME, "a").await?;
    desk.store.leave(NAME, "a").await?;
    desk.are(&["b"]).await?;
    desk.stands("c", 2).await?;
    desk.stands("a", 3).await?;
    for candidate in ["a", "b", "c"] {
        desk.store.leave(NAME, candidate).await?;
    }
    ensure_eq(desk.list().await?, vec![])
}

async fn limits(desk: Desk) -> Verdict {
    let fits = said(&[("long", &"x".repeat(Beat::MAX_METADATA - 4))]);
    desk.store.beat(desk.beat("a", None, &fits)).await?;
    let more = said(&[("long", &"x".repeat(Beat::MAX_METADATA - 3))]);
    refused(desk.store.beat(desk.beat("a", None, &more)).await)?;
    let none = BTreeMap::new();
    for health_score in [f64::NAN, f64::INFINITY] {
        refused(desk.store.beat(Beat { health_score, ..desk.beat("a", None, &none) }).await)?;
    }
    let live = desk.list().await?;
    let [live] = &live[..] else { return desk.in_time(Err(format!("{live:?}").into())) };
    ensure(live.metadata == fits, || "what was refused was kept".into())
}

async fn names_are_apart(desk: Desk) -> Verdict {
    let (none, long) = (BTreeMap::new(), "long ".repeat(2_000));
    let texts = ["", " ", "a", "A", "{a}", "}{", "%7B", "a:b", "a/b", "a\nb", "*", "名前", &long];
    for name in texts {
        for (number, candidate) in (1..).zip(texts) {
            let beat = Beat { name, ..desk.beat(candidate, None, &none) };
            let beat = Beat { interval: Duration::from_secs(600), ..beat };
            let live = desk.store.beat(beat).await?;
            ensure_eq((name, live.candidates), (name, number))?;
        }
    }
    let mut wanted = texts.to_vec();
    wanted.sort_unstable();
    for name in texts {
        let live = desk.store.list(name).await?;
        let live: Vec<_> = live.iter().map(|one| one.candidate.as_str()).collect();
        ensure(live == wanted, || format!("others stand for {name:?}"))?;
    }
    Ok(())
}

async fn finds(desk: Desk) -> Verdict {
    let (owner, none) = (Owner::draw(), BTreeMap::new());
    let slow = Beat { interval: desk.lease * 4, ..desk.beat("slow", None, &none) };
    desk.store.beat(slow).await?;
    desk.stands_as("a", &owner).await?;
    desk.leads(&owner).await?;
    let found = desk.store.find(NAME, "a").await?;
    desk.in_time(ensure_eq(found.as_ref(), desk.list().await?.first()))?;
    desk.in_time(ensure(found.is_some_and(|found| found.is_leader), || "it leads".into()))?;
    ensure_eq(desk.store.find(NAME, "c").await?, None)?;
    desk.over().await;
    ensure_eq(desk.store.find(NAME, "a").await?, None)?;
    ensure(desk.store.find(NAME, "slow").await?.is_some(), || "the other one is gone".into())
}

async fn looking_changes_nothing(desk: Desk) -> Verdict {
    ensure_eq(desk.list().await?, vec![])?;
    desk.stands("a", 1).await?;
    desk.some().await;
    desk.list().await?;
    desk.store.find(NAME, "a").await?;
    desk.some().await;
    desk.some().await;
    ensure_eq(desk.list().await?, vec![])?;
    desk.stands("b", 1).await.map(drop)
}
