//! The queue in Redis on bad days. Each queue here is what a process has, with connections of its own.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use distributed_task::{
    backend::redis::{RedisJournal, RedisQueue, RedisQueueBuilder},
    kernel::SagaId,
    prelude::*,
    queue::{Delivery, Queue, Ticket},
};
use distributed_task_test_servers::{Appends, RedisOptions, RedisServer};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use uuid::Uuid;

/// How long anything may take, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
const QUEUE: &str = "orders";
const STREAM: &str = "{distributed-task:queue:orders}:stream";
const DEAD: &str = "{distributed-task:queue:orders}:stream:dead";

fn server(appends: Appends) -> RedisServer {
    RedisServer::start(RedisOptions { appends, ..Default::default() })
}

fn settings(server: &RedisServer) -> RedisQueueBuilder {
    RedisQueue::builder(server.url()).idle(Duration::from_millis(200))
}

async fn process(server: &RedisServer) -> RedisQueue {
    settings(server).open().await.expect("the server is there")
}

fn ticket(number: u128) -> Ticket {
    Ticket {
        saga: SagaId(Uuid::from_u128(number)),
        task: "order".into(),
        definition: "00112233445566778899aabbccddeeff".into(),
    }
}

async fn receive(queue: &RedisQueue) -> Box<dyn Delivery> {
    let received = timeout(PATIENCE, queue.receive(QUEUE)).await;
    received.expect("a ticket came in time").expect("the server is there")
}

