//! The scripts.

use std::sync::{Arc, LazyLock};

use super::super::link::Script;

macro_rules! scripts {
    ($($name:ident,)*) => {
        /// All of them, each loaded into a server that lacks it.
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)*
        }

        impl Scripts {
            fn of(change: impl Fn(Script) -> Script) -> Arc<Self> {
                Arc::new(Self {
                    $($name: change(Script::new(
                        stringify!($name),
                        concat!(
                            include_str!("line.lua"),
                            include_str!(concat!(stringify!($name), ".lua")),
                        ),
                    )),)*
                })
            }
        }
    };
}

scripts! {
    acquire, beat, candidates, downgrade, force, hand_over, inspect, leave, list, raise, release, renew,
}

impl Scripts {
    pub(super) fn standard() -> Arc<Self> {
        static STANDARD: LazyLock<Arc<Scripts>> = LazyLock::new(|| Scripts::of(|script| script));
        Arc::clone(&STANDARD)
    }

    /// The same with a mistake in one of them: what it says instead of what.
    #[cfg(all(test, feature = "conformance"))]
    pub(super) fn with(script: &str, (instead_of, says): (&str, &str)) -> Arc<Self> {
        Self::of(|standard| match standard.name() == script {
            true => standard.with_mistake(instead_of, says),
            false => standard,
        })
    }
}
