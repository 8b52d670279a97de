//! The scripts.

use std::sync::LazyLock;

use super::super::link::Script;

pub(super) static ANNOUNCE: LazyLock<Script> =
    LazyLock::new(|| Script::new("announce", include_str!("announce.lua")));
pub(super) static STATE: LazyLock<Script> =
    LazyLock::new(|| Script::new("state", include_str!("state.lua")));
