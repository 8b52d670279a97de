//! Where the server is: what stands in the address.

use std::{fmt, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use super::{
    LinkSettings, RedisOpenError, error::Outage, place::Place, sentinel::Sentinels, tls::Tls,
};

const FORMS: &str = "write redis://[user:password@]host[:port][/database], rediss:// for the same \
                     over TLS, unix:///path/of/the/socket, or \
                     redis+sentinel://[user:password@]host:port,host:port/<name of the primary>";

/// The way to the server that takes the writes.
#[derive(Debug)]
pub(super) struct Way {
    to: To,
    /// User and password, and the number of the database.
    pub(super) login: RedisConnectionInfo,
}

#[derive(Debug)]
enum To {
    Server(Place),
    Primary(Sentinels),
}

impl Way {
    /// Reads an address.
    pub(super) fn parse(url: &str) -> Result<Self, RedisOpenError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(RedisOpenError::address(format!("it has no scheme: {FORMS}")));
        };
        match scheme {
            "redis+sentinel" => {
                let (sentinels, login) = Sentinels::parse(rest)?;
                Ok(Self { to: To::Primary(sentinels), login })
            }
            "redis" | "unix" => {
                let (place, login) = parse_plain(url)?;
                Ok(Self { to: To::Server(place), login })
            }
            "rediss" => {
                let (_, query) = rest.split_once('?').unwrap_or((rest, ""));
                let tls = Tls::new(parameter(query, "authorities"))?;
                // The crate knows this scheme with a TLS of its own only.
                let (place, login) = parse_plain(&format!("redis://{rest}"))?;
                Ok(Self { to: To::Server(place.over(tls)), login })
            }
            _ => Err(RedisOpenError::address(format!("nobody knows {scheme}://: {FORMS}"))),
        }
    }

    /// Where the server is now.
    pub(super) async fn find(&self, settings: &LinkSettings) -> Result<Place, Outage> {
        match &self.to {
            To::Server(place) => Ok(place.clone()),
            To::Primary(sentinels) => sentinels.find(settings).await,
        }
    }

    /// Where the server is, unless sentinels say that.
    pub(super) fn place(&self) -> Option<&Place> {
        match &self.to {
            To::Server(place) => Some(place),
            To::Primary(_) => None,
        }
    }

    /// Whether sentinels say where it is.
    pub(super) fn is_sentinel(&self) -> bool {
        self.place().is_none()
    }
}

/// An address of one server.
pub(super) fn parse_plain(url: &str) -> Result<(Place, RedisConnectionInfo), RedisOpenError> {
    // The crate's error is one word, and this is no place to print what it was about.
    let info = ConnectionInfo::from_str(url).map_err(|error| {
        let what = error.to_string();
        let what = what.split(" - ").next().unwrap_or_default();
        RedisOpenError::address(format!("{what}: {FORMS}"))
    })?;
    let place = match info.addr() {
        ConnectionAddr::Tcp(host, port) => Place::tcp(host, *port),
        ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
        _ => return Err(RedisOpenError::address(FORMS)),
    };
    // Subscriptions are written for one protocol.
    Ok((place, info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2)))
}

/// What stands behind `name=` in `a=1&b=2`.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// For people: without user and password.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            To::Server(place) => write!(f, "Redis at {place}"),
            To::Primary(sentinels) => sentinels.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        Way::parse(url).map_or_else(|error| error.to_string(), |way| way.to_string())
    }

    #[test]
    fn addresses_are_understood_and_shown_without_password() {
        assert_eq!(shown("redis://u:secret@h:7/3"), "Redis at h:7");
        assert_eq!(shown("redis://h"), "Redis at h:6379");
        assert_eq!(shown("unix:///run/redis.sock"), "Redis at /run/redis.sock");
        assert_eq!(
            shown("redis+sentinel://u:secret@a:1,b:2/orders/3"),
            "Redis `orders` of the sentinels at a:1, b:2"
        );
        let login = Way::parse("redis+sentinel://u:p%40@a:1/orders/3").expect("an address").login;
        assert_eq!((login.username(), login.password()), (Some("u"), Some("p@")));
        assert_eq!(login.db(), 3);
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_the_password() {
        for (wrong, part) in [
            ("localhost:6379", "no scheme"),
            ("http://u:secret@h", "nobody knows http://"),
            ("redis://u:secret@", "redis://[user:password@]host"),
            ("redis://u:secret@h/x", "Invalid database number"),
            ("redis+sentinel://u:secret@a:1", "the name of the primary"),
            ("redis+sentinel://u:secret@a:x/m", "redis://[user:password@]host"),
            ("redis+sentinel://u:secret@a:1/m/x", "Invalid database number"),
            ("redis+sentinel:///m", "a sentinel's address"),
        ] {
            let text = shown(wrong);
            assert!(text.starts_with("the address of Redis is no address: "), "{wrong}: {text}");
            assert!(text.contains(part) && !text.contains("secret"), "{wrong}: {text}");
        }
    }

    #[cfg(not(feature = "redis-tls"))]
    #[test]
    fn tls_without_its_feature_says_which_feature_it_is() {
        assert!(shown("rediss://h").contains("the feature `redis-tls`"), "{}", shown("rediss://h"));
    }

    #[test]
    fn what_is_printed_for_debugging_has_no_password() {
        let way = Way::parse("redis+sentinel://u:secret@a:1/m?sentinel_password=secret");
        let text = format!("{way:?} {:?}", LinkSettings::new("redis://u:secret@h"));
        assert!(!text.contains("secret"), "{text}");
    }
}
