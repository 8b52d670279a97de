//! A crate in which no name means what printed code could take it to mean: no prelude, a runtime
//! under another name, and types and traits of its own called like those of the standard library.
//! That it compiles without a warning is the test, for the compiler and for `cargo clippy`.

#![no_implicit_prelude]
#![deny(warnings)]
#![allow(dead_code)]

pub mod strict;

mod names {
    use ::serde::{Deserialize, Serialize};

    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct Option;
    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct Result;
    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct String;
    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct Vec;
    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct Box;
    #[derive(::std::clone::Clone, Serialize, Deserialize)]
    pub(crate) struct This;
}

/// What an alias of printed code must not shadow.
mod dt {
    pub(crate) use super::names::Vec;
}

use names::{Box, Option, Result, String, This};

struct Ok;
struct Some;
struct Err;
struct None;
struct Set;
struct Value;
struct Probe;
struct PartialError;
struct Reads;
struct PoolState;
trait Clone {}
trait Send {}
trait Future {}
trait Default {}

/// A task with a dependency, a condition, an undo, a probe and an upload.
#[::sagas::distributed_task(request = Option, response = String, durability = "volatile", timeout = "1h", crate = ::sagas)]
struct Hygienic {
    /// A type that is called like the state of its own dependency.
    pool: PoolState,
}

#[::sagas::steps(crate = ::sagas)]
impl Hygienic {
    #[step(read_only)]
    async fn vec(&self, request: &Option) -> dt::Vec {
        let _ = (request, &self.pool);
        dt::Vec
    }

    #[step(read_only, timeout = "1s")]
    fn result(&self, vec: &dt::Vec) -> Result {
        let _ = vec;
        Result
    }

    #[step(no_undo = "nothing to undo", at_most_once, probe = is_done, on_exhausted = "park")]
    async fn this(&self, result: &Result) -> ::sagas::PartialResult<This> {
        let _ = result;
        ::sagas::PartialResult::Ok(This)
    }

    async fn is_done(&self, request: &Option) -> ::sagas::Probe<This> {
        let _ = request;
        ::sagas::Probe::Happened(This)
    }

    #[step(compensate = undo, when = holds, retry(max = 1, jitter = "none"))]
    fn boxed(&self, result: &Result) -> ::sagas::StepResult<Box> {
        let _ = result;
        ::sagas::StepResult::Ok(Box)
    }

    fn holds(&self, result: &Result) -> bool {
        let _ = result;
        true
    }

    fn undo(&self, boxed: ::sagas::kernel::Outcome<&Box>) {
        let _ = boxed;
    }

    #[file_upload_step(bucket = "labels")]
    fn label(&self, boxed: ::std::option::Option<&Box>) -> ::sagas::files::SourceFile {
        let _ = boxed;
        ::sagas::files::SourceFile::bytes("label", "")
    }

    #[::sagas::step(no_undo = "nothing to undo")]
    fn string(&self, label: &::sagas::files::UploadedFile) -> String {
        let _ = label;
        String
    }
}

#[test]
fn the_builder_is_as_clean_as_the_rest() {
    let _ = Hygienic::builder().pool(PoolState).use_in_process_mode();
}
