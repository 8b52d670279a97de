//! What the server does with a request that is signed as it should be: buckets and objects in
//! memory, as AWS describes them, as far as a store of files asks for it.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use md5::{Digest, Md5};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput,
        CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput,
        DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput,
        HeadObjectOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
        ListObjectsV2Input, ListObjectsV2Output, MultipartUpload, Object, PutObjectInput,
        PutObjectOutput, StreamingBlob, Timestamp, UploadPartInput, UploadPartOutput,
    },
    s3_error,
};

/// A page of a list has no more.
const PAGE: usize = 1000;
/// A part that is not the last has no less.
const SMALLEST_PART: usize = 5 << 20;
/// A piece of an answer has no more.
const PIECE: usize = 64 << 10;

/// Cloning shares it.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    buckets: Arc<Mutex<BTreeMap<String, Bucket>>>,
    lists_no_uploads: Arc<AtomicBool>,
    creates_no_buckets: Arc<AtomicBool>,
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, Stored>,
    uploads: BTreeMap<(String, String), BTreeMap<i32, Stored>>,
    begun: usize,
}

#[derive(Clone)]
struct Stored {
    content: Bytes,
    tag: String,
    at: SystemTime,
}

impl Stored {
    fn new(content: Bytes) -> Self {
        let tag = hex(&Md5::digest(&content));
        Self { content, tag, at: SystemTime::now() }
    }
}

impl Shelf {
    pub(super) fn list_no_uploads(&self) {
        self.lists_no_uploads.store(true, Ordering::Relaxed);
    }

    pub(super) fn create_no_buckets(&self) {
        self.creates_no_buckets.store(true, Ordering::Relaxed);
    }

