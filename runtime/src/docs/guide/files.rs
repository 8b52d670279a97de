//! Files: content that is too large for a journal. Needs the cargo feature `files`.
//!
//! A journal reads and writes all that a saga keeps at once, so a value in it is best a few kilobytes. One
//! of more than 16 MiB parks its saga.
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
//! It is built in: what the step uploaded is deleted, also what a failed attempt left. One whose host died
//! may work until its `timeout` has passed (C3), and so long its files stay. `no_undo` or
//! `retriable` on the step keeps it. Files of a saga that completes stay where they are: the task that
//! made them knows best how long they are needed.
//!
//! # Stores
//!
//! [`ObjectFiles`](crate::backend::files::ObjectFiles) keeps files in memory, which is the default
//! of a task in process, in a folder, or on S3. A store of your own implements
//! [`FileStore`](crate::files::FileStore).
//!
//! # S3
//!
//! With the feature `s3`, which brings an HTTP client and TLS by `ring`:
//!
//! ```
//! # #[cfg(feature = "s3")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use distributed_task::{backend::files::ObjectFiles, files::Files};
//!
//! let store = ObjectFiles::s3("http://127.0.0.1:9000", "minioadmin", "minioadmin").build()?;
//! let files = Files::new(store);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "s3"))]
//! # fn main() {}
//! ```
//!
//! That is how MinIO is reached where it was just installed. A server of its own to try it with is Garage, at port
//! 3900 and with [`region`](crate::backend::files::S3Settings::region) `garage`:
//!
//! ```sh
//! cat >garage.toml <<END
//! metadata_dir = "./garage/meta"
//! data_dir = "./garage/data"
//! replication_factor = 1
//! rpc_bind_addr = "127.0.0.1:3901"
//! rpc_secret = "$(openssl rand -hex 32)"
//! [s3_api]
//! s3_region = "garage"
//! api_bind_addr = "127.0.0.1:3900"
//! END
//! export GARAGE_DEFAULT_ACCESS_KEY=GK$(openssl rand -hex 12)
//! export GARAGE_DEFAULT_SECRET_KEY=$(openssl rand -hex 32) GARAGE_DEFAULT_BUCKET=incoming-files
//! garage -c garage.toml server --single-node --default-bucket &
//! garage -c garage.toml key allow --create-bucket "$GARAGE_DEFAULT_ACCESS_KEY"
//! ```
//!
//! [`S3Settings`](crate::backend::files::S3Settings) has a table of what each server needs.
//!
//! Each bucket that a task names is a bucket of the server; `.bucket_prefix("orders-")` tells tasks
//! apart that share an account. A missing one is created with its first object, unless the access key
//! may not, or `.existing_buckets_only()` forbids it. [`check`](crate::files::FileStore::check) asks
//! for one at the start. What is wrong is said in full: a wrong secret, an unknown key, another region,
//! a clock that differs, `http` for `https`, a bucket that is missing with the command that makes it.
//!
//! Files of 8 MiB and more go in parts of that size, at most 78 GiB; the memory that an upload takes
//! does not depend on the file. Every request has a limit, and is sent again a few times when the
//! connection breaks; a download goes on where it was. Nothing depends on conditional requests, which
//! some servers take and ignore.
//!
//! ## What is left behind
//!
//! An upload that fails or is dropped removes its parts. That of a process that is killed leaves them:
//! they are no object, but they take room. When its saga goes back, the undo removes them. When it
//! completes all the same they stay. A [sweep](crate::FileSweep) finds them, and objects that no saga
//! answers for, and removes at the second look what is left over. It lists the whole bucket and asks the
//! journal about every object, so nobody does it unasked: spawn
//! [`sweep_files(bucket)?.every(half_an_hour)`](crate::FileSweep::every) on a worker. It works where the server can list unfinished uploads, as AWS, Ceph and Garage can; else
//! [`Swept::unfinished`](crate::Swept::unfinished) is `None`. MinIO lists those that one of its nodes
//! knows of, and removes all that are older than a day by itself (`mc admin config set ALIAS api
//! stale_uploads_expiry=24h`). A rule of the bucket does it on AWS and Ceph, with no help of ours:
//!
//! ```sh
//! aws s3api put-bucket-lifecycle-configuration --bucket incoming-files --lifecycle-configuration \
//!   '{"Rules":[{"ID":"unfinished","Status":"Enabled","Filter":{"Prefix":""},
//!     "AbortIncompleteMultipartUpload":{"DaysAfterInitiation":2}}]}'
//! ```
