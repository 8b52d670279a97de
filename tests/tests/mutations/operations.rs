//! The operations of a broken journal: each is that of the journal in memory, but for its mutation.

use std::sync::{Arc, Mutex};

use distributed_task::{
    journal::{
        Admission, Answer, Audited, Batch, Carry, ClaimFrom, Claimed, Committed, Created,
        Durability, History, Journal, JournalError, Known, Lease, Left, ListFilter, Listed,
        ListenerId, NewSaga, Pulse, Reaped, SeatId, Signals, Stage, Told, Verdict,
    },
    kernel::{
        AttemptEnd, Definition, DefinitionHash, Fingerprint, Letter, Mail, Place, Record, SagaId,
        SagaStatus, Timestamp,
    },
};

use super::{
    broken::{Broken, DeafToDefinitions, EndsOnce},
    mutation::Mutation,
};

impl Journal for Broken {
    fn durability(&self) -> Durability {
        self.journal.durability()
    }

    fn is_shared(&self) -> bool {
        self.journal.is_shared()
    }

    fn now(&self) -> Timestamp {
        self.journal.now()
    }

    fn listen(&self, signals: Arc<dyn Signals>) -> Answer<'_, ListenerId> {
        later(async move {
            let heard: Arc<dyn Signals> = match self.mutation {
                Mutation::EndsOnce => Arc::new(EndsOnce(signals, Mutex::default())),
                Mutation::DefinesInSilence => Arc::new(DeafToDefinitions(signals)),
                _ => signals,
            };
            let listener = self.journal.listen(heard.clone()).await?;
            self.notes().listeners.insert(listener.0, heard);
            Ok(listener)
        })
    }

    fn unlisten(&self, listener: ListenerId) -> Answer<'_, ()> {
        match self.is(Mutation::GoesOnSignalling) {
            true => Answer::ready(()),
            false => self.journal.unlisten(listener),
        }
    }

    fn define(&self, definition: Arc<Definition>) -> Answer<'_, ()> {
        self.journal.define(definition)
    }

    fn definitions(&self) -> Answer<'_, Vec<Arc<Definition>>> {
        later(async move {
            let mut definitions = self.journal.definitions().await?;
            if self.is(Mutation::KnowsOneDefinition) {
                definitions.truncate(1);
            }
            Ok(definitions)
        })
    }

    fn definition(&self, hash: DefinitionHash) -> Answer<'_, Option<Arc<Definition>>> {
        self.journal.definition(hash)
    }

    fn admit(&self, definition: DefinitionHash) -> Answer<'_, Admission> {
        match self.is(Mutation::OneRoom) {
            true => self.journal.admit(DefinitionHash([0; 16])),
            false => self.journal.admit(definition),
        }
    }

    fn create(&self, mut saga: NewSaga) -> Answer<'_, Created> {
        later(async move {
            if self.is(Mutation::StartsBesideTheLatest)
                && let Some(key) = saga.key
                && let Some(known) = self.journal.find(key).await?
                && known.stage != Stage::Abandoned
            {
                saga.key = None;
            }
            let print: Option<Fingerprint> = match saga.records.first() {
                Some(Record::Started(started)) => started.fingerprint,
                _ => None,
            };
            let created = self.journal.create(saga).await?;
            Ok(match created {
                Created::Exists(known) if self.is(Mutation::AnswersTheSecondPrint) => {
                    Created::Exists(Known { fingerprint: print, ..known })
                }
                created => created,
            })
        })
    }

    fn find(&self, saga: SagaId) -> Answer<'_, Option<Known>> {
        later(async move {
            let known = self.journal.find(saga).await?;
            let records = self.journal.read(saga, 0).await?;
            let is_owned = records.as_ref().is_some_and(|read| read.place == Place::Owned);
            Ok(match self.mutation {
                Mutation::ForgetsKeys => known.filter(|_| records.is_some()),
                Mutation::ForgetsTheLatest => known.filter(|known| known.id == saga),
                Mutation::RemembersKeys => {
                    let mut notes = self.notes();
                    known.or_else(|| notes.found.get(&saga).copied()).inspect(|known| {
                        notes.found.insert(saga, *known);
                    })
                }
                Mutation::AcceptsAtOnce => known.map(|known| match known.stage {
                    Stage::Starting if is_owned => Known { stage: Stage::Accepted, ..known },
                    _ => known,
                }),
                Mutation::AcceptsWhatIsGivenBack => known.map(|known| match known.stage {
                    Stage::Starting if !is_owned => Known { stage: Stage::Accepted, ..known },
                    _ => known,
                }),
                Mutation::AcceptsTheAbandoned => known.map(|known| match known.stage {
                    Stage::Abandoned => {
                        Known { stage: Stage::Ended(SagaStatus::Compensated), ..known }
                    }
                    _ => known,
                }),
                _ => known,
            })
        })
    }

    fn enter(&self, seat: SeatId, listener: ListenerId) -> Answer<'_, Lease> {
        self.notes().seats.insert(seat, listener);
        self.journal.enter(seat, listener)
    }

    fn claim<'a>(&'a self, seat: SeatId, from: ClaimFrom<'a>, limit: usize) -> Answer<'a, Claimed> {
        later(async move {
            let claimed = self.journal.claim(seat, from, limit).await;
            if claimed.is_err() && self.is(Mutation::ClaimPopsBeforeItLooks) {
                self.journal.claim(self.ghost().await?, from, limit).await?;
            }
            let mut claimed = claimed?;
            for saga in &mut claimed.sagas {
                match self.mutation {
                    Mutation::ClaimsWithoutMail => saga.mail.clear(),
                    Mutation::NoTimeOfCrash => saga.crashed_at = None,
                    Mutation::OldTimeOfCrash => saga.crashed_at = self.notes().crash,
                    Mutation::ForgetsCrashes => saga.crashes = 0,
                    _ => {}
                }
            }
            Ok(claimed)
        })
    }

    fn commit(&self, mut batch: Batch) -> Answer<'_, Committed> {
        later(async move {
            for item in &mut batch.items {
                let leaves = item.place != Place::Owned;
                item.guarded &= match self.mutation {
                    Mutation::UnguardedRelease => !leaves,
                    Mutation::UnguardedPivot => leaves,
                    _ => true,
                };
            }
            match self.mutation {
                Mutation::AnswersBeforeItWrites => {
                    let verdicts =
                        batch.items.iter().map(|_| Verdict::Written { mail: false }).collect();
                    let last = self.notes().unwritten.replace(batch);
                    if let Some(last) = last {
                        self.journal.commit(last).await?;
                    }
                    Ok(Committed { verdicts })
                }
                Mutation::ReapEndsTheSeatLast if self.notes().struck.contains(&batch.seat) => {
                    self.write_for_the_dead(batch).await
                }
                Mutation::SettlesAloud => self.settle_aloud(batch).await,
                Mutation::SaysYes => {
                    let mut committed = self.journal.commit(batch).await?;
                    for verdict in &mut committed.verdicts {
                        if *verdict == Verdict::NotOwner {
                            *verdict = Verdict::Written { mail: false };
                        }
                    }
                    Ok(committed)
                }
                _ => self.journal.commit(batch).await,
            }
        })
    }

    fn tell(&self, saga: SagaId, mail: Mail) -> Answer<'_, Told> {
        later(async move {
            let success = is_late_success(&mail);
            if success {
                self.notes().late.push((saga, mail.clone()));
            }
            let over = match self.journal.find(saga).await?.map(|known| known.stage) {
                Some(Stage::Ended(status)) => Some(status),
                _ => None,
            };
            if let (true, Some(status), true) =
                (success, over, self.is(Mutation::DropsLateSuccesses))
            {
                return Ok(Told::TooLate(status));
            }
            let cancel = matches!(mail.letter, Letter::Cancel { .. });
            let mut told = self.journal.tell(saga, mail).await?;
            if cancel
                && told == Told::TooLate(SagaStatus::Running)
                && self.is(Mutation::HeedsCancelsAfterMarks)
                && !self.returned(saga).await?
            {
                told = Told::Told;
            }
            if told == Told::Already && !success && self.is(Mutation::TellsTwice) {
                told = Told::Told;
            }
            let timed = matches!(
                self.journal.read(saga, 0).await?.map(|history| history.place),
                Some(Place::Timed(_)),
            );
            if over.is_some() && timed && self.is(Mutation::HearsAfterTheEnd) {
                told = Told::Told;
            }
            Ok(told)
        })
    }

    fn inbox(&self, saga: SagaId) -> Answer<'_, Vec<Mail>> {
        self.journal.inbox(saga)
    }

    fn pulse<'a>(&'a self, seat: SeatId, carry: Option<Carry<'a>>) -> Answer<'a, Pulse> {
        later(async move {
            let mut pulse = self.journal.pulse(seat, carry).await;
            if pulse.is_err() && self.is(Mutation::RenewalRecreatesTheSeat) {
                let listener = self.notes().seats.get(&seat).copied();
                if let Some(listener) = listener {
                    self.journal.enter(seat, listener).await?;
                    pulse = self.journal.pulse(seat, None).await;
                }
            }
            let mut pulse = pulse?;
            if self.is(Mutation::CountsNoDefinitions) {
                pulse.definitions = 0;
            }
            pulse.dead.retain(|dead| !self.notes().struck.contains(dead));
            Ok(pulse)
        })
    }

    fn reap(&self, dead: SeatId) -> Answer<'_, Reaped> {
        later(async move {
            let reaped = self.journal.reap(dead).await?;
            if reaped != Reaped::Alive {
                let now = self.journal.now();
                let mut notes = self.notes();
                notes.struck.insert(dead);
                notes.crash = Some(now);
            }
            match (self.mutation, reaped) {
                (Mutation::ReapDoesNotLook, Reaped::Alive) => Ok(Reaped::Reaped(0)),
                (Mutation::ReapStrikesTheSeatFirst, Reaped::Reaped(sagas)) if sagas > 1 => {
                    self.lose(sagas - 1).await?;
                    Ok(reaped)
                }
                _ => Ok(reaped),
            }
        })
    }

    fn leave(&self, seat: SeatId) -> Answer<'_, Left> {
        self.journal.leave(seat)
    }

    fn read(&self, saga: SagaId, from: u64) -> Answer<'_, Option<History>> {
        self.journal.read(saga, from)
    }

    fn list(
        &self,
        filter: ListFilter,
        after: Option<SagaId>,
        limit: usize,
    ) -> Answer<'_, Vec<Listed>> {
        let filter = match self.is(Mutation::ListsAll) {
            true => ListFilter::default(),
            false => filter,
        };
        self.journal.list(filter, after, limit)
    }

    fn late(&self) -> Answer<'_, Vec<(SagaId, Mail)>> {
        match self.mutation {
            Mutation::ListsNothing => Answer::ready(Vec::new()),
            Mutation::ListsTwice => later(async move {
                let listed = self.journal.late().await?;
                let told = self.notes().late.clone();
                let is_listed = |(_, mail): &(SagaId, Mail)| {
                    listed.iter().any(|(_, known)| known.id == mail.id)
                };
                Ok(told.into_iter().filter(is_listed).collect())
            }),
            Mutation::ListsOldest => later(async move {
                let listed = self.journal.late().await?;
                let told = self.notes().late.clone();
                let full = listed.len() == 1_000;
                Ok(if full { told.into_iter().take(1_000).collect() } else { listed })
            }),
            _ => self.journal.late(),
        }
    }

    fn audit(&self, after: Option<SagaId>, limit: usize) -> Answer<'_, Audited> {
        self.journal.audit(after, limit)
    }
}

fn is_late_success(mail: &Mail) -> bool {
    matches!(mail.letter, Letter::Late { end: AttemptEnd::Done(_), .. })
}

fn later<'a, T>(
    future: impl Future<Output = Result<T, JournalError>> + Send + 'a,
) -> Answer<'a, T> {
    Answer::Later(Box::pin(future))
}
