//! Leases in Redis: a hash with an end for each, and a number that outlives it.

mod admin;
mod builder;
mod candidates;
#[cfg(all(test, feature = "conformance"))]
mod mistakes;
mod names;
mod node;
mod replicas;
mod runs;
mod scripts;
#[cfg(all(test, feature = "conformance"))]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value};
use tokio::sync::mpsc;

pub use self::builder::RedisLeasesBuilder;
use self::{
    names::{Kind, channels, keys},
    replicas::Replicas,
    scripts::Scripts,
};
use super::{
    NAMESPACE,
    link::{Heard, Link, LinkError, LinkSettings, Script, will_pass},
    milliseconds,
};
use crate::{
    kernel::{Fence, Timestamp},
    lease::{
        Acquired, CandidateStore, Grant, LeaseAdmin, LeaseError, LeaseStore, Life, LockStore,
        Owner, QuorumNode as _, Released, Renewal, Renewed, RunStore, Safety, ServerClock, Share,
        Tenure, Turn, Waiting, Wake, Want, answers_to,
    },
};

/// A [`LeaseStore`] in Redis 7.0 or later, for many processes. Cloning shares it.
///
/// A lease is the hash `<namespace>:{<name>}:l`, which ends with it, and has in `m`, in JSON, what its owner
/// [says](LeaseAdmin::describe) of it. Its last fence is the number
/// `<namespace>:{<name>}:f`, which is remembered for a day after the last grant, and at least twice as
/// long as that was for. The sets `:r`, `:q` and `:d` have those who share it, those who wait, and until when
/// these do; they end with the last of them. The hash `:x` says from whom an operator took the name, or a
/// share of it, for a day; the number `:n` which attempt the last run of a job was, unless that ended, for 90 days.
/// The hash `:c` and the set `:cs` have those who stand for it, and until when each is live; they end with the last
/// of them. On the channel `<namespace>:wake:<process>` a process hears whose turn it is, on one connection however
/// many wait. Where grants [wait for replicas](RedisLeasesBuilder::wait_for_replicas) the key
/// `<namespace>:replicated` is written. A fence is the time of the server in microseconds, or one more than the last
/// one: it also rises where the server lost that, unless its clock went back meanwhile.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::{
///     backend::redis::RedisLeases,
///     lease::{LeaseStore as _, Owner},
/// };
///
/// let leases = RedisLeases::builder("redis://127.0.0.1/").namespace("shop").open().await?;
/// let ours = Owner::draw();
/// leases.try_acquire("nightly-report", &ours, Duration::from_secs(10)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisLeases(Arc<Inner>);

struct Inner {
    link: Arc<Link>,
    namespace: String,
    scripts: Arc<Scripts>,
    /// Where grants count only when these have them.
    replicas: Option<Replicas>,
}

/// What a script needs that frees something.
const LINE: [Kind; 4] = [Kind::Lease, Kind::Queue, Kind::Deadlines, Kind::Readers];

/// How long a fence is remembered, at least.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

impl RedisLeases {
    /// A store at this address, with settings of your own. Where a
    /// [`RedisJournal`](super::RedisJournal) is, its [`leases`](super::RedisJournal::leases) shares the
    /// connection.
    pub fn builder(url: impl Into<String>) -> RedisLeasesBuilder {
        RedisLeasesBuilder::of(LinkSettings::new(url), NAMESPACE.to_owned())
    }

    pub(super) fn on(link: Arc<Link>, namespace: &str) -> Self {
        let (namespace, scripts) = (namespace.to_owned(), Scripts::standard());
        Self(Arc::new(Inner { link, namespace, scripts, replicas: None }))
    }

    fn keys<const N: usize>(&self, name: &str, kinds: [Kind; N]) -> [String; N] {
        keys(&self.0.namespace, name, kinds)
    }

    fn channels(&self) -> Bytes {
        channels(&self.0.namespace).into()
    }

