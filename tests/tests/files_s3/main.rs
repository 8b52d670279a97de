//! The file store on S3 when the server, the network or the settings are not as they should be.
//!
//! The server is a real one, over HTTP, with signatures checked; it can be told to misbehave.

mod faults;
#[path = "../promises/keep.rs"]
mod keep;
mod leftovers;
mod scene;
mod settings;
mod sweep;
