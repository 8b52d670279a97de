//! A name that goes from one owner to the next.

use std::time::Duration;

use super::{
    Desk, NAME,
    Share::{Alone, Shared},
    owners,
};
use crate::{
    conformance::rule::{Failure, Verdict, ensure, ensure_eq},
    lease::{Grant, Owner, Released, Renewed, Turn},
};

impl Desk {
    async fn hand_over(
        &self,
        from: &Owner,
        to: &Owner,
        lease: Duration,
    ) -> Result<Option<Grant>, Failure> {
        Ok(self.store.hand_over(NAME, from, to, lease).await?)
    }
}

pub(super) async fn hands_over(desk: Desk) -> Verdict {
    let [first, next, waiter] = owners();
    let fence = desk.granted(&first, Alone).await?.fence;
    desk.waits(&waiter, Alone, 0).await?;
    desk.some().await;
    let given = desk.hand_over(&first, &next, desk.lease).await?;
    let given = desk.in_time(given.ok_or_else(|| "the owner cannot hand it over".into()))?;
    ensure(given.fence > fence, || format!("{:?} came after {fence:?}", given.fence))?;
    desk.about(Some(given.left), desk.lease)?;
    let renewed = desk.store.try_renew(NAME, &first, desk.lease).await?;
    ensure_eq(renewed, Renewed::NotOwner)?;
    let released = desk.store.release(NAME, &first).await?;
    desk.in_time(ensure_eq(released, Released::NotOwner))?;
    // It lasts for longer than the first one was granted it.
    (desk.pass)(desk.lease * 5 / 8).await;
    let told = desk.ask(&waiter, Alone).await?;
    let is_second = matches!(&told, Turn::Waiting(waiting) if waiting.ahead == 0);
    desk.in_time(ensure(is_second, || format!("{told:?} was answered to who waits")))?;
    desk.over().await;
    let last = desk.granted(&waiter, Alone).await?.fence;
    ensure(last > given.fence, || format!("{last:?} came after {:?}", given.fence))
}

pub(super) async fn hands_over_own_only(desk: Desk) -> Verdict {
    let [holder, stranger, reader] = owners();
    ensure_eq(desk.hand_over(&stranger, &reader, desk.lease).await?, None)?;
    desk.granted(&holder, Alone).await?;
    let given = desk.hand_over(&stranger, &reader, desk.lease).await?;
    desk.in_time(ensure_eq(given, None))?;
    desk.free(&holder).await?;
    desk.granted(&reader, Shared).await?;
    ensure_eq(desk.hand_over(&reader, &stranger, desk.lease).await?, None)?;
    desk.over().await;
    desk.granted(&holder, Alone).await?;
    desk.over().await;
    ensure_eq(desk.hand_over(&holder, &stranger, desk.lease).await?, None)
}

pub(super) async fn hands_over_again(desk: Desk) -> Verdict {
    let [first, next] = owners();
    desk.granted(&first, Alone).await?;
    let given = desk.hand_over(&first, &next, desk.lease).await?;
    let again = desk.hand_over(&first, &next, desk.lease / 8).await?;
    let (Some(given), Some(again)) = (given, again) else {
        return desk.in_time(Err(format!("{given:?} and {again:?} were answered").into()));
    };
    ensure_eq(again.fence, given.fence)?;
    desk.about(Some(again.left), desk.lease)?;
    desk.free(&next).await?;
    ensure_eq(desk.hand_over(&first, &next, desk.lease).await?, None)
}

pub(super) async fn given_waits_no_more(desk: Desk) -> Verdict {
    let [first, next, waiter] = owners();
    desk.granted(&first, Alone).await?;
    desk.waits(&next, Alone, 0).await?;
    desk.waits(&waiter, Alone, 1).await?;
    let given = desk.hand_over(&first, &next, desk.lease).await?;
    desk.in_time(ensure(given.is_some(), || "the owner cannot hand it over".into()))?;
    desk.waits(&waiter, Alone, 0).await?;
    desk.free(&next).await?;
    desk.granted(&waiter, Alone).await.map(drop)
}
