//! The simulation: drawn tasks with the real kernel and the real orchestrator, several hosts, on a
//! clock of its own; a store and a queue that lose, delay and repeat what is sent; hosts that stand
//! still beyond their lease, die and come again.
//!
//! The law: a schedule follows from its seed, and its oracle asks nothing of the engine.
//!
//! ```text
//!  seed ─▶ Plan ─▶ hosts ──Line──▶ Store ─▶ MemoryJournal      records ─┐
//!                    │                                                  ├─▶ oracle
//!                    └──Code──▶ World: participants by key       books ─┘
//! ```
//!
//! A failure is made smaller, and prints how to run it alone with all that happens:
//! `SIM_SEED=7 SIM_CUTS=0.3.12 cargo test -p distributed-task --lib simulation::schedules`.
//! `SIM_SCHEDULES=1000000` runs more of them, from `SIM_FROM` on.

mod carrier;
mod clients;
mod code;
#[cfg(feature = "conformance")]
mod contract;
mod controls;
mod ears;
mod forwards;
mod gate;
mod line;
mod mutation;
mod oracle;
mod plan;
mod process;
mod quiet;
mod replica;
mod run;
mod scene;
mod schedules;
mod show;
mod shrink;
mod statistics;
mod store;
mod wire;
mod world;
