//! The codecs of a process: the one that writes, and all that it can be asked to read.
//!
//! The law: writing goes by what the builder says, reading by the name in the envelope. So workers
//! that write differently go on with each other's sagas, and a change of the codec can roll.

use std::sync::Arc;

use super::{Typed, with_sources};
use crate::{
    codec::{BUILT_IN, Codec, CodecError, Json, encode},
    kernel::{Encoded, Value},
};

/// The one that writes, and all that can be asked.
#[derive(Clone)]
pub(crate) struct Codecs {
    writes: Arc<dyn Codec>,
    /// Those that are not built in.
    reads: Vec<Arc<dyn Codec>>,
}

impl Default for Codecs {
    fn default() -> Self {
        Self { writes: Arc::new(Json), reads: Vec::new() }
    }
}

impl Codecs {
    /// Writes with this one from now on.
    pub(crate) fn write_with(&mut self, codec: Arc<dyn Codec>) {
        self.writes = codec;
    }

    /// Reads with this one as well.
    pub(crate) fn read_with(&mut self, codec: Arc<dyn Codec>) {
        self.reads.push(codec);
    }

    pub(crate) fn encode(&self, value: &Value) -> Result<Encoded, CodecError> {
        encode(&*self.writes, value)
    }

    /// Whoever reads what is in the envelope. A codec of the user's comes before one of ours.
    pub(crate) fn reader(&self, encoded: &Encoded) -> Result<&dyn Codec, CodecError> {
        let own = [&self.writes].into_iter().chain(&self.reads).map(|codec| &**codec);
        own.chain(BUILT_IN.iter().copied())
            .find(|codec| codec.name() == encoded.codec)
            .ok_or_else(|| CodecError::missing(&encoded.codec))
    }

    /// The value as a live one of the type of its slot; `None` is the slot of an ephemeral output.
    pub(crate) fn live(&self, typed: Option<Typed>, value: &Value) -> Result<Value, String> {
        match typed {
            Some(typed) => typed.live(value, self).map_err(|error| with_sources(&error)),
            // Nobody but this very code has made it: it never leaves the host.
            None if value.as_encoded().is_none() => Ok(value.clone()),
            None => Err("an ephemeral output is never encoded".to_owned()),
        }
    }
}
