//! The HTTP client below: one for all buckets. What a server refuses comes back as an error that
//! knows why; `object_store` would keep it as text.

use std::{fmt, pin::Pin, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::StatusCode;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use serde::Deserialize;

/// No text that says what is wrong is longer.
const LONGEST_TEXT: usize = 64 << 10;

/// A client whose every wait has a limit.
///
/// A silence is the time until the answer to a request begins, with a part of a file sent meanwhile,
/// and the time between two pieces of that answer.
pub(super) fn connect(
    connecting: Duration,
    silence: Duration,
) -> Result<HttpClient, reqwest::Error> {
    // Fails if somebody has chosen one, which is then as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("distributed-task/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connecting)
        .read_timeout(silence)
        .build()?;
    Ok(HttpClient::new(Client(client)))
}

/// Gives every bucket the same client.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) HttpClient);

impl HttpConnector for Shared {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

#[derive(Debug)]
struct Client(reqwest::Client);

type Answer<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for Client {
    fn call<'a, 'b>(&'a self, request: HttpRequest) -> Answer<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let answer = HttpService::call(&self.0, request).await?;
            if !is_refusal(answer.status()) {
                return Ok(answer);
            }
            let status = answer.status();
            let refusal = Refusal::read(status, &text_of(answer.into_body()).await?);
            // Of all kinds, this one is not tried again.
            Err(HttpError::new(HttpErrorKind::Decode, refusal))
        })
    }
}

/// What another try would not change. A server that has too much to do is asked again.
fn is_refusal(status: StatusCode) -> bool {
    let again =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS, StatusCode::NOT_MODIFIED];
    (status.is_client_error() || status.is_redirection() || status == StatusCode::NOT_IMPLEMENTED)
        && !again.contains(&status)
}

async fn text_of(body: HttpResponseBody) -> Result<Bytes, HttpError> {
    let mut pieces = body.bytes_stream();
    let mut text = Vec::new();
    while text.len() < LONGEST_TEXT
        && let Some(piece) = pieces.next().await
    {
        text.extend_from_slice(&piece?);
    }
    text.truncate(LONGEST_TEXT);
    Ok(text.into())
}

/// Why a server does not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// A word that S3 has for it; empty from a server that speaks something else.
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    fn read(status: StatusCode, body: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Told {
            code: String,
            #[serde(default)]
            message: String,
        }
        let text = String::from_utf8_lossy(body);
        match quick_xml::de::from_str::<Told>(&text) {
            Ok(Told { code, message }) => Self { status, code, message },
            Err(_) => {
                let message = text.trim().chars().take(200).collect();
                Self { status, code: String::new(), message }
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message } = self;
        write!(f, "{status}")?;
        for word in [code, message].into_iter().filter(|word| !word.is_empty()) {
            write!(f, ": {word}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_what_s3_and_others_say() {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code>\
                   <Message></Message><BucketName>b</BucketName><HostId>x</HostId></Error>";
        let refusal = Refusal::read(StatusCode::NOT_FOUND, xml.as_bytes());
        assert_eq!(refusal.to_string(), "404 Not Found: NoSuchBucket");

        let plain = b"Client sent an HTTP request to an HTTPS server.\n";
        let refusal = Refusal::read(StatusCode::BAD_REQUEST, plain);
        assert_eq!(
            (&*refusal.code, &*refusal.message),
            ("", "Client sent an HTTP request to an HTTPS server.")
        );
    }
}
