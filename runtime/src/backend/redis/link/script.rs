//! A script that runs in the server.

use bytes::Bytes;
use redis::{Cmd, cmd};

/// A Lua script: its text, its name for errors, and the hash by which the server knows it.
pub(crate) struct Script {
    name: &'static str,
    text: &'static str,
    hash: String,
}

impl Script {
    /// For a `static` in a `LazyLock`: the text is hashed once.
    pub(crate) fn new(name: &'static str, text: &'static str) -> Self {
        let hash = redis::Script::new(text).get_hash().to_owned();
        Self { name, text, hash }
    }

    /// The same with a mistake in it: what it says instead of what.
    #[cfg(test)]
    pub(crate) fn with_mistake(self, instead_of: &str, says: &str) -> Self {
        assert_eq!(self.text.matches(instead_of).count(), 1, "`{instead_of}` has its place");
        Self::new(self.name, Box::leak(self.text.replace(instead_of, says).into_boxed_str()))
    }

    /// What errors call it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Begins a call by its hash, so that its text is not sent: its arguments follow. There is room for
    /// so many of them, of so many bytes.
    pub(crate) fn call(&self, keys: &[&[u8]], (args, bytes): (usize, usize)) -> Cmd {
        let keys_bytes: usize = keys.iter().map(|key| key.len()).sum();
        let mut call = Cmd::with_capacity(3 + keys.len() + args, 64 + keys_bytes + bytes);
        call.arg("EVALSHA").arg(&self.hash).arg(keys.len());
        for key in keys {
            call.arg(*key);
        }
        call
    }

    /// A whole call.
    pub(super) fn call_of(&self, keys: &[&[u8]], args: &[Bytes]) -> Cmd {
        let mut call = self.call(keys, (args.len(), args.iter().map(Bytes::len).sum()));
        for arg in args {
            call.arg(&arg[..]);
        }
        call
    }

    /// Gives the server the text, until it is restarted or forgets all scripts.
    pub(super) fn load(&self) -> Cmd {
        cmd("SCRIPT").arg("LOAD").arg(self.text).take()
    }
}
