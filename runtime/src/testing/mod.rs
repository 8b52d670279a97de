//! The test kit: a host whose clock skips time, scripted outcomes, a ledger of what happened
//! outside.
//!
//! The law: it is the real engine on a journal in memory. What is simulated is the world around it:
//! time, the services that the steps call, and what becomes of processes.

mod apart;
mod clock;
mod host;
mod ledger;
mod line;
mod meant;
#[doc(hidden)]
pub mod oracle;
mod print;
mod process;
mod redelivery;
mod script;
mod scripted;
mod store;

pub use host::{TestHost, TestSaga};
pub use ledger::{EffectLedger, EntryKind, LedgerEntry, RunEnd, StepRun};

/// What the kit is made of, for tests of the engine itself. It may change at any time.
#[doc(hidden)]
pub mod parts {
    pub use super::{
        clock::{Epoch, StoreClock},
        line::{Line, Side, Stop, Witness},
        print::records,
        process::{Process, SOON, Wakes},
        redelivery::Redelivery,
        store::{LEASE, Saga, Store},
    };
}
