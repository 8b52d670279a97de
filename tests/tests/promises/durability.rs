//! What a journal survives, and what a task needs it to survive (J6).

use std::sync::Arc;

use distributed_task::{
    BuildError, backend::memory::MemoryJournal, journal::Durability, prelude::*,
};

use crate::tapped::{Tap, Tapped};

#[distributed_task(request = (), response = u32)]
struct Sell;

#[steps]
impl Sell {
    #[step(pivot)]
    async fn charge(&self) -> u32 {
        7
    }
}

#[distributed_task(request = (), response = u32, durability = "process")]
struct SellAnyway;

#[steps]
impl SellAnyway {
    #[step(pivot)]
    async fn charge(&self) -> u32 {
        7
    }
}

#[distributed_task(request = (), response = u32, durability = "fsync")]
struct SellForSure;

#[steps]
impl SellForSure {
    #[step(read_only)]
    async fn price(&self) -> u32 {
        7
    }
}

macro_rules! built {
    ($task:ident on $durability:ident) => {{
        let inner = Arc::new(MemoryJournal::new());
        let journal = Tapped::declaring(&inner, Durability::$durability, |_| Tap::Through);
        $task::builder().use_in_process_mode().override_journal(journal).build().await
    }};
}

#[tokio::test(start_paused = true)]
async fn j6_schedule_a5_a_pivot_needs_a_journal_that_forgets_nothing_or_everything() {
    assert!(built!(Sell on Volatile).is_ok());
    assert!(built!(Sell on Fsync).is_ok());
    let error = built!(Sell on Process).expect_err("it may forget that `charge` began");
    assert!(matches!(&error, BuildError::LosesSteps { step, .. } if step == "charge"), "{error}");
    assert!(error.to_string().contains("durability = \"process\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn j6_a_task_that_says_what_it_needs_is_not_built_on_less() {
    assert!(built!(SellAnyway on Process).is_ok());
    for error in [
        built!(SellAnyway on Volatile).err(),
        built!(SellForSure on Volatile).err(),
        built!(SellForSure on Process).err(),
    ] {
        assert!(matches!(error, Some(BuildError::Durability { .. })), "{error:?}");
    }
    assert!(built!(SellForSure on Fsync).is_ok());
}
