//! Objects that nobody answers for: what an upload left behind whose saga went back, or is unknown;
//! and uploads that nobody will end.
//!
//! An object belongs to (saga, step, generation), which its key names. It is an orphan when its saga
//! is over for good without it, and it was seen so twice, a while apart; or when its saga is in no
//! journal, and it was seen so twice, further apart than any saga of the task may last. The time
//! between is measured here, on the journal's clock: the clock of the store is never compared with it.
//!
//! An upload in parts that did not end, because its process died, is no object and nobody's result:
//! it is one as soon as its saga is over, however that ended.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures_util::StreamExt;
use tokio::time::sleep;

use super::host::Host;
use crate::{
    files::{FileError, Files, UnfinishedUpload, key_segment},
    journal::{History, JournalError},
    kernel::{Definition, Finish, Record, SagaId, Timestamp},
};

/// A saga without a deadline is taken to last no longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// For clocks and for what is on its way.
const MARGIN: Duration = Duration::from_secs(15 * 60);

/// Finds the orphans of one task in one bucket, and deletes them at a second look, a quarter of an
/// hour or more after the first. So it does with uploads that never ended, where the store can list
/// them: their parts take room and cost money.
///
/// ```
/// # #[cfg(not(feature = "files"))]
/// # fn main() {}
/// # #[cfg(feature = "files")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use distributed_task::prelude::*;
/// # #[distributed_task(request = String, response = UploadedFile)]
/// # struct Keep;
/// # #[steps]
/// # impl Keep {
/// #     #[file_upload_step(bucket = "kept-files")]
/// #     async fn keep(&self, request: &String) -> SourceFile {
/// #         SourceFile::bytes("note.txt", request.clone())
/// #     }
/// # }
///
/// let task = Keep::builder().build().await?;
/// let mut sweep = task.sweep_files("kept-files")?;
/// // Once an hour, say: what is an orphan at two looks far enough apart is deleted.
/// let seen = sweep.look().await?;
/// assert_eq!((seen.objects, seen.deleted.len()), (0, 0));
/// # Ok(())
/// # }
/// ```
pub struct FileSweep {
    host: Arc<Host>,
    files: Files,
    bucket: String,
    /// With what belongs to a saga that is over, and with what belongs to none that is known.
    patience: (Duration, Duration),
    strays: bool,
    suspects: BTreeMap<String, Timestamp>,
    hanging: BTreeMap<UnfinishedUpload, Timestamp>,
}

/// What one look found.
///
/// See [`FileSweep`] for an example.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects of this task in the bucket.
    pub objects: usize,
    /// Keys that were deleted.
    pub deleted: Vec<String>,
    /// Keys that look like orphans, but not for long enough.
    pub suspects: Vec<String>,
    /// Keys whose saga is in no journal. They are left alone, unless
    /// [`delete_unknown`](FileSweep::delete_unknown) says otherwise.
    pub unknown: Vec<String>,
    /// Uploads of this task to the bucket that have begun and not ended. `None` if the store cannot
    /// tell: then removing the old ones is its own affair.
    pub unfinished: Option<usize>,
    /// Keys whose upload never ended, and was aborted.
    pub aborted: Vec<String>,
}

/// Why a sweep stopped. What it had deleted is deleted; looking again is safe.
///
/// ```
/// use distributed_task::{SweepError, prelude::*};
/// # #[distributed_task(request = u32, response = u32)]
/// # struct Double;
/// # #[steps]
/// # impl Double {
/// #     #[step(read_only)]
/// #     async fn double(&self, request: &u32) -> u32 { request * 2 }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let task = Double::builder().use_in_process_mode().build().await?;
/// let error = task.sweep_files("No Bucket").expect_err("it has capitals and a space");
/// assert!(matches!(error, SweepError::Files(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The task has no file store.
    #[error(
        "`{task}` has no file store: enable the feature `files` of `distributed-task`, or call \
         `.override_files(..)`"
    )]
    NoFileStore {
        /// The task.
        task: String,
    },
    /// The store failed.
    #[error(transparent)]
    Files(#[from] FileError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Who answers for an object, or for an upload.
enum Owner {
    /// Its saga, which is open, or ended with it.
    Saga,
    /// Nobody: its saga ended without it.
    Nobody,
    /// Its saga is in no journal.
    Unknown,
}

/// What a key is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Object,
    Upload,
}