async fn publish(queue: &RedisQueue, number: u128) {
    queue.publish(QUEUE, ticket(number)).await.expect("published");
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waits = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waits).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// Holds what a consumer had that is no more: nothing is given back.
fn dies(delivery: Box<dyn Delivery>) {
    std::mem::forget(delivery);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_consumer_held_goes_to_another_one_and_the_consumer_is_removed() {
    let server = server(Appends::No);
    let publisher = process(&server).await;
    let dead = process(&server).await;
    for number in 0..3 {
        publish(&publisher, number).await;
        dies(receive(&dead).await);
    }
    drop(dead);
    let alive = process(&server).await;
    let mut sagas = BTreeSet::new();
    for _ in 0..3 {
        let delivery = receive(&alive).await;
        sagas.insert(delivery.ticket().saga);
        delivery.ack().await.expect("settled");
    }
    assert_eq!(sagas, (0..3).map(|number| ticket(number).saga).collect());
    assert_eq!(server.cli(&["XLEN", STREAM]), "0", "what is settled is deleted");
    // Two are left: the one that lives, and nobody.
    let waits = async {
        let consumers = || server.cli(&["XINFO", "CONSUMERS", STREAM, "workers"]);
        while consumers().lines().filter(|line| *line == "name").count() > 2 {
            let received = timeout(Duration::from_millis(100), alive.receive(QUEUE)).await;
            assert!(received.is_err(), "nothing is there");
        }
    };
    timeout(PATIENCE, waits).await.expect("it is removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_kills_its_consumers_is_a_dead_letter() {
    let server = server(Appends::No);
    let queue = settings(&server).deliveries(3).open().await.expect("the server is there");
    publish(&queue, 1).await;
    // Giving back on purpose does not count.
    for _ in 0..4 {
        receive(&queue).await.nack(Duration::ZERO).await.expect("given back");
    }
    for _ in 0..2 {
        dies(receive(&queue).await);
    }
    // A drop counts as well.
    drop(receive(&queue).await);
    publish(&queue, 2).await;
    let delivery = receive(&queue).await;
    assert_eq!(delivery.ticket(), &ticket(2));
    delivery.ack().await.expect("settled");
    let nothing = timeout(Duration::from_millis(500), queue.receive(QUEUE)).await;
    assert!(nothing.is_err(), "it does not come again");
    let dead = server.cli(&["XRANGE", DEAD, "-", "+"]);
    for part in ["it was delivered 3 times and never settled", &ticket(1).saga.to_string()] {
        assert!(dead.contains(part), "{dead}");
    }
    assert_eq!(server.cli(&["XLEN", DEAD]), "1");
    assert_eq!(server.cli(&["XLEN", STREAM]), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv12_what_is_no_ticket_is_a_dead_letter_and_holds_up_nobody() {
    let server = server(Appends::No);
    let queue = process(&server).await;
    server.cli(&["XADD", STREAM, "*", "something", "else"]);
    server.cli(&["XADD", STREAM, "*", "type", "application/json", "ticket", "{}"]);
    server.cli(&["XADD", STREAM, "*", "type", "of tomorrow", "ticket", "x"]);
    publish(&queue, 1).await;
    receive(&queue).await.ack().await.expect("settled");
    let dead = server.cli(&["XRANGE", DEAD, "-", "+"]);
    for part in
        ["it has no `type`", "something", "not a ticket", "its type is not known", "tomorrow"]
    {
        assert!(dead.contains(part), "{part}: {dead}");
    }
    assert_eq!(server.cli(&["XLEN", DEAD]), "3");
    assert_eq!(server.cli(&["XLEN", STREAM]), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_waits_gets_what_another_process_publishes_after_a_restart_too() {
    let mut server = server(Appends::Always);
    let (publisher, consumer) = (process(&server).await, process(&server).await);
    publish(&publisher, 1).await;
    let held = receive(&consumer).await;
    publish(&publisher, 2).await;
    let waiting = tokio::spawn(async move {
        // As the engine does.
        let receive = async {
            loop {
                if let Ok(delivery) = consumer.receive(QUEUE).await {
                    return delivery;
                }
            }
        };
        let first = receive.await;
        assert_eq!(first.ticket(), &ticket(2));
        first.ack().await.expect("settled");
        loop {
            if let Ok(delivery) = consumer.receive(QUEUE).await
                && delivery.ticket() == &ticket(3)
            {
                return delivery.ack().await.expect("settled");
            }
        }
    });
    until("the second is settled", || server.cli(&["XLEN", STREAM]) == "1").await;
    server.kill();
    assert!(publisher.publish(QUEUE, ticket(3)).await.is_err(), "it is away");
    server.restart();
    assert_eq!(server.cli(&["XLEN", STREAM]), "1", "it is on the disk");
    held.ack().await.expect("settled");
    publish(&publisher, 3).await;
    timeout(PATIENCE, waiting).await.expect("it came in time").expect("as expected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_consumer_sends_less_than_a_command_a_second_and_is_told_at_once() {
    let server = server(Appends::No);
    let (publisher, consumer) = (process(&server).await, process(&server).await);
    let calls = || {
        let stats = server.cli(&["INFO", "commandstats"]);
        let line =
            stats.lines().find(|line| line.starts_with("cmdstat_evalsha:")).map(str::to_owned);
        let calls =
            line.as_deref().and_then(|line| line.split(&['=', ','][..]).nth(1)?.parse().ok());
        calls.unwrap_or(0u32)
    };
    let waiting = tokio::spawn(async move { receive(&consumer).await });
    until("it waits", || server.cli(&["SCARD", "{distributed-task:queue:orders}:waiting"]) == "1")
        .await;
    // From one command to the next but five: no more than one in a second.
    let before = calls();
    until("it looks itself", || calls() > before).await;
    let (first, begun) = (calls(), Instant::now());
    until("it looks five times more", || calls() >= first + 5).await;
    let elapsed = begun.elapsed();
    assert!(elapsed > Duration::from_secs(5), "five commands within {elapsed:?}");
    publish(&publisher, 1).await;
    waiting.await.expect("it came").ack().await.expect("settled");
}

#[distributed_task(request = u32, response = u32, queue = "orders")]
struct Sum {
    open: Arc<Semaphore>,
}

#[steps]
impl Sum {
    #[step(read_only)]
    async fn first(&self, request: &u32) -> StepResult<u32> {
        self.open.acquire().await?.forget();
        Ok(request + 1)
    }

    #[step(read_only)]
    async fn second(&self, first: &u32) -> u32 {
        first + 1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schedule_b8_sagas_run_to_their_end_although_all_keys_of_the_queue_were_deleted() {
    const SAGAS: u32 = 40;
    let (server, store) = (server(Appends::No), server(Appends::No));
    let journal = RedisJournal::builder(store.url()).carry_timeout(Duration::from_secs(1));
    let journal = journal.open().await.expect("the server is there");
    let queue = RedisQueue::builder(server.url()).open().await.expect("the server is there");
    let open = Arc::new(Semaphore::new(0));
    let task = Sum::builder().open(Arc::clone(&open)).use_in_process_mode().concurrency(4);
    let task = task.override_journal(journal).override_queue(queue);
    let task = task.build().await.expect("it builds");
    let mut sagas = Vec::new();
    for number in 0..SAGAS {
        sagas.push((number, task.submit(number).await.expect("submitted")));
    }
    // Four run, the others lie in the stream, as no host has a free place for them.
    let lie = (SAGAS - 4).to_string();
    until("they are carried", || server.cli(&["XLEN", STREAM]) == lie).await;
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    open.add_permits(SAGAS as usize);
    for (number, saga) in sagas {
        let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
        let outcome = outcome.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(sum) if sum == number + 2), "{outcome:?}");
    }
    assert!(task.shutdown(PATIENCE).await.in_time);
    // The relay brought them again, to a stream and a group that were made anew.
    let stream = server.cli(&["XINFO", "STREAM", STREAM]);
    let mut stream = stream.lines().skip_while(|line| *line != "entries-added").skip(1);
    let added: u32 = stream.next().and_then(|added| added.parse().ok()).expect("a number");
    assert!(added >= SAGAS - 4, "only {added} came again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_shares_its_connection_with_a_queue() {
    let server = server(Appends::No);
    let journal = RedisJournal::builder(server.url()).open().await.expect("the server is there");
    let queue = journal.queue();
    let open = Arc::new(Semaphore::new(8));
    let task = Sum::builder().open(open).use_in_process_mode();
    let task = task.override_journal(journal).override_queue(queue);
    let task = task.build().await.expect("it builds");
    for number in 0..8 {
        let saga = task.submit(number).await.expect("submitted");
        let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
        let outcome = outcome.expect("an outcome");
        assert!(matches!(outcome, SagaOutcome::Completed(sum) if sum == number + 2), "{outcome:?}");
    }
    assert!(task.shutdown(PATIENCE).await.in_time);
    assert_eq!(server.cli(&["XLEN", STREAM]), "0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_nobody_reads_does_not_grow_for_ever() {
    const KEPT: usize = 200;
    let server = server(Appends::No);
    let queue = settings(&server).length(KEPT).open().await.expect("the server is there");
    for number in 0..1_000 {
        publish(&queue, number).await;
    }
    let length: usize = server.cli(&["XLEN", STREAM]).parse().expect("a number");
    // It is cut by whole nodes, of a hundred entries.
    assert!((KEPT..=KEPT + 100).contains(&length), "{length} entries are there");
}

/// A task with a file.
#[distributed_task(request = String, response = UploadedFile, queue = "orders")]
struct Keep;

#[steps]
impl Keep {
    #[file_upload_step(bucket = "notes")]
    async fn keep(&self, request: &String) -> SourceFile {
        SourceFile::bytes("note.txt", request.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_serves_a_task_whose_files_and_journal_are_in_memory() {
    let server = server(Appends::No);
    let queue = RedisQueue::builder(server.url()).open().await.expect("the server is there");
    let task = Keep::builder()
        .use_in_process_mode()
        .override_queue(queue)
        .build()
        .await
        .expect("it builds");
    let saga = task.submit("tea at five".to_owned()).await.expect("submitted");
    let outcome = timeout(PATIENCE, saga.outcome()).await.expect("in time");
    let outcome = outcome.expect("an outcome");
    let SagaOutcome::Completed(note) = outcome else { panic!("{outcome:?}") };
    assert_eq!(note.size, 11);
    let stream = server.cli(&["XINFO", "STREAM", STREAM]);
    let mut stream = stream.lines().skip_while(|line| *line != "entries-added").skip(1);
    assert_eq!(stream.next(), Some("1"), "its ticket came by the stream");
}
