//! Printed code names nothing that the user could have given another meaning.

#![no_implicit_prelude]
#![allow(dead_code, unused_qualifications)]

extern crate distributed_task as sagas;

mod dt {
    #[derive(::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Option;
    #[derive(::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Result;
    #[derive(::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize)]
    pub struct String;
    #[derive(::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Vec;
    #[derive(::std::clone::Clone, ::serde::Serialize, ::serde::Deserialize)]
    pub struct Box;
}

use dt::{Box, Option, Result, String, Vec};

struct Ok;
struct Some;
struct Err;
struct None;
struct Set;
struct CompressionState;
trait Clone {}
trait Send {}

#[sagas::distributed_task(request = Option, response = String, crate = sagas)]
struct Hygienic {
    compression: CompressionState,
}

#[sagas::steps(crate = sagas)]
impl Hygienic {
    #[step(read_only)]
    async fn vec(&self, request: &Option) -> Vec {
        let _ = (request, &self.compression);
        Vec
    }

    #[step(read_only)]
    fn result(&self, vec: &dt::Vec) -> Result {
        let _ = vec;
        Result
    }

    #[step(compensate = undo, when = holds)]
    fn boxed(&self, result: &Result) -> sagas::StepResult<Box> {
        let _ = result;
        sagas::StepResult::Ok(Box)
    }

    fn holds(&self, result: &Result) -> bool {
        let _ = result;
        true
    }

    fn undo(&self, boxed: sagas::kernel::Outcome<&Box>) {
        let _ = boxed;
    }

    #[step(no_undo = "nothing to undo")]
    fn string(&self, boxed: ::std::option::Option<&Box>) -> String {
        let _ = boxed;
        String
    }
}

// The short names that the macros prefer stand in the arguments, and nowhere else.
#[sagas::distributed_task(request = dt::Vec, response = dt::String, crate = sagas)]
struct OnlyInArguments;

#[sagas::steps(crate = sagas)]
impl OnlyInArguments {
    #[step(read_only)]
    fn string(&self, request: &Vec) -> String {
        let _ = request;
        String
    }
}

mod short {
    use ::sagas as dt;

    #[dt::distributed_task(crate = dt)]
    pub struct OfShortName;

    #[dt::steps(crate = dt)]
    impl OfShortName {
        #[dt::step(read_only)]
        fn look(&self) {}
    }
}

fn main() {
    let _ = Hygienic::builder().compression(CompressionState).use_in_process_mode();
    let _ = OnlyInArguments::builder().use_in_process_mode();
    let _ = short::OfShortName::builder().use_in_process_mode();
}
