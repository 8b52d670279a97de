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
    lease::{Beat, HeldName, LeaseAdmin, LeaseError, Owner, Tenure},
};

/// A server is waited for no longer than this: while it tells all that it knows, and while it does one thing.
const TO_TELL: Duration = Duration::from_secs(30);
const TO_DO: Duration = Duration::from_secs(2);

impl Node {
    async fn admin(&self) -> Result<&dyn LeaseAdmin, LeaseError> {
        self.able(|store| store.admin(), "who has what").await
    }

    async fn names(&self) -> Result<Vec<HeldName>, LeaseError> {
        self.admin().await?.names().try_collect().await
    }
}

impl Inner {
    async fn names(&self) -> Result<Vec<HeldName>, LeaseError> {
        let each = self.survey(TO_TELL, TO_DO, |_, node| node.names()).await?;
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

    /// All servers are told, and most have to say that this owner has it. Told is what most of those were told that
    /// know the tenure. One that was away knows older words, and one that lost the tenure and got it again none: where
    /// such are most of those that answer, these are told until the owner says more.
    fn describe<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        metadata: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<bool, LeaseError>> {
        async move {
            Beat::check_metadata(metadata)?;
            let rules = &self.0.rules;
            let (rest, majority) = (rules.limit(rules.max_lease), rules.majority());
            let ask = |_, node: &'a Node| async move {
                node.admin().await?.describe(name, owner, metadata).await
            };
            let told = self.0.survey(TO_DO, rest, ask).await?;
            let know = told.iter().filter(|told| **told == Some(true)).count();
            let silent = told.iter().filter(|told| told.is_none()).count();
            if know < majority && majority <= know + silent {
                let source =
                    format!("{know} servers know it as this owner's, and {silent} said nothing");
                return Err(LeaseError::Unanswered(source.into()));
            }
            Ok(know >= majority)
        }
        .boxed()
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
            let ask = |_, node: &'a Node| node.store.inspect(name);
            let told = self.0.survey(TO_DO, TO_DO, ask).await?;
            let told: Vec<_> = told.iter().map(|told| told.as_ref().map(Option::as_ref)).collect();
            let holder = tally::held(&told, self.0.rules.majority());
            // By which fence each server knows that tenure: one that was late has another one.
            let is_its =
                |tenure: &&Tenure| holder.as_ref().is_some_and(|it| it.owner == tenure.owner);
            let known = told.iter().map(|told| Some(told.flatten().filter(is_its)?.fence));
            let known: Vec<Option<Fence>> = known.collect();
            let is_meant = known.contains(&Some(fence));
            let ask = |at: usize, node: &'a Node| {
                let fence = known[at].filter(|_| is_meant).unwrap_or(fence);
                async move { node.admin().await?.force_release(name, fence, why).await }
            };
            let ended = self.0.survey(TO_DO, TO_DO, ask).await?;
            Ok(ended.into_iter().flatten().flatten().next())
        }
        .boxed()
    }
}