impl FileSweep {
    pub(super) fn new(host: &Arc<Host>, bucket: &str) -> Result<Self, SweepError> {
        let no_store = || SweepError::NoFileStore { task: host.definition.task.to_string() };
        crate::files::check_bucket(bucket)?;
        Ok(Self {
            host: Arc::clone(host),
            files: host.services.files.clone().ok_or_else(no_store)?,
            bucket: bucket.to_owned(),
            patience: (MARGIN, host.definition.timeout.unwrap_or(LONGEST) + MARGIN),
            strays: false,
            suspects: BTreeMap::new(),
            hanging: BTreeMap::new(),
        })
    }

    /// How far apart the two looks must be. Default: a quarter of an hour where the saga is known and
    /// over; the `timeout` of the task (24 h without one) and a quarter of an hour where it is not
    /// known. It never gets shorter than that.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        let (known, unknown) = self.patience;
        self.patience = (known.max(patience), unknown.max(patience));
        self
    }

    /// Also deletes objects, and aborts uploads, whose saga is in no journal.
    ///
    /// A journal forgets sagas some time after their end, and their results with them: only for
    /// buckets that keep nothing that anybody wants to have later.
    #[must_use]
    pub fn delete_unknown(mut self) -> Self {
        self.strays = true;
        self
    }

    /// Looks at every object of the task, and deletes those that were orphans at an earlier look,
    /// long enough ago, and are now; then the same for uploads that did not end. Dropping the future
    /// leaves each object whole or deleted.
    ///
    /// # Errors
    /// When the store or the journal fails.
    pub async fn look(&mut self) -> Result<Swept, SweepError> {
        let mut swept = Swept::default();
        self.look_at_objects(&mut swept).await?;
        self.look_at_uploads(&mut swept).await?;
        Ok(swept)
    }

    /// Looks again and again, so far apart, until the host that it came from has left: beside the steps of a
    /// worker, in a task of its own. What fails is logged, and is there at the next look as well.
    ///
    /// ```
    /// # #[cfg(not(feature = "files"))]
    /// # fn main() {}
    /// # #[cfg(feature = "files")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use distributed_task::prelude::*;
    /// # #[distributed_task(request = String, response = UploadedFile)]
    /// # struct Keep;
    /// # #[steps]
    /// # impl Keep {
    /// #     #[file_upload_step(bucket = "kept-files")]
    /// #     async fn keep(&self, request: &String) -> SourceFile {
    /// #         SourceFile::bytes("note.txt", request.clone())
    /// #     }
    /// # }
    ///
    /// let task = Keep::builder().build().await?;
    /// tokio::spawn(task.sweep_files("kept-files")?.every(Duration::from_secs(1800)));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn every(mut self, pace: Duration) {
        let gone = self.host.gone.clone();
        let looks = async {
            loop {
                if let Err(error) = self.look().await {
                    tracing::warn!(bucket = self.bucket, %error, "cannot look for orphans");
                }
                sleep(pace).await;
            }
        };
        gone.run_until_cancelled(looks).await;
    }

    async fn look_at_objects(&mut self, swept: &mut Swept) -> Result<(), SweepError> {
        let mut suspects = BTreeMap::new();
        let prefix = key_segment(&self.host.definition.task);
        let mut objects = self.files.store().list(&self.bucket, &prefix);
        while let Some(object) = objects.next().await {
            let key = object?.key;
            swept.objects += 1;
            let Some(patience) = self.is_orphan(&key, Of::Object, swept).await? else { continue };
            let (seen, ripe) = self.seen(self.suspects.get(&key), patience);
            if ripe {
                self.files.store().delete(&self.bucket, &key).await?;
                tracing::info!(bucket = self.bucket, key, "an orphan is deleted");
                swept.deleted.push(key);
            } else {
                swept.suspects.push(key.clone());
                suspects.insert(key, seen);
            }
        }
        drop(objects);
        self.suspects = suspects;
        Ok(())
    }

    async fn look_at_uploads(&mut self, swept: &mut Swept) -> Result<(), SweepError> {
        let mut hanging = BTreeMap::new();
        let prefix = key_segment(&self.host.definition.task);
        let Some(uploads) = self.files.store().unfinished(&self.bucket, &prefix).await? else {
            return Ok(());
        };
        swept.unfinished = Some(uploads.len());
        for upload in uploads {
            let key = &upload.key;
            let Some(patience) = self.is_orphan(key, Of::Upload, swept).await? else { continue };
            let (seen, ripe) = self.seen(self.hanging.get(&upload), patience);
            if ripe {
                self.files.store().abort(&self.bucket, &upload).await?;
                tracing::info!(bucket = self.bucket, key, "an upload that never ended is aborted");
                swept.aborted.push(upload.key);
            } else {
                swept.suspects.push(key.clone());
                hanging.insert(upload, seen);
            }
        }
        self.hanging = hanging;
        Ok(())
    }

    /// How long it has to seem an orphan, if it does.
    async fn is_orphan(
        &self,
        key: &str,
        of: Of,
        swept: &mut Swept,
    ) -> Result<Option<Duration>, SweepError> {
        let (known, unknown) = self.patience;
        Ok(match self.owner(key, of).await? {
            Owner::Saga => None,
            Owner::Nobody => Some(known),
            Owner::Unknown if self.strays => Some(unknown),
            Owner::Unknown => {
                swept.unknown.push(key.to_owned());
                None
            }
        })
    }

    /// Since when something is suspect, and whether that is long enough.
    fn seen(&self, before: Option<&Timestamp>, patience: Duration) -> (Timestamp, bool) {
        let now = self.host.journal.now();
        let seen = before.copied().unwrap_or(now);
        (seen, now >= seen.plus(patience))
    }

    async fn owner(&self, key: &str, of: Of) -> Result<Owner, JournalError> {
        let mut parts = key.split('/').skip(1);
        let (saga, step, generation) = (parts.next(), parts.next(), parts.next());
        let saga: Option<SagaId> = saga.and_then(|saga| saga.parse().ok());
        let generation: Option<u32> = generation.and_then(|n| n.parse().ok());
        let (Some(saga), Some(step), Some(generation)) = (saga, step, generation) else {
            // Not one of ours, whatever it is.
            return Ok(Owner::Saga);
        };
        let Some(history) = self.host.journal.read(saga, 0).await? else {
            return Ok(match self.host.journal.find(saga).await?.map(|known| known.stage) {
                None => Owner::Unknown,
                // It is over, and nobody is at it any more.
                Some(_) if of == Of::Upload => Owner::Nobody,
                // Its records are gone, and with them what it kept.
                Some(_) => Owner::Saga,
            });
        };
        if of == Of::Upload {
            let last = history.records.last().map(|last| &last.record);
            let is_over = matches!(last, Some(Record::Finished(_)));
            return Ok(if is_over { Owner::Nobody } else { Owner::Saga });
        }
        let definition = self.host.journal.definition(history.definition).await?;
        Ok(match definition {
            Some(definition) if !keeps(&definition, &history, step, generation) => Owner::Nobody,
            _ => Owner::Saga,
        })
    }
}

impl fmt::Debug for FileSweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSweep").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

/// Whether a saga answers for what this generation of a step uploaded.
fn keeps(definition: &Definition, history: &History, step: &str, generation: u32) -> bool {
    let Some(Record::Finished(finished)) = history.records.last().map(|last| &last.record) else {
        return true;
    };
    let step = definition.steps.iter().position(|of| key_segment(&of.name) == step);
    let Some(step) = step else { return true };
    let remains = finished.residual.iter().any(|residual| residual.step == step);
    match finished.finish {
        Finish::Completed(_) => history.records.iter().any(|stamped| {
            matches!(
                stamped.record,
                Record::Ended { step: of, generation: in_, .. } if of == step && in_ == generation
            )
        }),
        Finish::Compensated(_) | Finish::Cancelled { .. } => {
            remains || finished.late_until.is_some()
        }
        // It was ended as it was, and somebody has been told what is left.
        Finish::Killed { .. } => true,
    }
}
