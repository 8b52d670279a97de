//! Leaders that work off a queue.

use std::{collections::BTreeMap, time::Duration};

use distributed_task::{
    backend::{memory::MemoryQueue, redis::RedisQueue},
    coordination::{Leadership, LeadershipLost},
    kernel::SagaId,
    queue::{Queue, Ticket},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    stands::{RETRY, candidate, lead},
    world::{World, on_both},
};

const QUEUE: &str = "letters";
/// No queue that answers takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn item(number: u128) -> Ticket {
    let saga = SagaId(Uuid::from_u128(number));
    Ticket { saga, task: "send".to_owned(), definition: String::new() }
}

/// Who ran which item.
type Runs = BTreeMap<u128, Vec<&'static str>>;

/// Works off so many items, each under a look at the clock; what it may not run any more it gives back.
async fn work_off(
    who: &'static str,
    items: usize,
    (queue, leader): (&dyn Queue, &Leadership),
    runs: &mut Runs,
    mut then: impl AsyncFnMut(),
) -> Result<(), LeadershipLost> {
    for _ in 0..items {
        let received = timeout(PATIENCE, queue.receive(QUEUE)).await.expect("it comes in time");
        let delivery = received.expect("the queue answers");
        if let Err(lost) = leader.check() {
            delivery.nack(Duration::ZERO).await.expect("the queue answers");
            return Err(lost);
        }
        runs.entry(delivery.ticket().saga.0.as_u128()).or_default().push(who);
        delivery.ack().await.expect("the queue answers");
        then().await;
    }
    Ok(())
}

on_both! {
    /// LE-61: the second item is given back once, and run by the next leader alone.
    async fn what_a_leader_may_not_run_any_more_it_gives_back(world: World) {
        let queue: Box<dyn Queue> = match &world {
            World::Memory(_) => Box::new(MemoryQueue::new()),
            World::Redis(server) => {
                Box::new(RedisQueue::builder(server.url()).open().await.expect("it is there"))
            }
        };
        let (one, two) = (world.process().await, world.process().await);
        let first = lead(&candidate(&one, "web-1")).await;
        for number in [1, 2] {
            queue.publish(QUEUE, item(number)).await.expect("the queue answers");
        }
        let mut runs = Runs::new();
        let is_taken_away = async || {
            world.depose().await;
            first.lost().await;
        };
        let lost = work_off("first", 2, (&*queue, &first), &mut runs, is_taken_away).await;
        lost.expect_err("it leads no more");

        let second = lead(&candidate(&two, "web-2")).await;
        let done = work_off("second", 1, (&*queue, &second), &mut runs, async || {}).await;
        done.expect("it leads");
        assert_eq!(runs, Runs::from([(1, vec!["first"]), (2, vec!["second"])]));
        let more = timeout(RETRY * 2, queue.receive(QUEUE)).await;
        assert!(more.is_err(), "it was given back once");
    }
}
