//! What the journal in a file promises beyond the contract of every journal: that sagas survive, and
//! what is said when the file is not what it should be.

mod bad_days;
mod checkpoints;
mod crashes;
mod full;
mod keys;
mod opening;
mod orders;
mod restart;
mod retention;
