//! Damage from outside, which no operation of the journal leaves: only the audit can see it, and it
//! sees none where there is none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use smallvec::smallvec;
use uuid::Uuid;

use super::{super::shard::lock, MemoryJournal};
use crate::{
    clock::SystemClock,
    journal::{
        Answer, Batch, Carry, ClaimFrom, ClaimedSaga, Item, Journal, ListenerId, NewSaga, Reaped,
        SeatId,
    },
    kernel::{DefinitionHash, EntryId, Group, Letter, Mail, Place, Record, SagaId, Started, Value},
};

const DEFINITION: DefinitionHash = DefinitionHash([7; 16]);
const LISTENER: ListenerId = ListenerId(0);

/// The answer of a journal that is here.
fn answer<T>(answer: Answer<'_, T>) -> T {
    answer.now_or_never().expect("memory answers at once").expect("memory does not fail")
}

struct Bench(MemoryJournal);

impl Bench {
    fn new() -> Self {
        Self(MemoryJournal::builder().clock(Arc::new(SystemClock::default())).build())
    }

    fn create(&self, id: u128) -> SagaId {
        let id = SagaId(Uuid::from_u128(id));
        let started = Started {
            definition: DEFINITION,
            request: Value::journaled(()),
            deadline: None,
            fingerprint: None,
            reply_to: None,
        };
        answer(self.0.create(NewSaga {
            id,
            at: self.0.now(),
            definition: DEFINITION,
            records: smallvec![Record::Started(Arc::new(started))],
            place: Place::Ready,
            key: None,
            admission: answer(self.0.admit(DEFINITION)),
        }));
        id
    }

    fn seat(&self, id: u128) -> SeatId {
        let seat = SeatId(Uuid::from_u128(id));
        answer(self.0.enter(seat, LISTENER));
        seat
    }

    fn claim(&self, seat: SeatId) -> Vec<ClaimedSaga> {
        answer(self.0.claim(seat, ClaimFrom::Definitions(&[DEFINITION]), 8)).sagas
    }

    fn release(&self, seat: SeatId, saga: &ClaimedSaga, place: Place) {
        let item = Item {
            saga: saga.id,
            fence: saga.fence,
            seq: saga.records.len() as u64,
            at: self.0.now(),
            records: Group::new(),
            folded: Vec::new(),
            place,
            guarded: true,
            create: None,
        };
        answer(self.0.commit(Batch { seat, items: smallvec![item] }));
    }

    fn mended(&self) -> Vec<SagaId> {
        answer(self.0.audit(None, 8)).mended
    }
}

#[test]
fn j7_schedule_b14_the_audit_gives_a_ticket_to_each_saga_that_is_in_no_place() {
    let bench = Bench::new();
    let (dead, alive) = (bench.seat(1), bench.seat(2));

    let owned = bench.create(1);
    bench.claim(dead);
    let timed = bench.create(2);
    let due = Place::Timed(bench.0.now().plus(Duration::from_secs(3_600)));
    bench.release(alive, &bench.claim(alive)[0], due);
    let parked = bench.create(3);
    bench.release(alive, &bench.claim(alive)[0], Place::Parked);
    let carried = bench.create(4);
    answer(bench.0.pulse(alive, Some(Carry { definitions: &[DEFINITION], limit: 8 })));
    let ready = bench.create(5);
    assert_eq!(bench.mended(), []);

    // The seat ends, and nobody visits what it owned; tickets and timers are lost.
    bench.0.seats.end(dead, None);
    *lock(&bench.0.ready) = Default::default();
    *lock(&bench.0.timers) = Default::default();
    assert_eq!(bench.mended(), [owned, timed, carried, ready]);
    assert_eq!(bench.mended(), []);

    let claimed = bench.claim(alive);
    let mut sagas: Vec<_> = claimed.iter().map(|saga| (saga.id, saga.crashes)).collect();
    sagas.sort_unstable();
    assert_eq!(sagas, [(owned, 1), (timed, 0), (carried, 0), (ready, 0)]);
    assert_eq!(answer(bench.0.read(parked, 0)).map(|history| history.place), Some(Place::Parked));
}

/// Takes sagas about, until told to stop: to their owner, to a timer that is due, back, and on.
fn moves_sagas(bench: &Bench, worker: u128, rounds: u128) {
    let seat = bench.seat(worker);
    for round in 0..rounds {
        if round % 4 == 0 {
            bench.create(worker * rounds + round);
        }
        for (nth, saga) in bench.claim(seat).iter().enumerate() {
            let place = match nth % 3 {
                0 => Place::Timed(bench.0.now()),
                1 => Place::Ready,
                _ => Place::Parked,
            };
            bench.release(seat, saga, place);
            let cancel = Letter::Cancel { reason: "changed my mind".into() };
            let id = EntryId(Uuid::from_u128(worker * rounds + round));
            answer(bench.0.tell(saga.id, Mail { id, letter: cancel }));
        }
        answer(bench.0.pulse(seat, None));
    }
}

#[test]
fn j7_the_audit_of_a_sound_journal_that_is_busy_mends_nothing() {
    let bench = Bench(
        MemoryJournal::builder().clock(Arc::new(SystemClock::default())).capacity(100_000).build(),
    );
    let (workers, working) = (4, AtomicUsize::new(4));
    std::thread::scope(|scope| {
        for worker in 1..=workers {
            let (bench, working) = (&bench, &working);
            scope.spawn(move || {
                moves_sagas(bench, worker, 2_000);
                working.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while working.load(Ordering::SeqCst) > 0 {
            assert_eq!(answer(bench.0.audit(None, 10_000)).mended, []);
        }
    });
}

#[test]
fn j7_a_seat_that_is_being_reaped_is_no_damage() {
    let bench = Bench(
        MemoryJournal::builder()
            .clock(Arc::new(SystemClock::default()))
            .lease(Duration::ZERO)
            .capacity(1_000)
            .build(),
    );
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200 {
                let seat = bench.seat(round);
                bench.create(round);
                bench.claim(seat);
                while answer(bench.0.reap(seat)) == Reaped::Alive {}
            }
            done.store(1, Ordering::SeqCst);
        });
        while done.load(Ordering::SeqCst) == 0 {
            assert_eq!(answer(bench.0.audit(None, 10_000)).mended, []);
        }
    });
}
