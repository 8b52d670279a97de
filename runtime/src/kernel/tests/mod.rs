//! The rules of a saga as stories: given these events, when this happens, then these records are
//! written and this is started. Each test is named after its rule.

pub(crate) mod draw;
mod events;
mod expect;
pub(crate) mod invariants;
mod ledger;
pub(crate) mod reader;
mod script;
mod task;
mod words;

mod administration;
mod cancel;
mod compensation;
mod conditions;
mod crash_loops;
mod definition;
mod directions;
mod doubts;
mod ephemeral;
mod exhausted_members;
mod exhaustion;
mod groups;
mod hosts;
mod late;
mod mail;
mod marks;
mod once;
mod order;
mod parking;
mod partial;
mod pivot;
mod probed_members;
mod probes;
mod quiet;
mod random;
mod retries;
mod still_runs;
mod too_late;
mod unknown_pivot;
