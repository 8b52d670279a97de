//! What the pages of the documentation claim is in the name of a test: rules, schedules, guarantees
//! and mutations.

mod guarantees;
mod rules;
mod sources;
