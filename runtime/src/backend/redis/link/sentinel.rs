//! Servers that say which one is the primary.

use std::{fmt, pin::pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{
    RedisConnectionInfo, RedisError,
    aio::{ConnectionLike, MultiplexedConnection},
    cmd, from_redis_value,
};
use tokio::time::timeout;

use super::{
    LinkSettings, RedisOpenError,
    address::{parameter, parse_plain},
    error::Outage,
    line::without_limits,
    place::Place,
};

/// The sentinels that watch one primary.
#[derive(Debug)]
pub(super) struct Sentinels {
    places: Vec<Place>,
    /// What the sentinels call the primary.
    name: String,
    /// How to log in at a sentinel, which has passwords of its own.
    login: RedisConnectionInfo,
}

impl Sentinels {
    /// Reads `[user:password@]host:port,host:port/<name>[/<database>][?sentinel_user=..&
    /// sentinel_password=..]`; user, password and database are the primary's.
    pub(super) fn parse(rest: &str) -> Result<(Self, RedisConnectionInfo), RedisOpenError> {
        let wrong = |what: &str| {
            RedisOpenError::address(format!(
                "{what} is missing: write redis+sentinel://[user:password@]host:port,host:port/<name of the primary>[/<database>][?sentinel_user=..&sentinel_password=..]"
            ))
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let (name, database) = path.split_once('/').unwrap_or((path, ""));
        if name.is_empty() {
            return Err(wrong("the name of the primary"));
        }
        let hosts: Vec<&str> = hosts.split(',').filter(|host| !host.is_empty()).collect();
        let Some(first) = hosts.first() else {
            return Err(wrong("a sentinel's address"));
        };
        let (_, login) = parse_plain(&format!("redis://{user}{first}/{database}"))?;
        let of = |name| parameter(query, name).unwrap_or_default();
        let (user, password) = (of("sentinel_user"), of("sentinel_password"));
        let user = if password.is_empty() { String::new() } else { format!("{user}:{password}@") };
        let mut places = Vec::new();
        let mut sentinel_login = RedisConnectionInfo::default();
        for host in hosts {
            // 26379 is where sentinels are when nobody says.
            let has_port = host.rsplit(':').next().is_some_and(|port| !port.ends_with(']'));
            let port = if has_port && host.contains(':') { "" } else { ":26379" };
            let (place, login) = parse_plain(&format!("redis://{user}{host}{port}/"))?;
            places.push(place);
            sentinel_login = login;
        }
        let name = name.to_owned();
        Ok((Self { places, name, login: sentinel_login.set_skip_set_lib_name() }, login))
    }

    /// Where the primary is, as most of the sentinels that answer in time say: one that is cut off
    /// from the others may name one of the past.
    pub(super) async fn find(&self, settings: &LinkSettings) -> Result<Place, Outage> {
        let limit = settings.connect_limit / 2;
        let mut answers: FuturesUnordered<_> =
            self.places.iter().map(|place| self.ask(place, limit)).collect();
        let mut votes: Vec<(Place, usize)> = Vec::new();
        let mut last = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Some(primary)) => {
                    let votes = vote(&mut votes, primary);
                    if votes > self.places.len() / 2 {
                        break;
                    }
                }
                Ok(None) => {
                    last = Some(format!("they know no primary of the name `{}`", self.name))
                }
                Err((place, outage)) => {
                    last.get_or_insert_with(|| format!("no sentinel answers; {place}: {outage}"));
                }
            }
        }
        let elected = votes.into_iter().max_by_key(|(_, votes)| *votes);
        elected.map(|(primary, _)| primary).ok_or_else(|| {
            Outage::NoPrimary(last.unwrap_or_else(|| "no sentinel answers".to_owned()))
        })
    }

    /// Where one sentinel says that the primary is; nowhere, if it does not know it.
    async fn ask<'a>(
        &self,
        sentinel: &'a Place,
        limit: Duration,
    ) -> Result<Option<Place>, (&'a Place, Outage)> {
        let asking = async {
            let (stream, config) = (sentinel.reach().await?, without_limits());
            let connecting = MultiplexedConnection::new_with_config(&self.login, stream, config);
            let (mut connection, driver) = connecting.await?;
            let ask = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name).take();
            let mut asked = pin!(connection.req_packed_command(&ask));
            let answer = tokio::select! {
                answer = &mut asked => answer,
                // It says why the connection ended.
                () = driver => asked.await,
            };
            let address: Option<(String, u16)> =
                from_redis_value(answer?.extract_error()?).map_err(RedisError::from)?;
            Ok(address.map(|(host, port)| Place::tcp(&host, port)))
        };
        match timeout(limit, asking).await {
            Ok(answer) => answer.map_err(|outage: Outage| (sentinel, outage)),
            Err(_) => Err((sentinel, Outage::Silent(limit))),
        }
    }
}

/// Counts a vote: so many are for that one now.
fn vote(votes: &mut Vec<(Place, usize)>, primary: Place) -> usize {
    match votes.iter_mut().find(|(voted, _)| *voted == primary) {
        Some((_, count)) => {
            *count += 1;
            *count
        }
        None => {
            votes.push((primary, 1));
            1
        }
    }
}

impl fmt::Display for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<String> = self.places.iter().map(Place::to_string).collect();
        write!(f, "Redis `{}` of the sentinels at {}", self.name, places.join(", "))
    }
}
