//! A task with files, for tests of processes: what the example `create-zip` does, with limits that a
//! test can wait for, and with an end that can refuse.
//!
//! ```text
//! host "api"   take    ──▶ bucket incoming-files
//! worker       pack    ──▶ a local file
//!              deliver ──▶ bucket processed-files
//!              sign    refuses what is to go back
//! ```

use std::{
    env,
    io::{self, Write},
    thread,
    time::Duration,
};

use distributed_task::{
    backend::{
        files::{ObjectFiles, S3Error},
        redis::RedisJournal,
    },
    builder::{Distributed, TaskBuilder},
    files::Files,
    prelude::*,
};
use distributed_task_tests::s3::{ACCESS_KEY, SECRET_KEY};
use serde::{Deserialize, Serialize};
use zip::{CompressionMethod, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// What the keys in Redis begin with.
pub(crate) const NAMESPACE: &str = "pack";
/// Every bucket that its steps name.
pub(crate) const BUCKETS: [&str; 2] = ["incoming-files", "processed-files"];

/// What is to be packed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// Saying it twice is saying it once. Its files are named after it.
    pub(crate) key: String,
    /// The sizes of its files.
    pub(crate) sizes: Vec<usize>,
    /// Whether the last step refuses, and everything goes back.
    pub(crate) refused: bool,
}

impl Wish {
    /// The names of its files.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.sizes.len()).map(|n| format!("{}-{n}.bin", self.key))
    }

    /// Its files, by name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, Vec<u8>)> {
        let seed = self
            .key
            .bytes()
            .fold(17, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let contents =
            self.sizes.iter().zip(1..).map(move |(size, n)| noise(seed.wrapping_add(n), *size));
        self.names().zip(contents)
    }
}

/// Bytes that do not get smaller; the same for the same seed.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let mut bytes: Vec<u8> = words.take(size / 8 + 1).flatten().collect();
    bytes.truncate(size);
    bytes
}

/// Packs files into an archive. An attempt that died is waited for as long as its `timeout`, and no
/// longer.
#[distributed_task(request = Wish, response = UploadedFile, timeout = "10m")]
pub(crate) struct Pack {
    slow: Duration,
}

#[steps]
impl Pack {
    #[file_upload_step(host = "api", bucket = "incoming-files", timeout = "3s", retry(max = 0))]
    fn take(&self, request: &Wish) -> Vec<SourceFile> {
        request.files().map(|(name, content)| SourceFile::bytes(name, content)).collect()
    }

    #[step(ephemeral, read_only, timeout = "10s", retry(max = 5, delay = "200ms"))]
    fn pack(&self, cx: &StepContext, take: &UploadedFiles) -> StepResult<LocalFile> {
        let archive = cx.files().temp_file("archive.zip")?;
        let mut zip = ZipWriter::new(archive.create()?);
        for file in take.iter() {
            let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            zip.start_file(&*file.name, stored)?;
            io::copy(&mut cx.files().reader(file)?, &mut zip)?;
        }
        thread::sleep(self.slow);
        let finished: Result<_, ZipError> = zip.finish();
        finished?.flush()?;
        Ok(archive)
    }

    #[file_upload_step(bucket = "processed-files", timeout = "3s", retry(max = 5, delay = "200ms"))]
    fn deliver(&self, pack: &LocalFile) -> SourceFile {
        pack.into()
    }

    #[step(read_only)]
    async fn sign(&self, request: &Wish) -> StepResult<()> {
        tokio::time::sleep(self.slow).await;
        match request.refused {
            true => Err(Refusal::new("unwanted", "nobody wants it"))?,
            false => Ok(()),
        }
    }

    #[response]
    fn respond(&self, deliver: &UploadedFile) -> UploadedFile {
        deliver.clone()
    }
}

/// Where the servers of a task are, and how patient it is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The address of Redis.
    pub(crate) redis: String,
    /// The S3 server, which has the keys of the tests' own.
    pub(crate) s3: String,
    /// How long a process may be silent.
    pub(crate) lease: Duration,
    /// How long it takes to pack, and to sign, so that there is somebody to be killed.
    pub(crate) slow: Duration,
}

impl Place {
    /// The variables that a process is told it with.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("REDIS_URL", self.redis.clone()),
            ("S3_ENDPOINT", self.s3.clone()),
            ("PACK_LEASE_MS", self.lease.as_millis().to_string()),
            ("PACK_SLOW_MS", self.slow.as_millis().to_string()),
        ]
    }

    /// As this process was told.
    pub(crate) fn told() -> Result<Self, String> {
        let variable = |name| env::var(name).map_err(|_| format!("set {name} in the environment"));
        let millis = |name| {
            let told = variable(name)?;
            let number = told.parse().map_err(|_| format!("{name}: `{told}` is no number"))?;
            Ok::<_, String>(Duration::from_millis(number))
        };
        Ok(Self {
            redis: variable("REDIS_URL")?,
            s3: variable("S3_ENDPOINT")?,
            lease: millis("PACK_LEASE_MS")?,
            slow: millis("PACK_SLOW_MS")?,
        })
    }

    /// The files on the S3 server.
    pub(crate) fn files(&self) -> Result<Files, S3Error> {
        let store = ObjectFiles::s3(&*self.s3, ACCESS_KEY, SECRET_KEY)
            .connect_timeout(Duration::from_secs(1))
            .silence(Duration::from_secs(1))
            .retries(2);
        store.build().map(Files::new)
    }

    /// The journal in Redis.
    pub(crate) fn shared(&self) -> Distributed {
        let journal = RedisJournal::builder(&*self.redis).namespace(NAMESPACE).lease(self.lease);
        Distributed::default().redis_with(journal)
    }

    /// The task, to be built as whatever the process is.
    pub(crate) fn task(&self) -> Result<TaskBuilder<Pack>, S3Error> {
        let files = self.files()?;
        let task = Pack::builder().slow(self.slow).use_distributed_mode(|_| self.shared());
        Ok(task.override_files(files).concurrency(4).grace(Duration::from_millis(200)))
    }
}
