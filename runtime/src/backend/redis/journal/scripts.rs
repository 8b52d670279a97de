//! The scripts, each with the parts that it begins with.

use std::sync::{Arc, LazyLock};

use super::super::link::Script;

macro_rules! scripts {
    ($($call:ident = $file:literal $(with $flags:literal)? of [$($part:literal)*],)*) => {
        /// What the server is asked to do.
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Call {
            $($call,)*
        }

        /// In the order of the calls: name and text.
        const TEXTS: &[(&str, &str)] = &[$((
            $file,
            concat!(
                $($flags,)?
                include_str!("scripts/parts/tag.lua"),
                $(include_str!(concat!("scripts/parts/", $part, ".lua")),)*
                include_str!(concat!("scripts/", $file, ".lua")),
            ),
        ),)*];
    };
}

// A full memory is no reason to lose a seat, nor to leave what a dead one had.
scripts! {
    Append = "append" of ["time" "many" "owners" "buckets" "new" "tickets" "timers" "numbers"],
    Audit = "audit" of ["time" "tickets"],
    Carry = "carry" of ["time" "many" "tickets"],
    Claim = "claim" of ["time" "many" "owners" "tickets"],
    Commit = "commit" of ["time" "many" "buckets" "known" "tickets" "timers" "numbers"],
    Create = "create" of ["time" "many" "buckets" "known" "tickets"],
    Enter = "enter" of ["time"],
    Find = "find" of ["time" "many" "buckets" "known"],
    Leave = "leave" with "#!lua flags=allow-oom\n" of ["tickets" "timers" "seats"],
    List = "list" of ["time" "many" "buckets"],
    Pulse = "pulse" with "#!lua flags=allow-oom\n" of ["time" "many" "buckets" "tickets" "timers"],
    Read = "read" of ["time" "many" "buckets"],
    Reap = "reap" with "#!lua flags=allow-oom\n" of ["time" "many" "tickets" "timers" "seats"],
    Renew = "renew" with "#!lua flags=allow-oom\n" of ["time"],
    Start = "start" of ["time" "many" "buckets" "new" "tickets"],
    Tell = "tell" of ["time" "many" "buckets" "known" "tickets"],
}

/// All of them, loaded into a server when it lacks them.
pub(super) struct Scripts(Vec<Script>);

impl Scripts {
    /// Those of this version.
    pub(super) fn standard() -> Arc<Self> {
        static STANDARD: LazyLock<Arc<Scripts>> = LazyLock::new(|| {
            Arc::new(Scripts(TEXTS.iter().map(|(name, text)| Script::new(name, text)).collect()))
        });
        Arc::clone(&STANDARD)
    }

    /// The same with a mistake in one of them.
    #[cfg(test)]
    pub(super) fn with(mistake: super::tests::Mistake) -> Arc<Self> {
        let script = |(name, text): &(&'static str, &'static str)| {
            let script = Script::new(name, text);
            match *name == mistake.script {
                true => script.with_mistake(mistake.instead_of, mistake.says),
                false => script,
            }
        };
        Arc::new(Self(TEXTS.iter().map(script).collect()))
    }

    pub(super) fn of(&self, call: Call) -> &Script {
        &self.0[call as usize]
    }
}
