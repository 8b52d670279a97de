//! A process whose runtime is blocked is not dead.

use std::thread;

use tokio::{runtime::Builder, sync::oneshot, time::sleep};

use super::{LEASE, Mistake, Place, check, desk::Wrong, desk::ensure};
use crate::journal::{Journal, Reaped};

#[tokio::test(flavor = "multi_thread")]
async fn schedule_b17_a_step_that_blocks_its_runtime_does_not_cost_the_seat() {
    let mistake = Mistake {
        script: "renew",
        instead_of: "call('ZADD', P .. 'seats', 'XX', int(now() + ARGV[2]), ARGV[at])",
        says: "",
    };
    check(blocks, [mistake]).await;
}

/// What a step may do that nobody should write.
#[expect(clippy::disallowed_methods, reason = "it is to block the runtime")]
fn block() {
    thread::sleep(LEASE * 3 / 2);
}

async fn blocks(place: Place) -> Result<(), Wrong> {
    let other = place.process().await;
    let (tell, seat) = oneshot::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let process = place.process().await;
                tell.send(process.seat).expect("somebody waits");
                block();
                // Nobody is in it, and its seat is not pulsed: from here on it runs out.
                sleep(LEASE * 3 / 2).await;
            });
        });
        tokio::task::block_in_place(|| {
            let runs = tokio::runtime::Handle::current();
            runs.block_on(async {
                let seat = seat.await?;
                sleep(LEASE * 5 / 4).await;
                let reaped = other.journal.reap(seat).await?;
                ensure(reaped == Reaped::Alive, "it is busy, and not dead")?;
                sleep(LEASE * 3 / 2).await;
                let reaped = other.journal.reap(seat).await?;
                ensure(reaped == Reaped::Reaped(0), "who runs and does not pulse is dead")
            })
        })
    })
}
