//! The contract of [`Journal`], as checks.

mod admission;
mod desk;
mod heard;
mod inbox;
mod keys;
mod late;
mod pace;
mod records;
mod samples;
mod seats;
mod signals;
mod surveys;
mod tickets;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};

use self::desk::Desk;
use super::rule::{Rule, Verdict, check_all, check_many};
use crate::journal::Journal;

/// A fresh journal, and what a suite must know of it: above all how long things take in its store.
/// Where nobody can stop the time of a store, a suite takes as long as these durations make it: with
/// 1 s each, and several rules at a time, well under a minute. Shorter ones prove nothing on a
/// machine that is busy.
///
/// See [`run`] for an example, and [`run_concurrently`] for one where time flows.
pub struct Subject {
    /// The journal, empty. Others may be on the same server.
    pub journal: Arc<dyn Journal>,
    /// How many new sagas of a definition may wait for their first claim; at least 4.
    pub capacity: usize,
    /// How long a seat lives without a pulse.
    pub lease: Duration,
    /// How long the key of a saga is remembered after its end, at least.
    pub keys: Duration,
    /// After how long a ticket comes back that a queue carried and lost.
    pub carried: Duration,
    /// Lets time pass in the journal's store: moves its clock, or waits.
    pub advance: Advance,
}

/// Lets that much time pass in a store.
pub type Advance = Box<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// Checks every rule of the contract, one after the other, each on a journal that `make` makes for
/// it.
///
/// # Panics
/// With the sentence of the first rule that is broken.
///
/// ```
/// # #[cfg(feature = "in-process")]
/// # fn main() {
/// use std::{sync::Arc, time::Duration};
/// use distributed_task::{
///     backend::memory::MemoryJournal,
///     conformance::{self, journal::Subject},
/// };
///
/// const LEASE: Duration = Duration::from_secs(10);
/// const KEYS: Duration = Duration::from_secs(8);
/// const CARRIED: Duration = Duration::from_secs(60);
///
/// // Time stands still but where the suite moves it.
/// let mut runtime = tokio::runtime::Builder::new_current_thread();
/// let runtime = runtime.enable_time().start_paused(true).build().expect("it can be built");
/// runtime.block_on(conformance::journal::run(async || Subject {
///     journal: Arc::new(
///         MemoryJournal::builder()
///             .capacity(8)
///             .lease(LEASE)
///             .retain_keys(KEYS)
///             .carry_timeout(CARRIED)
///             .build(),
///     ),
///     capacity: 8,
///     lease: LEASE,
///     keys: KEYS,
///     carried: CARRIED,
///     advance: Box::new(|time| Box::pin(tokio::time::advance(time))),
/// }));
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run(mut make: impl AsyncFnMut() -> Subject) {
    check_all(RULES, async || Desk::around(make().await).await).await;
}

/// The same for a store whose time nobody can stop, where most of a rule is waiting: up to
/// `at_a_time` rules at once, each on a journal of its own. A rule that fails while the machine was
/// too slow for it is repeated a few times.
///
/// # Panics
/// With the sentences of all the rules that are broken.
///
/// ```no_run
/// # #[cfg(feature = "in-process")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::{sync::Arc, time::Duration};
/// use distributed_task::{
///     backend::memory::MemoryJournal,
///     conformance::{self, journal::Subject},
/// };
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// conformance::journal::run_concurrently(8, async || Subject {
///     journal: Arc::new(
///         MemoryJournal::builder()
///             .capacity(8)
///             .lease(SECOND)
///             .retain_keys(SECOND)
///             .carry_timeout(SECOND)
///             .build(),
///     ),
///     capacity: 8,
///     lease: SECOND,
///     keys: SECOND,
///     carried: SECOND,
///     advance: Box::new(|time| Box::pin(tokio::time::sleep(time))),
/// })
/// .await;
/// # }
/// # #[cfg(not(feature = "in-process"))]
/// # fn main() {}
/// ```
pub async fn run_concurrently(at_a_time: usize, make: impl AsyncFn() -> Subject) {
    check_many(RULES, at_a_time, async || Desk::around(make().await).await).await;
}

type Check = BoxFuture<'static, Verdict>;

macro_rules! rules {
    ($($sentence:literal => $check:path,)*) => {
        &[$(Rule {
            sentence: $sentence,
            check: |desk| -> Check {
                let pace = Arc::clone(&desk.pace);
                async move { pace.judge($check(desk).await) }.boxed()
            },
        },)*]
    };
}

