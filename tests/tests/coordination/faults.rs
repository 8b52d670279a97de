//! What faults do to leases: of the network, of servers, and of processes that hold one.
//!
//! Everybody writes down what they see, and in the end all of it must fit what a lease is.

#[cfg(target_os = "linux")]
mod clocks;
#[cfg(target_os = "linux")]
mod holder;
mod mutants;
mod network;
mod order;
#[cfg(target_os = "linux")]
mod processes;
mod refusals;
mod replicas;
mod run;
mod sentinels;
mod servers;
mod site;
