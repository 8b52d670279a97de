//! The committer of a seat: what gathers while the last batch is on its way is the next one. A batch
//! that is not answered is sent again under the same number, for as long as anybody waits for it: the
//! store says whether the seat still lives (B17).

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use redis::Value;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::{
    Inner,
    batch::{Entry, one_by_one, plain},
    chunk::{BoxError, Header, group},
    create::{ended, fingerprint, key},
    gather::Worker,
    messages::Tales,
    owned::{Course, Ending, Owned, Phase},
    partition::{Partition, Request, unavailable},
    reply::List,
    seat::Seat,
};
use crate::{
    journal::{Committed, Item, JournalError, ListenerId, Signal, Verdict},
    kernel::{Direction, Place, Record, Stamped, Timestamp},
};

/// The most that one batch holds. It is half of what the seat owns, so that the server works on one half
/// while this process works on the other, but not less than is worth a call.
const MOST: usize = 256;
const LEAST: usize = 64;
const MOST_BYTES: usize = 1 << 20;

/// What one caller wants to be written, in one batch.
pub(super) struct Job {
    drafts: SmallVec<[Box<Draft>; 1]>,
    reply: oneshot::Sender<Result<Committed, JournalError>>,
}

/// An item, and its records as they are kept.
struct Draft {
    item: Item,
    text: Vec<u8>,
}

/// An item on its way.
struct Part {
    entry: Entry,
    /// The saga as it is when this is written; `None` when it has left.
    after: Option<Owned>,
    /// Who of this process hears of it then.
    told: Option<(ListenerId, Signal)>,
}

/// An item, and what became of it here: on its way, or refused.
enum Ready {
    Part(Box<Part>),
    NotOwner,
}

impl Inner {
    /// Appends groups of records of sagas of one partition. They are on their way when this returns.
    pub(super) fn commit(
        self: &Arc<Self>,
        partition: &Arc<Partition>,
        seat: &Arc<Seat>,
        items: impl Iterator<Item = Item>,
    ) -> Result<Answered, JournalError> {
        let draft = |mut item: Item| {
            let kept = match self.keeps_only_the_end(&item) {
                true => item.records.len().saturating_sub(1)..,
                false => 0..,
            };
            let text = group(&mut item.records[kept]).map_err(unavailable)?;
            Ok(Box::new(Draft { item, text }))
        };
        let drafts = items.map(draft).collect::<Result<_, JournalError>>()?;
        let (reply, answer) = oneshot::channel();
        if let Some(worker) = seat.commits.push(Job { drafts, reply }) {
            let (partition, seat) = (Arc::clone(partition), Arc::clone(seat));
            tokio::spawn(Arc::clone(self).send_commits(worker, partition, seat));
        }
        Ok(Answered { seat: Arc::clone(seat), answer })
    }

    fn keeps_only_the_end(&self, item: &Item) -> bool {
        self.settings.result_only && item.place == Place::Ended
    }

    async fn send_commits(
        self: Arc<Self>,
        mut worker: Worker<Job>,
        partition: Arc<Partition>,
        seat: Arc<Seat>,
    ) {
        loop {
            let most = (seat.owned().len() / 2).clamp(LEAST, MOST);
            let (mut count, mut bytes, mut sagas) = (0, 0, HashSet::new());
            let takes = |job: &Job| {
                count += job.drafts.len();
                bytes += job.drafts.iter().map(|draft| draft.text.len()).sum::<usize>();
                // Of a saga, and of the starts under a key, one after the other.
                let key = |item: &Item| item.create.as_ref().and_then(|create| create.key);
                let each_once = job.drafts.iter().all(|draft| {
                    let item = &draft.item;
                    sagas.insert(item.saga) && key(item).is_none_or(|key| sagas.insert(key))
                });
                each_once && count <= most && bytes <= MOST_BYTES
            };
            let Some(jobs) = worker.next(takes) else { return };
            self.send_batch(&partition, &seat, jobs).await;
            // Whoever was answered may have more to write: then it is one call.
            loop {
                let before = worker.waiting();
                tokio::task::yield_now().await;
                if worker.waiting() == before {
                    break;
                }
            }
        }
    }

