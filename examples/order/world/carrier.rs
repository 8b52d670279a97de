//! The carrier takes parcels, to almost everywhere.

use distributed_task::Refusal;

use super::{Answer, Call, World, void};

/// Where it does not go.
const NOWHERE: &str = "Atlantis";

/// The one that has the road.
#[derive(Clone)]
pub(crate) struct Carrier(pub(crate) World);

impl Carrier {
    /// Answers the number of the parcel.
    pub(crate) async fn ship(&self, call: Call, address: &str) -> Answer<i64> {
        let address = address.to_owned();
        let work = move |to: &rusqlite::Transaction<'_>| {
            if address == NOWHERE {
                let message = format!("there is no road to {address}");
                return Ok(Err(Refusal::new("no_road", message)));
            }
            if call.is_first(to, "do")? {
                return call.note(to, "ship", &address, 1).map(Ok);
            }
            Ok(call.stands(to, "ship")?.map(|(number, ..)| number).ok_or_else(void))
        };
        self.0.call(work).await
    }

    pub(crate) async fn recall(&self, call: Call) -> Answer<()> {
        let work = move |to: &rusqlite::Transaction<'_>| {
            if call.is_to_be_undone(to)?
                && let Some((_, address, parcels)) = call.noted(to, "ship")?
            {
                call.note(to, "recall", &address, parcels)?;
            }
            Ok(Ok(()))
        };
        self.0.call(work).await
    }
}
