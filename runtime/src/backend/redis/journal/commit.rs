//! The committer of a seat: what gathers while the last batch is on its way is the next one. A batch
//! that is not answered is sent again under the same number, until the seat's deadline.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use redis::Value;
use tokio::sync::oneshot;

use super::{
    Inner,
    batch::{Entry, one_by_one, plain},
    chunk::{BoxError, Header, group},
    create::{ended, fingerprint, key},
    gather::Worker,
    messages::Tales,
    owned::{Course, Ending, Owned, Phase},
    partition::{Partition, text as text_of, unavailable},
    reply::List,
    scripts::Call,
    seat::Seat,
};
use crate::{
    journal::{Committed, Item, JournalError, ListenerId, Signal, Verdict},
    kernel::{Direction, Place, Record, Stamped, Timestamp},
};

/// The most that one batch holds.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// What one caller wants to be written, in one batch.
pub(super) struct Job {
    items: Vec<(Item, Vec<u8>)>,
    reply: oneshot::Sender<Result<Committed, JournalError>>,
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
    /// Appends groups of records of sagas of one partition.
    pub(super) async fn commit(
        self: Arc<Self>,
        partition: Arc<Partition>,
        seat: Arc<Seat>,
        items: Vec<Item>,
    ) -> Result<Committed, JournalError> {
        let mut with_text = Vec::with_capacity(items.len());
        for mut item in items {
            let text = group(&mut item.records).map_err(unavailable)?;
            with_text.push((item, text));
        }
        let (reply, answer) = oneshot::channel();
        if let Some(worker) = seat.commits.push(Job { items: with_text, reply }) {
            tokio::spawn(Arc::clone(&self).send_commits(worker, partition, Arc::clone(&seat)));
        }
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(seat.lose(false)),
        }
    }

    async fn send_commits(
        self: Arc<Self>,
        mut worker: Worker<Job>,
        partition: Arc<Partition>,
        seat: Arc<Seat>,
    ) {
        loop {
            let (mut count, mut bytes, mut sagas) = (0, 0, HashSet::new());
            let takes = |job: &Job| {
                count += job.items.len();
                bytes += job.items.iter().map(|(_, text)| text.len()).sum::<usize>();
                // Of a saga, and of the starts under a key, one after the other.
                let key = |item: &Item| item.create.as_ref().and_then(|create| create.key);
                let each_once = job.items.iter().all(|(item, _)| {
                    sagas.insert(item.saga) && key(item).is_none_or(|key| sagas.insert(key))
                });
                each_once && count <= MOST && bytes <= MOST_BYTES
            };
            let Some(jobs) = worker.next(takes) else { return };
            self.send_batch(&partition, &seat, jobs).await;
        }
    }

    async fn send_batch(&self, partition: &Partition, seat: &Seat, jobs: Vec<Job>) {
        let (mut replies, mut ready) = (Vec::with_capacity(jobs.len()), Vec::new());
        for job in jobs {
            replies.push((job.reply, job.items.len()));
            for (item, text) in job.items {
                ready.push(self.prepare(partition, seat, item, text).await);
            }
        }
        let answer = self.write(partition, seat, &ready).await;
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
    ) -> Result<Vec<Verdict>, JournalError> {
        seat.check()?;
        let parts = || {
            ready.iter().filter_map(|ready| match ready {
                Ready::Part(part) => Some(part),
                Ready::NotOwner => None,
            })
        };
        if parts().next().is_none() && !ready.is_empty() {
            return Ok(Vec::new());
        }
        let number = seat.batches.load(Ordering::Acquire) + 1;
        let claims = seat.claims.load(Ordering::Acquire);
        let entries = || parts().map(|part| &part.entry);
        let send = async |call, rest: Vec<Bytes>| {
            let seat_id = Bytes::copy_from_slice(seat.id.0.as_bytes());
            let mut args = vec![seat_id, text_of(number), text_of(claims)];
            args.extend(rest);
            let answer = partition.insist(call, args, || seat.until()).await?;
            read(answer, parts().count())
        };
        let mut answer = match plain(entries()) {
            Some(lists) => send(Call::Append, lists).await,
            None => Ok(Reply::NotPlain),
        };
        if let Ok(Reply::NotPlain) = answer {
            answer = send(Call::Commit, one_by_one(entries())).await;
        }
        match answer {
            Ok(Reply::Fenced) => Err(seat.lose(false)),
            Ok(Reply::Diverged) => Err(seat.lose(true)),
            Ok(Reply::NotPlain) => Err(unavailable("Redis answered what it was not asked")),
            Ok(Reply::Written { verdicts, next_due }) => {
                seat.batches.store(number, Ordering::Release);
                let mut dues = entries().filter_map(|entry| entry.due.map(Timestamp));
                if let Some(due) = dues.find(|due| next_due == Some(*due)) {
                    self.ears.signal(seat.listener, Signal::Timer(due));
                }
                Ok(verdicts)
            }
            Err(error) => {
                // It may have been written, and nothing may be written behind what nobody knows.
                tracing::error!(seat = %seat.id, %error, "a batch was not answered in time");
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

    async fn prepare(
        &self,
        partition: &Partition,
        seat: &Seat,
        mut item: Item,
        text: Vec<u8>,
    ) -> Ready {
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
        let chunk = owned.grow(&item, text);
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
        let owner = match begins {
            true => Bytes::copy_from_slice(&item.fence.0.to_be_bytes()),
            false => Bytes::copy_from_slice(&owned.crashes),
        };
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
            begins,
            keyed: header.fingerprint.is_some(),
            phase: (begins || owned.phase != before).then(|| owned.phase.write()),
            has_phase: before != Phase::PLAIN,
            definition: header.definition,
            folded: folded.into(),
            due,
            owner,
            key: key(header.key),
            over,
            listener,
            tale,
            behind: owned.chunks_behind(),
            chunk: chunk.map(|(number, chunk)| (number, chunk.into())),
        };
        let after = (place == Place::Owned).then_some(owned);
        Part { entry, after, told }
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
