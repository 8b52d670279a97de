//! Those who go first, and those whom they pass.

use std::time::Duration;

use super::{
    Desk,
    Share::{Alone, Shared},
    owners,
};
use crate::{
    conformance::rule::{Failure, Verdict, ensure, ensure_eq},
    lease::{Grant, Owner, Share, Turn, Waiting, Want},
};

impl Desk {
    fn before_others<'a>(&self, owner: &'a Owner, share: Share) -> Want<'a> {
        Want { goes_first: true, ..self.want(owner, share) }
    }

    /// It goes first, and gets it.
    async fn first_granted(&self, owner: &Owner, share: Share) -> Result<Grant, Failure> {
        self.granted_to(self.before_others(owner, share)).await
    }

    /// It goes first, does not get it, and has so many before it.
    async fn first_waits(
        &self,
        owner: &Owner,
        share: Share,
        ahead: u64,
    ) -> Result<Waiting, Failure> {
        self.keeps_waiting(self.before_others(owner, share), ahead).await
    }
}

pub(super) async fn reader_passes(desk: Desk) -> Verdict {
    let [reader, writer, fair, first] = owners();
    desk.granted(&reader, Shared).await?;
    desk.waits(&writer, Alone, 0).await?;
    desk.waits(&fair, Shared, 1).await?;
    desk.first_granted(&first, Shared).await?;
    // It has taken nobody's place.
    desk.waits(&fair, Shared, 1).await?;
    desk.free(&reader).await?;
    desk.waits(&writer, Alone, 0).await?;
    desk.free(&first).await?;
    desk.granted(&writer, Alone).await.map(drop)
}

pub(super) async fn writer_passes(desk: Desk) -> Verdict {
    let mut wakes = desk.listen(&*desk.store).await?;
    let [holder, reader, first, late] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&reader, Shared, 0).await?;
    desk.first_waits(&first, Alone, 0).await?;
    desk.waits(&reader, Shared, 1).await?;
    desk.free(&holder).await?;
    desk.told(&mut wakes, &first).await?;
    desk.waits(&reader, Shared, 1).await?;
    desk.first_granted(&first, Alone).await?;
    desk.free(&first).await?;
    // It is the turn of the reader, which has not asked yet.
    desk.told(&mut wakes, &reader).await?;
    desk.first_granted(&late, Alone).await?;
    desk.waits(&reader, Shared, 0).await?;
    desk.free(&late).await?;
    desk.granted(&reader, Shared).await.map(drop)
}

pub(super) async fn first_of_the_first(desk: Desk) -> Verdict {
    let [holder, fair, a, b, c] = owners();
    desk.granted(&holder, Shared).await?;
    desk.waits(&fair, Alone, 0).await?;
    desk.first_waits(&a, Alone, 0).await?;
    desk.first_waits(&b, Shared, 1).await?;
    desk.first_waits(&c, Alone, 2).await?;
    desk.waits(&fair, Alone, 3).await?;
    desk.free(&holder).await?;
    desk.first_waits(&c, Alone, 2).await?;
    desk.first_waits(&b, Shared, 1).await?;
    desk.first_granted(&a, Alone).await?;
    desk.free(&a).await?;
    desk.first_waits(&c, Alone, 1).await?;
    desk.first_granted(&b, Shared).await?;
    desk.free(&b).await?;
    desk.waits(&fair, Alone, 1).await?;
    desk.first_granted(&c, Alone).await?;
    desk.free(&c).await?;
    desk.granted(&fair, Alone).await.map(drop)
}

pub(super) async fn keeps_its_place(desk: Desk) -> Verdict {
    let [holder, a, b, fair] = owners();
    desk.granted(&holder, Alone).await?;
    desk.waits(&fair, Alone, 0).await?;
    desk.first_waits(&a, Shared, 0).await?;
    desk.first_waits(&b, Shared, 1).await?;
    for _ in 0..3 {
        desk.first_waits(&a, Shared, 0).await?;
        desk.waits(&fair, Alone, 2).await?;
    }
    desk.first_waits(&b, Shared, 1).await?;
    desk.store.release(super::NAME, &a).await?;
    desk.first_waits(&b, Shared, 0).await.map(drop)
}

pub(super) async fn told_what_is_in_its_way(desk: Desk) -> Verdict {
    let [reader, fair, first] = owners();
    desk.granted(&reader, Shared).await?;
    // Its place is kept for longer than the reader has a lease.
    desk.waits(&fair, Alone, 0).await?;
    let hasty = Want { stay: Duration::ZERO, ..desk.before_others(&first, Alone) };
    let Turn::Waiting(hasty) = desk.store.acquire_in_turn(hasty).await? else {
        return desk.in_time(Err("it was granted while somebody reads".into()));
    };
    desk.in_time(ensure_eq(hasty.ahead, 0))?;
    for waiting in [hasty, desk.first_waits(&first, Alone, 0).await?] {
        let soon = waiting.retry_after.is_some_and(|after| after <= desk.lease);
        ensure(soon, || format!("{waiting:?}: who reads may be gone sooner"))?;
    }
    Ok(())
}
