//! A start finds out whether another saga runs, and which.

use std::time::Duration;

use distributed_task::{
    SubmitError,
    backend::{memory::MemoryLeases, redis::RedisLeases},
    builder::Distributed,
    kernel::SagaId,
    lease::{Acquired, LeaseStore as _, Owner},
    prelude::*,
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::world::{Desk, InMemory, LEASE, Report, completes, outcome, refused_for, report};

/// Five processes are told to at once, one does, and the next one may when it is over.
async fn one_of_five(desk: &Desk, tasks: &[Task<Report>]) {
    let submits = tasks.iter().cycle().take(5).zip(1..).map(|(task, n)| task.submit(n));
    let (begun, refused): (Vec<_>, Vec<_>) =
        join_all(submits).await.into_iter().partition(Result::is_ok);
    let [saga] = &begun.into_iter().map(Result::unwrap).collect::<Vec<_>>()[..] else {
        panic!("one of five runs");
    };
    assert_eq!(refused.len(), 4);
    for refused in refused {
        assert_eq!(refused_for(refused), Some(saga.id()), "they are told which one runs");
    }
    desk.begun().await;
    assert_eq!(refused_for(tasks[0].submit(6).await), Some(saga.id()), "also while it runs");
    desk.go_on();
    assert!(matches!(outcome(saga).await, SagaOutcome::Completed(_)));

    // At once, wherever.
    for task in tasks {
        desk.go_on();
        let next = task.submit(7).await.expect("the last one is over");
        completes(&next, 14).await;
        desk.begun().await;
    }
    assert_eq!(desk.counts(), (1 + tasks.len(), 1));
}

#[tokio::test(start_paused = true)]
async fn o6_of_five_that_are_submitted_at_once_one_runs_and_the_others_are_told_which() {
    let memory = InMemory::new();
    let tasks = [memory.task().await, memory.task().await];
    let begun = Instant::now();
    one_of_five(&memory.desk, &tasks).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for a lease to run out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o6_one_of_five_over_redis() {
    let options = RedisOptions { appends: Appends::No, ..Default::default() };
    let server = RedisServer::start(options);
    let leases = RedisLeases::builder(server.url()).open().await.expect("the server is there");
    let desk = Desk::new(leases);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let process = Distributed::default().redis(server.url());
        let task = report(&desk).use_distributed_mode(|_| process).build().await;
        tasks.push(task.expect("the server is there"));
    }
    one_of_five(&desk, &tasks).await;
}

#[tokio::test(start_paused = true)]
async fn tasks_in_process_need_no_line_for_it() {
    let desk = Desk::new(MemoryLeases::new());
    let tasks = [report(&desk), report(&desk)].map(|task| task.use_in_process_mode().build());
    let tasks: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let saga = tasks[0].submit(1).await.expect("nothing runs");
    // The other task has a journal of its own.
    assert_eq!(refused_for(tasks[1].submit(2).await), Some(saga.id()));
    desk.go_on();
    completes(&saga, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_under_a_key_finds_the_saga_that_runs() {
    let memory = InMemory::new();
    let task = memory.task().await;
    let starts = (0..5).map(|_| task.submit_with_key("monday", 1));
    let sagas: Vec<_> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
    assert!(sagas.iter().all(|saga| saga.id() == sagas[0].id()));
    assert_eq!(refused_for(task.submit_with_key("tuesday", 2).await), Some(sagas[0].id()));
    memory.desk.go_on();
    completes(&sagas[0], 2).await;
    memory.desk.go_on();
    completes(&task.submit_with_key("tuesday", 2).await.expect("that one is over"), 4).await;
    assert_eq!(memory.desk.counts(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_saga_left_behind_that_is_over_keeps_nobody_from_running() {
    let memory = InMemory::new();
    let task = memory.task().await;
    memory.desk.go_on();
    let saga = task.submit(1).await.expect("nothing runs");
    completes(&saga, 2).await;
    sleep(Duration::from_millis(1)).await;

    // As if its host had died between the end and the release.
    let ended = Owner::from(format!("saga:{}", saga.id()));
    let lease = Duration::from_secs(30);
    let taken = memory.leases.try_acquire(LEASE, &ended, lease).await.expect("memory answers");
    assert!(matches!(taken, Acquired::Granted(_)));
    memory.desk.go_on();
    completes(&task.submit(2).await.expect("that one is over"), 4).await;
    sleep(Duration::from_millis(1)).await;

    // A control: somebody of whom the journal knows nothing is respected, saga or not.
    for (owner, named) in [(Owner::draw(), None), {
        let stranger: SagaId = "0192f0c1-0000-7000-8000-000000000000".parse().expect("an id");
        (Owner::from(format!("saga:{stranger}")), Some(stranger))
    }] {
        let taken = memory.leases.try_acquire(LEASE, &owner, lease).await.expect("memory answers");
        assert!(matches!(taken, Acquired::Granted(_)));
        assert_eq!(refused_for(task.submit(3).await), named);
        memory.leases.release(LEASE, &owner).await.expect("memory answers");
    }
}

#[tokio::test(start_paused = true)]
async fn o6_a_start_waits_for_as_long_as_it_was_told_to() {
    let memory = InMemory::new();
    let (task, limit) = (memory.task().await, Duration::from_secs(60));
    let patient = memory.process().wait_for_turn(limit).build().await.expect("nothing is missing");
    let first = task.submit(1).await.expect("nothing runs");
    memory.desk.begun().await;

    let begun = Instant::now();
    assert_eq!(refused_for(patient.submit(2).await), Some(first.id()));
    assert_eq!(begun.elapsed().as_secs(), limit.as_secs());

    let (second, ()) = tokio::join!(patient.submit(3), async {
        sleep(limit / 2).await;
        memory.desk.go_on();
        completes(&first, 2).await;
    });
    let second = second.expect("the first one is over");
    memory.desk.go_on();
    completes(&second, 6).await;
    assert_eq!(memory.desk.counts(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_keeps_no_host_from_leaving() {
    let memory = InMemory::new();
    let (task, limit) = (memory.task().await, Duration::from_secs(3600));
    // It has nothing else to wait for.
    let patient = memory.process().wait_for_turn(limit).build_api().await;
    let patient = patient.expect("nothing is missing");
    let first = task.submit(1).await.expect("nothing runs");
    let begun = Instant::now();
    let (refused, report) = tokio::join!(patient.submit(2), async {
        sleep(Duration::from_secs(5)).await;
        patient.shutdown(Duration::from_secs(60)).await
    });
    let refused = refused.map(drop);
    assert!(matches!(refused, Err(SubmitError::ShuttingDown { .. })), "{refused:?}");
    assert!(report.in_time && begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    memory.desk.go_on();
    completes(&first, 2).await;
}
