//! The committer of a seat: what gathers while the last batch is on its way is the next one. A batch
//! that is not answered is sent again under the same number, for as long as anybody waits for it: the
//! store says whether the seat still lives (B17).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
};

use redis::Value;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{
    Inner,
    batch::{Entry, one_by_one, plain},
    chunk::BoxError,
    draft::{Draft, Part, Ready, shorten},
    gather::Worker,
    owned::Owned,
    partition::{Partition, Request, unavailable},
    reply::List,
    seat::Seat,
};
use crate::{
    journal::{Committed, Item, JournalError, Signal, Verdict},
    kernel::{Fence, SagaId, Timestamp},
};

/// The most that one batch holds. It is half of what the seat owns, so that the server works on one half
/// while this process works on the other, but not less than is worth a call.
const MOST: usize = 256;
const LEAST: usize = 32;
const MOST_BYTES: usize = 1 << 20;

/// After so many turns of its event loop in which nobody came a committer waits no longer for those whom it
/// answered; that is some 30 µs.
const QUIET: usize = 32;

/// What one caller wants to be written, in one batch.
pub(super) struct Job {
    drafts: SmallVec<[Box<Draft>; 1]>,
    reply: oneshot::Sender<Result<Committed, JournalError>>,
}

/// What one batch has taken.
struct Load {
    most: usize,
    count: usize,
    bytes: usize,
    sagas: HashSet<SagaId>,
}

impl Load {
    fn new(most: usize) -> Self {
        Self { most, count: 0, bytes: 0, sagas: HashSet::new() }
    }

    /// Whether a job fits as well. Large ones go alone (B18), and of a saga, and of the starts under a
    /// key, one goes after the other.
    fn takes(&mut self, job: &Job) -> bool {
        self.count += job.drafts.len();
        self.bytes += job.drafts.iter().map(|draft| draft.text.len()).sum::<usize>();
        let key = |item: &Item| item.create.as_ref().and_then(|create| create.key);
        let each_once = job.drafts.iter().all(|draft| {
            let item = &draft.item;
            self.sagas.insert(item.saga) && key(item).is_none_or(|key| self.sagas.insert(key))
        });
        each_once && self.count <= self.most && self.bytes <= MOST_BYTES
    }
}

impl Inner {
    /// Appends groups of records of sagas of one partition. They are on their way when this returns.
    pub(super) fn commit(
        self: &Arc<Self>,
        partition: &Arc<Partition>,
        seat: &Arc<Seat>,
        drafts: SmallVec<[Box<Draft>; 1]>,
    ) -> Answered {
        let (reply, answer) = oneshot::channel();
        if let Some(worker) = seat.commits.push(Job { drafts, reply }) {
            let (partition, seat) = (Arc::clone(partition), Arc::clone(seat));
            let link = Arc::clone(partition.link());
            link.spawn(Arc::clone(self).send_commits(worker, partition, seat));
        }
        Answered { seat: Arc::clone(seat), answer }
    }

    async fn send_commits(
        self: Arc<Self>,
        mut worker: Worker<Job>,
        partition: Arc<Partition>,
        seat: Arc<Seat>,
    ) {
        loop {
            let half = seat.owned().len() / 2;
            let mut load = Load::new(half.clamp(LEAST, MOST));
            let Some(jobs) = worker.next(|job| load.takes(job)) else { return };
            let answered = jobs.len();
            self.send_batch(&partition, &seat, jobs).await;
            gather(&worker, half.min(answered)).await;
        }
    }

