//! The scripts, each with what all of them begin with.

use std::sync::{Arc, LazyLock};

use super::super::link::Script;

macro_rules! scripts {
    ($($call:ident = $file:literal $(with $flags:literal)? $(behind $head:literal)?,)*) => {
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
                include_str!("scripts/common.lua"),
                $(include_str!(concat!("scripts/", $head, ".lua")),)?
                include_str!(concat!("scripts/", $file, ".lua")),
            ),
        ),)*];
    };
}

// A full memory is no reason to lose a seat, nor to leave what a dead one had.
scripts! {
    Append = "append" behind "numbers",
    Audit = "audit",
    Carry = "carry",
    Claim = "claim",
    Commit = "commit" behind "numbers",
    Create = "create",
    Enter = "enter",
    Find = "find",
    Leave = "leave" with "#!lua flags=allow-oom\n",
    List = "list",
    Pulse = "pulse" with "#!lua flags=allow-oom\n",
    Read = "read",
    Reap = "reap" with "#!lua flags=allow-oom\n",
    Start = "start",
    Tell = "tell",
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
            if *name != mistake.script {
                return Script::new(name, text);
            }
            assert_eq!(text.matches(mistake.instead_of).count(), 1, "the mistake has its place");
            let text = text.replace(mistake.instead_of, mistake.says);
            Script::new(name, Box::leak(text.into_boxed_str()))
        };
        Arc::new(Self(TEXTS.iter().map(script).collect()))
    }

    pub(super) fn of(&self, call: Call) -> &Script {
        &self.0[call as usize]
    }
}
