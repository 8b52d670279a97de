//! What each server says of itself: what time it is there, and what speaks against it.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{Inner, Node};
use crate::lease::ServerClock;

/// A server that takes longer is left out. What the others said is as old as that by then.
const LIMIT: Duration = Duration::from_millis(200);

impl Node {
    async fn clocks(&self) -> Vec<ServerClock> {
        let told = timeout(LIMIT, self.store.clocks()).await.unwrap_or_default();
        // As errors call it.
        let named = |clock| ServerClock { address: self.address.clone(), ..clock };
        told.into_iter().map(named).collect()
    }

    async fn doubts(&self) -> Vec<String> {
        timeout(LIMIT, self.store.doubts()).await.unwrap_or_default()
    }
}

impl Inner {
    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        join_all(self.nodes.iter().map(Node::clocks)).await.concat()
    }

    pub(super) async fn doubts(&self) -> Vec<String> {
        join_all(self.nodes.iter().map(Node::doubts)).await.concat()
    }
}