    async fn send_batch(&self, partition: &Partition, seat: &Seat, jobs: Vec<Job>) {
        let (mut replies, mut ready) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            replies.push((job.reply, job.drafts.len()));
            for draft in job.drafts {
                ready.push(self.prepare(partition, seat, draft).await);
            }
        }
        if self.settings.result_only {
            shorten(partition, &mut ready).await;
        }
        let is_waited_for = || replies.iter().any(|(reply, _)| !reply.is_closed());
        let is_wanted = || seat.check().is_ok() && is_waited_for();
        let answer = self.write(partition, seat, &ready, &is_wanted).await;
        let (mut lost, mut verdicts) = (None, Vec::new().into_iter());
        match answer {
            Ok(answer) => verdicts = answer.into_iter(),
            Err(error) => lost = Some(error),
        }
        let mut verdict_of = |ready: Ready| match ready {
            Ready::NotOwner => Verdict::NotOwner,
            Ready::Part(part) => {
                let verdict = verdicts.next().unwrap_or(Verdict::NotOwner);
                self.settle(seat, *part, verdict);
                verdict
            }
        };
        let mut ready = ready.into_iter();
        for (reply, items) in replies {
            let of_job = ready.by_ref().take(items);
            let answer = match &lost {
                None => Ok(Committed { verdicts: of_job.map(&mut verdict_of).collect() }),
                Some(error) => {
                    of_job.for_each(drop);
                    Err(again(error, seat))
                }
            };
            let _ = reply.send(answer);
        }
    }

    /// Sends a batch until it is answered. What is refused here is not sent.
    async fn write(
        &self,
        partition: &Partition,
        seat: &Seat,
        ready: &[Ready],
        is_wanted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Verdict>, JournalError> {
        seat.check()?;
        let entries: Vec<&Entry> = ready.iter().filter_map(Ready::entry).collect();
        if entries.is_empty() && !ready.is_empty() {
            return Ok(Vec::new());
        }
        let number = seat.batches.load(Ordering::Acquire) + 1;
        let numbers = (number, seat.claims.load(Ordering::Acquire));
        let send = async |request: &Request| {
            let answer = partition.insist(request, is_wanted).await?;
            read(answer, entries.len())
        };
        let mut answer = match plain(partition, seat, numbers, &entries) {
            Some(request) => send(&request).await,
            None => Ok(Reply::NotPlain),
        };
        if let Ok(Reply::NotPlain) = answer {
            answer = send(&one_by_one(partition, seat, numbers, &entries)).await;
        }
        match answer {
            Ok(Reply::Fenced) => Err(seat.lose(false)),
            Ok(Reply::Diverged) => Err(seat.lose(true)),
            Ok(Reply::NotPlain) => Err(unavailable("Redis answered what it was not asked")),
            Ok(Reply::Written { verdicts, next_due }) => {
                seat.batches.store(number, Ordering::Release);
                let mut dues = entries.iter().filter_map(|entry| entry.due.map(Timestamp));
                if let Some(due) = dues.find(|due| next_due == Some(*due)) {
                    self.ears.signal(seat.listener, Signal::Timer(due));
                }
                Ok(verdicts)
            }
            Err(error) => {
                // It may have been written, and nothing may be written behind what nobody knows.
                tracing::error!(seat = %seat.id, %error, "a batch was not answered");
                Err(seat.lose(false))
            }
        }
    }

    /// Notes what was written. The seat may have claimed a saga that has left again by now, under another
    /// fence: then that stays.
    fn settle(&self, seat: &Seat, part: Part, verdict: Verdict) {
        let (saga, is_written) = (part.entry.saga, matches!(verdict, Verdict::Written { .. }));
        if !is_written {
            return;
        }
        match part.after {
            Some(after) => _ = seat.owned().insert(saga, after),
            None => forget(&mut seat.owned(), saga, part.fence),
        }
        if let Some((listener, signal)) = part.told {
            self.ears.signal(listener, signal);
        }
    }
}

/// Whoever was answered may have more to write: then it is one call. Waits for so many jobs, or until no
/// more come.
async fn gather(worker: &Worker<Job>, enough: usize) {
    let (mut gathered, mut quiet) = (worker.waiting(), 0);
    while gathered < enough && quiet < QUIET {
        tokio::task::yield_now().await;
        let waiting = worker.waiting();
        quiet = if waiting == gathered { quiet + 1 } else { 0 };
        gathered = waiting;
    }
}

/// What a seat owned under this fence, and under no later one.
fn forget(owned: &mut HashMap<SagaId, Owned>, saga: SagaId, fence: Fence) {
    if owned.get(&saga).is_some_and(|owned| owned.fence == fence) {
        owned.remove(&saga);
    }
}

/// A batch that is on its way.
pub(super) struct Answered {
    seat: Arc<Seat>,
    answer: oneshot::Receiver<Result<Committed, JournalError>>,
}

impl Answered {
    pub(super) async fn verdicts(self) -> Result<Committed, JournalError> {
        // Who does not answer is gone with its runtime.
        self.answer.await.unwrap_or_else(|_| Err(self.seat.lose(false)))
    }
}

