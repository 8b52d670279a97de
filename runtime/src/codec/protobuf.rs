//! Values that are `prost` messages, and write themselves.

use prost::Message;

use super::CodecError;
use crate::kernel::{Encoded, Value};

/// The name in the envelope of a message.
const NAME: &str = "protobuf/1";

/// A value that is a `prost` message: it is written as Protobuf, whatever the codec of the task is.
///
/// The attributes do this where they say `protobuf`.
///
/// ```
/// use distributed_task::codec::{Json, encode, message, read_message};
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Parcel {
///     #[prost(string, tag = "1")]
///     to: String,
///     #[prost(uint64, tag = "2")]
///     grams: u64,
/// }
///
/// let parcel = Parcel { to: "Oslo".into(), grams: 7 };
/// let encoded = encode(&Json, &message(parcel.clone()))?;
/// assert_eq!((&*encoded.codec, &*encoded.bytes), ("protobuf/1", b"\n\x04Oslo\x10\x07".as_slice()));
/// assert_eq!(read_message::<Parcel>(&encoded)?, parcel);
/// # Ok::<_, distributed_task::codec::CodecError>(())
/// ```
pub fn message<M: Message + 'static>(message: M) -> Value {
    Value::self_encoded(message, encode_message)
}

/// The envelope of a message.
pub(crate) fn encode_message<M: Message>(message: &M) -> Encoded {
    Encoded { codec: NAME.into(), bytes: message.encode_to_vec().into() }
}

/// Opens the envelope of a message. See [`message`] for an example.
///
/// # Errors
/// [`CodecError::Unknown`] for an envelope of anything else, [`CodecError::Decode`] for bytes that
/// are no such message. Protobuf does not tell types apart: a field that is missing has its default,
/// and one that is too much is passed over.
pub fn read_message<M: Message + Default>(encoded: &Encoded) -> Result<M, CodecError> {
    if encoded.codec != NAME {
        return Err(CodecError::Unknown { found: encoded.codec.to_string(), known: NAME });
    }
    M::decode(&*encoded.bytes).map_err(|error| CodecError::Decode {
        codec: NAME,
        type_name: std::any::type_name::<M>(),
        source: error.into(),
    })
}
