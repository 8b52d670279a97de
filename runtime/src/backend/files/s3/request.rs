//! Requests that `object_store` does not have, signed by what it has.

use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};
use object_store::{
    aws::AwsAuthorizer,
    client::{HttpError, HttpErrorKind, HttpRequest, HttpRequestBody},
};
use serde::Deserialize;

use super::{BACKOFF, Missing, Refusal, S3, S3Error, error::find};
use crate::files::{UnfinishedUpload, check_key};

impl S3 {
    /// Sees that the bucket is there, and that the keys are good for it.
    pub(super) async fn look_at(&self, bucket: &str) -> Result<(), S3Error> {
        let query = [("list-type", "2"), ("max-keys", "1")];
        self.send(Method::GET, bucket, &query, Bytes::new()).await.map(drop)
    }

    /// Creates a bucket, if that is wanted. It may be there already, from somebody who was faster.
    pub(super) async fn create(&self, bucket: &str) -> Result<(), S3Error> {
        let endpoint = self.place.endpoint.clone();
        let no_bucket = |source| S3Error::NoBucket { endpoint, bucket: bucket.to_owned(), source };
        if self.settings.missing == Missing::Refuse {
            return Err(no_bucket(None));
        }
        let created = self.send(Method::PUT, bucket, &[], self.constraint()).await;
        let error = match created {
            Ok(_) => {
                tracing::info!(bucket, endpoint = self.place.endpoint, "a bucket is created");
                return Ok(());
            }
            Err(error) => error,
        };
        let said = error.to_string();
        if said.contains("BucketAlreadyOwnedByYou") || said.contains("BucketAlreadyExists") {
            // If it is somebody else's, what follows says so.
            return self.look_at(bucket).await;
        }
        match error {
            S3Error::Refused { .. } => Err(no_bucket(Some(error.into()))),
            other => Err(other),
        }
    }

    /// AWS wants to be told the region of a bucket that is not in its first one; for others the name
    /// of a region is their own affair, and no word is right.
    fn constraint(&self) -> Bytes {
        let region = self.settings.signing_region();
        if !self.place.endpoint.ends_with(".amazonaws.com") || region == "us-east-1" {
            return Bytes::new();
        }
        let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
        format!(
            "<CreateBucketConfiguration xmlns=\"{xmlns}\"><LocationConstraint>{region}\
             </LocationConstraint></CreateBucketConfiguration>"
        )
        .into()
    }

    /// Every upload in parts that has begun and not ended; `None` if the server cannot tell.
    ///
    /// Asked without a prefix: MinIO takes one for a whole key.
    pub(super) async fn uploads_in(
        &self,
        bucket: &str,
    ) -> Result<Option<Vec<UnfinishedUpload>>, S3Error> {
        let mut found = Vec::new();
        let mut after: Option<(String, String)> = None;
        loop {
            let mut query = vec![("uploads", "")];
            if let Some((key, id)) = &after {
                query.extend([("key-marker", &**key), ("upload-id-marker", &**id)]);
            }
            let page = match self.send(Method::GET, bucket, &query, Bytes::new()).await {
                Ok(page) => page,
                Err(S3Error::Failed { source, .. }) if is_unknown(&*source) => return Ok(None),
                Err(error) => return Err(error),
            };
            let text = String::from_utf8_lossy(&page);
            let page: Page = quick_xml::de::from_str(&text)
                .map_err(|error| self.place.explain(bucket, error))?;
            // Whatever else is in the bucket is none of ours.
            let ours = page.uploads.into_iter().filter(|upload| check_key(&upload.key).is_ok());
            found.extend(ours.map(|Upload { key, upload_id: id }| UnfinishedUpload { key, id }));
            let next = page.next_key_marker.zip(page.next_upload_id_marker);
            // A server that begins again would be asked for ever.
            if !page.is_truncated || next.is_none() || next == after {
                return Ok(Some(found));
            }
            after = next;
        }
    }

    /// Sends a request, signed, again if it may succeed then.
    async fn send(
        &self,
        method: Method,
        bucket: &str,
        query: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, S3Error> {
        let mut tries = 0;
        let mut wait = BACKOFF.init_backoff;
        loop {
            let error = match self.send_once(&method, bucket, query, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            tries += 1;
            if tries > self.settings.retries || error.kind() == HttpErrorKind::Decode {
                return Err(self.place.explain(bucket, error));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(BACKOFF.max_backoff);
        }
    }

    async fn send_once(
        &self,
        method: &Method,
        bucket: &str,
        query: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, HttpError> {
        let broken = |error| HttpError::new(HttpErrorKind::Decode, error);
        let mut uri = self.settings.url_of(bucket);
        for (n, (name, value)) in query.iter().enumerate() {
            let mark = if n == 0 { '?' } else { '&' };
            uri = format!("{uri}{mark}{name}={}", encoded(value));
        }
        let mut request = HttpRequest::new(HttpRequestBody::from(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri
            .parse()
            .map_err(|error| HttpError::new(HttpErrorKind::Decode, Unsendable(error)))?;
        if !request.body().is_empty() {
            let xml = http::HeaderValue::from_static("application/xml");
            request.headers_mut().insert(CONTENT_TYPE, xml);
        }
        AwsAuthorizer::new(&self.credential, "s3", self.settings.signing_region())
            .try_authorize(&mut request, None)
            .map_err(broken)?;
        let answer = self.http.execute(request).await?;
        if !answer.status().is_success() {
            // What is refused came as an error: this one has too much to do.
            let busy = std::io::Error::other(format!("it answers {}", answer.status()));
            return Err(HttpError::new(HttpErrorKind::Request, busy));
        }
        answer.into_body().bytes().await
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a request cannot be made of the endpoint")]
struct Unsendable(#[source] http::uri::InvalidUri);

fn is_unknown(error: &(dyn std::error::Error + 'static)) -> bool {
    let unknown = ["NotImplemented", "MethodNotAllowed"];
    find::<Refusal>(error).is_some_and(|refusal| unknown.contains(&&*refusal.code))
}

/// Everything but what a signature leaves as it is.
fn encoded(value: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into())
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    is_truncated: bool,
    next_key_marker: Option<String>,
    next_upload_id_marker: Option<String>,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_uploads_is_read() {
        let page = "<ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <Bucket>b</Bucket><KeyMarker/><NextKeyMarker>a/2</NextKeyMarker>\
                    <NextUploadIdMarker>2~x</NextUploadIdMarker><IsTruncated>true</IsTruncated>\
                    <Upload><Key>a/1</Key><UploadId>2~y</UploadId><Initiator><ID>t</ID></Initiator>\
                    </Upload><Prefix/><Upload><Key>a/2</Key><UploadId>2~x</UploadId></Upload>\
                    </ListMultipartUploadsResult>";
        let page: Page = quick_xml::de::from_str(page).expect("it is one");
        assert!(page.is_truncated);
        assert_eq!((page.uploads.len(), &*page.uploads[1].upload_id), (2, "2~x"));
        assert_eq!(page.next_key_marker.as_deref(), Some("a/2"));

        let empty: Page =
            quick_xml::de::from_str("<ListMultipartUploadsResult/>").expect("it is one");
        assert_eq!((empty.is_truncated, empty.uploads.len()), (false, 0));
    }

    #[test]
    fn a_value_is_encoded_as_signatures_have_it() {
        assert_eq!(encoded("a/b%2F+x~="), "a%2Fb%252F%2Bx~%3D");
    }
}
