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
    chunk::{BoxError, GROUP_HEAD, HEADER, Header, group, push},
    ears::Ears,
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

/// How long a call is repeated that is not answered; a start for no longer than half the time for which it
/// is known when it is over at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that one call holds.
const MOST: usize = 256;
const MOST_BYTES: usize = 1 << 20;
/// Where something is in the arguments of a start.
const KEY: usize = 1;
const CHUNK: usize = 3;
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
    definition: DefinitionHash,
    /// Without a key, and for its first owner to take: nothing but its id can stand in its way.
    is_plain: bool,
    /// A call was not answered that may have started it.
    is_again: bool,
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

    fn done(self, created: Created, ears: &Ears) {
        if created == Created::Created {
            // It is counted in the store now.
            drop(self.admission);
            if let Some((listener, signal)) = self.told {
                ears.signal(listener, signal);
            }
        }
        let _ = self.reply.send(Ok(created));
    }
}

/// Room for new sagas of one definition: what waits in its list, as was heard last, and what was
/// admitted here since.
#[derive(Default)]
struct Room {
    waiting: AtomicUsize,
    admitted: AtomicUsize,
    /// One of those who wait here looks at the list, and then the next one.
    turn: tokio::sync::Mutex<()>,
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
        let is_keyed = new.records.first().and_then(fingerprint).is_some();
        let is_plain = new.place == Place::Ready && !is_keyed && key.is_empty();
        let args = [head, key, ended, chunk, listener, tale];
        let job = Job {
            id: new.id,
            definition: new.definition,
            is_plain,
            is_again: false,
            args,
            told: here,
            admission: new.admission,
            reply,
        };
        if let Some(worker) = partition.creates.line.push(job) {
            partition.link().spawn(self.send_creates(worker, Arc::clone(&partition)));
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
                bytes += job.args[CHUNK].len();
                // A repetition of one that is not answered yet, or another start under its key.
                let (saga, key) = (Bytes::copy_from_slice(job.id.0.as_bytes()), &job.args[KEY]);
                let is_new = ids.insert(saga) && (key.is_empty() || ids.insert(key.clone()));
                is_new && count <= MOST && bytes <= MOST_BYTES
            };
            let Some(jobs) = worker.next(takes) else { return };
            let (mut plain, mut others): (Vec<_>, Vec<_>) =
                jobs.into_iter().partition(|job| job.is_plain);
            // In the order of their definitions, as the script wants them.
            plain.sort_by_key(|job| job.definition);
            if !plain.is_empty() {
                match self.start(&partition, &plain).await {
                    Ok(true) => {
                        for job in plain {
                            job.done(Created::Created, &self.ears);
                        }
                    }
                    Ok(false) => others.extend(plain),
                    Err(error) => {
                        tracing::debug!(error, "starts were not answered");
                        plain.iter_mut().for_each(|job| job.is_again = true);
                        others.extend(plain);
                    }
                }
            }
            if !others.is_empty() {
                self.create_each(&partition, others).await;
            }
        }
    }

    /// Starts sagas that are plain, once; `false`: one of them is known, and nothing was written.
    async fn start(&self, partition: &Partition, jobs: &[Job]) -> Result<bool, BoxError> {
        let bytes: usize = jobs.iter().map(|job| 80 + job.args[CHUNK].len()).sum();
        let mut request = partition.request(Call::Start, (5 * jobs.len(), bytes));
        request.number(jobs.len());
        for job in jobs {
            request.arg(job.id.0.as_bytes());
        }
        for job in jobs {
            request.arg(job.id.0.as_bytes()).arg(&job.args[CHUNK]);
        }
        for jobs in jobs.chunk_by(|one, other| one.definition == other.definition) {
            request.arg(&jobs[0].definition.0).number(jobs.len());
        }
        let mut answer = List::of(partition.run(&request).await?)?;
        let first = answer.bytes()?;
        if &*first == b"M" {
            return Ok(false);
        }
        self.clock.heard(Timestamp(std::str::from_utf8(&first)?.parse()?));
        partition.read_lengths(answer.list()?)?;
        Ok(true)
    }

    async fn create_each(&self, partition: &Partition, jobs: Vec<Job>) {
        let args = || jobs.iter().flat_map(|job| &job.args);
        let room = (args().count(), args().map(|arg| 16 + arg.len()).sum());
        let mut request = partition.request(Call::Create, room);
        for arg in args() {
            request.arg(arg);
        }
        let until = self.clock.local().plus(PATIENCE.min(self.settings.retain / 2));
        let answer = partition.insist_and_count(&request, || partition.is_before(until)).await;
        let answer = answer
            .map_err(|(error, _)| BoxError::from(error))
            .and_then(|(answer, repeats)| Ok((partition.read_created(answer)?, repeats > 0)));
        match answer {
            Ok((created, repeated)) => {
                for (job, created) in jobs.into_iter().zip(created) {
                    let created =
                        if repeated || job.is_again { job.by_itself(created) } else { created };
                    job.done(created, &self.ears);
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

impl Partition {
    fn read_created(&self, answer: Value) -> Result<Vec<Created>, BoxError> {
        let mut answer = List::of(answer)?;
        self.clock.heard(Timestamp(answer.number()?));
        self.read_lengths(answer.list()?)?;
        let mut replies = answer.list()?;
        let mut created = Vec::with_capacity(replies.len());
        while !replies.is_empty() {
            let known = replies.bytes()?;
            created.push(match known.is_empty() {
                true => Created::Created,
                false => Created::Exists(read_known(&known)?),
            });
        }
        Ok(created)
    }

    fn read_lengths(&self, mut lengths: List) -> Result<(), BoxError> {
        while !lengths.is_empty() {
            let definition = DefinitionHash(lengths.array()?);
            let length = usize::try_from(lengths.number()?).unwrap_or(usize::MAX);
            self.room(definition).waiting.store(length, Ordering::Relaxed);
        }
        Ok(())
    }

    fn room(&self, definition: DefinitionHash) -> Arc<Room> {
        let mut rooms = self.creates.rooms.lock().expect("nobody panics under it");
        Arc::clone(rooms.entry(definition).or_default())
    }

    /// Takes a place, if one is known to be free, in so many partitions like this one.
    pub(super) fn admit_now(
        &self,
        definition: DefinitionHash,
        capacity: usize,
        partitions: usize,
    ) -> Option<Admission> {
        let room = self.room(definition);
        let waiting = room.waiting.load(Ordering::Relaxed).saturating_mul(partitions);
        let room_left = capacity.saturating_sub(waiting);
        let one_more = |admitted: usize| (admitted < room_left).then_some(admitted + 1);
        let taken = room.admitted.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        taken.ok().map(|_| Admission::new(room))
    }

    /// Waits for a place. While there is none the list is looked at, by one of all who wait.
    pub(super) async fn admit(
        self: Arc<Self>,
        definition: DefinitionHash,
        capacity: usize,
        partitions: usize,
    ) -> Result<Admission, JournalError> {
        let room = self.room(definition);
        let _turn = room.turn.lock().await;
        // The one before may have found more than it took.
        if let Some(admission) = self.admit_now(definition, capacity, partitions) {
            return Ok(admission);
        }
        let mut until = self.clock.local().plus(PATIENCE);
        loop {
            let mut length = redis::cmd("LLEN");
            length.arg(self.key(b"r:", &definition.0));
            match self.call(length).await {
                Ok(Value::Int(length)) => {
                    let length = usize::try_from(length).unwrap_or_default();
                    room.waiting.store(length, Ordering::Relaxed);
                    until = self.clock.local().plus(PATIENCE);
                }
                Ok(_) => return Err(unavailable("Redis did not answer how long a list is")),
                Err(error) if error.is_worth_repeating() && self.is_before(until) => {}
                Err(error) => return Err(unavailable(error)),
            }
            if let Some(admission) = self.admit_now(definition, capacity, partitions) {
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
    let mut chunk = Vec::with_capacity(HEADER + GROUP_HEAD + text.len());
    header.write(&mut chunk);
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

/// What stands before the records of a saga that is over.
pub(super) fn ended(ending: Ending, fingerprint: Option<Fingerprint>) -> Bytes {
    let mut ended = vec![ending.letter(), if fingerprint.is_some() { b'1' } else { b'0' }];
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