    /// What the script that acquires is told, of a run or of another owner.
    fn wish(&self, want: Want<'_>, is_run: bool) -> (Vec<String>, Vec<Bytes>) {
        let Want { name, owner, share, goes_first, lease, stay } = want;
        let share = match share {
            Share::Alone => "x",
            Share::Shared => "s",
        };
        let stay = number(milliseconds(stay));
        let [lasts, remembered] = lasts_and_is_remembered(lease);
        let (owner, share, goes_first) = (name_of(owner), share.into(), number(goes_first.into()));
        let channels = self.channels();
        let mut args = vec![owner, lasts, remembered, share, stay, channels, goes_first];
        let all = [Kind::Lease, Kind::Fence, Kind::Queue, Kind::Deadlines, Kind::Readers];
        let mut keys = Vec::from(self.keys(name, all));
        if is_run {
            keys.extend(self.keys(name, [Kind::Attempt]));
            args.push(runs::remembered(lease));
        }
        (keys, args)
    }

    async fn acquire(&self, want: Want<'_>, is_run: bool) -> Result<Turn, LeaseError> {
        let (keys, args) = self.wish(want, is_run);
        let (answer, life) = self.ask_with_life(&self.0.scripts.acquire, &keys, &args).await?;
        let turn = turn(answer, want.lease)?;
        if let (Turn::Granted(_), Some(replicas)) = (&turn, &self.0.replicas) {
            replicas.have(&life).await?;
        }
        Ok(turn)
    }

    async fn ask_with_life(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Bytes],
    ) -> Result<(Value, Life), LeaseError> {
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        self.0.link.script_with_life(script, &keys, args).await.map_err(lease_error)
    }

    async fn ask<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[String],
        args: &[Bytes],
    ) -> Result<T, LeaseError> {
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        let answer = self.0.link.script(script, &keys, args).await.map_err(lease_error)?;
        answer_of(answer)
    }

    /// Makes a call that asks for as many.
    async fn ask_for_each(
        &self,
        script: &Script,
        call: &Cmd,
        asked: usize,
    ) -> Result<Vec<Value>, LeaseError> {
        let answers = self.0.link.run(script, call).await.map_err(lease_error)?;
        answers_to(answer_of(answers)?, asked)
    }
}

/// What the script that acquires answered: whether it is granted, the fence or the holder, what is left, how
/// many are before it, and which attempt it is.
fn turn(answer: Value, lease: Duration) -> Result<Turn, LeaseError> {
    let (granted, fence_or_holder, milliseconds, ahead, attempt): (
        bool,
        Value,
        i64,
        u64,
        Option<u64>,
    ) = answer_of(answer)?;
    Ok(match granted {
        true => Turn::Granted(Grant {
            fence: Fence(answer_of(fence_or_holder)?),
            left: left(milliseconds).unwrap_or(lease),
            attempt,
        }),
        false => Turn::Waiting(Waiting {
            holder: answer_of::<Option<String>>(fence_or_holder)?.map(Owner::from),
            ahead,
            retry_after: left(milliseconds),
        }),
    })
}

/// It answered, and so it was done; but by something that is not ours.
fn answer_of<T: FromRedisValue>(answer: Value) -> Result<T, LeaseError> {
    from_redis_value(answer).map_err(|error| LeaseError::Unanswered(error.into()))
}

fn lease_error(error: LinkError) -> LeaseError {
    match error {
        LinkError::Unanswered(_) => LeaseError::Unanswered(error.into()),
        LinkError::Refused(_) => {
            LeaseError::Refused { retryable: error.is_worth_repeating(), source: error.into() }
        }
    }
}

/// In milliseconds, as the server counts; at least one.
fn lasting(lease: Duration) -> u64 {
    milliseconds(lease).max(1)
}

