//! Bytes in text: three become four characters (RFC 4648, with padding).

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) fn write(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|at| u32::from(three.get(at).copied().unwrap_or_default()));
        let bits = a << 16 | b << 8 | c;
        let digit = |at: u32| char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]);
        // One byte is two digits, two are three.
        let used = three.len() as u32 + 1;
        text.extend((0..4).map(|at| if at < used { digit(at) } else { '=' }));
    }
    text
}

/// `None` for what [`write()`] does not write.
pub(super) fn read(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for four in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for at in 0..4 {
            let value = four.get(at).map_or(Some(0), |digit| value_of(*digit));
            bits = bits << 6 | value?;
        }
        let [_, three @ ..] = bits.to_be_bytes();
        bytes.extend(&three[..(four.len() * 3 / 4)]);
    }
    // Bits that nobody reads, or padding that is missing or too much.
    (write(&bytes) == text).then_some(bytes)
}

fn value_of(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_standard() {
        let examples =
            [("", ""), ("f", "Zg=="), ("go", "Z28="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in examples {
            assert_eq!(write(bytes.as_bytes()), text);
            assert_eq!(read(text).as_deref(), Some(bytes.as_bytes()));
        }
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(read(&write(&all)), Some(all));
    }

    #[test]
    fn what_nobody_wrote_is_refused() {
        for wrong in ["Zg", "Zg=", "Zg===", "Zh==", "Z", "Zg==Zg==", "Zm9\n", "Zm-v", "="] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
