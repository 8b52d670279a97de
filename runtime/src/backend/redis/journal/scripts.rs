//! The scripts, each with what all of them begin with.

use std::sync::LazyLock;

use super::super::link::Script;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {$(
        pub(super) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(
                $file,
                concat!(
                    include_str!("scripts/common.lua"),
                    include_str!(concat!("scripts/", $file, ".lua")),
                ),
            )
        });
    )*};
}

scripts! {
    AUDIT = "audit";
    CARRY = "carry";
    CLAIM = "claim";
    COMMIT = "commit";
    CREATE = "create";
    ENTER = "enter";
    FIND = "find";
    LEAVE = "leave";
    LIST = "list";
    PULSE = "pulse";
    READ = "read";
    REAP = "reap";
    TELL = "tell";
}
