//! The verbs of a script, for whatever has one.

/// The methods that add to a script. The type has `fn script(&self) -> &Script`.
macro_rules! verbs {
    () => {
        $crate::testing::script::verbs! { @each
            /// The first run of this step asks for another try, before its code runs.
            fail_once(Do, Skipped, Fail, Some(1));
            /// This step never ends: each of its runs takes until its `timeout`, and its code does
            /// not run.
            hang(Do, Skipped, Hang, None);
            /// The first run of this step never ends, and its code does not run.
            hang_once(Do, Skipped, Hang, Some(1));
            /// Each run of this step panics before its code runs.
            panic(Do, Skipped, Panic, None);
            /// The code of this step runs once, and its answer is lost: the step asks for another
            /// try.
            lose_answer(Do, Runs, Fail, Some(1));
            /// The code of this step runs, and then it never ends: each of its runs takes until its
            /// `timeout`.
            hang_after(Do, Runs, Hang, None);
            /// The code of this step runs, and then it panics, each time.
            panic_after(Do, Runs, Panic, None);
            /// The first undo of this step asks for another try, before its code runs.
            fail_undo_once(Undo, Skipped, Fail, Some(1));
            /// The undo of this step never ends: each of its runs takes until the `timeout` of the
            /// step.
            hang_undo(Undo, Skipped, Hang, None);
            /// Each undo of this step panics before its code runs.
            panic_undo(Undo, Skipped, Panic, None);
            /// The undo of this step runs once, and its answer is lost: it asks for another try.
            lose_undo_answer(Undo, Runs, Fail, Some(1));
        }

        /// The first `times` runs of this step ask for another try, before its code runs.
        ///
        /// # Panics
        /// When the task has no such step.
        #[must_use]
        #[track_caller]
        pub fn fail_times(self, step: &str, times: u32) -> Self {
            use $crate::testing::script::{Act, Code};
            let way = $crate::kernel::Way::Do;
            self.script().add(step, way, Code::Skipped, Act::Fail, Some(times));
            self
        }

        /// The code of this step runs, and its answer is lost, so many times: the step asks for
        /// another try.
        ///
        /// # Panics
        /// When the task has no such step.
        #[must_use]
        #[track_caller]
        pub fn lose_answers(self, step: &str, times: u32) -> Self {
            use $crate::testing::script::{Act, Code};
            let way = $crate::kernel::Way::Do;
            self.script().add(step, way, Code::Runs, Act::Fail, Some(times));
            self
        }

        /// The first `times` undos of this step ask for another try, before their code runs.
        ///
        /// # Panics
        /// When the task has no such step, or that has no undo.
        #[must_use]
        #[track_caller]
        pub fn fail_undo_times(self, step: &str, times: u32) -> Self {
            use $crate::testing::script::{Act, Code};
            let way = $crate::kernel::Way::Undo;
            self.script().add(step, way, Code::Skipped, Act::Fail, Some(times));
            self
        }

        /// This step refuses with the declared error of its task, before its code runs.
        ///
        /// # Panics
        /// When the task has no such step.
        #[must_use]
        #[track_caller]
        pub fn refuse(self, step: &str, error: T::Error) -> Self {
            use $crate::testing::script::{Code, refuse};
            let way = $crate::kernel::Way::Do;
            self.script().add(step, way, Code::Skipped, refuse::<T>(error), None);
            self
        }

        /// The undo of this step refuses: only an operator can help.
        ///
        /// # Panics
        /// When the task has no such step, or that has no undo.
        #[must_use]
        #[track_caller]
        pub fn refuse_undo(self, step: &str, error: T::Error) -> Self {
            use $crate::testing::script::{Code, refuse};
            let way = $crate::kernel::Way::Undo;
            self.script().add(step, way, Code::Skipped, refuse::<T>(error), None);
            self
        }
    };
    (@each $($(#[doc = $doc:literal])+ $name:ident($way:ident, $code:ident, $act:ident, $runs:expr);)*) => {$(
        $(#[doc = $doc])+
        ///
        /// # Panics
        /// When the task has no such step, or an undo is meant that it does not have.
        #[must_use]
        #[track_caller]
        pub fn $name(self, step: &str) -> Self {
            use $crate::testing::script::{Act, Code};
            self.script().add(step, $crate::kernel::Way::$way, Code::$code, Act::$act, $runs);
            self
        }
    )*};
}

pub(in crate::testing) use verbs;
