//! The table: which sagas, what the world does to them, how they end, and in how many appends.

use std::time::Duration;

use distributed_task::testing::oracle::End;

use crate::{
    sagas::{Errands, Intake, Market, Order, Pair, Sale, Survey, Transfer, Trip},
    story::Case,
    world::{Does, Script},
};

/// A case: its name, what the world does, how it ends, and how many appends that takes.
pub(crate) type Row = (&'static str, Script, End, usize);

const SLOW: Duration = Duration::from_secs(20 * 60);

/// Steps in a row, forward and back.
pub(crate) const ORDERS: [Row; 13] = [
    ("order", &[], End::Completed, 5),
    ("order-refused-at-the-end", &[("ship", Does::Refuses)], End::Refused, 8),
    ("order-refused-at-once", &[("reserve", Does::Refuses)], End::Refused, 2),
    ("order-tried-again", &[("reserve", Does::Fails(2))], End::Completed, 7),
    ("order-put-down-to-wait", &[("charge", Does::Fails(2))], End::Completed, 7),
    ("order-out-of-tries", &[("pack", Does::Fails(9))], End::Failed, 10),
    ("order-timed-out", &[("pack", Does::Hangs)], End::Failed, 10),
    (
        "order-undo-fails",
        &[("ship", Does::Refuses), ("charge", Does::UndoFails(2))],
        End::Refused,
        10,
    ),
    ("order-cancelled", &[("pack", Does::IsCancelled)], End::Cancelled, 8),
    ("order-out-of-time", &[("pack", Does::Takes(SLOW))], End::Failed, 10),
    ("order-deadline", &[("charge", Does::Busy(SLOW))], End::Deadline, 9),
    ("order-undo-refused", &[("ship", Does::Refuses), ("charge", Does::UndoRefuses)], End::Open, 7),
    (
        "order-undo-gives-up",
        &[("ship", Does::Refuses), ("charge", Does::UndoFails(99))],
        End::Open,
        26,
    ),
];

/// An [`Order`] of that table.
pub(crate) fn order((name, script, end, _): Row) -> Case<Order> {
    let task = |world| Order::builder().world(world).use_in_process_mode();
    Case { name, task, request: || 7, script, end, objects: 0 }
}

pub(crate) const PAIRS: [Row; 3] = [
    ("pair", &[], End::Completed, 3),
    ("pair-refused", &[("second", Does::Refuses)], End::Refused, 4),
    ("pair-timed-out", &[("second", Does::Hangs)], End::Failed, 7),
];

/// A [`Pair`] of that table.
pub(crate) fn pair((name, script, end, _): Row) -> Case<Pair> {
    let task = |world| Pair::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

/// A group that fails fast, with a member that is there on a condition.
pub(crate) const TRIPS: [Row; 5] = [
    ("trip", &[], End::Completed, 6),
    ("trip-member-refused", &[("hotel", Does::Refuses)], End::Refused, 8),
    (
        "trip-slow-neighbour",
        &[("hotel", Does::Refuses), ("flight", Does::Takes(SLOW))],
        End::Refused,
        9,
    ),
    ("trip-member-tried-again", &[("hotel", Does::Fails(1))], End::Completed, 7),
    ("trip-refused-behind-the-group", &[("letter", Does::Refuses)], End::Refused, 10),
];

/// A [`Trip`] of that table, with a car.
pub(crate) fn trip((name, script, end, _): Row) -> Case<Trip> {
    let task = |world| Trip::builder().world(world).use_in_process_mode();
    Case { name, task, request: || true, script, end, objects: 0 }
}

/// The same, without a car.
pub(crate) fn trip_without_car(row: Row) -> Case<Trip> {
    Case { request: || false, ..trip(row) }
}

pub(crate) const SURVEYS: [Row; 3] = [
    ("survey", &[], End::Completed, 4),
    ("survey-member-refused", &[("south", Does::Refuses)], End::Refused, 6),
    ("survey-two-refused", &[("north", Does::Refuses), ("west", Does::Refuses)], End::Refused, 5),
];

/// A [`Survey`] of that table.
pub(crate) fn survey((name, script, end, _): Row) -> Case<Survey> {
    let task = |world| Survey::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

pub(crate) const SALES: [Row; 7] = [
    ("sale", &[], End::Completed, 4),
    ("sale-pivot-tried-again", &[("pay", Does::Fails(1))], End::Completed, 5),
    ("sale-pivot-refused", &[("pay", Does::Refuses)], End::Refused, 4),
    ("sale-must-deliver", &[("deliver", Does::Fails(2))], End::Completed, 6),
    ("sale-pivot-unknown", &[("pay", Does::Hangs)], End::Open, 4),
    ("sale-cannot-deliver", &[("deliver", Does::Fails(9))], End::Open, 6),
    ("sale-cancelled-too-late", &[("deliver", Does::IsCancelled)], End::Completed, 4),
];

/// A [`Sale`] of that table.
pub(crate) fn sale((name, script, end, _): Row) -> Case<Sale> {
    let task = |world| Sale::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

pub(crate) const TRANSFERS: [Row; 7] = [
    ("transfer", &[], End::Completed, 5),
    ("transfer-found-by-the-probe", &[("reserve", Does::Fails(1))], End::Completed, 6),
    ("transfer-not-to-be-seen", &[("reserve", Does::HangsUnseen)], End::Failed, 7),
    ("transfer-refused", &[("wire", Does::Refuses)], End::Refused, 6),
    ("transfer-never-twice", &[("debit", Does::Fails(1))], End::Failed, 6),
    ("transfer-pivot-found", &[("wire", Does::Hangs)], End::Completed, 6),
    ("transfer-pivot-unknown", &[("wire", Does::HangsUnseen)], End::Open, 5),
];

/// A [`Transfer`] of that table.
pub(crate) fn transfer((name, script, end, _): Row) -> Case<Transfer> {
    let task = |world| Transfer::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

pub(crate) const ERRANDS: [Row; 5] = [
    ("errands", &[], End::Completed, 3),
    ("errands-in-part", &[("buy", Does::APart)], End::Refused, 3),
    ("errands-in-part-later", &[("buy", Does::Fails(1))], End::Completed, 4),
    ("errands-refused", &[("bring", Does::Refuses)], End::Refused, 4),
    ("errands-out-of-tries", &[("bring", Does::Fails(9))], End::Open, 4),
];

/// [`Errands`] of that table.
pub(crate) fn errands((name, script, end, _): Row) -> Case<Errands> {
    let task = |world| Errands::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

pub(crate) const MARKETS: [Row; 4] = [
    ("market", &[], End::Completed, 4),
    ("market-one-waits", &[("tea", Does::Fails(9))], End::Open, 4),
    ("market-both-wait", &[("tea", Does::Fails(9)), ("cake", Does::Fails(9))], End::Open, 4),
    ("market-one-refuses", &[("tea", Does::Fails(9)), ("cake", Does::Refuses)], End::Refused, 5),
];

/// A [`Market`] of that table.
pub(crate) fn market((name, script, end, _): Row) -> Case<Market> {
    let task = |world| Market::builder().world(world).use_in_process_mode();
    Case { name, task, request: || (), script, end, objects: 0 }
}

pub(crate) const INTAKES: [Row; 5] = [
    ("intake", &[], End::Completed, 7),
    ("intake-refused-at-the-door", &[("register", Does::Refuses)], End::Refused, 4),
    ("intake-refused-at-the-end", &[("index", Does::Refuses)], End::Refused, 11),
    ("intake-opened-again", &[("open", Does::Fails(1))], End::Completed, 8),
    ("intake-timed-out", &[("index", Does::Hangs)], End::Failed, 16),
];

/// An [`Intake`] of that table.
pub(crate) fn intake((name, script, end, _): Row) -> Case<Intake> {
    let task = |world| Intake::builder().world(world).use_in_process_mode();
    Case { name, task, request: || "a letter".to_owned(), script, end, objects: 2 }
}
