//! A server that answers, and does not do what it is asked: an error that says so, and never `busy`.

use std::{path::Path, thread::scope, time::Duration};

use distributed_task::{
    coordination::{
        AcquireError, Coordination, LossCause, OnUnreachable, ReleaseOutcome, RenewError,
    },
    lease::LeaseError,
};
use distributed_task_test_servers::wait_until;
use tokio::{runtime::Handle, task::block_in_place};

use super::site::{KEY, PATIENT, Site, micros, wanted};

const LEASE: Duration = Duration::from_millis(900);
/// How much of it its holder counts on, in microseconds.
const COUNTED: u64 = 889_000;

/// Whoever asks is refused, with these words.
async fn is_refused(process: &Coordination, words: &str) -> LeaseError {
    let asked = wanted(process, LEASE, OnUnreachable::default()).try_acquire().await;
    let Err(AcquireError::Store(error)) = asked else { panic!("{asked:?}") };
    assert!(error.to_string().contains(words), "{error}");
    assert!(!error.is_outcome_unknown(), "{error:?}");
    error
}

/// An error that says what is there, and neither `busy` nor a grant over what is somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_no_lease_is_a_clear_error() {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let until = held.renewed().await;
    site.server.cli(&["SET", KEY, "theirs"]);
    let error = held.guard.renew().await.expect_err("it is no lease");
    let RenewError::Store(LeaseError::Refused { retryable: false, source }) = error else {
        panic!("{error}")
    };
    assert!(source.to_string().contains("WRONGTYPE"), "{source}");
    assert!(!is_refused(&site.two, "WRONGTYPE").await.is_retryable());

    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.control.within("told", micros((told + COUNTED).saturating_sub(until)), LEASE / 2);
    assert_eq!(site.server.cli(&["GET", KEY]), "theirs");
    site.server.cli(&["DEL", KEY]);
    let (back, waiting) = (site.history.now(), site.waiting(LEASE));
    site.handed_over(held, back, waiting).await;
    // What was promised went with the key.
    site.only_short_overlaps(Duration::ZERO);
}

/// A lease is renewed and given back in a server that has no room, and none is granted there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_room_refuses_and_is_not_busy() {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    assert_eq!(site.server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    held.renewed().await;
    held.renewed().await;
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    is_refused(&site.two, "OOM").await;
    assert_eq!(site.server.cli(&["EXISTS", KEY]), "0", "nothing half");
    assert_eq!(site.server.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    let next = wanted(&site.two, LEASE, PATIENT);
    let next = site.history.take(&next).await;
    assert!(next.write(&site.register));
    next.release().await;
    site.nothing_is_wrong();
}

/// Neither a grant nor a renewal is done there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_costs_a_lease_in_time() {
    let site = Site::new().await;
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let until = held.renewed().await;
    assert_eq!(site.server.cli(&["CONFIG", "SET", "min-replicas-to-write", "1"]), "OK");
    let (cause, told) = site.told(&held).await;
    assert_eq!(cause, LossCause::Unreachable);
    site.control.within("told", micros((told + COUNTED).saturating_sub(until)), LEASE / 2);
    wait_until("its time is over", || site.server.cli(&["EXISTS", KEY]) == "0");
    assert!(is_refused(&site.two, "NOREPLICAS").await.is_retryable());
    assert_eq!(site.server.cli(&["CONFIG", "SET", "min-replicas-to-write", "0"]), "OK");
    let (back, waiting) = (site.history.now(), site.waiting(LEASE));
    site.handed_over(held, back, waiting).await;
    site.nothing_is_wrong();
}

/// Nor where its disk is broken, and nothing is given back there either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_write_to_its_disk_costs_a_lease_in_time() {
    let site = Site::new().await;
    let folder = site.server.cli(&["CONFIG", "GET", "dir"]);
    let file = Path::new(folder.lines().last().expect("a folder")).join("dump.rdb");
    std::fs::create_dir(&file).expect("nothing is there");
    let saved = |status: &str| {
        site.server.cli(&["BGSAVE"]);
        wait_until("it has tried", || {
            let info = site.server.cli(&["INFO", "persistence"]);
            info.contains("rdb_bgsave_in_progress:0")
                && info.contains(&format!("rdb_last_bgsave_status:{status}"))
        });
    };
    // Where it is not told to save anything, that does not matter yet.
    saved("err");
    let held = site.held(LEASE, OnUnreachable::LoseAtOnce).await;
    let other = site.two.lease("other").ttl(LEASE).without_renewal();
    let other = site.history.take(&other).await;
    let until = held.renewed().await;
    site.server.cli(&["CONFIG", "SET", "save", "3600 1"]);
    let ((cause, told), outcome) = tokio::join!(site.told(&held), other.release());
    assert_eq!(cause, LossCause::Unreachable);
    site.control.within("told", micros((told + COUNTED).saturating_sub(until)), LEASE / 2);
    // It was tried until there was nothing to give back.
    assert_eq!(outcome, ReleaseOutcome::AlreadyExpired);
    wait_until("its time is over", || site.server.cli(&["EXISTS", KEY]) == "0");
    assert!(is_refused(&site.two, "MISCONF").await.is_retryable());

    std::fs::remove_dir(&file).expect("it is empty");
    saved("ok");
    let (back, waiting) = (site.history.now(), site.waiting(LEASE));
    site.handed_over(held, back, waiting).await;
    site.nothing_is_wrong();
}

/// Somebody's script does not end: nobody else is served until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_caught_in_a_script_refuses_and_costs_nothing_with_patience() {
    let lease = LEASE * 2;
    let site = Site::new().await;
    let held = site.held(lease, OnUnreachable::LoseAfter(lease)).await;
    assert_eq!(site.server.cli(&["CONFIG", "SET", "busy-reply-threshold", "20"]), "OK");
    held.renewed().await;
    block_in_place(|| {
        scope(|scope| {
            scope.spawn(|| site.server.cli(&["EVAL", "while true do end", "0"]));
            wait_until("it is caught", || site.server.cli(&["PING"]).starts_with("BUSY"));
            let error = Handle::current().block_on(is_refused(&site.two, "BUSY"));
            assert!(error.is_retryable(), "{error}");
            assert_eq!(site.server.cli(&["SCRIPT", "KILL"]), "OK");
        });
    });
    held.renewed().await;
    assert_eq!(held.release().await, ReleaseOutcome::Released);
    site.nothing_is_wrong();
}