/// For how long a lease is had, and its fence is remembered.
fn lasts_and_is_remembered(lease: Duration) -> [Bytes; 2] {
    let remembered = milliseconds(REMEMBERED.max(lease.saturating_mul(2)));
    [lasting(lease), remembered].map(number)
}

fn number(number: u64) -> Bytes {
    number.to_string().into()
}

fn name_of(owner: &Owner) -> Bytes {
    Bytes::copy_from_slice(owner.as_str().as_bytes())
}

/// What became of one of several renewals, or what is wrong with its keys.
fn renewal(answer: Value) -> Result<Renewed, LeaseError> {
    match answer {
        Value::Int(1) => Ok(Renewed::Renewed),
        Value::Int(0) => Ok(Renewed::NotOwner),
        Value::Int(-1) => Ok(Renewed::Forced),
        answer => Err(wrong(answer)),
    }
}

/// What is wrong with the keys of one of several, which a script says of it alone.
fn wrong(answer: Value) -> LeaseError {
    match answer_of::<String>(answer) {
        Ok(wrong) => {
            let retryable = wrong.split(' ').next().is_some_and(will_pass);
            LeaseError::Refused { source: wrong.into(), retryable }
        }
        Err(error) => error,
    }
}

fn renewed(is_its: bool) -> Renewed {
    match is_its {
        true => Renewed::Renewed,
        false => Renewed::NotOwner,
    }
}

/// What is left; nothing where there is no end.
fn left(milliseconds: i64) -> Option<Duration> {
    u64::try_from(milliseconds).ok().map(Duration::from_millis)
}

impl LeaseStore for RedisLeases {
    fn safety(&self) -> Safety {
        match self.0.link.server().is_replicated {
            true => Safety::Replicas,
            false => Safety::Server,
        }
    }

    fn try_acquire<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Acquired, LeaseError>> {
        let want = Want::alone(name, owner, lease);
        async move { self.acquire(want, false).await.map(Acquired::from) }.boxed()
    }

    fn try_renew<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            let renewal = Renewal { name: name.into(), owner: owner.clone(), lease };
            let mut answers = self.renew_all(std::slice::from_ref(&renewal)).await?;
            answers.pop().expect("it answers for each")
        }
        .boxed()
    }

    fn renew_all<'a>(
        &'a self,
        renewals: &'a [Renewal],
    ) -> BoxFuture<'a, Result<Vec<Result<Renewed, LeaseError>>, LeaseError>> {
        async move {
            let kinds = [Kind::Lease, Kind::Readers, Kind::Forced];
            let of = |Renewal { name, .. }: &Renewal| self.keys(name, kinds);
            let keys: Vec<String> = renewals.iter().flat_map(of).collect();
            let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
            let (script, many) = (&self.0.scripts.renew, renewals.len());
            let mut call = script.call(&keys, (2 * many, 64 * many));
            for Renewal { owner, lease, .. } in renewals {
                call.arg(owner.as_str()).arg(lasting(*lease));
            }
            Ok(self.ask_for_each(script, &call, many).await?.into_iter().map(renewal).collect())
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
    ) -> BoxFuture<'a, Result<Released, LeaseError>> {
        async move {
            let args = [name_of(owner), self.channels()];
            let keys = self.keys(name, LINE);
            Ok(match self.ask::<i8>(&self.0.scripts.release, &keys, &args).await? {
                1 => Released::Released,
                0 => Released::AlreadyExpired,
                _ => Released::NotOwner,
            })
        }
        .boxed()
    }

    fn inspect<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Tenure>, LeaseError>> {
        async move {
            let keys = self.keys(name, [Kind::Lease]);
            let held: Option<(String, u64, bool, u64, i64, admin::Said)> =
                self.ask(&self.0.scripts.inspect, &keys, &[]).await?;
            Ok(held.map(|(owner, fence, is_agreed, since, milliseconds, said)| Tenure {
                owner: Owner::from(owner),
                fence: Fence(fence),
                is_agreed,
                since: Timestamp(since),
                expires_in: left(milliseconds),
                metadata: admin::metadata_in(said),
            }))
        }
        .boxed()
    }

    fn clocks(&self) -> BoxFuture<'_, Vec<ServerClock>> {
        async move {
            let told = self.0.link.call(cmd("TIME")).await.map_err(lease_error).and_then(answer_of);
            let clock = |(seconds, micros)| ServerClock {
                address: self.address(),
                now: Timestamp(0)
                    .plus(Duration::from_secs(seconds))
                    .plus(Duration::from_micros(micros)),
            };
            told.map(clock).into_iter().collect()
        }
        .boxed()
    }

    fn doubts(&self) -> BoxFuture<'_, Vec<String>> {
        async move {
            let info = cmd("INFO").arg("memory").arg("replication").take();
            let told = self.0.link.call(info).await.map_err(lease_error).and_then(answer_of);
            let said = |info: String| self.0.link.server().doubts(&self.address(), &info);
            told.map(said).unwrap_or_default()
        }
        .boxed()
    }

    fn locks(&self) -> Option<&dyn LockStore> {
        Some(self)
    }

    fn admin(&self) -> Option<&dyn LeaseAdmin> {
        Some(self)
    }

    fn candidates(&self) -> Option<&dyn CandidateStore> {
        Some(self)
    }

    fn runs(&self) -> Option<&dyn RunStore> {
        Some(self)
    }
}

