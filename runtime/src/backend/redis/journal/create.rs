//! Starting sagas: what gathers is one call.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::Value;
use tokio::{sync::oneshot, time::sleep};
use uuid::Uuid;

use super::{
    Inner,
    chunk::{BoxError, Header, group, push},
    gather::{Gather, Worker},
    messages::Tales,
    owned::{Ending, reply_to},
    partition::{Partition, unavailable},
    reply::{List, array},
    scripts::Call,
};
use crate::{
    journal::{Admission, Created, Gate, JournalError, Known, ListenerId, NewSaga, Signal, Stage},
    kernel::{DefinitionHash, Fence, Fingerprint, Place, Record, SagaId, Timestamp},
};

/// How long a start is repeated that is not answered.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that one call holds.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;
/// How often a full list is looked at.
const FULL_WAIT: Duration = Duration::from_millis(50);

/// Starts on their way, and how full the lists of new sagas are.
#[derive(Default)]
pub(super) struct Creates {
    line: Gather<Job>,
    rooms: Mutex<HashMap<DefinitionHash, Arc<Room>>>,
}

pub(super) struct Job {
    id: SagaId,
    args: [Bytes; 6],
    /// Who of this process hears of its end, or that it is parked.
    told: Option<(ListenerId, Signal)>,
    admission: Admission,
    reply: oneshot::Sender<Result<Created, JournalError>>,
}

impl Job {
    /// What a repetition found was made by the call before: without a key nobody else draws its id.
    fn by_itself(&self, created: Created) -> Created {
        match created {
            Created::Exists(known) if known.id == self.id && known.fingerprint.is_none() => {
                Created::Created
            }
            created => created,
        }
    }
}

/// Room for new sagas of one definition: what waits in its list, as was heard last, and what was
/// admitted here since.
#[derive(Default)]
struct Room {
    waiting: AtomicUsize,
    admitted: AtomicUsize,
}

impl Gate for Room {
    fn release(&self) {
        self.admitted.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Inner {
    /// Starts a saga.
    pub(super) async fn create(
        self: Arc<Self>,
        partition: Arc<Partition>,
        mut new: NewSaga,
    ) -> Result<Created, JournalError> {
        let (reply, answer) = oneshot::channel();
        let [head, key, ended, chunk] = as_args(&mut new).map_err(unavailable)?;
        let end = match new.records.last() {
            Some(Record::Finished(finished)) => Some(Arc::clone(finished)),
            _ => None,
        };
        let reply_to = new.records.first().and_then(reply_to);
        let Tales { here, there: (listener, tale) } = self.tales(reply_to, new.id, new.place, end);
        let args = [head, key, ended, chunk, listener, tale];
        let job = Job { id: new.id, args, told: here, admission: new.admission, reply };
        if let Some(worker) = partition.creates.line.push(job) {
            tokio::spawn(self.send_creates(worker, Arc::clone(&partition)));
        }
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable("the runtime of this journal has ended")),
        }
    }

    async fn send_creates(self: Arc<Self>, mut worker: Worker<Job>, partition: Arc<Partition>) {
        loop {
            let (mut count, mut bytes, mut ids) = (0, 0, HashSet::new());
            let takes = |job: &Job| {
                count += 1;
                bytes += job.args[3].len();
                // A repetition of one that is not answered yet, or another start under its key.
                let (id, key) = (Bytes::copy_from_slice(job.id.0.as_bytes()), &job.args[1]);
                let is_new = ids.insert(id) && (key.is_empty() || ids.insert(key.clone()));
                is_new && count <= MOST && bytes <= MOST_BYTES
            };
            let Some(jobs) = worker.next(takes) else { return };
            let args = jobs.iter().flat_map(|job| job.args.iter().cloned()).collect();
            let until = self.clock.local().plus(PATIENCE);
            let answer = partition.insist_and_count(Call::Create, args, || until).await;
            let answer = answer
                .map_err(|(error, _)| BoxError::from(error))
                .and_then(|(answer, repeats)| Ok((partition.read_created(answer)?, repeats > 0)));
            match answer {
                Ok((created, repeated)) => {
                    for (job, created) in jobs.into_iter().zip(created) {
                        let created = if repeated { job.by_itself(created) } else { created };
                        if created == Created::Created {
                            // It is counted in the store now.
                            drop(job.admission);
                            if let Some((listener, signal)) = job.told {
                                self.ears.signal(listener, signal);
                            }
                        }
                        let _ = job.reply.send(Ok(created));
                    }
                }
                Err(error) => {
                    let error: Arc<dyn std::error::Error + Send + Sync> = error.into();
                    for job in jobs {
                        let _ = job.reply.send(Err(unavailable(Arc::clone(&error))));
                    }
                }
            }
        }
    }
}

