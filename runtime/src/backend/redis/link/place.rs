//! One server's place in the network.

use std::{fmt, io, path::PathBuf, time::Duration};

use futures_util::future::select_ok;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use super::{stream::Bytes, tls::Tls};

/// Where a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A port.
    Tcp {
        /// A name or a number.
        host: String,
        /// Of the host.
        port: u16,
        /// Whether what goes there is for nobody else.
        tls: Option<Tls>,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// How long the system tries to send what the peer does not take.
#[cfg(target_os = "linux")]
const UNTAKEN: Duration = Duration::from_secs(15);

impl Place {
    pub(super) fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp { host: host.to_owned(), port, tls: None }
    }

    pub(super) fn over(self, tls: Tls) -> Self {
        match self {
            Self::Tcp { host, port, .. } => Self::Tcp { host, port, tls: Some(tls) },
            Self::Unix(_) => self,
        }
    }

    /// Connects. The caller limits the time.
    pub(super) async fn reach(&self) -> io::Result<Box<dyn Bytes>> {
        match self {
            Self::Tcp { host, port, tls } => {
                let stream = connect(host, *port).await?;
                stream.set_nodelay(true)?;
                // A peer that is gone is noticed while nobody calls, at no cost to the server.
                let keepalive = TcpKeepalive::new()
                    .with_time(Duration::from_secs(15))
                    .with_interval(Duration::from_secs(5));
                let socket = SockRef::from(&stream);
                socket.set_tcp_keepalive(&keepalive)?;
                // Nor does the system try for minutes to send what nobody takes.
                #[cfg(target_os = "linux")]
                socket.set_tcp_user_timeout(Some(UNTAKEN))?;
                match tls {
                    Some(tls) => tls.over(host, stream).await,
                    None => Ok(Box::new(stream)),
                }
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Tries all addresses of a name at once: one that swallows what is sent there would take the time
/// of the others.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    let tries = addresses.into_iter().map(|address| Box::pin(TcpStream::connect(address)));
    select_ok(tries).await.map(|(stream, _)| stream)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
