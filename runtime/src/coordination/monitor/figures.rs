//! The same for the recorder of the program, through the `metrics` facade.
//!
//! The label of a name is its class: there are at most 65.

use std::{sync::Arc, time::Duration};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::event::Happened;
use crate::coordination::LossCause;

/// The figures of one class.
struct Of<'a>(&'a Arc<str>);

impl Of<'_> {
    fn acquire(&self, result: &'static str) -> Counter {
        counter!("coord.lease.acquire", "result" => result, "key_class" => Arc::clone(self.0))
    }

    fn renew(&self, result: &'static str) -> Counter {
        counter!("coord.lease.renew", "result" => result, "key_class" => Arc::clone(self.0))
    }

    fn lost(&self, cause: &'static str) -> Counter {
        counter!("coord.lease.lost", "cause" => cause, "key_class" => Arc::clone(self.0))
    }

    fn times(&self, name: &'static str) -> Counter {
        counter!(name, "key_class" => Arc::clone(self.0))
    }

    fn held(&self) -> Gauge {
        gauge!("coord.lease.held", "key_class" => Arc::clone(self.0))
    }

    fn wanted(&self) -> Gauge {
        gauge!("coord.lease.wanted", "key_class" => Arc::clone(self.0))
    }

    fn long(&self, name: &'static str) -> Histogram {
        histogram!(name, "key_class" => Arc::clone(self.0))
    }
}

/// The first of a class. What may never happen is told as well, so that the first time is a change.
pub(super) fn begin(class: &Arc<str>) {
    let class = Of(class);
    for result in ["acquired", "busy", "gave_up", "failed"] {
        class.acquire(result).increment(0);
    }
    class.times("coord.lease.contended").increment(0);
    class.times("coord.lease.contention_high").increment(0);
    class.times("coord.lease.short").increment(0);
    for cause in ["not_owner", "expired", "unreachable", "forced"] {
        class.lost(cause).increment(0);
    }
    for result in ["renewed", "failed"] {
        class.renew(result).increment(0);
    }
    class.times("coord.lease.forced").increment(0);
    class.times("coord.lease.still_used").increment(0);
    class.times("coord.lease.not_released").increment(0);
    class.held().increment(0);
    class.wanted().increment(0);
}

/// Somebody wants one of this class, or does not any more.
pub(super) fn wanted(class: &Arc<str>, change: f64) {
    Of(class).wanted().increment(change);
}

pub(super) fn note(class: &Arc<str>, what: &Happened) {
    let class = Of(class);
    let waited = |waited: &Duration| class.long("coord.lease.wait").record(*waited);
    let ended = |held: &Duration| {
        class.held().decrement(1);
        class.long("coord.lease.hold").record(*held);
    };
    let renewed = |result, took: &Duration| {
        class.renew(result).increment(1);
        latency("renew", *took);
    };
    match what {
        Happened::Acquired { contended, waited: time, handed_over, .. } => {
            class.acquire("acquired").increment(1);
            waited(time);
            class.held().increment(1);
            if *contended {
                class.times("coord.lease.contended").increment(1);
            }
            if let Some(took) = handed_over {
                class.long("coord.lease.hand_over").record(*took);
            }
        }
        Happened::NotAcquired { waited: time, .. } => {
            class.acquire("busy").increment(1);
            // Who asks once does not wait.
            if !time.is_zero() {
                waited(time);
            }
            class.times("coord.lease.contended").increment(1);
        }
        Happened::GaveUp { waited: time } => {
            class.acquire("gave_up").increment(1);
            waited(time);
        }
        Happened::Failed { .. } => class.acquire("failed").increment(1),
        Happened::Renewed { took, .. } => renewed("renewed", took),
        Happened::NotRenewed { took, .. } => renewed("failed", took),
        Happened::Released { held, .. } | Happened::Detached { held, .. } => ended(held),
        Happened::Lost { cause, held, .. } => {
            ended(held);
            let cause = match cause {
                LossCause::NotOwner => "not_owner",
                LossCause::Expired => "expired",
                LossCause::Unreachable => "unreachable",
                LossCause::Forced => "forced",
            };
            class.lost(cause).increment(1);
        }
        Happened::NotReleased { .. } => class.times("coord.lease.not_released").increment(1),
        Happened::StillUsed { .. } => class.times("coord.lease.still_used").increment(1),
        Happened::Forced { .. } | Happened::ReaderForced { .. } => {
            class.times("coord.lease.forced").increment(1);
        }
        Happened::ContentionHigh { .. } => class.times("coord.lease.contention_high").increment(1),
        Happened::LeaseShort { .. } => class.times("coord.lease.short").increment(1),
    }
}

/// How long the store took for one call.
pub(super) fn latency(op: &'static str, took: Duration) {
    histogram!("coord.store.latency", "op" => op).record(took);
}