impl LockStore for RedisLeases {
    fn acquire_in_turn<'a>(&'a self, want: Want<'a>) -> BoxFuture<'a, Result<Turn, LeaseError>> {
        self.acquire(want, false).boxed()
    }

    fn hand_over<'a>(
        &'a self,
        name: &'a str,
        from: &'a Owner,
        to: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Option<Grant>, LeaseError>> {
        async move {
            let [lasts, remembered] = lasts_and_is_remembered(lease);
            let args = [name_of(from), name_of(to), lasts, remembered];
            let kinds = [Kind::Lease, Kind::Fence, Kind::Queue, Kind::Deadlines];
            let keys = self.keys(name, kinds);
            let (answer, life) =
                self.ask_with_life(&self.0.scripts.hand_over, &keys, &args).await?;
            let granted: Option<(u64, i64)> = answer_of(answer)?;
            if let (Some(_), Some(replicas)) = (&granted, &self.0.replicas) {
                replicas.have(&life).await?;
            }
            Ok(granted.map(|(fence, milliseconds)| Grant {
                fence: Fence(fence),
                left: left(milliseconds).unwrap_or(lease),
                attempt: None,
            }))
        }
        .boxed()
    }

    fn downgrade<'a>(
        &'a self,
        name: &'a str,
        owner: &'a Owner,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Renewed, LeaseError>> {
        async move {
            let args = [name_of(owner), number(lasting(lease)), self.channels()];
            let keys = self.keys(name, LINE);
            Ok(renewed(self.ask(&self.0.scripts.downgrade, &keys, &args).await?))
        }
        .boxed()
    }

    fn wakes(&self) -> BoxStream<'static, Wake> {
        let channel = format!("{}{}", channels(&self.0.namespace), Owner::process());
        let (tell, told) = mpsc::unbounded_channel();
        let subscription = self.0.link.subscribe(vec![channel.into()], move |heard| {
            let wake = match heard {
                Heard::Gap => Wake::Everybody,
                Heard::Silence => Wake::Nobody,
                Heard::Message { payload, .. } => match String::from_utf8(payload) {
                    Ok(owner) => Wake::Turn(Owner::from(owner)),
                    Err(_) => return,
                },
            };
            // Nobody listens any more.
            let _ = tell.send(wake);
        });
        stream::unfold((told, subscription), |(mut told, subscription)| async {
            told.recv().await.map(|wake| (wake, (told, subscription)))
        })
        .boxed()
    }
}

impl fmt::Debug for RedisLeases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLeases").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
