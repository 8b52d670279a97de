//! The rules of a saga as stories: given these events, when this happens, then these records are
//! written and this is started. Each test is named after its rule.

mod draw;
mod events;
mod invariants;
mod script;
mod task;
mod words;

mod cancel;
mod compensation;
mod conditions;
mod definition;
mod ephemeral;
mod groups;
mod hosts;
mod mail;
mod order;
mod parking;
mod pivot;
mod random;
mod retries;