    pub(super) fn buckets(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    pub(super) fn objects(&self) -> Vec<String> {
        let buckets = self.lock();
        let keys = |(name, bucket): (&String, &Bucket)| -> Vec<String> {
            bucket.objects.keys().map(|key| format!("{name}/{key}")).collect()
        };
        buckets.iter().flat_map(keys).collect()
    }

    pub(super) fn unfinished(&self) -> Vec<String> {
        let buckets = self.lock();
        let keys = |(name, bucket): (&String, &Bucket)| -> Vec<String> {
            bucket.uploads.keys().map(|(key, _)| format!("{name}/{key}")).collect()
        };
        buckets.iter().flat_map(keys).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within<T>(&self, bucket: &str, act: impl FnOnce(&mut Bucket) -> S3Result<T>) -> S3Result<T> {
        match self.lock().get_mut(bucket) {
            Some(bucket) => act(bucket),
            None => Err(s3_error!(NoSuchBucket)),
        }
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        self.within(bucket, |bucket| {
            bucket.objects.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
        })
    }
}

#[async_trait]
impl S3 for Shelf {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        if self.creates_no_buckets.load(Ordering::Relaxed) {
            return Err(s3_error!(AccessDenied));
        }
        let mut buckets = self.lock();
        if buckets.contains_key(&request.input.bucket) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        buckets.insert(request.input.bucket, Bucket::default());
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, .. } = request.input;
        self.within(&bucket, |_| Ok(()))?;
        let stored = Stored::new(read(body).await?);
        let e_tag = Some(ETag::Strong(stored.tag.clone()));
        self.within(&bucket, |bucket| {
            bucket.objects.insert(key, stored);
            Ok(())
        })?;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, range, if_match, .. } = request.input;
        let Stored { content, tag, at } = self.object(&bucket, &key)?;
        let e_tag = ETag::Strong(tag);
        if if_match
            .is_some_and(|wanted| wanted.as_etag().is_some_and(|tag| !tag.strong_cmp(&e_tag)))
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let whole = content.len();
        let (content, content_range) = match range {
            None => (content, None),
            Some(range) => {
                let range = range.check(whole as u64)?;
                let shown = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
                (content.slice(range.start as usize..range.end as usize), Some(shown))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(content.len() as i64),
            content_range,
            body: Some(body_of(content)),
            e_tag: Some(e_tag),
            last_modified: Some(Timestamp::from(at)),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let Stored { content, tag, at } = self.object(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(content.len() as i64),
            e_tag: Some(ETag::Strong(tag)),
            last_modified: Some(Timestamp::from(at)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.within(&request.input.bucket, |bucket| {
            bucket.objects.remove(&request.input.key);
            Ok(S3Response::new(DeleteObjectOutput::default()))
        })
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        if input.delimiter.is_some() {
            return Err(s3_error!(NotImplemented, "no delimiter"));
        }
        let prefix = input.prefix.unwrap_or_default();
        let after = input.continuation_token.or(input.start_after).unwrap_or_default();
        let page = input.max_keys.map_or(PAGE, |keys| (keys.max(0) as usize).min(PAGE));
        let object = |(key, stored): (&String, &Stored)| Object {
            key: Some(key.clone()),
            size: Some(stored.content.len() as i64),
            e_tag: Some(ETag::Strong(stored.tag.clone())),
            last_modified: Some(Timestamp::from(stored.at)),
            ..Object::default()
        };
        self.within(&input.bucket, |bucket| {
            let below = bucket.objects.iter().filter(|(key, _)| key.starts_with(&prefix));
            let mut rest = below.filter(|(key, _)| **key > after).map(object);
            let contents: Vec<Object> = rest.by_ref().take(page).collect();
            let is_truncated = rest.next().is_some();
            let last = contents.last().and_then(|last| last.key.clone());
            Ok(S3Response::new(ListObjectsV2Output {
                key_count: Some(contents.len() as i32),
                contents: Some(contents),
                is_truncated: Some(is_truncated),
                next_continuation_token: last.filter(|_| is_truncated),
                ..ListObjectsV2Output::default()
            }))
        })
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput { bucket: name, key, .. } = request.input;
        let id = self.within(&name, |bucket| {
            bucket.begun += 1;
            // Ids of other servers hold these signs, too.
            let id = format!("2~{:04}+/=", bucket.begun);
            bucket.uploads.insert((key.clone(), id.clone()), BTreeMap::new());
            Ok(id)
        })?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(name),
            key: Some(key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput { bucket, key, upload_id, part_number, body, .. } = request.input;
        let stored = Stored::new(read(body).await?);
        let e_tag = Some(ETag::Strong(stored.tag.clone()));
        self.within(&bucket, |bucket| {
            let upload = bucket.uploads.get_mut(&(key, upload_id));
            upload.ok_or_else(|| s3_error!(NoSuchUpload))?.insert(part_number, stored);
            Ok(())
        })?;
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let CompleteMultipartUploadInput { bucket: name, key, upload_id, multipart_upload, .. } =
            request.input;
        let named = multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let tag = self.within(&name, |bucket| {
            let upload = (key.clone(), upload_id);
            let parts = bucket.uploads.get(&upload).ok_or_else(|| s3_error!(NoSuchUpload))?;
            let mut whole = Vec::new();
            let mut sums = Md5::new();
            for (at, part) in named.iter().enumerate() {
                let number = part.part_number.unwrap_or_default();
                let stored = parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
                let named_tag = part.e_tag.as_ref().map(ETag::value);
                if number != at as i32 + 1 || named_tag != Some(&*stored.tag) {
                    return Err(s3_error!(InvalidPart));
                }
                if at + 1 < named.len() && stored.content.len() < SMALLEST_PART {
                    return Err(s3_error!(EntityTooSmall));
                }
                sums.update(Md5::digest(&stored.content));
                whole.extend_from_slice(&stored.content);
            }
            let tag = format!("{}-{}", hex(&sums.finalize()), named.len());
            bucket.uploads.remove(&upload);
            let stored = Stored { tag: tag.clone(), ..Stored::new(whole.into()) };
            bucket.objects.insert(key.clone(), stored);
            Ok(tag)
        })?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(name),
            key: Some(key),
            e_tag: Some(ETag::Strong(tag)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input;
        self.within(&bucket, |bucket| {
            let gone = bucket.uploads.remove(&(key, upload_id));
            gone.map(drop).ok_or_else(|| s3_error!(NoSuchUpload))
        })?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        if self.lists_no_uploads.load(Ordering::Relaxed) {
            return Err(s3_error!(NotImplemented));
        }
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let after = input.key_marker.map(|key| (key, input.upload_id_marker.unwrap_or_default()));
        let upload = |(key, id): &(String, String)| MultipartUpload {
            key: Some(key.clone()),
            upload_id: Some(id.clone()),
            ..MultipartUpload::default()
        };
        self.within(&input.bucket, |bucket| {
            let below = bucket.uploads.keys().filter(|(key, _)| key.starts_with(&prefix));
            let mut rest = below.filter(|upload| Some(*upload) > after.as_ref()).map(upload);
            let uploads: Vec<MultipartUpload> = rest.by_ref().take(PAGE).collect();
            let is_truncated = rest.next().is_some();
            let last = uploads.last().cloned().filter(|_| is_truncated).unwrap_or_default();
            Ok(S3Response::new(ListMultipartUploadsOutput {
                uploads: Some(uploads),
                is_truncated: Some(is_truncated),
                next_key_marker: last.key,
                next_upload_id_marker: last.upload_id,
                ..ListMultipartUploadsOutput::default()
            }))
        })
    }
}

async fn read(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let pieces = body.try_collect::<Vec<Bytes>>().await;
    let pieces = pieces.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
    Ok(pieces.concat().into())
}

fn body_of(mut content: Bytes) -> StreamingBlob {
    let pieces = std::iter::from_fn(move || {
        let piece = content.split_to(content.len().min(PIECE));
        (!piece.is_empty()).then_some(Ok::<_, io::Error>(piece))
    });
    StreamingBlob::wrap(stream::iter(pieces))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
