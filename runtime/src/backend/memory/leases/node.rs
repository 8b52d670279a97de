//! A store in memory that votes beside others.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};

use super::{MemoryLeases, Name};
use crate::lease::{
    Agreed, Ballot, LeaseError, LeaseStore as _, Life, Owner, QuorumNode, Renewed, RunStore as _,
    Vote,
};

impl MemoryLeases {
    fn own_life(&self) -> Life {
        // No store was before this one that could have granted anything.
        Life { id: self.0.life.to_string(), age: Duration::MAX }
    }
}

impl Name {
    fn raise(&mut self, owner: &Owner, Agreed { fence, attempt }: Agreed) -> Renewed {
        let Some(held) = self.held.as_mut().filter(|held| held.owner == *owner) else {
            return Renewed::NotOwner;
        };
        if !held.is_agreed || held.fence < fence {
            (held.fence, held.is_agreed) = (fence, true);
            if let Some(attempt) = attempt {
                self.recount(attempt);
            }
        }
        Renewed::Renewed
    }
}

impl QuorumNode for MemoryLeases {
    fn address(&self) -> String {
        "a store in memory".to_owned()
    }

    fn life(&self) -> BoxFuture<'_, Result<Life, LeaseError>> {
        let life = self.own_life();
        async move { Ok(life) }.boxed()
    }

    fn vote<'a>(&'a self, ballot: Ballot<'a>) -> BoxFuture<'a, Result<Vote, LeaseError>> {
        let Ballot { name, owner, lease, is_run } = ballot;
        async move {
            let acquired = match is_run {
                true => self.begin_run(name, owner, lease, Duration::ZERO).await?.into(),
                false => self.try_acquire(name, owner, lease).await?,
            };
            Ok(Vote { acquired, life: self.own_life() })
        }
        .boxed()
    }

    fn raise<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        agreed: Agreed,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        self.at_once(name, |known, last, _| {
            let raised = known.raise(owner, agreed);
            if raised == Renewed::Renewed {
                *last = agreed.fence.max(*last);
            }
            raised
        })
    }
}