const RULES: &[Rule<Desk>] = rules! {
    "`now` never falls, and moves with the store" => surveys::time_moves,
    "a definition is known by its hash once it is defined" => surveys::definitions,
    "`definitions` answers every definition once, in the order of their hashes"
        => surveys::all_definitions,
    "a pulse says how many definitions are known" => surveys::counts_definitions,

    "`create` writes the first records, under nobody's fence, and makes a ticket"
        => records::creates,
    "a saga whose id was there before is `Exists`, and nothing is written" => records::exists,
    "a saga may be over, or parked, where it is created" => records::created_without_a_ticket,
    "a saga may begin in the hands of its owner" => records::created_owned,
    "a saga that was there before does not begin again in an owner's hands"
        => records::not_created_twice,
    "the id of a saga that is over is taken as long as it is kept" => records::exists_when_over,
    // F1, A1: only the owner appends.
    "records are appended by the seat that owns the saga, under its fence" => records::appends,
    "a group of a seat that does not own the saga is refused and changes nothing"
        => records::refuses_strangers,
    "a group under the fence of an earlier claim is refused and changes nothing"
        => records::refuses_old_fences,
    "a group with another sequence number is refused and changes nothing"
        => records::refuses_other_sequences,
    "what is refused in a batch does not hold up the rest" => records::verdict_an_item,
    "the times of one saga never fall" => records::times_never_fall,
    "`read` answers the records from a sequence number on" => records::reads,

    "what was never started is not found" => keys::nothing,
    "a saga is found with its fingerprint, or without one" => keys::fingerprint,
    "a `create` that finds a saga answers what is known of it" => keys::exists,
    "a saga that began in an owner's hands is `Starting` until it is handed over"
        => keys::starting,
    "a saga that began in an owner's hands without an admission is `Accepted`, and goes on elsewhere \
     when its owner is reaped" => keys::accepted_at_once,
    "a start that its owner parks, turns back or moves on with an intent is `Accepted`"
        => keys::accepted,
    "a start that its owner only gives back, or abandons, is `Starting`" => keys::given_back,
    "a start whose owner is reaped is `Starting` until it is undone, and `Abandoned` then"
        => keys::abandoned,
    "a saga that is over is found with how it ended" => keys::ended,
    "a saga with a key is found for a retention after its end, also without its records"
        => keys::tombstone,
    "an abandoned start is found as such, also without its records" => keys::abandoned_tombstone,
    "the id of a tombstone is taken" => keys::taken,
    "after two retentions no tombstone is left, and the id is free" => keys::forgotten,
    "a saga without a key leaves no tombstone" => keys::no_key,
    "the first id under a key means the latest start, when those before it were abandoned"
        => keys::latest,
    "a key has one open saga" => keys::one_open,
    "a start that follows an abandoned one may be abandoned as well" => keys::abandoned_again,
    "the latest start under a key is found while it is open, whatever is left of the first"
        => keys::latest_is_open,
    "the latest start under a key is found for a retention after its end, and then the first id \
     is free" => keys::latest_is_over,

    "an entry stays until the commit that folds it" => inbox::stays_until_folded,
    "an entry counts once however often it is told" => inbox::counts_once,
    "telling an unknown saga is `NoSuch`" => inbox::no_such_saga,
    "telling a saga that is over is `TooLate`, with how it ended" => inbox::too_late,
    "a cancel behind the pivot is `TooLate`, other entries are not"
        => inbox::cancel_behind_the_pivot,
    "a cancel behind a pivot that came late, or was marked as done, is `TooLate`"
        => inbox::cancel_behind_a_doubtful_pivot,
    "a cancel beside a word on a pivot that runs is told" => inbox::cancel_before_a_word_counts,
    "a cancel of a saga that goes back is `Already`" => inbox::cancel_on_the_way_back,
    "a guarded commit is refused while an entry waits that it does not fold"
        => inbox::guarded_commits_wait,
    "a guarded commit that folds what waits is written" => inbox::guarded_commits_fold,
    "any other commit is written beside mail, and says that there is some"
        => inbox::unguarded_commits_do_not_wait,
    "a claim brings the inbox" => inbox::comes_with_the_claim,
    "what is told to a parked saga gives it a ticket" => inbox::wakes_a_parked_saga,
    "what is told to a saga that waits for a time gives it a ticket" => inbox::wakes_a_timed_saga,

    "a saga that is over but not settled is signalled as over, waits, and is found as over"
        => late::over,
    "a saga that is settled is not signalled as over again" => late::settles,
    "a saga that is not settled is told nothing but a late success" => late::deaf,
    "a late success gives a saga that is not settled a ticket to the front" => late::told,
    "a saga is not settled while a late success waits" => late::guarded,
    "a saga that a late success opened again is signalled as over once more" => late::ends_again,
    "a saga that is over is not opened again by what is only received" => late::stays_over,
    "a saga that a late success opened again is told everything" => late::open_again,
    "a late success that finds its saga settled is `TooLate` and listed once" => late::listed_once,
    "a late success that finds a tombstone is `TooLate` and listed" => late::tombstone,
    "a late success that finds nothing is `NoSuch` and listed" => late::nobody,
    "a late success that was folded is `Already`, and not listed when its saga is settled"
        => late::folded,
    "a late success of a saga that completed is not listed" => late::of_a_completed_saga,
    "what is no success is not listed" => late::no_success,
    "`late` answers the newest 1,000, newest last" => late::newest,

    "a claim owns sagas under a new fence, with all their records" => tickets::claims,
    "a claim takes only tickets of the definitions that it names" => tickets::only_what_it_names,
    "a claim takes no more than its limit, and says whether there is more" => tickets::limited,
    "a claim that finds nothing owns nothing" => tickets::finds_nothing,
    // A2, F2.
    "each fence is higher than any before" => tickets::fences_rise,
    "each saga goes to one of many claimers" => tickets::one_claimer,
    "new sagas queue at the back" => tickets::new_ones_queue,
    "a saga that is given back goes to the front" => tickets::given_back_goes_first,
    "a saga that is told something goes to the front" => tickets::told_goes_first,
    "a saga that a timer wakes goes to the front" => tickets::woken_goes_first,
    "a saga that waits for a time is in no ready list before" => tickets::timers,
    "a saga that is parked or over is in no ready list" => tickets::parked_and_over,
    "a saga that is handed over queues at the back" => tickets::handed_over_queues,
    "however many timers are due at once, each gives its saga a ticket" => tickets::many_timers,
    "a timer that was taken back does not wake its saga" => tickets::old_timers,
    "the tickets of other definitions stay where they are" => tickets::at_no_cost,
    "a claim by id owns what has no owner, and drops what is owned, over or unknown"
        => tickets::claims_by_id,
    "a carried ticket is in no ready list, and its saga is claimed by id" => tickets::carries,
    "a carried ticket that is lost comes back to its ready list"
        => tickets::brings_back_what_was_lost,
    "a saga is claimed by id only under its own definition" => tickets::asks_for_the_definition,
    "no more tickets are carried than asked for, of the definitions named"
        => tickets::carries_what_was_asked,
    "a seat that finds nothing to carry is called when a ticket comes, whatever it dropped"
        => tickets::wants_to_be_called,

    "a seat has a deadline, and a pulse renews it" => seats::renews,
    "reaping is refused while the deadline has not passed" => seats::lives_until_its_deadline,
    "a pulse names the seats whose deadline has passed" => seats::names_the_dead,
    "a reaped seat's sagas are given back, with the dead owner noted" => seats::gives_back,
    "reaping takes nothing from other seats" => seats::takes_nothing_from_others,
    "dead owners are counted since the last record" => seats::counts_since_the_last_record,
    "a claim says when the last dead owner was reaped, if there was one since the last record"
        => seats::says_when,
    "dead owners add up while nothing is written" => seats::adds_up,
    "reaping takes only what is owned" => seats::takes_only_what_is_owned,
    // B17.
    "a seat whose deadline has passed lives until it is reaped" => seats::overdue,
    "a late pulse before the reap revives the seat" => seats::revives,
    "a reaped seat never lives again" => seats::never_again,
    "what a reaped seat commits is refused and changes nothing" => seats::stale_commit,
    "a claim by a seat that does not live takes no ticket" => seats::stale_claim,
    "a seat that owns something does not leave" => seats::owners_stay,
    "a seat that left does not live" => seats::leaves,
    "to reap or leave a seat that is gone is nothing" => seats::gone_is_gone,

    "`admit` waits while as many admitted sagas wait for their first claim" => admission::waits,
    "an admission that is dropped gives its room back" => admission::dropped,
    "each definition has room of its own" => admission::of_each_definition,
    "a saga that was there before takes no room" => admission::exists,
    "a saga that is over where it is created takes no room" => admission::over_at_once,
    "dropping the future of `admit` takes no capacity" => admission::cancelled,
    "a saga that is parked, or waits for a time, before its first claim gives its room back"
        => admission::set_aside,
    "a saga that is parked where it is created takes no room" => admission::parked_at_once,
    "wake-ups are never refused" => admission::wake_ups,

    "a new ticket is signalled to an idle seat" => signals::ready,
    "one ticket is signalled to one seat" => signals::wake_one,
    "a claim with a limit of 0 takes nothing, and the seat is not idle any more"
        => signals::not_idle,
    "a claim with a limit of 0 leaves its wake-up to the next idle seat"
        => signals::passes_on_what_it_does_not_want,
    "a claim that leaves tickets signals the next idle seat" => signals::passes_on_what_is_left,
    "the wake-up of a seat that leaves is signalled to another" => signals::heir_of_a_wake_up,
    "the wake-up of a seat that is reaped is signalled to another"
        => signals::heir_of_a_dead_wake_up,
    "mail is signalled to the owner" => signals::mail,
    "a timer that is due before every other is signalled" => signals::timer,
    "the timer of a seat that leaves is signalled to another" => signals::heir_of_a_timer,
    "the timer of a seat that is reaped is signalled to another" => signals::heir_of_a_dead_timer,
    "the end of a saga is signalled to the listener in its `reply_to`" => signals::end,
    "a saga that is parked is signalled to the listener in its `reply_to`" => signals::parked_saga,

    "a definition that was not known is signalled to every listener, once" => signals::defined,
    "a listener that does not listen any more hears nothing" => signals::unlistened,
    "to stop a listener that is unknown is nothing" => signals::unlistened_twice,
    "the listener of a seat that left hears nothing" => signals::left,
    "the listener of a seat that was reaped hears nothing" => signals::reaped,

    "`list` answers sagas in the order of their ids, page by page" => surveys::lists,
    "`audit` looks at every saga, page by page, and finds nothing to mend in a sound journal"
        => surveys::audits,
    "`list` answers only what fits its filter, page by page" => surveys::filters,
};
