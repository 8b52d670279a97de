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

    /// What errors call it.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it by its hash, so that its text is not sent.
    pub(super) fn run(&self, keys: &[&[u8]], args: &[Bytes]) -> Cmd {
        let bytes: usize =
            keys.iter().map(|key| key.len()).chain(args.iter().map(Bytes::len)).sum();
        let mut run = Cmd::with_capacity(3 + keys.len() + args.len(), 64 + bytes);
        run.arg("EVALSHA").arg(&self.hash).arg(keys.len());
        for key in keys {
            run.arg(*key);
        }
        for arg in args {
            run.arg(&arg[..]);
        }
        run
    }

    /// Gives the server the text, until it is restarted or forgets all scripts.
    pub(super) fn load(&self) -> Cmd {
        cmd("SCRIPT").arg("LOAD").arg(self.text).take()
    }
}
