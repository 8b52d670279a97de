//! MessagePack: JSON's data model in fewer bytes.

use bytes::Bytes;
use serde::Serialize as _;

use super::{BoxError, Codec, Visit};

/// How deep values may nest, as in JSON: deeper input is an error and no overflow of the stack.
const DEEPEST: usize = 128;

/// MessagePack, with structs as maps from the names of their fields: a field can be added with
/// `#[serde(default)]`, as in JSON.
///
/// It keeps what JSON has no word for: floats that are infinite or undefined, and maps whose keys
/// are no strings. Bytes are bytes where the type asks for them, as `bytes::Bytes` does; a `Vec<u8>`
/// is a list of numbers.
///
/// ```
/// use distributed_task::{codec::{MessagePack, decode, encode}, kernel::Value};
///
/// let encoded = encode(&MessagePack, &Value::journaled(("Oslo".to_owned(), 2)))?;
/// assert_eq!((&*encoded.codec, &*encoded.bytes), ("msgpack/1", b"\x92\xa4Oslo\x02".as_slice()));
/// assert_eq!(decode::<(String, u32)>(&MessagePack, &encoded)?, ("Oslo".to_owned(), 2));
/// # Ok::<_, distributed_task::codec::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl Codec for MessagePack {
    fn name(&self) -> &'static str {
        "msgpack/1"
    }

    fn write(&self, value: &dyn erased_serde::Serialize) -> Result<Bytes, BoxError> {
        let mut bytes = Vec::new();
        value.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())?;
        Ok(bytes.into())
    }

    fn read(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), BoxError> {
        let mut rest = bytes;
        let mut msgpack = rmp_serde::Deserializer::new(&mut rest);
        msgpack.set_max_depth(DEEPEST);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut msgpack))?;
        match rest.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes are left over").into()),
        }
    }
}