/// What a batch was answered.
enum Reply {
    Written {
        verdicts: Vec<Verdict>,
        next_due: Option<Timestamp>,
    },
    Fenced,
    Diverged,
    /// One of its sagas has mail, or begins and is known: it is to be sent one by one.
    NotPlain,
}

fn read(answer: Value, items: usize) -> Result<Reply, BoxError> {
    let mut answer = List::of(answer)?;
    match &*answer.bytes()? {
        b"F" => return Ok(Reply::Fenced),
        b"D" => return Ok(Reply::Diverged),
        b"M" => return Ok(Reply::NotPlain),
        _ => {}
    }
    let letters = answer.bytes()?;
    let next_due = answer.maybe_number()?.map(Timestamp);
    let verdict = |letter: &u8| match letter {
        b'm' => Verdict::Written { mail: true },
        b'g' => Verdict::Mail,
        b'x' => Verdict::NotOwner,
        _ => Verdict::Written { mail: false },
    };
    let verdicts = match letters.is_empty() {
        true => vec![Verdict::Written { mail: false }; items],
        false => letters.iter().map(verdict).collect(),
    };
    Ok(Reply::Written { verdicts, next_due })
}

/// The same reason, for each of those who wait.
fn again(error: &JournalError, seat: &Seat) -> JournalError {
    match error {
        JournalError::Diverged(_) => JournalError::Diverged(seat.id),
        _ => JournalError::Fenced(seat.id),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{
        super::{chunk::Header, gather::Gather},
        *,
    };
    use crate::kernel::{DefinitionHash, Group, Place};

    fn item(saga: u128, fence: u64) -> Item {
        Item {
            saga: SagaId(Uuid::from_u128(saga)),
            fence: Fence(fence),
            seq: 1,
            at: Timestamp(0),
            records: Group::new(),
            folded: Vec::new(),
            place: Place::Owned,
            guarded: false,
            create: None,
        }
    }

    fn job(saga: u128, bytes: usize) -> Job {
        let item = item(saga, 1);
        let drafts = [Box::new(Draft { item, text: vec![0; bytes] })].into();
        Job { drafts, reply: oneshot::channel().0 }
    }

    /// Both answers may be there, and either may be read first.
    #[test]
    fn what_was_claimed_again_stays_when_its_release_is_settled_late() {
        let header = Header { definition: DefinitionHash([0; 16]), fingerprint: None, key: None };
        let claimed = item(1, 2);
        let saga = claimed.saga;
        let mut owned = HashMap::from([(saga, Owned::begun(&claimed, header, None))]);
        forget(&mut owned, saga, Fence(1));
        assert_eq!(owned.len(), 1);
        forget(&mut owned, saga, Fence(2));
        assert!(owned.is_empty());
    }

    /// Which sagas go together.
    fn batches(most: usize, jobs: impl IntoIterator<Item = (u128, usize)>) -> Vec<Vec<u128>> {
        let gather = Gather::default();
        let mut workers: Vec<_> =
            jobs.into_iter().filter_map(|(saga, bytes)| gather.push(job(saga, bytes))).collect();
        let mut worker = workers.pop().expect("the first job has one");
        let saga = |job: Job| job.drafts[0].item.saga.0.as_u128();
        std::iter::from_fn(|| {
            let mut load = Load::new(most);
            let jobs = worker.next(|job| load.takes(job))?;
            Some(jobs.into_iter().map(saga).collect())
        })
        .collect()
    }

    #[test]
    fn schedule_b18_a_large_value_goes_in_a_call_of_its_own() {
        let jobs = [(1, 100), (2, 100), (3, 5 << 20), (4, 5 << 20), (5, 100), (6, 100)];
        assert_eq!(batches(64, jobs), [vec![1, 2], vec![3], vec![4], vec![5, 6]]);
    }

    #[test]
    fn a_batch_ends_where_it_is_full_or_a_saga_comes_again() {
        assert_eq!(batches(2, [(1, 1), (2, 1), (3, 1)]), [vec![1, 2], vec![3]]);
        assert_eq!(batches(64, [(1, 1), (2, 1), (1, 1), (2, 1)]), [vec![1, 2], vec![1, 2]]);
    }
}
