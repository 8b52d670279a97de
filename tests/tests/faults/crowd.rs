//! Customers who do not give up: whoever hears no answer, or a bad one, asks again.

use std::{
    io,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    chance::Chance,
    customers::{Order, ask},
};

/// What customers saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Calls to which the process said that it could not be done now.
    pub(crate) refused: usize,
    /// Calls that had no answer, because the process was gone.
    pub(crate) unheard: usize,
    pub(crate) longest: Duration,
}

/// Customers side by side, each with a pause of up to `pause` milliseconds before an order, until all
/// is said or it is over.
pub(crate) fn order_all(
    socket: &Path,
    orders: &mut [Order],
    (seed, pause): (u64, u64),
    is_over: &AtomicBool,
) -> Seen {
    let orders = Mutex::new(orders.iter_mut());
    let seen = Mutex::new(Seen::default());
    thread::scope(|scope| {
        for customer in 0..4 {
            let (orders, seen) = (&orders, &seen);
            scope.spawn(move || {
                let mut chance = Chance::new(seed ^ (customer << 32));
                loop {
                    let next = orders.lock().expect("nobody panics under it").next();
                    let Some(order) = next else { return };
                    sleep(chance.millis(pause.max(1)));
                    while !told(socket, order, seen) {
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        sleep(Duration::from_millis(50));
                    }
                }
            });
        }
    });
    seen.into_inner().expect("nobody panics under it")
}

fn told(socket: &Path, order: &mut Order, seen: &Mutex<Seen>) -> bool {
    let note = |change: &dyn Fn(&mut Seen)| change(&mut seen.lock().expect("nobody panics"));
    let mut timed = |wish: &Value| {
        let begun = Instant::now();
        let answer = ask(socket, wish);
        let took = begun.elapsed();
        note(&|seen| seen.longest = seen.longest.max(took));
        answer
    };
    let told: io::Result<Result<(), String>> = order.try_to_tell(&mut timed);
    match told {
        Ok(Ok(())) => return true,
        Ok(Err(why)) => {
            assert!(is_no_answer_of_redis(&why), "{}: {why}", order.key);
            note(&|seen| seen.refused += 1);
        }
        Err(_) => note(&|seen| seen.unheard += 1),
    }
    false
}

/// Whether it is for the journal that it could not be done; nothing else is wrong with an order.
fn is_no_answer_of_redis(why: &str) -> bool {
    ["Redis", "the journal", "in time", "shutting down", "this process ends"]
        .iter()
        .any(|words| why.contains(words))
}
