//! How values become bytes, and bytes values.
//!
//! In one process values are handed over as they are; a codec works only where the journal, or a
//! message, leaves the process.

mod error;
mod json;
#[cfg(feature = "msgpack")]
mod msgpack;
#[cfg(feature = "protobuf")]
mod protobuf;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::kernel::{Encoded, JournalValue, Value};

pub use error::CodecError;
pub use json::Json;
#[cfg(feature = "msgpack")]
pub use msgpack::MessagePack;
#[cfg(all(feature = "protobuf", feature = "engine"))]
pub(crate) use protobuf::encode_message;
#[cfg(feature = "protobuf")]
pub use protobuf::{message, read_message};

/// Writes and reads values in one format.
///
/// Every sentence below is a rule of `conformance::codec`, which each codec runs.
///
/// # Name
///
/// `name` is the format and its version, such as `json/1`. What one version wrote, it reads for
/// ever; what it cannot read gets a new version. [`encode`] puts the name into the envelope, and
/// [`decode`] refuses the envelope of another codec with [`CodecError::Unknown`].
///
/// # Round trip
///
/// What `write` made, `read` turns into an equal value, for every type whose serde implementation
/// does so in this format. One that does not is an error of `write` or `read`, or a difference that
/// a debug build finds at the first run.
///
/// # Bad input
///
/// Bytes may come from anywhere. Input that is cut short, has bytes left over, or is not of the
/// wanted type is [`CodecError::Decode`], which names the type. It never panics.
///
/// ```
/// use distributed_task::codec::{Json, decode, encode};
/// use distributed_task::kernel::Value;
///
/// let encoded = encode(&Json, &Value::journaled(vec![1, 2, 3]))?;
/// assert_eq!((&*encoded.codec, &*encoded.bytes), ("json/1", b"[1,2,3]".as_slice()));
/// assert_eq!(decode::<Vec<u8>>(&Json, &encoded)?, [1, 2, 3]);
/// # Ok::<_, distributed_task::codec::CodecError>(())
/// ```
pub trait Codec: Send + Sync + 'static {
    /// Name and version of the format.
    fn name(&self) -> &'static str;

    /// Writes one value.
    ///
    /// # Errors
    /// The words of the format, if it cannot express the value.
    fn write(&self, value: &dyn erased_serde::Serialize) -> Result<Bytes, BoxError>;

    /// Reads one value: gives `visit` a deserializer of `bytes`, once, and checks what it left.
    ///
    /// # Errors
    /// The words of `visit` or of the format.
    fn read(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), BoxError>;
}

/// What a codec or a serde implementation says.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Takes a value of a known type from a deserializer of an unknown one.
pub type Visit<'a> =
    dyn FnMut(&mut dyn erased_serde::Deserializer<'_>) -> Result<(), erased_serde::Error> + 'a;

/// The codecs that are compiled in.
#[cfg(feature = "engine")]
pub(crate) const BUILT_IN: &[&dyn Codec] = &[
    &Json,
    #[cfg(feature = "msgpack")]
    &MessagePack,
];

/// Makes the envelope of a value. One that is encoded already is not encoded again, and one that
/// has a format of its own is written in that.
///
/// # Errors
/// [`CodecError::Ephemeral`] for a value that is never written, [`CodecError::Encode`] for one that
/// the codec cannot express.
pub fn encode(codec: &dyn Codec, value: &Value) -> Result<Encoded, CodecError> {
    if let Some(encoded) = value.as_encoded() {
        return Ok(encoded.clone());
    }
    if let Some(encoded) = value.encode_itself() {
        return Ok(encoded);
    }
    encode_from(codec, value.as_serialize().ok_or(CodecError::Ephemeral)?)
}

/// Makes the envelope of something that is not in the hands of the engine yet.
pub(crate) fn encode_from(
    codec: &dyn Codec,
    value: &dyn erased_serde::Serialize,
) -> Result<Encoded, CodecError> {
    let name = codec.name();
    let bytes = codec.write(value).map_err(|source| CodecError::Encode { codec: name, source })?;
    Ok(Encoded { codec: name.into(), bytes })
}

/// Opens an envelope.
///
/// # Errors
/// [`CodecError::Unknown`] for the envelope of another codec, [`CodecError::Decode`] for bytes that
/// are not a `T`.
pub fn decode<T: DeserializeOwned>(codec: &dyn Codec, encoded: &Encoded) -> Result<T, CodecError> {
    let name = codec.name();
    if encoded.codec != name {
        return Err(CodecError::Unknown { found: encoded.codec.to_string(), known: name });
    }
    let mut value = None;
    let read = codec.read(&encoded.bytes, &mut |from| {
        value = Some(erased_serde::deserialize(from)?);
        Ok(())
    });
    let type_name = std::any::type_name::<T>();
    match (read, value) {
        (Ok(()), Some(value)) => Ok(value),
        (Ok(()), None) => panic!("the codec {name} read nothing and called it a success"),
        (Err(source), _) => Err(CodecError::Decode { codec: name, type_name, source }),
    }
}

/// Opens an envelope and makes a live value of it.
///
/// # Errors
/// As [`decode`].
pub fn decode_value<T: JournalValue>(
    codec: &dyn Codec,
    encoded: &Encoded,
) -> Result<Value, CodecError> {
    decode::<T>(codec, encoded).map(Value::journaled)
}
