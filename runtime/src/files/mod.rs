//! Files that are too large for the journal: a step uploads them, a later step, perhaps on another
//! host, reads them back. The journal keeps only where they are.
//!
//! The law: content is a stream from end to end. Nothing here holds a whole file in memory.
//!
//! ```text
//!  SourceFile ──▶ Files::upload ──▶ FileStore ──▶ Files::download ──▶ step
//!  (path, bytes,         │          (bucket, key)       ▲
//!   stream, LocalFile)   └────▶ UploadedFile ───────────┘
//!                               in the journal
//! ```

mod error;
mod name;
mod store;
mod uploaded;

#[cfg(feature = "engine")]
mod chunks;
#[cfg(feature = "engine")]
mod handle;
#[cfg(feature = "engine")]
mod local;
#[cfg(feature = "engine")]
mod reader;
#[cfg(feature = "engine")]
mod source;

#[cfg(feature = "files")]
pub(crate) use chunks::{blocking, read_chunks, write_chunk};
pub use error::FileError;
#[cfg(feature = "engine")]
pub(crate) use local::new_file;
pub use name::{check_bucket, check_key, key_prefix, key_segment};
pub use store::{ByteStream, FileStore, Object, UnfinishedUpload};
pub use uploaded::{UploadedFile, UploadedFiles};

#[cfg(feature = "engine")]
pub use self::{handle::Files, local::LocalFile, reader::FileReader, source::SourceFile};
