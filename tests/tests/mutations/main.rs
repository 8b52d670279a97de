//! Tests of the tests: a journal that breaks one clause of its contract fails the conformance suite,
//! at the rule that says so.

mod broken;
mod mutation;
mod operations;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use distributed_task::conformance::{self, journal::Subject};
use futures_util::FutureExt;

use self::{broken::Broken, mutation::Mutation};

/// What the suite says of a journal with this mutation: the first rule that is broken, if any.
async fn verdict(mutation: Mutation) -> Result<(), String> {
    let suite = conformance::journal::run(async || Subject {
        journal: Arc::new(Broken::new(mutation)),
        capacity: 16,
        lease: Duration::from_secs(10),
        keys: Duration::from_secs(8),
        carried: Duration::from_secs(60),
        advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
    });
    let panic = AssertUnwindSafe(suite).catch_unwind().await;
    panic.map_err(|message| message.downcast().map_or_else(|_| String::new(), |text| *text))
}

/// Checks that each mutation is caught, and by which rule.
async fn caught(mutations: &[(Mutation, &str)]) {
    for (mutation, rule) in mutations {
        match verdict(*mutation).await {
            Ok(()) => panic!("{mutation:?} is not caught"),
            Err(broken) => assert!(
                broken.starts_with(&format!("broken rule: {rule}\n")),
                "{mutation:?} was to be caught by\n  {rule}\nbut was caught so:\n  {broken}",
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_wrapper_alone_breaks_nothing() {
    assert_eq!(verdict(Mutation::None).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_would_lose_or_share_a_saga_is_caught() {
    let guarded = "a guarded commit is refused while an entry waits that it does not fold";
    caught(&[
        (Mutation::UnguardedRelease, guarded),
        (Mutation::UnguardedPivot, guarded),
        (
            Mutation::ReapEndsTheSeatLast,
            "what a reaped seat commits is refused and changes nothing",
        ),
        (
            Mutation::ReapStrikesTheSeatFirst,
            "a reaped seat's sagas are given back, with the dead owner noted",
        ),
        (Mutation::ReapDoesNotLook, "reaping is refused while the deadline has not passed"),
        (Mutation::ClaimPopsBeforeItLooks, "a claim by a seat that does not live takes no ticket"),
        (Mutation::RenewalRecreatesTheSeat, "a reaped seat never lives again"),
        (Mutation::AnswersBeforeItWrites, "a saga may begin in the hands of its owner"),
        (
            Mutation::SaysYes,
            "a saga that was there before does not begin again in an owner's hands",
        ),
        (Mutation::TellsTwice, "an entry counts once however often it is told"),
        (Mutation::ClaimsWithoutMail, "a claim brings the inbox"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_would_start_a_saga_twice_is_caught() {
    let tombstone = "a saga with a key is found for a retention after its end, also without its \
                     records";
    caught(&[
        (Mutation::ForgetsKeys, tombstone),
        (Mutation::RemembersKeys, "after two retentions no tombstone is left, and the id is free"),
        (
            Mutation::AnswersTheSecondPrint,
            "a `create` that finds a saga answers what is known of it",
        ),
        (
            Mutation::AcceptsAtOnce,
            "a saga that began in an owner's hands is `Starting` until it is handed over",
        ),
        (
            Mutation::AcceptsWhatIsGivenBack,
            "a start that its owner only gives back, or abandons, is `Starting`",
        ),
        (
            Mutation::AcceptsTheAbandoned,
            "a start whose owner is reaped is `Starting` until it is undone, and `Abandoned` then",
        ),
        (
            Mutation::ForgetsTheLatest,
            "the first id under a key means the latest start, when those before it were abandoned",
        ),
        (Mutation::StartsBesideTheLatest, "a key has one open saga"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_would_lose_a_late_success_is_caught() {
    let told = "a late success gives a saga that is not settled a ticket to the front";
    let once = "a late success that finds its saga settled is `TooLate` and listed once";
    caught(&[
        (Mutation::DropsLateSuccesses, told),
        (
            Mutation::HearsAfterTheEnd,
            "a saga that is not settled is told nothing but a late success",
        ),
        (Mutation::SettlesAloud, "a saga that is settled is not signalled as over again"),
        (
            Mutation::EndsOnce,
            "a saga that a late success opened again is signalled as over once more",
        ),
        (Mutation::ListsNothing, once),
        (Mutation::ListsTwice, once),
        (Mutation::ListsOldest, "`late` answers the newest 1,000, newest last"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_would_mislead_a_host_is_caught() {
    let says_when =
        "a claim says when the last dead owner was reaped, if there was one since the last record";
    caught(&[
        (Mutation::NoTimeOfCrash, says_when),
        (Mutation::OldTimeOfCrash, says_when),
        (
            Mutation::ForgetsCrashes,
            "a reaped seat's sagas are given back, with the dead owner noted",
        ),
        (Mutation::CountsNoDefinitions, "a pulse says how many definitions are known"),
        (
            Mutation::KnowsOneDefinition,
            "`definitions` answers every definition once, in the order of their hashes",
        ),
        (Mutation::ListsAll, "`list` answers only what fits its filter, page by page"),
        (Mutation::GoesOnSignalling, "a listener that does not listen any more hears nothing"),
        (
            Mutation::DefinesInSilence,
            "a definition that was not known is signalled to every listener, once",
        ),
        (Mutation::OneRoom, "each definition has room of its own"),
        (
            Mutation::HeedsCancelsAfterMarks,
            "a cancel behind a pivot that came late, or was marked as done, is `TooLate`",
        ),
    ])
    .await;
}
