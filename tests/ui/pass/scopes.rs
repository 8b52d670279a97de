//! A task can stand anywhere: in a function, in a module, or come out of a macro.

#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms)]
#![allow(clippy::ptr_arg)]

use distributed_task::prelude::*;

mod private {
    use distributed_task::prelude::*;

    #[distributed_task]
    pub(super) struct Nested {
        pub(super) rate: u32,
    }

    #[steps]
    impl Nested {
        #[step(read_only)]
        fn look(&self) {
            let _ = self.rate;
        }
    }
}

#[distributed_task]
struct OfInnerAttributes;

#[steps]
impl OfInnerAttributes {
    //! What it does.
    #![allow(clippy::unnecessary_wraps)]

    #[step(read_only)]
    fn one(&self) -> StepResult<u32> {
        Ok(1)
    }

    #[step(read_only)]
    fn two(&self, one: &u32) {
        let _ = one;
    }
}

#[distributed_task]
struct NobodyBuildsThis {
    rate: u32,
}

#[steps]
impl NobodyBuildsThis {
    #[step(compensate = unlook, when = wants)]
    fn look(&self) -> u32 {
        self.rate
    }

    fn unlook(&self) {}

    fn wants(&self) -> bool {
        true
    }

    #[response]
    fn respond(&self) {}
}

macro_rules! task {
    ($name:ident, $field:ident: $ty:ty, $step:ident -> $output:ty) => {
        #[distributed_task(response = $output)]
        struct $name {
            $field: $ty,
        }

        #[steps]
        impl $name {
            #[step(read_only)]
            fn before(&self) -> $output {
                Default::default()
            }

            #[step(read_only)]
            fn $step(&self, before: &$output) -> $output {
                let _ = &self.$field;
                before.clone()
            }
        }
    };
}

task!(FromMacro, rate: Vec<u32>, count -> Vec<u8>);

macro_rules! of_fragments {
    ($vis:vis $name:ident, $mark:meta, $most:expr, $step:ident $body:block, $(#[$note:meta])*) => {
        #[distributed_task]
        struct $name;

        #[steps]
        impl $name {
            const MOST: u32 = $most;

            #[$mark]
            $(#[$note])*
            $vis fn before(&self) -> [u8; { 1 }] $body

            #[$mark]
            fn $step(&self, before: &[u8; { 1 }]) {
                let _ = (before, Self::MOST);
            }
        }
    };
}

of_fragments!(OfFragments, step(read_only), 1 + 2, count { [1] }, #[inline]);

macro_rules! of_types {
    ($task:ident, $this:ty, $file:ty, $result:ty, $holds:ty) => {
        #[distributed_task(request = $holds, response = $holds)]
        struct $task;

        #[steps]
        impl $this {
            #[file_upload_step(bucket = "labels", when = holds)]
            fn one(&self) -> StepResult<$file> {
                Ok(SourceFile::path("label"))
            }

            #[file_upload_step(bucket = "labels")]
            fn many(&self) -> $result {
                Ok(vec![])
            }

            fn holds(&self, request: &$holds) -> $holds {
                *request
            }

            #[response]
            fn respond(&self, many: &UploadedFiles) -> $holds {
                let _ = many;
                true
            }
        }
    };
}

of_types!(OfTypes, OfTypes, SourceFile, StepResult<Vec<SourceFile>>, bool);

#[derive(serde::Serialize, serde::Deserialize)]
#[distributed_task(request = Option<Box<Self>>)]
struct OfItself {
    next: Option<Box<Self>>,
    others: Vec<Self>,
}

#[steps]
impl OfItself {
    #[step(read_only)]
    fn first(&self, request: &Option<Box<Self>>) -> Vec<Self> {
        let _ = (request, &self.next, &self.others);
        vec![]
    }

    #[step(compensate = undo)]
    fn second(&self, first: &[Self]) -> StepResult<Option<Box<Self>>> {
        let _ = first;
        Ok(None)
    }

    fn undo(&self, second: Outcome<&Option<Box<Self>>>) {
        let _ = second;
    }

    #[response]
    fn respond(&self, second: &Option<Box<Self>>) {
        let _ = second;
    }
}

fn main() {
    #[distributed_task]
    struct Local;

    #[steps]
    impl Local {
        #[step(read_only)]
        fn c(&self) -> u32 {
            1
        }

        #[step(read_only)]
        fn clone(&self, c: &u32) {
            let _ = c;
        }
    }

    let _ = Local::builder().use_in_process_mode();
    let _ = FromMacro::builder().rate(vec![]).use_in_process_mode();
    let _ = OfTypes::builder().use_in_process_mode();
    let _ = OfItself::builder().others(vec![]).next(None).use_in_process_mode();
    let _ = OfInnerAttributes::builder().use_in_process_mode();
    let _ = OfFragments::builder().use_in_process_mode();
    let _ = private::Nested::builder().rate(1).use_in_process_mode();
}
