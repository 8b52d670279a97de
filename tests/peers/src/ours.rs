//! distributed-task over Redis: `concurrency` 512, and histories kept for two seconds after the end, as
//! in the library's own benchmark. The rest is its defaults.

use std::time::Duration;

use distributed_task::{backend::redis::RedisJournal, builder::Distributed, prelude::*};

use crate::common::{Three, sagas};

pub(crate) const SETTINGS: &str = "concurrency 512, retain 2 s; end: the outcome";

/// A job of one step that does nothing.
#[distributed_task(request = sagas::Order, response = sagas::Receipt)]
pub(crate) struct Noop;

#[steps]
impl Noop {
    #[step(read_only)]
    async fn only(&self, request: &sagas::Order) -> sagas::Receipt {
        sagas::work(request.seed())
    }
}

/// Both, over one journal.
pub(crate) async fn both(url: String) -> (Task<Three>, Task<Noop>) {
    let journal = RedisJournal::builder(url).retain(Duration::from_secs(2));
    let shared = Distributed::default().redis_with(journal);
    let three = Three::builder().use_distributed_mode(|_| shared.clone()).concurrency(512);
    let noop = Noop::builder().use_distributed_mode(|_| shared).concurrency(512);
    let built = "it is built";
    (three.build().await.expect(built), noop.build().await.expect(built))
}
