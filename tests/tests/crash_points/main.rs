//! The engine is stopped around every single append, and its successor must end each saga well.
//!
//! A saga is a list of appends to the journal: its start, then a group of records for everything
//! that happens. A process can die before each of them, when what happened is not written, and
//! after each of them, when what is written was not heard of. To the engine there is no third kind of
//! moment: between two appends nothing is written that a successor could find. What a step does
//! outside it does in one piece here; a death in the middle of that is for its own undo to bear.
//!
//! ```text
//!  Case ──▶ Process ──▶ Line ──▶ MemoryJournal     a process dies: its line is dead, its runtime
//!   │          │         stops it    ▲             is dropped, and the next one starts on the
//!   │          ▼         at append n │             same journal
//!   │        steps ────▶ World ──────┘
//!   ▼                    effects, by key; each must have been announced
//!  oracle: the records and the World against INV1 to INV10, and the end that the case names
//! ```
//!
//! Time is virtual and goes on from one process to the next. A failure prints the records, and how
//! to run that one story again: `CRASH=<case>:<append>:<before|after>`, see `again.rs`.
//!
//! Line, process, store, clock and oracle are those of the test kit for users. What is here besides:
//! operators, sleepers, keys, faults of the journal, and a world that keeps accounts of its own.

mod again;
mod cases;
mod controls;
mod crash_loop;
mod faulty;
mod keyed;
mod operators;
mod paused;
mod process;
mod sagas;
mod saying;
mod store;
mod story;
mod sweep;
mod sweeps;
mod world;
