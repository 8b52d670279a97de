//! How a server can misbehave.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Response, StatusCode,
    body::{Frame, Incoming},
};
use s3s::service::S3Service;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// It waits for another plan, which says what becomes of it.
    Hold,
    /// It is neither done nor answered, and the connection stays open.
    Hang,
    /// It is not done, and the connection is closed.
    Drop,
    /// It is done, and the connection is closed instead of an answer.
    LoseReply,
    /// The connection is closed instead of an answer, and it is done so much later.
    Late(Duration),
    /// It is done, and the answer stops after so many bytes; the connection stays open.
    Stall(usize),
    /// It is done, and the connection is closed after so many bytes of the answer.
    Cut(usize),
    /// It is not done, and answered with this status.
    Status(u16),
}

/// What a plan of faults sees of a request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `PUT`, `POST`, `DELETE`, `HEAD`.
    pub method: Method,
    /// The bucket and the key, as they are in the URL.
    pub path: String,
    /// What follows the question mark.
    pub query: String,
}

impl Request {
    pub(super) fn of<B>(request: &hyper::Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    /// Whether it begins an upload in parts.
    pub fn is_begin(&self) -> bool {
        self.method == Method::POST && self.query.starts_with("uploads")
    }

    /// Whether it sends a part of an upload.
    pub fn is_part(&self) -> bool {
        self.method == Method::PUT && self.query.contains("partNumber=")
    }

    /// Whether it makes an object of the parts of an upload.
    pub fn is_complete(&self) -> bool {
        self.method == Method::POST && self.query.contains("uploadId=")
    }

    /// Whether it removes the parts of an upload.
    pub fn is_abort(&self) -> bool {
        self.method == Method::DELETE && self.query.contains("uploadId=")
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

impl Fault {
    pub(super) async fn answer(
        self,
        service: S3Service,
        request: hyper::Request<Incoming>,
        late: Arc<AtomicUsize>,
    ) -> io::Result<Response<Body>> {
        match self {
            Self::Hang => pending().await,
            Self::Drop => Err(io::ErrorKind::ConnectionReset.into()),
            Self::Late(delay) => {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                let request = hyper::Request::from_parts(head, s3s::Body::from(body));
                late.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // Nobody waits for the answer.
                    let _ = service.call(request).await;
                    late.fetch_sub(1, Ordering::Relaxed);
                });
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Self::Status(status) => {
                // Read to its end, as a server that is busy may do.
                let _ = request.into_body().collect().await.map_err(io::Error::other)?;
                let mut answer =
                    Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
                *answer.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
                Ok(answer)
            }
            _ => {
                let answer = service.call(request.map(s3s::Body::from)).await;
                let answer = answer.map_err(|error| io::Error::other(format!("{error:?}")))?;
                let (head, body) = answer.into_parts();
                let body = plain(body);
                match self {
                    Self::LoseReply => Err(io::ErrorKind::ConnectionReset.into()),
                    Self::Stall(bytes) => {
                        Ok(Response::from_parts(head, broken(body, bytes, None).await?))
                    }
                    Self::Cut(bytes) => {
                        let cut = Some(io::ErrorKind::ConnectionReset.into());
                        Ok(Response::from_parts(head, broken(body, bytes, cut).await?))
                    }
                    _ => Ok(Response::from_parts(head, body)),
                }
            }
        }
    }
}

fn plain(body: s3s::Body) -> Body {
    body.map_err(|error| io::Error::other(error.to_string())).boxed_unsync()
}

/// So many bytes of a body, and then the error, or nothing for ever.
async fn broken(body: Body, bytes: usize, end: Option<io::Error>) -> io::Result<Body> {
    let whole = body.collect().await?.to_bytes();
    let first = whole.slice(..bytes.min(whole.len()));
    let begins = stream::iter([Ok(Frame::data(first))]);
    let ends = stream::once(async move {
        match end {
            Some(error) => {
                // The bytes before it are on their way first.
                tokio::task::yield_now().await;
                Err(error)
            }
            None => pending().await,
        }
    });
    Ok(BodyExt::boxed_unsync(StreamBody::new(begins.chain(ends))))
}
