//! One server of several that vote.

#[cfg(all(test, feature = "conformance"))]
mod tests;

use futures_util::{FutureExt, future::BoxFuture};
use redis::cmd;

use super::{
    REMEMBERED, RedisLeases, lease_error, milliseconds, name_of, names::Kind, number, renewed, turn,
};
use crate::lease::{Agreed, Ballot, LeaseError, Life, Owner, QuorumNode, Renewed, Vote, Want};

impl QuorumNode for RedisLeases {
    fn address(&self) -> String {
        self.0.link.address()
    }

    fn life(&self) -> BoxFuture<'_, Result<Life, LeaseError>> {
        async move {
            let (_, life) = self.0.link.call_with_life(cmd("PING")).await.map_err(lease_error)?;
            Ok(life)
        }
        .boxed()
    }

    fn vote<'a>(&'a self, ballot: Ballot<'a>) -> BoxFuture<'a, Result<Vote, LeaseError>> {
        let Ballot { name, owner, lease, is_run } = ballot;
        async move {
            let (keys, args) = self.wish(Want::alone(name, owner, lease), is_run);
            let (answer, life) = self.ask_with_life(&self.0.scripts.acquire, &keys, &args).await?;
            Ok(Vote { acquired: turn(answer, lease)?.into(), life })
        }
        .boxed()
    }

    fn raise<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        Agreed { fence, attempt }: Agreed,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            let mut keys = Vec::from(self.keys(name, [Kind::Lease, Kind::Fence]));
            let mut args = vec![name_of(owner), number(fence.0), number(milliseconds(REMEMBERED))];
            if let Some(attempt) = attempt {
                keys.extend(self.keys(name, [Kind::Attempt]));
                args.push(number(attempt));
            }
            Ok(renewed(self.ask(&self.0.scripts.raise, &keys, &args).await?))
        }
        .boxed()
    }
}
