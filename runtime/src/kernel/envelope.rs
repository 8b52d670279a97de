//! How a value is written in a record: a map of one entry, from the name of the codec to what it
//! wrote. In a format for people that is text, if it is text: `{"json/1":"{\"id\":7}"}`.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap as _},
};

use super::{Encoded, Value};

/// Fails for a value that is not encoded: whoever writes records encodes their values first.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let encoded = self.as_encoded().ok_or_else(|| S::Error::custom("it is not encoded"))?;
        let text = std::str::from_utf8(&encoded.bytes).ok().filter(|_| to.is_human_readable());
        let mut map = to.serialize_map(Some(1))?;
        match text {
            Some(text) => map.serialize_entry(&encoded.codec, text)?,
            None => map.serialize_entry(&encoded.codec, &Binary(&encoded.bytes))?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Envelope)
    }
}

struct Binary<'a>(&'a [u8]);

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

struct Envelope;

impl<'de> Visitor<'de> for Envelope {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a codec and what it wrote")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (codec, Content(bytes)) = map
            .next_entry::<String, Content>()?
            .ok_or_else(|| A::Error::custom("a value without a codec"))?;
        Ok(Value::encoded(Encoded { codec: codec.into(), bytes: bytes.into() }))
    }
}

/// Text, bytes, or a list of numbers where a format has no bytes.
struct Content(Vec<u8>);

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Written).map(Self)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or bytes")
    }

    fn visit_str<E>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.into())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(bytes)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or_default().min(1 << 16));
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &'static [u8]) -> Value {
        Value::encoded(Encoded { codec: "json/1".into(), bytes: bytes.into() })
    }

    fn read(text: &str) -> Encoded {
        let value = serde_json::from_str::<Value>(text).expect(text);
        value.as_encoded().expect("it is bytes").clone()
    }

    #[test]
    fn text_is_written_as_text_and_anything_else_as_numbers() {
        for (bytes, text) in [
            (br#"{"id":7}"#.as_slice(), r#"{"json/1":"{\"id\":7}"}"#),
            (b"", r#"{"json/1":""}"#),
            (&[0, 255], r#"{"json/1":[0,255]}"#),
        ] {
            assert_eq!(serde_json::to_string(&value(bytes)).expect("it is encoded"), text);
            assert_eq!(read(text), *value(bytes).as_encoded().expect("it is bytes"));
        }
    }

    #[test]
    fn a_live_value_is_written_with_its_bytes_and_not_without() {
        let live = Value::journaled(7);
        serde_json::to_string(&live).expect_err("nobody encoded it");
        let both = live.with_encoding(Encoded { codec: "json/1".into(), bytes: "7".into() });
        assert_eq!(serde_json::to_string(&both).expect("it is encoded"), r#"{"json/1":"7"}"#);
        assert_eq!(both.get::<i32>(), Some(&7));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for wrong in
            ["{}", "7", r#"{"json/1":7}"#, r#"{"json/1":[256]}"#, r#"{"json/1":"","b":""}"#]
        {
            serde_json::from_str::<Value>(wrong).expect_err(wrong);
        }
    }
}
