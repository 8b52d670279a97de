//! The warehouse holds pieces back, as long as it has them.

use distributed_task::Refusal;
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{Answer, Call, World, void};

/// What was held back, and what it costs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reservation {
    pub(crate) cents: i64,
}

/// The one that has the goods.
#[derive(Clone)]
pub(crate) struct Warehouse(pub(crate) World);

impl Warehouse {
    pub(crate) async fn reserve(&self, call: Call, item: &str, pieces: u32) -> Answer<Reservation> {
        let item = item.to_owned();
        let work = move |to: &rusqlite::Transaction<'_>| {
            let select = "SELECT pieces, cents FROM stock WHERE item = ?1";
            let get = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            let Some((left, cents)) = to.query_row(select, [&item], get).optional()? else {
                let message = format!("there is no such thing as {item}");
                return Ok(Err(Refusal::new("unknown_item", message)));
            };
            let reservation = Reservation { cents: cents.saturating_mul(pieces.into()) };
            if !call.is_first(to, "do")? {
                return Ok(call.stands(to, "reserve")?.map(|_| reservation).ok_or_else(void));
            }
            if left < pieces.into() {
                let message = format!("{pieces} {item} wanted, {left} left");
                return Ok(Err(Refusal::new("out_of_stock", message)));
            }
            let take = "UPDATE stock SET pieces = pieces - ?2 WHERE item = ?1";
            to.execute(take, params![item, pieces])?;
            call.note(to, "reserve", &item, pieces.into())?;
            Ok(Ok(reservation))
        };
        self.0.call(work).await
    }

    pub(crate) async fn release(&self, call: Call) -> Answer<()> {
        let work = move |to: &rusqlite::Transaction<'_>| {
            if call.is_to_be_undone(to)?
                && let Some((_, item, pieces)) = call.noted(to, "reserve")?
            {
                let give = "UPDATE stock SET pieces = pieces + ?2 WHERE item = ?1";
                to.execute(give, params![item, pieces])?;
                call.note(to, "release", &item, pieces)?;
            }
            Ok(Ok(()))
        };
        self.0.call(work).await
    }
}
