//! The scripts.

use std::sync::{Arc, LazyLock};

use super::super::link::Script;

macro_rules! scripts {
    ($($name:ident $(with $flags:literal)?,)*) => {
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
                            $($flags,)?
                            include_str!("line.lua"),
                            include_str!(concat!(stringify!($name), ".lua")),
                        ),
                    )),)*
                })
            }
        }
    };
}

// A full memory is no reason to lose what one has.
scripts! {
    acquire,
    beat with "#!lua flags=allow-oom\n",
    candidates,
    describe,
    downgrade with "#!lua flags=allow-oom\n",
    end_run with "#!lua flags=allow-oom\n",
    force with "#!lua flags=allow-oom\n",
    force_reader with "#!lua flags=allow-oom\n",
    hand_over with "#!lua flags=allow-oom\n",
    inspect,
    leave,
    list,
    readers,
    raise with "#!lua flags=allow-oom\n",
    release,
    renew with "#!lua flags=allow-oom\n",
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
