//! Sixteen bytes as people write them, and as they are where nobody reads.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Thirty-two digits.
struct Digits([u8; 32]);

impl Digits {
    fn of(bytes: &[u8; 16]) -> Self {
        let digit = |four: u8| b"0123456789abcdef"[usize::from(four)];
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        Self(digits)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

pub(super) fn write(bytes: &[u8; 16], to: &mut impl fmt::Write) -> fmt::Result {
    to.write_str(Digits::of(bytes).as_str())
}

pub(super) fn serialize<S: Serializer>(bytes: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
    if !to.is_human_readable() {
        return bytes.serialize(to);
    }
    to.serialize_str(Digits::of(bytes).as_str())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
    if !from.is_human_readable() {
        return <[u8; 16]>::deserialize(from);
    }
    let text = String::deserialize(from)?;
    read(&text).ok_or_else(|| D::Error::custom("not 32 hexadecimal digits"))
}

fn read(text: &str) -> Option<[u8; 16]> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let mut bytes = [0; 16];
    if text.len() != 32 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::try_from(digit(&pair[0])? * 16 + digit(&pair[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use crate::kernel::DefinitionHash;

    #[test]
    fn a_hash_is_thirty_two_digits_and_reads_back() {
        let hash = DefinitionHash(std::array::from_fn(|at| u8::try_from(at * 17).expect("small")));
        let text = serde_json::to_string(&hash).expect("it can be written");
        assert_eq!(text, "\"00112233445566778899aabbccddeeff\"");
        assert_eq!(serde_json::from_str::<DefinitionHash>(&text).expect("it can be read"), hash);
        for wrong in
            ["\"0\"", "\"00112233445566778899aabbccddeefg\"", "\"é112233445566778899aabbccddeef\""]
        {
            serde_json::from_str::<DefinitionHash>(wrong).expect_err(wrong);
        }
    }
}
