//! Tests of the simulation: what a remote client and its store owe each other, so that a lost reply is
//! asked for again and a lost commit is noticed (A4). Each rule finds a store that breaks it.

use std::{fmt::Debug, sync::Arc, time::Duration};

use smallvec::smallvec;
use uuid::Uuid;

use super::{
    mutation::Mutation,
    plan::{Plan, StorePlan, Weather},
    scene::Scene,
    store::{From, Parcel, Store, now},
    world::World,
};
use crate::{
    journal::{Batch, Item, Journal as _, JournalError, ListenerId, NewOwned, SeatId, Verdict},
    kernel::{Fence, Place, Record, SagaId, Started, Value},
};

const SEAT: SeatId = SeatId(Uuid::from_u128(1));
const LEASE: Duration = Duration::from_secs(10);

/// A remote store in which one seat lives.
struct Desk {
    store: Arc<Store>,
    scene: Arc<Scene>,
}

impl Desk {
    fn around(mutation: Mutation) -> Self {
        let drawn = Plan::draw(1);
        let store = StorePlan { lease: LEASE, remote: true, carrier: false, ..drawn.store };
        let (faults, weather) = (Vec::new(), Weather::default());
        let plan = Plan { store, faults, weather, fail_over: None, ..drawn };
        let scene = Scene::new(plan, mutation, false);
        scene.calm();
        let store = Store::new(&scene, &World::new(&scene));
        store.enter(SEAT, ListenerId(1)).expect("it answers");
        Self { store, scene }
    }

    /// A batch that begins a saga in the hands of the seat, which has heard of so many claims.
    fn begins(&self, saga: u128, claims: u64) -> Parcel {
        let (journal, definition) = (self.store.journal(), self.scene.plan.definition.hash());
        let started = Started {
            definition,
            request: Value::journaled("two cups".to_owned()),
            deadline: None,
            fingerprint: None,
            reply_to: None,
        };
        let admission = now(journal.admit(definition)).expect("there is room");
        let item = Item {
            saga: SagaId(Uuid::from_u128(saga)),
            fence: Fence(journal.now().0),
            seq: 0,
            at: journal.now(),
            records: smallvec![Record::Started(Arc::new(started))],
            folded: Vec::new(),
            place: Place::Owned,
            guarded: false,
            create: Some(NewOwned { definition, key: None, admission: Some(admission) }),
        };
        Parcel::of(Batch { seat: SEAT, items: smallvec![item] }, claims)
    }

    /// Commits under this number; whether it was written.
    fn commit(&self, number: u64, parcel: &Parcel) -> Result<bool, JournalError> {
        let committed = self.store.commit(number, parcel)?;
        Ok(matches!(committed.verdicts[..], [Verdict::Written { .. }]))
    }

    /// Claims under this number; how many sagas it took.
    fn claim(&self, number: u64) -> Result<usize, JournalError> {
        let from = From::Definitions(vec![self.scene.plan.definition.hash()]);
        Ok(self.store.claim((SEAT, number), &from, 8)?.sagas.len())
    }
}

/// A rule that a store with these mutations breaks.
fn rule(check: impl Fn(&Desk) -> Result<(), String>, mutations: &[Mutation]) {
    assert_eq!(check(&Desk::around(Mutation::None)), Ok(()));
    for mutation in mutations {
        let broken = check(&Desk::around(*mutation));
        assert!(broken.is_err(), "{mutation:?} is not found");
    }
}

fn is<T: Debug>(answer: T, as_it_must: bool) -> Result<(), String> {
    if as_it_must { Ok(()) } else { Err(format!("{answer:?} was answered")) }
}

fn diverged<T: Debug>(answer: Result<T, JournalError>) -> Result<(), String> {
    let diverged = matches!(answer, Err(JournalError::Diverged(SEAT)));
    is(answer, diverged)
}

#[tokio::test(start_paused = true)]
async fn the_same_number_is_answered_with_the_same_reply() {
    let check = |desk: &Desk| {
        let parcel = desk.begins(7, 0);
        for _ in 0..3 {
            let written = desk.commit(1, &parcel);
            let as_it_must = matches!(written, Ok(true));
            is(written, as_it_must)?;
            let claimed = desk.claim(1);
            let as_it_must = matches!(claimed, Ok(0));
            is(claimed, as_it_must)?;
        }
        Ok(())
    };
    rule(check, &[Mutation::DoesItAgain]);
}

#[tokio::test(start_paused = true)]
async fn a_number_out_of_turn_diverges_and_nothing_is_written() {
    let commits = |desk: &Desk| {
        for number in [0, 2, 9] {
            diverged(desk.commit(number, &desk.begins(7, 0)))?;
        }
        let written = now(desk.store.journal().read(SagaId(Uuid::from_u128(7)), 0));
        let is_not = matches!(written, Ok(None));
        is(written, is_not)
    };
    rule(commits, &[Mutation::AnyNumber, Mutation::NoBatchNumber]);
    let claims = |desk: &Desk| {
        diverged(desk.claim(2))?;
        // Nor is there a commit of a seat that has heard of a claim that the store does not know.
        diverged(desk.commit(1, &desk.begins(7, 1)))
    };
    rule(claims, &[Mutation::NoClaimNumber]);
}

#[tokio::test(start_paused = true)]
async fn a_pulse_diverges_that_knows_of_more_than_the_store() {
    let commits = |desk: &Desk| diverged(desk.store.pulse(SEAT, (1, 0), None));
    rule(commits, &[Mutation::NoNumbersInThePulse, Mutation::NoBatchNumber]);
    let claims = |desk: &Desk| diverged(desk.store.pulse(SEAT, (0, 1), None));
    rule(claims, &[Mutation::NoNumbersInThePulse, Mutation::NoClaimNumber]);
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_was_reaped_is_fenced_before_it_is_answered_again() {
    for (mutation, is_found) in [(Mutation::None, false), (Mutation::AnswersTheDead, true)] {
        let desk = Desk::around(mutation);
        let parcel = desk.begins(7, 0);
        assert!(desk.commit(1, &parcel).expect("it answers"));
        tokio::time::advance(2 * LEASE).await;
        desk.store.reap(SEAT).expect("it answers");
        let again = desk.commit(1, &parcel);
        let is_fenced = matches!(again, Err(JournalError::Fenced(SEAT)));
        assert_eq!(is_found, !is_fenced, "{mutation:?}: {again:?}");
    }
}
