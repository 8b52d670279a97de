//! Files: content that is too large for a journal. Needs the cargo feature `files`.
//!
//! An upload step returns where content is to be *read from*; the library streams it into a bucket
//! and journals where it lies. A later step, perhaps on another host, reads it back. No file is ever
//! whole in memory, unless the store is.
//!
//! ```
//! use std::io::{Read as _, Write as _};
//!
//! use distributed_task::{backend::files::ObjectFiles, files::Files, prelude::*};
//!
//! /// Counts the words of some texts, and writes a report.
//! #[distributed_task(request = Vec<String>, response = UploadedFile)]
//! struct CountWords;
//!
//! #[steps]
//! impl CountWords {
//!     #[file_upload_step(host = "api", bucket = "texts")]
//!     fn texts(&self, request: &[String]) -> Vec<SourceFile> {
//!         let numbered = request.iter().cloned().enumerate();
//!         numbered.map(|(i, text)| SourceFile::bytes(format!("{i}.txt"), text)).collect()
//!     }
//!
//!     #[step(ephemeral, read_only)]
//!     fn count(&self, cx: &StepContext, texts: &UploadedFiles) -> StepResult<LocalFile> {
//!         let report = cx.files().temp_file("report.txt")?;
//!         let mut out = report.create()?;
//!         for text in texts.iter() {
//!             let mut words = String::new();
//!             cx.files().reader(text)?.read_to_string(&mut words)?;
//!             writeln!(out, "{}: {}", text.name, words.split_whitespace().count())?;
//!         }
//!         Ok(report)
//!     }
//!
//!     #[file_upload_step(bucket = "reports")]
//!     fn report(&self, count: &LocalFile) -> SourceFile {
//!         count.into()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let files = Files::new(ObjectFiles::folder(folder.path())?);
//! let task =
//!     CountWords::builder().use_in_process_mode().override_files(files.clone()).build().await?;
//!
//! let saga = task.submit(vec!["one two".into(), "three".into()]).await?;
//! let SagaOutcome::Completed(report) = saga.outcome().await? else { panic!("nothing refuses") };
//!
//! let copy = folder.path().join("copy.txt");
//! files.download_to(&report, &copy).await?;
//! assert_eq!(std::fs::read_to_string(copy)?, "0.txt: 2\n1.txt: 1\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Where content comes from
//!
//! [`SourceFile`](crate::files::SourceFile) is a path, bytes, a stream such as the body of a request,
//! or the [`LocalFile`](crate::files::LocalFile) of an earlier step. An upload step returns one, or a
//! `Vec` of them, or either in a `StepResult`; a later step takes `&UploadedFile` or
//! `&UploadedFiles`.
//!
//! # Hosts
//!
//! `host = "api"` steps run where the request arrives, before the saga is handed to a worker, because
//! only there the caller's bytes are. [`submit`](crate::Task::submit) resolves when they are done,
//! [`start`](crate::Task::start) before that, so that somebody can watch the upload or cancel it. A task
//! changes hosts once.
//!
//! # Undo
//!
//! It is built in: what the step uploaded is deleted, also what a failed attempt left. `no_undo` or
//! `retriable` on the step keeps it. Files of a saga that completes stay where they are: the task that
//! made them knows best how long they are needed.
//!
//! # Stores
//!
//! [`ObjectFiles`](crate::backend::files::ObjectFiles) keeps files in memory, which is the default
//! of a task in process, or in a folder. A store of your own implements
//! [`FileStore`](crate::files::FileStore). S3 comes in a later version.
