//! TLS below a connection, for `rediss://`.

#[cfg(feature = "redis-tls")]
pub(super) use self::with::Tls;
#[cfg(not(feature = "redis-tls"))]
pub(super) use self::without::Tls;

#[cfg(feature = "redis-tls")]
mod with {
    use std::{fmt, io, sync::Arc};

    use tokio::net::TcpStream;
    use tokio_rustls::{
        TlsConnector,
        rustls::{
            ClientConfig, RootCertStore,
            crypto::ring,
            pki_types::{CertificateDer, ServerName, pem::PemObject},
        },
    };

    use super::super::{RedisOpenError, stream::Bytes};

    /// Whose certificates are believed.
    #[derive(Clone)]
    pub(in super::super) struct Tls(Arc<ClientConfig>);

    impl Tls {
        /// Those that the authorities in this file vouch for, or else those of the system.
        pub(in super::super) fn new(authorities: Option<&str>) -> Result<Self, RedisOpenError> {
            let mut roots = RootCertStore::empty();
            match authorities {
                Some(file) => {
                    let wrong = |error: &dyn fmt::Display| {
                        RedisOpenError::address(format!(
                            "{file} holds no certificates that can be read: {error}"
                        ))
                    };
                    let found = CertificateDer::pem_file_iter(file).map_err(|e| wrong(&e))?;
                    for certificate in found {
                        let certificate = certificate.map_err(|error| wrong(&error))?;
                        roots.add(certificate).map_err(|error| wrong(&error))?;
                    }
                }
                None => {
                    // One that cannot be read is no reason to do without the others.
                    let found = rustls_native_certs::load_native_certs().certs;
                    roots.add_parsable_certificates(found);
                }
            }
            if roots.is_empty() {
                return Err(RedisOpenError::address(
                    "no authority's certificate is there to check the server's with: install the \
                     system's package ca-certificates, or name a file of them: \
                     rediss://host?authorities=/path/of/ca.pem",
                ));
            }
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| RedisOpenError::address(error.to_string()))?
                .with_root_certificates(roots)
                .with_no_client_auth();
            Ok(Self(Arc::new(config)))
        }

        /// Shakes hands.
        pub(in super::super) async fn over(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> io::Result<Box<dyn Bytes>> {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            let stream = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await?;
            Ok(Box::new(stream))
        }
    }
}

#[cfg(not(feature = "redis-tls"))]
mod without {
    use std::io;

    use tokio::net::TcpStream;

    use super::super::{RedisOpenError, stream::Bytes};

    /// There is none.
    #[derive(Clone)]
    pub(in super::super) enum Tls {}

    impl Tls {
        pub(in super::super) fn new(_: Option<&str>) -> Result<Self, RedisOpenError> {
            Err(RedisOpenError::address(
                "rediss:// is TLS, which this program was built without: switch on the feature \
                 `redis-tls` of distributed-task",
            ))
        }

        pub(in super::super) async fn over(
            &self,
            _: &str,
            _: TcpStream,
        ) -> io::Result<Box<dyn Bytes>> {
            match *self {}
        }
    }
}

/// Two of one place are the same.
impl PartialEq for Tls {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Tls {}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}
