//! Runs that are counted, in Redis: a number beside the fence, for as long as no run has ended.

#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};

use super::{RedisLeases, milliseconds, name_of, names::Kind, number};
use crate::lease::{LeaseError, Owner, RunEnd, RunStore, Turn, Want};

/// How long a number is remembered, at least.
const REMEMBERED: Duration = Duration::from_secs(90 * 24 * 3600);

/// For how long that of a run is which has the name for so long.
pub(super) fn remembered(lease: Duration) -> Bytes {
    number(milliseconds(REMEMBERED.max(lease.saturating_mul(2))))
}

impl RunStore for RedisLeases {
    fn begin_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
        stay: Duration,
    ) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        self.acquire(Want { stay, ..Want::alone(name, owner, lease) }, true).boxed()
    }

    fn end_run<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        how: RunEnd,
    ) -> BoxFuture<'a, Result<(), LeaseError>> {
        async move {
            let has_ended = match how {
                RunEnd::Ended => "1",
                RunEnd::NotBegun => "0",
            };
            let keys = self.keys(name, [Kind::Lease, Kind::Attempt]);
            let args = [name_of(owner), has_ended.into()];
            let _is_its: bool = self.ask(&self.0.scripts.end_run, &keys, &args).await?;
            Ok(())
        }
        .boxed()
    }
}
