//! Whose a lease is.

use std::{
    fmt,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use uuid::Uuid;

/// One attempt to have one name. No two draws are equal, in whichever processes. Cloning shares it.
///
/// It is what a store knows an owner by: who can show it owns what it owns. So it is printed by its
/// first eight characters only.
///
/// ```
/// use distributed_task::lease::Owner;
///
/// let owner = Owner::draw();
/// assert_ne!(owner, Owner::draw());
/// assert_eq!(format!("{owner:?}").len(), "Owner(12345678..)".len());
///
/// // A process that starts again goes on as the owner that it was, if it wrote that down.
/// let kept = owner.as_str().to_owned();
/// assert_eq!(Owner::from(kept), owner);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

impl Owner {
    /// A new owner: 128 random bits, which are those of this process, and a number.
    pub fn draw() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("{}/{number}", Self::process()).into())
    }

    /// What all owners begin with that are drawn in this process, up to the first `/`.
    #[allow(clippy::disallowed_methods, reason = "no two starts of a process have one name")]
    pub fn process() -> &'static str {
        static PROCESS: LazyLock<String> = LazyLock::new(|| Uuid::new_v4().simple().to_string());
        &PROCESS
    }

    /// The [process](Self::process) that drew it; `None` if it was made otherwise.
    ///
    /// ```
    /// use distributed_task::lease::Owner;
    ///
    /// assert_eq!(Owner::draw().drawn_in(), Some(Owner::process()));
    /// assert_eq!(Owner::from("somebody".to_owned()).drawn_in(), None);
    /// ```
    pub fn drawn_in(&self) -> Option<&str> {
        let (process, _) = self.0.split_once('/')?;
        let is_hex = |byte: u8| byte.is_ascii_hexdigit();
        (process.len() == 32 && process.bytes().all(is_hex)).then_some(process)
    }

    /// All of it, as a store keeps it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Owner {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first: String = self.0.chars().take(8).collect();
        write!(f, "Owner({first}..)")
    }
}
