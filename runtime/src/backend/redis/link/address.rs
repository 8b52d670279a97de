//! Where the server is: what stands in the URL.

use std::{fmt, io, path::PathBuf, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisError};
use tokio::net::{TcpStream, UnixStream};

use super::{RedisOpenError, stream::Bytes};

/// The way to the server that takes the writes.
pub(super) struct Way {
    place: Place,
    /// The password among other things.
    pub(super) login: RedisConnectionInfo,
}

/// Where a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

impl Way {
    pub(super) fn parse(url: &str) -> Result<Self, RedisOpenError> {
        let info = ConnectionInfo::from_str(url).map_err(|_| RedisOpenError::not_a_url())?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp { host: host.clone(), port: *port },
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(RedisOpenError::not_a_url()),
        };
        Ok(Self { place, login: info.redis_settings().clone() })
    }

    /// Where the server is now.
    pub(super) async fn find(&self) -> Result<Place, RedisError> {
        Ok(self.place.clone())
    }
}

impl Place {
    pub(super) async fn reach(&self) -> io::Result<Box<dyn Bytes>> {
        match self {
            Self::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// For people: without user and password.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.place)
    }
}
