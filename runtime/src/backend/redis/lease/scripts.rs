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
            fn of(text: impl Fn(&'static str, &'static str) -> &'static str) -> Arc<Self> {
                let script = |name, all| Script::new(name, text(name, all));
                Arc::new(Self {
                    $($name: script(
                        stringify!($name),
                        include_str!(concat!(stringify!($name), ".lua")),
                    ),)*
                })
            }
        }
    };
}

scripts! { acquire, inspect, release, renew, }

impl Scripts {
    pub(super) fn standard() -> Arc<Self> {
        static STANDARD: LazyLock<Arc<Scripts>> = LazyLock::new(|| Scripts::of(|_, text| text));
        Arc::clone(&STANDARD)
    }

    /// The same with a mistake in one of them: what it says instead of what.
    #[cfg(all(test, feature = "conformance"))]
    pub(super) fn with(script: &str, (instead_of, says): (&str, &str)) -> Arc<Self> {
        Self::of(|name, text| {
            if name != script {
                return text;
            }
            assert_eq!(text.matches(instead_of).count(), 1, "`{instead_of}` has its place");
            Box::leak(text.replace(instead_of, says).into_boxed_str())
        })
    }
}
