//! How a value is written in a record: a map of one entry, from the name of the codec to what it
//! wrote. In JSON, what a JSON codec wrote stands as it is: `{"json/1":{"id":7}}`. Other bytes are
//! text, if they are text, or base64: `{"base64 of protobuf/1":"CAc="}`.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
    ser::{Error as _, SerializeMap as _},
};
use serde_json::value::RawValue;

use super::{Encoded, Value, base64};

/// Before the name of a codec whose bytes are not JSON.
const BYTES: &str = "bytes of ";
/// The same, where they are no text.
const BASE64: &str = "base64 of ";

/// Fails for a value that is not encoded: whoever writes records encodes their values first.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let encoded = self.as_encoded().ok_or_else(|| S::Error::custom("it is not encoded"))?;
        let is_for_people = to.is_human_readable();
        let mut map = to.serialize_map(Some(1))?;
        if !is_for_people {
            map.serialize_entry(&encoded.codec, &Binary(&encoded.bytes))?;
        } else if let Some(json) = as_json(encoded) {
            map.serialize_entry(&encoded.codec, json)?;
        } else {
            match as_text(&encoded.bytes) {
                Some(text) => {
                    map.serialize_entry(&format_args!("{BYTES}{}", encoded.codec), text)?
                }
                None => {
                    let text = base64::write(&encoded.bytes);
                    map.serialize_entry(&format_args!("{BASE64}{}", encoded.codec), &text)?;
                }
            }
        }
        map.end()
    }
}

/// What a JSON codec wrote, if it comes back byte for byte.
fn as_json(encoded: &Encoded) -> Option<&RawValue> {
    if !is_json(&encoded.codec) {
        return None;
    }
    let json: &RawValue = serde_json::from_slice(&encoded.bytes).ok()?;
    (json.get().len() == encoded.bytes.len()).then_some(json)
}

/// Text that stands in JSON as it is, or nearly.
fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains(|c: char| c.is_ascii_control()))
}

fn is_json(codec: &str) -> bool {
    codec.starts_with("json/")
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let is_for_people = from.is_human_readable();
        from.deserialize_map(Envelope { is_for_people })
    }
}

struct Binary<'a>(&'a [u8]);

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

struct Envelope {
    is_for_people: bool,
}

impl<'de> Visitor<'de> for Envelope {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a codec and what it wrote")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let name: String =
            map.next_key()?.ok_or_else(|| A::Error::custom("a value without a codec"))?;
        if let Some(codec) = name.strip_prefix(BASE64) {
            let text: Cow<'_, str> = map.next_value()?;
            let bytes = base64::read(&text).ok_or_else(|| A::Error::custom("it is no base64"))?;
            let codec = codec.to_owned().into();
            return Ok(Value::encoded(Encoded { codec, bytes: bytes.into() }));
        }
        let (codec, bytes) = match name.strip_prefix(BYTES) {
            None if self.is_for_people => {
                if !is_json(&name) {
                    return Err(A::Error::custom(format_args!("`{name}` does not write JSON")));
                }
                let json: Box<RawValue> = map.next_value()?;
                (name, Box::<str>::from(json).into_string().into_bytes())
            }
            other => {
                let Content(bytes) = map.next_value()?;
                (other.unwrap_or(&name).to_owned(), bytes)
            }
        };
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
    fn json_is_written_as_it_is_and_anything_else_as_bytes() {
        let odd = |bytes: &'static [u8]| {
            Value::encoded(Encoded { codec: "odd/1".into(), bytes: bytes.into() })
        };
        for (value, text) in [
            (value(br#"{"id": 7}"#), r#"{"json/1":{"id": 7}}"#),
            (value(b"\"7\""), r#"{"json/1":"7"}"#),
            (value(b" 7"), r#"{"bytes of json/1":" 7"}"#),
            (value(b""), r#"{"bytes of json/1":""}"#),
            (value(&[0, 255]), r#"{"base64 of json/1":"AP8="}"#),
            (odd(b"7"), r#"{"bytes of odd/1":"7"}"#),
            (odd(&[255]), r#"{"base64 of odd/1":"/w=="}"#),
            (odd(&[1]), r#"{"base64 of odd/1":"AQ=="}"#),
        ] {
            assert_eq!(serde_json::to_string(&value).expect("it is encoded"), text);
            assert_eq!(read(text), *value.as_encoded().expect("it is bytes"));
        }
    }

    #[test]
    fn bytes_that_stand_as_numbers_are_read() {
        assert_eq!(read(r#"{"bytes of odd/1":[8,255]}"#).bytes, [8, 255].as_slice());
    }

    #[test]
    fn a_live_value_is_written_with_its_bytes_and_not_without() {
        let live = Value::journaled(7);
        serde_json::to_string(&live).expect_err("nobody encoded it");
        let both = live.with_encoding(Encoded { codec: "json/1".into(), bytes: "7".into() });
        assert_eq!(serde_json::to_string(&both).expect("it is encoded"), r#"{"json/1":7}"#);
        assert_eq!(both.get::<i32>(), Some(&7));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for wrong in [
            "{}",
            "7",
            r#"{"odd/1":7}"#,
            r#"{"bytes of odd/1":7}"#,
            r#"{"bytes of odd/1":[256]}"#,
            r#"{"base64 of odd/1":"AQ"}"#,
            r#"{"base64 of odd/1":[1]}"#,
            r#"{"json/1":"","b":""}"#,
        ] {
            serde_json::from_str::<Value>(wrong).expect_err(wrong);
        }
    }
}
