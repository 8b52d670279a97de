//! The same for the recorder of the program, through the `metrics` facade.
//!
//! The label of a name is its class: there are at most 65.

use std::{sync::Arc, time::Duration};

use metrics::{counter, gauge, histogram};

use super::event::Happened;
use crate::coordination::LossCause;

/// What may never happen is told as well, so that the first time is a change.
pub(super) fn begin() {
    for cause in ["not_owner", "expired", "unreachable", "forced"] {
        counter!("coord.lease.lost", "cause" => cause).increment(0);
    }
    for result in ["renewed", "failed"] {
        counter!("coord.lease.renew", "result" => result).increment(0);
    }
    counter!("coord.lease.forced").increment(0);
    counter!("coord.lease.still_used").increment(0);
}

pub(super) fn note(class: &Arc<str>, what: &Happened) {
    let asked = |result: &'static str| {
        counter!("coord.lease.acquire", "result" => result, "key_class" => class.to_string())
            .increment(1);
    };
    let waited = |waited: &Duration| {
        histogram!("coord.lease.wait", "key_class" => class.to_string()).record(*waited);
    };
    let held = |held: &Duration| {
        gauge!("coord.lease.held").decrement(1);
        histogram!("coord.lease.hold", "key_class" => class.to_string()).record(*held);
    };
    let renewed = |result: &'static str, took: &Duration| {
        counter!("coord.lease.renew", "result" => result).increment(1);
        histogram!("coord.store.latency", "op" => "renew").record(*took);
    };
    match what {
        Happened::Acquired { contended, waited: time, .. } => {
            asked("acquired");
            waited(time);
            gauge!("coord.lease.held").increment(1);
            if *contended {
                counter!("coord.lease.contended", "key_class" => class.to_string()).increment(1);
            }
        }
        Happened::NotAcquired { waited: time, .. } => {
            asked("busy");
            // Who asks once does not wait.
            if !time.is_zero() {
                waited(time);
            }
            counter!("coord.lease.contended", "key_class" => class.to_string()).increment(1);
        }
        Happened::GaveUp { waited: time } => {
            asked("gave_up");
            waited(time);
        }
        Happened::Failed { .. } => asked("failed"),
        Happened::Renewed { took } => renewed("renewed", took),
        Happened::NotRenewed { took, .. } => renewed("failed", took),
        Happened::Released { held: time, .. } | Happened::Detached { held: time, .. } => held(time),
        Happened::Lost { cause, held: time, .. } => {
            held(time);
            let cause = match cause {
                LossCause::NotOwner => "not_owner",
                LossCause::Expired => "expired",
                LossCause::Unreachable => "unreachable",
                LossCause::Forced => "forced",
            };
            counter!("coord.lease.lost", "cause" => cause).increment(1);
        }
        Happened::StillUsed { .. } => counter!("coord.lease.still_used").increment(1),
        Happened::Forced { .. } => counter!("coord.lease.forced").increment(1),
        Happened::ContentionHigh { .. } => {
            counter!("coord.lease.contention_high", "key_class" => class.to_string()).increment(1);
        }
    }
}

/// How long the store took for one call.
pub(super) fn latency(op: &'static str, took: Duration) {
    histogram!("coord.store.latency", "op" => op).record(took);
}
