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
    ACK = "ack";
    BACK = "back";
    BURY = "bury";
    PUBLISH = "publish";
    SWEEP = "sweep";
    TAKE = "take";
    WAKE = "wake";
}
