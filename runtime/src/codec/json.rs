//! JSON, the default.

use bytes::Bytes;

use super::{BoxError, Codec, Visit};

/// JSON on one line: readable in every store and by every language.
///
/// It has no word for infinite and undefined floats, which read back as errors, and takes only
/// strings, numbers and the like as keys of maps.
///
/// ```
/// use distributed_task::{codec::{Json, decode, encode}, kernel::Value};
///
/// let encoded = encode(&Json, &Value::journaled(("Oslo".to_owned(), 2)))?;
/// assert_eq!(&*encoded.bytes, br#"["Oslo",2]"#);
/// assert_eq!(decode::<(String, u32)>(&Json, &encoded)?, ("Oslo".to_owned(), 2));
/// # Ok::<_, distributed_task::codec::CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Codec for Json {
    fn name(&self) -> &'static str {
        "json/1"
    }

    fn write(&self, value: &dyn erased_serde::Serialize) -> Result<Bytes, BoxError> {
        Ok(serde_json::to_vec(value)?.into())
    }

    fn read(&self, bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), BoxError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        visit(&mut <dyn erased_serde::Deserializer<'_>>::erase(&mut json))?;
        Ok(json.end()?)
    }
}