    async fn send_batch(&self, partition: &Partition, seat: &Seat, jobs: Vec<Job>) {
        let (mut replies, mut ready) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            replies.push((job.reply, job.drafts.len()));
            for draft in job.drafts {
                ready.push(self.prepare(partition, seat, *draft).await);
            }
        }
        let is_waited_for = || replies.iter().any(|(reply, _)| !reply.is_closed());
        let is_wanted = || seat.check().is_ok() && is_waited_for();
        let answer = self.write(partition, seat, &ready, &is_wanted).await;
        let (mut lost, mut verdicts) = (None, Vec::new().into_iter());
        match answer {
            Ok(answer) => verdicts = answer.into_iter(),
            Err(error) => {
                for ready in &ready {
                    if let Ready::Part(part) = ready
                        && part.entry.begins.is_some()
                    {
                        partition.creates.note_unsure(part.entry.saga);
                    }
                }
                lost = Some(error);
            }
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

    /// Notes what was written.
    fn settle(&self, seat: &Seat, part: Part, verdict: Verdict) {
        let (saga, is_written) = (part.entry.saga, matches!(verdict, Verdict::Written { .. }));
        if !is_written {
            return;
        }
        match part.after {
            Some(after) => _ = seat.owned().insert(saga, after),
            None => _ = seat.owned().remove(&saga),
        }
        if let Some((listener, signal)) = part.told {
            self.ears.signal(listener, signal);
        }
    }

    async fn prepare(&self, partition: &Partition, seat: &Seat, draft: Draft) -> Ready {
        let Draft { mut item, text } = draft;
        let create = item.create.take();
        let begins = create.is_some();
        let owned = match create {
            Some(create) if item.seq == 0 => {
                let fingerprint = item.records.first().and_then(fingerprint);
                let header = Header { definition: create.definition, fingerprint, key: create.key };
                Owned::begun(&item, header, create.admission)
            }
            Some(_) => return Ready::NotOwner,
            None => match seat.owned().get(&item.saga) {
                Some(owned) if owned.fence == item.fence && owned.seq == item.seq => owned.clone(),
                _ => return Ready::NotOwner,
            },
        };
        let course = match owned.is_hard_to_tell(&item.records) {
            true => self.course_behind(partition, &owned, &item).await,
            false => None,
        };
        Ready::Part(Box::new(self.part(owned, item, (&text, begins), course)))
    }

    /// Which way a saga goes behind a group, by all its records.
    async fn course_behind(
        &self,
        partition: &Partition,
        owned: &Owned,
        item: &Item,
    ) -> Option<Course> {
        let definition = self.known_definition(owned.header.definition)?;
        let mut records = self.read_in(partition, item.saga).await.ok()??.records;
        let stamp =
            |record: &Record| Stamped { fence: item.fence, at: item.at, record: record.clone() };
        records.extend(item.records.iter().map(stamp));
        Some(match Direction::of(&definition, &records) {
            Direction::Forward => Course::Forward,
            Direction::PastPivot => Course::PastPivot,
            Direction::Back => Course::Back,
        })
    }

    fn part(
        &self,
        mut owned: Owned,
        item: Item,
        (text, begins): (&[u8], bool),
        course: Option<Course>,
    ) -> Part {
        let (saga, place, header) = (item.saga, item.place, owned.header);
        let (before, is_admitted) = (owned.phase, owned.admission.is_some());
        let end = owned.end(&item.records).cloned();
        let definition = self.known_definition(header.definition);
        let result_only = self.keeps_only_the_end(&item);
        let chunk = owned.grow(&item, text, result_only);
        owned.follow(&item, definition.as_deref());
        if let (Some(course), Course::Forward | Course::PastPivot) = (course, owned.phase.course) {
            owned.phase.course = course;
        }
        let (due, letter) = match place {
            Place::Owned => (None, b'o'),
            // It comes from the API phase, and no worker has seen it.
            Place::Ready if is_admitted => (None, b'r'),
            Place::Ready => (None, b'f'),
            Place::Timed(due) => (Some(due.0), b't'),
            Place::Parked => (None, b'p'),
            Place::Ended => (None, b'e'),
        };
        let crashes = if begins { Vec::new() } else { owned.crashes.clone() };
        let over = match (place, owned.phase.course) {
            (Place::Ended, Course::Over(ending)) => ended(ending, header.fingerprint),
            (Place::Ended, _) => ended(Ending::Abandoned, header.fingerprint),
            _ => Bytes::new(),
        };
        let Tales { here: told, there: (listener, tale) } =
            self.tales(owned.reply_to, saga, place, end);
        let folded: Vec<u8> = item.folded.iter().flat_map(|entry| *entry.0.as_bytes()).collect();
        let entry = Entry {
            saga,
            place: letter,
            guarded: item.guarded,
            begins: begins.then_some(item.fence),
            keyed: header.fingerprint.is_some(),
            phase: (begins || owned.phase != before).then(|| owned.phase.write()),
            has_phase: before != Phase::PLAIN,
            definition: header.definition,
            folded,
            due,
            crashes,
            key: key(header.key),
            over,
            listener,
            tale,
            behind: owned.chunks_behind(),
            chunk,
            result_only,
        };
        let after = (place == Place::Owned).then_some(owned);
        Part { entry, after, told }
    }
}

impl Ready {
    fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Part(part) => Some(&part.entry),
            Self::NotOwner => None,
        }
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
    /// One of its sagas has mail: it is to be sent one by one.
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