impl Partition {
    fn read_created(&self, answer: Value) -> Result<Vec<Created>, BoxError> {
        let mut answer = List::of(answer)?;
        self.clock.heard(Timestamp(answer.number()?));
        let mut replies = answer.list()?;
        let mut created = Vec::with_capacity(replies.len());
        while !replies.is_empty() {
            let known = replies.bytes()?;
            created.push(match known.is_empty() {
                true => Created::Created,
                false => Created::Exists(read_known(&known)?),
            });
        }
        let mut lengths = answer.list()?;
        while !lengths.is_empty() {
            let definition = DefinitionHash(lengths.array()?);
            let length = usize::try_from(lengths.number()?).unwrap_or(usize::MAX);
            self.room(definition).waiting.store(length, Ordering::Relaxed);
        }
        Ok(created)
    }

    fn room(&self, definition: DefinitionHash) -> Arc<Room> {
        let mut rooms = self.creates.rooms.lock().expect("nobody panics under it");
        Arc::clone(rooms.entry(definition).or_default())
    }

    /// Takes a place, if one is known to be free.
    pub(super) fn admit_now(
        &self,
        definition: DefinitionHash,
        capacity: usize,
    ) -> Option<Admission> {
        let room = self.room(definition);
        let waiting = room.waiting.load(Ordering::Relaxed);
        let one_more = |admitted: usize| (admitted + waiting < capacity).then_some(admitted + 1);
        let taken = room.admitted.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.ok().map(|_| Admission::new(room))
    }

    /// Waits for a place. While there is none the list is looked at.
    pub(super) async fn admit(
        self: Arc<Self>,
        definition: DefinitionHash,
        capacity: usize,
    ) -> Result<Admission, JournalError> {
        loop {
            let mut length = redis::cmd("LLEN");
            length.arg(self.key(b"r:", &definition.0));
            match self.call(length).await {
                Ok(Value::Int(length)) => {
                    let length = usize::try_from(length).unwrap_or_default();
                    self.room(definition).waiting.store(length, Ordering::Relaxed);
                }
                Ok(_) => return Err(unavailable("Redis did not answer how long a list is")),
                Err(error) if error.is_worth_repeating() => {}
                Err(error) => return Err(unavailable(error)),
            }
            if let Some(admission) = self.admit_now(definition, capacity) {
                return Ok(admission);
            }
            sleep(FULL_WAIT).await;
        }
    }
}

fn as_args(new: &mut NewSaga) -> Result<[Bytes; 4], BoxError> {
    let fingerprint = new.records.first().and_then(fingerprint);
    let text = group(&mut new.records)?;
    let header = Header { definition: new.definition, fingerprint, key: new.key };
    let mut chunk = header.write();
    push(&mut chunk, Fence::NONE, new.at, &text);
    let place = match new.place {
        Place::Ended => b'e',
        Place::Parked => b'p',
        _ => b'r',
    };
    let mut head = new.id.0.as_bytes().to_vec();
    head.extend([place, if fingerprint.is_some() { b'1' } else { b'0' }]);
    head.extend(new.definition.0);
    let ended = match (new.place, new.records.last()) {
        (Place::Ended, Some(Record::Finished(finished))) => {
            ended(Ending::of(finished), fingerprint)
        }
        _ => Bytes::new(),
    };
    Ok([head.into(), key(new.key), ended, chunk.into()])
}

pub(super) fn fingerprint(first: &Record) -> Option<Fingerprint> {
    match first {
        Record::Started(started) => started.fingerprint,
        _ => None,
    }
}

pub(super) fn key(key: Option<SagaId>) -> Bytes {
    key.map(|key| Bytes::copy_from_slice(key.0.as_bytes())).unwrap_or_default()
}

/// What stays of a saga that is over, besides its records.
pub(super) fn ended(ending: Ending, fingerprint: Option<Fingerprint>) -> Bytes {
    let mut ended = vec![ending.letter()];
    ended.extend(fingerprint.iter().flat_map(|fingerprint| fingerprint.0));
    ended.into()
}

/// Id, stage and fingerprint in one.
pub(super) fn read_known(known: &[u8]) -> Result<Known, BoxError> {
    let Some((id, [stage, fingerprint @ ..])) = known.split_first_chunk::<16>() else {
        return Err("Redis answered less of a saga than was asked for".into());
    };
    let fingerprint = match fingerprint {
        [] => None,
        bytes => Some(Fingerprint(array(bytes)?)),
    };
    let stage = match (*stage, Ending::read(*stage)) {
        (b'S', _) => Stage::Starting,
        (_, Some(Ending::Abandoned)) => Stage::Abandoned,
        (_, Some(Ending::As(status))) => Stage::Ended(status),
        (_, None) => Stage::Accepted,
    };
    Ok(Known { id: SagaId(Uuid::from_bytes(*id)), fingerprint, stage })
}
