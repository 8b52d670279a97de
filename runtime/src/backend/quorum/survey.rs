//! What operators and candidates ask all servers, which has no turn among the calls of owners.

use std::{pin::pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::sleep;

use super::{
    Inner, Node,
    error::{NodeFailure, QuorumError},
};
use crate::{
    clock::Clock as _,
    lease::{LeaseError, QuorumNode},
};

impl Node {
    /// What it can do, or that it cannot.
    pub(super) async fn able<'a, T: ?Sized + 'a>(
        &'a self,
        able: impl Fn(&'a dyn QuorumNode) -> Option<&'a T>,
        what: &str,
    ) -> Result<&'a T, LeaseError> {
        if let Some(able) = able(&*self.store) {
            return Ok(able);
        }
        // One that was away at the start may be there by now.
        self.store.life().await?;
        able(&*self.store).ok_or_else(|| LeaseError::Refused {
            source: format!("it cannot tell {what}").into(),
            retryable: false,
        })
    }
}

impl Inner {
    /// What each server says, if most of them do within `limit`; for the others is then waited for no longer
    /// than `rest`.
    pub(super) async fn survey<'a, T, F>(
        &'a self,
        limit: Duration,
        rest: Duration,
        ask: impl Fn(usize, &'a Node) -> F,
    ) -> Result<Vec<Option<T>>, LeaseError>
    where
        F: Future<Output = Result<T, LeaseError>>,
    {
        Ok(self.said(limit, rest, ask).await?.into_iter().map(Result::ok).collect())
    }

    /// The same, and why some say nothing.
    pub(super) async fn said<'a, T, F>(
        &'a self,
        limit: Duration,
        rest: Duration,
        ask: impl Fn(usize, &'a Node) -> F,
    ) -> Result<Vec<Result<T, NodeFailure>>, LeaseError>
    where
        F: Future<Output = Result<T, LeaseError>>,
    {
        let (needed, mut agreed) = (self.rules.majority(), 0);
        let last = self.clock.now().plus(limit);
        let mut said: Vec<_> = self.nodes.iter().map(|_| Err(NodeFailure::Silent(limit))).collect();
        let asked = self.nodes.iter().enumerate().map(|(at, node)| {
            let asked = ask(at, node);
            async move { (at, asked.await) }
        });
        let (mut asked, mut over) = (asked.collect::<FuturesUnordered<_>>(), pin!(sleep(limit)));
        while let Some((at, answer)) = tokio::select! {
            biased;
            answer = asked.next() => answer,
            () = &mut over => None,
        } {
            said[at] = answer.map_err(NodeFailure::Failed);
            agreed += usize::from(said[at].is_ok());
            if agreed == needed {
                over.set(sleep(rest.min(last.since(self.clock.now()))));
            }
        }
        self.if_most(said)
    }

    /// What the servers say, if most of them say it.
    pub(super) fn if_most<T>(
        &self,
        said: Vec<Result<T, NodeFailure>>,
    ) -> Result<Vec<Result<T, NodeFailure>>, LeaseError> {
        let (needed, agreed) =
            (self.rules.majority(), said.iter().filter(|said| said.is_ok()).count());
        if agreed >= needed {
            return Ok(said);
        }
        let addresses = self.nodes.iter().map(|node| node.address.clone());
        let servers = addresses.zip(said.into_iter().map(Result::err)).collect();
        Err(QuorumError::NoQuorum { agreed, needed, servers }.into())
    }
}
