//! The test kit: a host whose clock skips time, scripted outcomes, a ledger of what happened
//! outside, and a crash around every write of a saga.
//!
//! The law: it is the real engine on a journal in memory. What is simulated is the world around it:
//! time, the services that the steps call, and what becomes of processes.
//!
//! ```text
//!   crash_matrix ──▶ run: Process ──▶ Line ──▶ MemoryJournal    a process dies: its line is dead, its
//!        │                  │         stops it    ▲             runtime is dropped, and the next one
//!        │                  ▼         at write n  │             starts on the same journal
//!        │             Scripted ── is it announced?
//!        │                  ▼
//!        │             your steps ──▶ your fakes ──▶ EffectLedger
//!        ▼                                               │
//!   judge ◀── records (oracle), balances (books) ◀───────┘
//! ```
//!
//! The oracle shares no code with the engine: it reads records, and keeps its own accounts.

mod apart;
mod clock;
mod host;
mod ledger;
mod line;
mod matrix;
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
#[doc(hidden)]
pub use matrix::{ByBuilder, ByDefault, Makes};
pub use matrix::{CrashFailure, CrashMatrix, CrashReport, crash_matrix};

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
