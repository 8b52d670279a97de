//! Rules about those who share a name.

use std::time::Duration;

use super::{Desk, LONG, NAME};
use crate::{
    conformance::rule::{Failure, Verdict, ensure, ensure_eq},
    lease::{LockStore, Owner, Reader, Renewed, Share, Turn, Want},
};

impl Desk {
    /// So many who share the name for so long.
    async fn sharing(
        &self,
        line: &dyn LockStore,
        many: usize,
        lease: Duration,
    ) -> Result<Vec<Owner>, Failure> {
        let owners: Vec<_> = (0..many).map(|_| Owner::draw()).collect();
        for owner in &owners {
            let want = Want { share: Share::Shared, ..Want::alone(NAME, owner, lease) };
            let turn = line.acquire_in_turn(want).await?;
            self.in_time(ensure(matches!(turn, Turn::Granted(_)), || format!("{turn:?}")))?;
        }
        Ok(owners)
    }

    async fn readers(&self) -> Result<Vec<Owner>, Failure> {
        let readers = self.store.readers(NAME).await?.into_iter();
        Ok(readers.map(|reader| reader.owner).collect())
    }

    async fn taken_from(&self, owner: &Owner, wanted: bool) -> Verdict {
        let is_done = self.store.force_release_reader(NAME, owner, "ops: it hangs").await?;
        ensure_eq(is_done, wanted)
    }

    async fn renewed(&self, owner: &Owner, wanted: Renewed) -> Verdict {
        ensure_eq(self.store.try_renew(NAME, owner, self.lease).await?, wanted)
    }
}

fn in_order(mut owners: Vec<Owner>) -> Vec<Owner> {
    owners.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    owners
}

pub(super) async fn tells_readers(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let long = desk.lease * LONG;
    let mut owners = desk.sharing(line, 1, desk.lease * 8).await?;
    owners.extend(desk.sharing(line, 3, long).await?);
    let told = desk.store.readers(NAME).await?;
    for Reader { owner, expires_in } in &told {
        desk.about(Some(*expires_in), if *owner == owners[0] { desk.lease * 8 } else { long })?;
    }
    // Who waits shares nothing yet.
    desk.line(&Owner::draw(), Share::Alone).await?;
    desk.line(&Owner::draw(), Share::Shared).await?;
    let told = desk.readers().await;
    desk.in_time(ensure_eq(told?, in_order(owners)))
}

pub(super) async fn tells_no_other_reader(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    ensure_eq(desk.readers().await?, vec![])?;
    let alone = Owner::draw();
    desk.granted(NAME, &alone).await?;
    ensure_eq(desk.readers().await?, vec![])?;
    desk.store.release(NAME, &alone).await?;
    let owners = desk.sharing(line, 2, desk.lease * LONG).await?;
    desk.sharing(line, 1, desk.lease).await?;
    desk.store.release(NAME, &owners[0]).await?;
    desk.over().await;
    ensure_eq(desk.readers().await?, vec![owners[1].clone()])
}

pub(super) async fn tells_a_thousand(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    desk.sharing(line, 1, desk.lease * LONG * 2).await?;
    let first = desk.sharing(line, Reader::MAX_TOLD, desk.lease * LONG).await?;
    ensure_eq(desk.readers().await?, in_order(first))
}

pub(super) async fn takes_a_share(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let owners = desk.sharing(line, 2, desk.lease * LONG).await?;
    desk.taken_from(&owners[0], true).await?;
    ensure_eq(desk.readers().await?, vec![owners[1].clone()])?;
    desk.renewed(&owners[1], Renewed::Renewed).await?;
    let names = desk.names().await?;
    ensure_eq(names.iter().map(|name| name.readers).collect(), vec![1])
}

pub(super) async fn tells_the_reader(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let owners = desk.sharing(line, 2, desk.lease * LONG).await?;
    for owner in &owners {
        desk.taken_from(owner, true).await?;
    }
    desk.granted(NAME, &Owner::draw()).await?;
    for owner in &owners {
        desk.renewed(owner, Renewed::Forced).await?;
    }
    desk.renewed(&Owner::draw(), Renewed::NotOwner).await
}

pub(super) async fn takes_from_readers_only(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let (alone, waits) = (Owner::draw(), Owner::draw());
    desk.granted(NAME, &alone).await?;
    desk.line(&waits, Share::Shared).await?;
    for owner in [&alone, &waits, &Owner::draw()] {
        desk.taken_from(owner, false).await?;
    }
    desk.renewed(&alone, Renewed::Renewed).await?;
    let turn = desk.line(&waits, Share::Shared).await?;
    let keeps_its_place = matches!(&turn, Some(Turn::Waiting(waiting)) if waiting.ahead == 0);
    desk.in_time(ensure(keeps_its_place, || format!("{turn:?}")))?;
    desk.store.release(NAME, &waits).await?;
    desk.store.release(NAME, &alone).await?;
    desk.sharing(line, 1, desk.lease * LONG).await?;
    let over = desk.sharing(line, 1, desk.lease).await?;
    desk.over().await;
    desk.taken_from(&over[0], false).await?;
    desk.renewed(&over[0], Renewed::NotOwner).await
}

pub(super) async fn takes_again(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let owners = desk.sharing(line, 2, desk.lease * LONG).await?;
    for _ in 0..2 {
        desk.taken_from(&owners[0], true).await?;
        ensure_eq(desk.readers().await?, vec![owners[1].clone()])?;
    }
    // It gets what it asks for, and loses it as before.
    desk.line(&owners[0], Share::Shared).await?;
    let renewed = desk.renewed(&owners[0], Renewed::Renewed).await;
    desk.in_time(renewed)?;
    desk.taken_from(&owners[0], true).await?;
    desk.renewed(&owners[0], Renewed::Forced).await
}

pub(super) async fn remembers_a_thousand(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let alone = [Owner::draw(), Owner::draw()];
    let fence = desk.granted(NAME, &alone[0]).await?;
    desk.forced(fence).await?;
    // How many are kept beyond these is not said.
    let owners = desk.sharing(line, Reader::MAX_TOLD + 10, desk.lease * LONG).await?;
    for owner in &owners {
        desk.taken_from(owner, true).await?;
    }
    desk.renewed(&alone[0], Renewed::Forced).await?;
    let again = desk.store.force_release(NAME, fence, "ops").await?;
    ensure_eq(again.as_ref(), Some(&alone[0]))?;
    let fence = desk.granted(NAME, &alone[1]).await?;
    desk.forced(fence).await?;
    desk.renewed(&owners[0], Renewed::NotOwner).await?;
    for owner in &owners[10..] {
        desk.renewed(owner, Renewed::Forced).await?;
    }
    Ok(())
}

pub(super) async fn makes_way(desk: Desk) -> Verdict {
    let Some(line) = desk.store.locks() else { return Ok(()) };
    let (owners, writer) = (desk.sharing(line, 2, desk.lease * LONG).await?, Owner::draw());
    desk.line(&writer, Share::Alone).await?;
    let mut wakes = desk.listen(line).await?;
    desk.taken_from(&owners[0], true).await?;
    let turn = desk.line(&writer, Share::Alone).await?;
    ensure(matches!(turn, Some(Turn::Waiting(_))), || format!("{turn:?}"))?;
    desk.taken_from(&owners[1], true).await?;
    desk.told(&mut wakes, &writer).await?;
    let turn = desk.line(&writer, Share::Alone).await?;
    desk.in_time(ensure(matches!(turn, Some(Turn::Granted(_))), || format!("{turn:?}")))
}
