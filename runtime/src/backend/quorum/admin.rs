//! Who has what, as most servers say; and what an operator takes away, on all of them.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{
    FutureExt, StreamExt, TryFutureExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};

use super::{Inner, Node, QuorumLeases, tally};
use crate::{
    kernel::Fence,
    lease::{HeldName, LeaseAdmin, LeaseError, Owner, Tenure},
};

/// A server is waited for no longer than this: while it tells all that it knows, and while it does one thing.
const TO_TELL: Duration = Duration::from_secs(30);
const TO_DO: Duration = Duration::from_secs(2);

impl Node {
    async fn admin(&self) -> Result<&dyn LeaseAdmin, LeaseError> {
        self.able(self.there().await?.admin(), "who has what")
    }

    async fn names(&self) -> Result<Vec<HeldName>, LeaseError> {
        self.admin().await?.names().try_collect().await
    }

    /// Ends the tenure of this owner, whatever its fence is called there, or else of that fence.
    async fn force_release(
        &self,
        name: &str,
        owner: Option<&Owner>,
        fence: Fence,
        why: &str,
    ) -> Result<Option<Owner>, LeaseError> {
        let admin = self.admin().await?;
        let here = match owner {
            Some(_) => admin.inspect(name).await?.filter(|tenure| owner == Some(&tenure.owner)),
            None => None,
        };
        let fence = here.map_or(fence, |tenure| tenure.fence);
        admin.force_release(name, fence, why).await
    }
}

impl Inner {
    async fn names(&self) -> Result<Vec<HeldName>, LeaseError> {
        let each = self.survey(TO_TELL, TO_DO, Node::names).await?;
        let mut known: BTreeMap<&str, Vec<Option<Option<&Tenure>>>> = BTreeMap::new();
        for (node, told) in each.iter().enumerate() {
            for held in told.iter().flatten() {
                // Whoever told nothing may know it.
                let nobody = || each.iter().map(|told| told.as_ref().map(|_| None)).collect();
                let of_name = known.entry(&held.name).or_insert_with(nobody);
                of_name[node] = Some(held.holder.as_ref());
            }
        }
        let majority = self.rules.majority();
        let held = known.into_iter().filter_map(|(name, told)| {
            let holder = Some(tally::held(&told, majority)?);
            Some(HeldName { name: name.to_owned(), holder, readers: 0, waiting: 0 })
        });
        Ok(held.collect())
    }
}

impl LeaseAdmin for QuorumLeases {
    /// Those that most servers say somebody has, or may where some of them do not answer. All are gathered first.
    fn names(&self) -> BoxStream<'_, Result<HeldName, LeaseError>> {
        let all = self.0.names().map_ok(|names| stream::iter(names.into_iter().map(Ok)));
        stream::once(all).try_flatten().boxed()
    }

    /// Most servers have to answer; on those that do not, it runs out. A renewal that is under way may bring it
    /// back on a server, so that an operator looks again.
    fn force_release<'a>(
        &'a self,
        name: &'a str,
        fence: Fence,
        why: &'a str,
    ) -> BoxFuture<'a, Result<Option<Owner>, LeaseError>> {
        async move {
            let ask = |node: &'a Node| async move { node.there().await?.inspect(name).await };
            let told = self.0.survey(TO_DO, TO_DO, ask).await?;
            let told: Vec<_> = told.iter().map(|told| told.as_ref().map(Option::as_ref)).collect();
            let holder = tally::held(&told, self.0.rules.majority());
            // A server that was late knows another fence of that tenure.
            let is_its = |holder: &Tenure| {
                let all = told.iter().flatten().flatten();
                all.filter(|tenure| tenure.owner == holder.owner).any(|it| it.fence == fence)
            };
            let owner = holder.filter(is_its).map(|holder| holder.owner);
            let ask = |node| Node::force_release(node, name, owner.as_ref(), fence, why);
            let ended = self.0.survey(TO_DO, TO_DO, ask).await?;
            Ok(ended.into_iter().flatten().flatten().next())
        }
        .boxed()
    }
}
